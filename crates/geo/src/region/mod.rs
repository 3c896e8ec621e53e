//! Regions of one class as polygons of pixel corners.

mod ring;
mod trace;

pub use trace::{Region, RegionTracer};
