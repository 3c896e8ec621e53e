//! How much ground a pixel of a raster covers.

use super::geo_keys::{ANGULAR_UNITS, GEOGRAPHIC_CRS, GeoKeys, LINEAR_UNITS, PROJECTED_CRS};
use crate::ellipsoid::{EQUATOR_M, metres_per_degree};

/// Web Mercator, whose metres grow with the latitude.
const WEB_MERCATOR: u16 = 3857;

/// EPSG's codes of units.
const DEGREE: u16 = 9102;
const LINEAR: [(u16, f64); 3] = [(9001, 1.0), (9002, 0.3048), (9003, 1200.0 / 3937.0)];

/// Ranges of EPSG's codes that are in metres, where a file does not state the unit: UTM on NAD27,
/// NAD83, ETRS89 and WGS84.
const METRIC: [(u16, u16); 4] = [(26701, 26722), (26901, 26923), (25828, 25838), (32601, 32760)];

/// Why the size of a pixel is not known.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum NoPixelSize {
    /// No coordinate system is named.
    #[error("the file names no coordinate system")]
    NoCrs,
    /// It is named, but not its unit.
    #[error("the file does not say the unit of EPSG:{epsg}")]
    UnknownUnit {
        /// The coordinate system.
        epsg: u16,
    },
    /// The coordinates are none.
    #[error("a latitude of {latitude_deg} degrees")]
    Latitude {
        /// Of the middle.
        latitude_deg: f64,
    },
}

/// Metres along the side of a square of the area of a pixel at `middle`, where a step to the right
/// and one down are `steps`, all in the units of the coordinate system.
pub(super) fn pixel_size_m(
    keys: &GeoKeys,
    middle: [f64; 2],
    steps: [[f64; 2]; 2],
) -> Result<f64, NoPixelSize> {
    let [right, down] = steps;
    let side = (right[0] * down[1] - right[1] * down[0]).abs().sqrt();
    let Some(epsg) = keys.code(PROJECTED_CRS) else {
        let epsg = keys.code(GEOGRAPHIC_CRS).ok_or(NoPixelSize::NoCrs)?;
        if keys.code(ANGULAR_UNITS).is_some_and(|unit| unit != DEGREE) {
            return Err(NoPixelSize::UnknownUnit { epsg });
        }
        let latitude_deg = middle[1];
        if latitude_deg.abs() >= 90.0 {
            return Err(NoPixelSize::Latitude { latitude_deg });
        }
        let [longitude_m, latitude_m] = metres_per_degree(latitude_deg);
        return Ok(side * (longitude_m * latitude_m).sqrt());
    };
    if epsg == WEB_MERCATOR {
        return Ok(side / (middle[1] / EQUATOR_M).cosh());
    }
    let is_metric = METRIC.iter().any(|&(first, last)| (first..=last).contains(&epsg));
    let unit = match keys.code(LINEAR_UNITS) {
        Some(unit) => LINEAR.iter().find(|(code, _)| *code == unit).map(|(_, metres)| *metres),
        None => is_metric.then_some(1.0),
    };
    Ok(side * unit.ok_or(NoPixelSize::UnknownUnit { epsg })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(key: u16, epsg: u16, unit: Option<u16>, middle: [f64; 2]) -> Result<f64, NoPixelSize> {
        let mut directory = vec![1, 1, 0, 2, key, 0, 1, epsg];
        directory.extend(unit.into_iter().flat_map(|unit| [LINEAR_UNITS, 0, 1, unit]));
        pixel_size_m(&GeoKeys::of(&directory), middle, [[0.6, 0.0], [0.0, -0.6]])
    }

    fn near(found: Result<f64, NoPixelSize>, expected: f64) {
        assert!((found.unwrap() / expected - 1.0).abs() < 1e-6, "{found:?} of {expected}");
    }

    /// A degree at the equator is 110,574.3 m of latitude and 111,319.5 m of longitude.
    #[test]
    fn metres_feet_degrees_and_mercator_become_metres() {
        near(size(PROJECTED_CRS, 26910, None, [0.0; 2]), 0.6);
        near(size(PROJECTED_CRS, 2227, Some(9003), [0.0; 2]), 0.6 * 1200.0 / 3937.0);
        near(size(GEOGRAPHIC_CRS, 4326, None, [0.0, 0.0]), 0.6 * 110_946.257_6);
        // 60 degrees north: a metre of Web Mercator is half of one.
        near(size(PROJECTED_CRS, WEB_MERCATOR, None, [0.0, 8_399_737.889_8]), 0.3);
    }

    #[test]
    fn what_is_not_stated_is_not_assumed() {
        let unknown = NoPixelSize::UnknownUnit { epsg: 2227 };
        assert_eq!(size(PROJECTED_CRS, 2227, None, [0.0; 2]), Err(unknown));
        assert_eq!(size(PROJECTED_CRS, 2227, Some(9036), [0.0; 2]), Err(unknown));
        assert_eq!(size(1026, 4326, None, [0.0; 2]), Err(NoPixelSize::NoCrs));
        let pole = NoPixelSize::Latitude { latitude_deg: 90.0 };
        assert_eq!(size(GEOGRAPHIC_CRS, 4326, None, [0.0, 90.0]), Err(pole));
    }
}
