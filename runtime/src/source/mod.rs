//! Where images come from: files, folders, globs and the scene inside the program.
//!
//! One image at a time becomes RGB bytes. Every file is treated as hostile: its size is bounded
//! before it is read, its pixels are bounded before they are decoded, its content is told by its
//! first bytes, and a file that is damaged or ends early is an error, not a grey area. Which pixels
//! hold an image goes along: nodata, transparency and masks are no image.

mod decode;
mod error;
mod fill;
mod limits;
mod listing;
mod raster;
mod reading;
mod sniff;
mod stretch;
mod tiff;
mod validity;

pub use decode::{Frame, ImageReader};
pub use error::SourceError;
pub use limits::{MAX_FILE_BYTES, MAX_PIXELS};
pub use listing::{Input, Listed, Listing, list_inputs};
pub use reading::{ReadOptions, Reading};
pub use stretch::{BandLimits, Stretch, StretchError};
pub(crate) use tiff::largest_page;
pub use validity::Validity;

/// Ends of the names of the files this program writes; folders and globs pass over them.
pub const RESULT_ENDINGS: [&str; 4] = [".mask.png", ".overlay.png", ".overlay.jpg", ".score.png"];
