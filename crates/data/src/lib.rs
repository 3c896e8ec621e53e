//! Images, masks, class tables, one file per data set, augmentation, sampling, and the built-in
//! scene.
//!
//! Letters used everywhere: N images, K queries, H W pixels, C channels. Images are `[H, W, C]`
//! bytes, C = 3 in the order red, green, blue; masks are `[H, W]` bytes.
//!
//! The path of a training crop: [`dense_set::DenseSet`] reads an image and its mask once and keeps
//! them decoded, [`sampler::Sampler`] chooses and [`augment::Augment`] cuts, [`prefetch::Prefetch`]
//! does so ahead of the trainer. What a pixel means for a query is
//! [`class_table::ClassTable::targets`]: positive, negative, or nothing at all.
//!
//! This crate knows no network and no tensor library.

pub mod augment;
mod bands;
mod boxes;
pub mod catalogue;
pub mod class_table;
pub mod clip_text;
mod colour;
pub mod dense_set;
pub mod error;
pub mod fixtures;
pub mod folder;
pub mod image;
mod layout;
mod lens;
mod light;
pub mod mask;
mod mix;
pub mod npy;
pub mod npz;
pub mod palette;
mod place;
mod placing;
pub mod prefetch;
pub mod prepare;
mod presets;
pub mod protocol;
mod recolour;
mod resample;
pub mod rng;
pub mod roles;
pub mod sampler;
pub mod scene;
pub mod sets;
mod shadow;
mod turn;
mod words;

pub use augment::{Augment, Crop};
pub use class_table::{ClassTable, Concept, NEGATIVE, POSITIVE, UNLABELLED};
pub use clip_text::ClipText;
pub use dense_set::{DenseSet, Sample, Split};
pub use error::DataError;
pub use image::{ImageLimits, RgbImage};
pub use mask::{IGNORE, IndexMask, MaskFormat};
pub use palette::Palette;
pub use prefetch::Prefetch;
pub use protocol::Protocol;
pub use rng::Rng;
pub use roles::Roles;
pub use sampler::{Batch, Sampler, Source};
pub use sets::aid_rsicd::AidRsicd;
