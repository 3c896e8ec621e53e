//! What `--gsd` says.

use std::str::FromStr;

use crate::frame::ground::{GroundSample, GroundSampleError};

/// What was typed for the size of a pixel; without it, files are asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GsdChoice {
    /// That many metres, whatever files say.
    Metres(GroundSample),
    /// Nothing, whatever files say.
    Off,
}

impl FromStr for GsdChoice {
    type Err = GroundSampleError;

    fn from_str(text: &str) -> Result<Self, GroundSampleError> {
        if text.trim() == "off" { Ok(Self::Off) } else { text.parse().map(Self::Metres) }
    }
}
