//! The size of an image's pixels on the ground.

use std::fmt;

use rszs_geo::camera::{GroundSampleDistance, NoPose};
use rszs_geo::raster::{NoPixelSize, NoPlace, RasterPlace};

use crate::frame::ground::GroundSample;

/// Metres per pixel, and how that is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    /// Metres per pixel.
    pub ground: GroundSample,
    /// 95 % are within this, in metres per pixel; nothing where it is not stated.
    pub error_m: Option<f64>,
    /// Where it is from.
    pub source: ScaleSource,
}

/// Where metres per pixel are from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScaleSource {
    /// The command line.
    Typed,
    /// A camera's tags, by name.
    Camera(String),
    /// A GeoTIFF's transform and coordinate system.
    GeoTiff,
}

impl fmt::Display for ScaleSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Typed => f.write_str("--gsd"),
            Self::Camera(tags) => f.write_str(tags),
            Self::GeoTiff => f.write_str("GeoTIFF"),
        }
    }
}

/// Why metres per pixel are not known.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoScale {
    /// `--gsd off`.
    #[error("--gsd off")]
    Off,
    /// The camera's tags do not say them.
    #[error(transparent)]
    Camera(#[from] NoPose),
    /// The GeoTIFF's tags do not say them.
    #[error(transparent)]
    GeoTiff(#[from] NoPixelSize),
    /// The file has tags of GeoTIFF, but no place.
    #[error(transparent)]
    Raster(#[from] NoPlace),
    /// They say more than any map has.
    #[error("{0} m a pixel by the file's tags, expected at most 1000")]
    TooCoarse(f64),
}

impl Scale {
    /// As typed.
    pub fn typed(ground: GroundSample) -> Self {
        Self { ground, error_m: None, source: ScaleSource::Typed }
    }

    /// By a GeoTIFF's tags.
    pub fn of_raster(place: &RasterPlace) -> Result<Self, NoScale> {
        let metres = place.pixel_size_m?;
        let ground = GroundSample::new(metres).map_err(|_| NoScale::TooCoarse(metres))?;
        Ok(Self { ground, error_m: None, source: ScaleSource::GeoTiff })
    }

    /// By a camera's tags.
    pub fn of_camera(found: GroundSampleDistance) -> Result<Self, NoScale> {
        let GroundSampleDistance { metres, error_m, source } = found;
        let ground = GroundSample::new(metres).map_err(|_| NoScale::TooCoarse(metres))?;
        Ok(Self { ground, error_m: Some(error_m), source: ScaleSource::Camera(source) })
    }
}
