//! How much ground a pixel of a frame covers.

use super::direction::Direction;
use super::height::Height;
use super::lens::FocalLength;
use super::metadata::Metadata;
use super::no_pose::NoPose;

/// Metres of ground along the side of a pixel.
#[derive(Debug, Clone, PartialEq)]
pub struct GroundSampleDistance {
    /// Height above ground over the focal length in pixels.
    pub metres: f64,
    /// 95 % of cameras are within this, in metres: 1.96 standard deviations.
    pub error_m: f64,
    /// The tags that it was made of.
    pub source: String,
}

impl GroundSampleDistance {
    /// Of the camera of `metadata`, which must look down, for an image of `size_px`, width and
    /// height as stored. Neither its position nor where north is matters.
    pub fn of(metadata: &Metadata, size_px: [u32; 2]) -> Result<Self, NoPose> {
        if !metadata.is_of_a_drone() {
            return Err(NoPose::NoTags);
        }
        match Direction::of(metadata) {
            Ok(_) | Err(NoPose::YawUnsure { .. }) => {}
            Err(other) => return Err(other),
        }
        let height = Height::of(metadata)?;
        let focal_length = FocalLength::of(metadata, size_px)?;
        Ok(Self::between(&height, &focal_length))
    }

    pub(super) fn between(height: &Height, focal_length: &FocalLength) -> Self {
        let metres = height.metres / focal_length.px;
        let relative = (height.sd_m / height.metres).hypot(focal_length.relative_sd);
        Self {
            metres,
            error_m: 1.96 * relative * metres,
            source: format!("{}, {}", height.source.tag(), focal_length.source.tags()),
        }
    }
}
