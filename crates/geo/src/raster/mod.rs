//! Where a GeoTIFF lies, as its tags say (OGC GeoTIFF 1.1, 19-008r4).

mod geo_keys;
mod pixel_size;
mod place;

pub use pixel_size::NoPixelSize;
pub use place::{NoPlace, RasterPlace};
