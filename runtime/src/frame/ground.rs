//! How large a pixel is on the ground, and how small the network should see the image for that.

use std::fmt;
use std::str::FromStr;

/// Most metres a pixel: coarser images show no object that a tile could hold.
const LARGEST_M: f64 = 1000.0;

/// Ground sampling distance: metres of ground along the side of one pixel of the image.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct GroundSample(f64);

/// Not a ground sampling distance.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("expected metres per pixel above 0 and at most 1000, such as 0.07, found {0}")]
pub struct GroundSampleError(String);

impl GroundSample {
    /// Metres per pixel, above 0 and at most 1000.
    pub fn new(metres: f64) -> Result<Self, GroundSampleError> {
        let is_usable = metres > 0.0 && metres <= LARGEST_M;
        if is_usable { Ok(Self(metres)) } else { Err(GroundSampleError(metres.to_string())) }
    }

    /// Metres per pixel.
    pub fn metres(self) -> f64 {
        self.0
    }

    /// Square metres under `pixels` pixels, seen from straight above.
    pub fn area_m2(self, pixels: u64) -> f64 {
        pixels as f64 * self.0 * self.0
    }

    /// How many times smaller the network should see the image: the least of [`REDUCTIONS`] that
    /// brings a pixel to at least `finest_m`, the finest that the network was trained on, or the
    /// largest of them.
    pub fn reduction(self, finest_m: f64) -> u32 {
        let [.., largest] = REDUCTIONS;
        REDUCTIONS
            .into_iter()
            .find(|&factor| self.0 * f64::from(factor) >= finest_m * TOLERATED)
            .unwrap_or(largest)
    }
}

/// Reductions that the frame path knows, in rising order.
pub const REDUCTIONS: [u32; 4] = [1, 2, 4, 8];

/// A tenth finer than the finest of training is no reason to see half as much.
const TOLERATED: f64 = 0.9;

impl FromStr for GroundSample {
    type Err = GroundSampleError;

    fn from_str(text: &str) -> Result<Self, GroundSampleError> {
        let metres: f64 = text.trim().parse().map_err(|_| GroundSampleError(text.to_owned()))?;
        Self::new(metres)
    }
}

impl fmt::Display for GroundSample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} m", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reduction(metres: f64) -> u32 {
        GroundSample::new(metres).unwrap().reduction(0.07)
    }

    #[test]
    fn a_fine_image_is_reduced_until_its_pixels_are_as_large_as_those_of_training() {
        let cases =
            [(0.5, 1), (0.07, 1), (0.064, 1), (0.05, 2), (0.0175, 4), (0.01, 8), (0.001, 8)];
        for (metres, expected) in cases {
            assert_eq!(reduction(metres), expected, "{metres}");
        }
    }

    #[test]
    fn an_area_grows_with_the_square_of_the_distance() {
        assert!((GroundSample::new(0.5).unwrap().area_m2(1000) - 250.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_no_distance_is_refused() {
        for text in ["0", "-1", "nan", "inf", "1001", "7 cm", ""] {
            let message = text.parse::<GroundSample>().unwrap_err().to_string();
            assert!(message.starts_with("expected metres per pixel above 0"), "{text}: {message}");
        }
    }
}
