//! Metres to degrees near a place on WGS84.

/// WGS84's equatorial radius in metres (NIMA TR8350.2, table 3.1).
pub(crate) const EQUATOR_M: f64 = 6_378_137.0;

/// WGS84's first eccentricity, squared (the same table).
const ECCENTRICITY_2: f64 = 6.694_379_990_14e-3;

/// Metres of one degree of longitude and of one degree of latitude at a latitude.
///
/// What is d metres away is placed with an error below `d² tan(latitude) / R`, R being the earth's
/// radius: 2 mm at 100 m and 52° north.
pub fn metres_per_degree(latitude_deg: f64) -> [f64; 2] {
    let (sine, cosine) = latitude_deg.to_radians().sin_cos();
    let flat = 1.0 - ECCENTRICITY_2 * sine * sine;
    let prime_vertical_m = EQUATOR_M / flat.sqrt();
    let meridian_m = prime_vertical_m * (1.0 - ECCENTRICITY_2) / flat;
    [(prime_vertical_m * cosine).to_radians(), meridian_m.to_radians()]
}

/// Longitude and latitude of what lies `east_m` and `north_m` from a place.
pub(crate) fn displaced(
    [longitude_deg, latitude_deg]: [f64; 2],
    [east_m, north_m]: [f64; 2],
) -> [f64; 2] {
    let [east, north] = metres_per_degree(latitude_deg);
    [longitude_deg + east_m / east, latitude_deg + north_m / north]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `pyproj.Geod(ellps="WGS84").fwd(lon, lat, azimuth, distance)`, pyproj 3.7.2.
    #[test]
    fn places_agree_with_the_geodesic() {
        for (from, azimuth, distance_m, expected) in GEODESICS {
            let (sine, cosine) = azimuth.to_radians().sin_cos();
            let found = displaced(from, [distance_m * sine, distance_m * cosine]);
            let [east, north] = metres_per_degree(from[1]);
            let off_m = ((found[0] - expected[0]) * east).hypot((found[1] - expected[1]) * north);
            let bound = distance_m.powi(2) * from[1].to_radians().tan().abs() / 6.35e6 + 1e-6;
            assert!(off_m < bound, "{from:?} {azimuth}: {off_m} m, bound {bound} m");
        }
    }

    const GEODESICS: [([f64; 2], f64, f64, [f64; 2]); 4] = [
        ([-91.9944, 46.8427], 42.8, 100.0, [-91.993_509_256_4, 46.843_360_016_8]),
        ([13.4, 52.5], -131.3, 250.0, [13.397_234_441_6, 52.498_517_175_3]),
        ([179.9, -36.8], 90.0, 120.0, [179.901_344_624_3, -36.799_999_992_4]),
        ([24.0, 65.0], 200.0, 500.0, [23.996_375_597_0, 64.995_785_807_3]),
    ];
}
