//! Where a camera was, in degrees on WGS84.

use super::metadata::Metadata;
use super::namespaces::{CAMERA, DJI};
use super::no_pose::NoPose;
use crate::ellipsoid::metres_per_degree;

/// Two tags of one file that lie further apart are of two places.
const MOST_APART_M: f64 = 100.0;

/// Standard deviation along each axis of a receiver without corrections, in metres: 95 % within
/// 4.9 m under open sky (gps.gov, "GPS Accuracy", of phones), over 2.4477, which is where 95 % of
/// a round normal distribution ends.
const PLAIN_SD_M: f64 = 4.9 / 2.4477;

/// What RTK receivers say of themselves is doubled, as OpenDroneMap does.
const OVERCONFIDENCE: f64 = 2.0;

/// `RtkFlag` of a fixed solution.
const RTK_FIXED: &str = "50";

/// A place on the earth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    /// East of Greenwich, -180 to 180.
    pub longitude_deg: f64,
    /// North of the equator, -90 to 90.
    pub latitude_deg: f64,
    /// Standard deviation along each axis, in metres.
    pub sd_m: f64,
    /// Where it is from.
    pub source: PositionSource,
}

/// Where a position is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PositionSource {
    /// EXIF.
    Exif,
    /// The maker's XMP, which has more digits.
    Xmp,
    /// The maker's XMP with a fixed RTK solution.
    Rtk,
}

impl PositionSource {
    /// The tags.
    pub fn tags(self) -> &'static str {
        match self {
            Self::Exif => "GPSLatitude and GPSLongitude",
            Self::Xmp => "GpsLatitude and GpsLongitude of XMP",
            Self::Rtk => "GpsLatitude and GpsLongitude of XMP, RTK",
        }
    }
}

/// Names of DJI's and Autel's tags; `GpsLongtitude` is theirs.
const XMP_NAMES: [[&str; 2]; 3] =
    [["GpsLatitude", "GpsLongitude"], ["GpsLatitude", "GpsLongtitude"], ["Latitude", "Longitude"]];

impl Position {
    /// Of the camera of `metadata`.
    pub fn of(metadata: &Metadata) -> Result<Self, NoPose> {
        let (exif, xmp) = (&metadata.exif, &metadata.xmp);
        let in_exif = exif.latitude_deg.zip(exif.longitude_deg).filter(is_place);
        let in_xmp = XMP_NAMES
            .iter()
            .find_map(|[latitude, longitude]| {
                xmp.number(DJI, latitude).zip(xmp.number(DJI, longitude))
            })
            .filter(is_place);
        if let Some((one, other)) = in_exif.zip(in_xmp) {
            let apart_m = apart_m(one, other);
            if apart_m > MOST_APART_M {
                return Err(NoPose::PositionsDiffer { apart_m });
            }
        }
        let (latitude_deg, longitude_deg) = in_xmp.or(in_exif).ok_or(NoPose::NoPosition)?;
        let (source, sd_m) = match (in_xmp, rtk_sd_m(metadata)) {
            (Some(_), Some(sd_m)) => (PositionSource::Rtk, sd_m),
            (Some(_), None) => (PositionSource::Xmp, plain_sd_m(metadata)),
            (None, _) => (PositionSource::Exif, plain_sd_m(metadata)),
        };
        Ok(Self { longitude_deg, latitude_deg, sd_m, source })
    }
}

/// A place that a drone can be at; 0, 0 is what receivers without satellites write.
fn is_place(&(latitude, longitude): &(f64, f64)) -> bool {
    latitude.abs() < 89.0 && longitude.abs() <= 180.0 && (latitude, longitude) != (0.0, 0.0)
}

fn apart_m(one: (f64, f64), other: (f64, f64)) -> f64 {
    let [east_m, north_m] = metres_per_degree(one.0);
    let degrees = (one.1 - other.1).abs();
    (degrees.min(360.0 - degrees) * east_m).hypot((one.0 - other.0) * north_m)
}

fn rtk_sd_m(metadata: &Metadata) -> Option<f64> {
    let xmp = &metadata.xmp;
    xmp.text(DJI, "RtkFlag").filter(|flag| flag.trim() == RTK_FIXED)?;
    let east = xmp.number(DJI, "RtkStdLon")?;
    let north = xmp.number(DJI, "RtkStdLat")?;
    Some(OVERCONFIDENCE * east.max(north)).filter(|&sd| sd > 0.0)
}

/// What the file says of its accuracy, else that of a receiver without corrections.
fn plain_sd_m(metadata: &Metadata) -> f64 {
    let stated = metadata.xmp.number(CAMERA, "GPSXYAccuracy");
    let stated = stated.or(metadata.exif.position_error_m).filter(|&sd| sd > 0.0);
    stated.map_or(PLAIN_SD_M, |sd| OVERCONFIDENCE * sd)
}

#[cfg(test)]
mod tests {
    use super::super::exif::Exif;
    use super::super::xmp::Xmp;
    use super::*;

    fn metadata(exif: Option<(f64, f64)>, attributes: &str) -> Metadata {
        let packet = format!("<x xmlns:drone=\"{DJI}/\" {attributes}/>");
        Metadata {
            exif: Exif {
                latitude_deg: exif.map(|place| place.0),
                longitude_deg: exif.map(|place| place.1),
                ..Exif::default()
            },
            xmp: Xmp::parse(packet.as_bytes()),
            ..Metadata::default()
        }
    }

    #[test]
    fn every_spelling_of_a_longitude_is_read() {
        for spelling in ["GpsLongitude", "GpsLongtitude"] {
            let tags = format!("drone:GpsLatitude=\"+47.25\" drone:{spelling}=\"-16.5\"");
            let found = Position::of(&metadata(None, &tags)).unwrap();
            assert_eq!(found.source, PositionSource::Xmp);
            assert!((found.longitude_deg + 16.5).abs() + (found.latitude_deg - 47.25).abs() < 1e-9);
            assert!((found.sd_m - 2.0).abs() < 0.01, "{found:?}");
        }
    }

    #[test]
    fn a_fixed_rtk_solution_is_better_than_a_plain_one() {
        let tags = |flag: u32| {
            metadata(
                Some((47.25, 16.5)),
                &format!(
                    "drone:GpsLatitude=\"47.25\" drone:GpsLongitude=\"16.5\" \
                     drone:RtkFlag=\"{flag}\" drone:RtkStdLon=\"0.01\" drone:RtkStdLat=\"0.02\""
                ),
            )
        };
        let [fixed, float] = [50, 34].map(|flag| Position::of(&tags(flag)).unwrap());
        assert_eq!((fixed.source, float.source), (PositionSource::Rtk, PositionSource::Xmp));
        assert!((fixed.sd_m - 0.04).abs() < 1e-9 && float.sd_m > 1.0);
    }

    #[test]
    fn no_place_and_two_places_are_none() {
        for place in [None, Some((0.0, 0.0)), Some((91.0, 10.0)), Some((f64::NAN, 10.0))] {
            assert_eq!(Position::of(&metadata(place, "")), Err(NoPose::NoPosition), "{place:?}");
        }
        let other = "drone:Latitude=\"47.26\" drone:Longitude=\"16.5\"";
        let error = Position::of(&metadata(Some((47.25, 16.5)), other)).unwrap_err();
        assert_eq!(error.to_string(), "EXIF and XMP name places 1112 m apart");
    }
}
