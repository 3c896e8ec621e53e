//! Where on the earth an image lies.
//!
//! | module | what it is |
//! |---|---|
//! | [`camera`] | tags of a drone's photograph → camera pose → footprint with a stated error |
//! | [`ellipsoid`] | metres and degrees on WGS84 |
//! | [`raster`] | tags of a GeoTIFF → transform, coordinate system, size of a pixel |
//! | [`sidecar`] | world file and GDAL's sidecar |
//! | [`region`] | a raster of classes → polygons of pixel corners |
//!
//! This crate knows nothing of networks. Lengths are metres, angles degrees where the name says
//! `_deg`, positions longitude and latitude on WGS84.

pub mod camera;
pub mod ellipsoid;
pub mod raster;
pub mod region;
pub mod sidecar;
