//! Tags of a drone's photograph to a place on the map, with a stated error; or why there is none.
//!
//! ```text
//! EXIF, XMP ──▶ Metadata ──▶ Position, Height, Direction, FocalLength ──▶ Pose ──▶ Footprint
//! ```
//!
//! Makers write the same things under other names, with other signs and with misspellings. What is
//! read is named, so that it can be told: a wrong place is worse than none.

mod cameras;
mod direction;
mod exif;
mod footprint;
mod ground_grid;
mod ground_sample;
mod height;
mod jpeg;
mod lens;
mod metadata;
mod namespaces;
mod no_pose;
mod pose;
mod position;
mod spectrum;
mod world_file;
mod xmp;

pub use direction::{Direction, YawSource};
pub use footprint::{Footprint, Place};
pub use ground_grid::GroundGrid;
pub use ground_sample::GroundSampleDistance;
pub use height::{Height, HeightSource};
pub use lens::{FocalLength, FocalSource};
pub use metadata::Metadata;
pub use no_pose::{MOST_OFF_NADIR_DEG, NoFocalLength, NoHeight, NoPose};
pub use pose::Pose;
pub use position::{Position, PositionSource};
pub use spectrum::Spectrum;
pub use world_file::{NoWorldFile, WorldFile};
