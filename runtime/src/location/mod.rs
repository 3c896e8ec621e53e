//! Where an image was taken and how large its pixels are, as far as its file says.
//!
//! Tags are read before the first image is decoded: how large tiles are depends on them. A file
//! without tags is a plain image, as ever.

mod gsd_choice;
mod scale;
mod tags;

pub use gsd_choice::GsdChoice;
pub use scale::{NoScale, Scale, ScaleSource};
pub use tags::Location;
