//! Where a camera was and how it looked, with what is not sure about it.

use super::direction::Direction;
use super::height::Height;
use super::lens::FocalLength;
use super::metadata::Metadata;
use super::no_pose::NoPose;
use super::position::Position;

/// A camera that looks down at flat ground.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pose {
    /// Where it was.
    pub position: Position,
    /// How high above ground.
    pub height: Height,
    /// Where it looks.
    pub direction: Direction,
    /// How much of the ground a pixel sees.
    pub focal_length: FocalLength,
    /// Width and height of the image as stored.
    pub size_px: [u32; 2],
    /// EXIF's orientation, 1 to 8: how the image as stored is turned upright.
    pub orientation: u32,
}

impl Pose {
    /// Of the camera of `metadata`, for an image of `size_px`, width and height as stored; or why
    /// it is not known well enough for a map.
    pub fn of(metadata: &Metadata, size_px: [u32; 2]) -> Result<Self, NoPose> {
        if !metadata.is_of_a_drone() {
            return Err(NoPose::NoTags);
        }
        if let Some(program) = metadata.editor() {
            return Err(NoPose::Edited { program: program.to_owned() });
        }
        Ok(Self {
            direction: Direction::of(metadata)?,
            position: Position::of(metadata)?,
            height: Height::of(metadata)?,
            focal_length: FocalLength::of(metadata, size_px)?,
            size_px,
            orientation: metadata.exif.orientation.unwrap_or(1),
        })
    }
}
