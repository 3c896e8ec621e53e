//! What was asked of a reader, and what it chose.

use serde::{Deserialize, Serialize};

use super::stretch::{BandLimits, Stretch};

/// How images are to be read.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ReadOptions {
    /// Red, green and blue among the bands of a file, counted from 1; nothing: as the file says.
    pub bands: Option<[usize; 3]>,
    /// What becomes black and white; nothing: bytes as they are, everything else by percentiles.
    pub stretch: Option<Stretch>,
}

/// What was chosen for one image, where there was a choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// Page of a file of several, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<usize>,
    /// Bands that are red, green and blue, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bands: Option<[usize; 3]>,
    /// What became black and white in red, green and blue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stretch: Option<[BandLimits; 3]>,
}

impl Reading {
    /// Whether nothing was chosen.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}
