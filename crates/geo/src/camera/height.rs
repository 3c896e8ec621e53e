//! How high above the ground a camera was.

use super::metadata::Metadata;
use super::namespaces::{CAMERA, DJI, PARROT};
use super::no_pose::NoHeight;

/// Lower is no flight: a drone on the ground says -0.1 m.
const LEAST_M: f64 = 2.0;

/// Standard deviation of a barometer during a flight, in metres. Assumed.
const DRIFT_M: f64 = 1.0;

/// Standard deviation of the ground about the level that the height is measured from, as a part of
/// the height. Assumed: of rolling land; in mountains it is more.
const RELIEF: f64 = 0.03;

/// A height above ground.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Height {
    /// Metres.
    pub metres: f64,
    /// Standard deviation in metres.
    pub sd_m: f64,
    /// Where it is from.
    pub source: HeightSource,
}

/// Where a height is from, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeightSource {
    /// `Camera:AboveGroundAltitude`.
    AboveGround,
    /// `RelativeAltitude`: above the place of take-off, which stands for the ground here.
    AboveTakeOff,
}

impl HeightSource {
    /// The tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::AboveGround => "AboveGroundAltitude",
            Self::AboveTakeOff => "RelativeAltitude",
        }
    }
}

impl Height {
    /// Of the camera of `metadata`. An altitude above the sea (`GPSAltitude`, `AbsoluteAltitude`)
    /// is never taken for one.
    pub fn of(metadata: &Metadata) -> Result<Self, NoHeight> {
        let xmp = &metadata.xmp;
        let stated = [
            (HeightSource::AboveGround, xmp.number(CAMERA, "AboveGroundAltitude")),
            (HeightSource::AboveTakeOff, xmp.number(DJI, "RelativeAltitude")),
            (HeightSource::AboveTakeOff, xmp.number(PARROT, "RelativeAltitude")),
        ];
        let (source, metres) = stated
            .into_iter()
            .find_map(|(source, metres)| Some((source, metres?)))
            .ok_or(NoHeight::Absent)?;
        if metres <= LEAST_M {
            return Err(NoHeight::TooLow { metres, least: LEAST_M });
        }
        Ok(Self { metres, sd_m: DRIFT_M.hypot(RELIEF * metres), source })
    }
}
