//! A frame's place for programs that put images on maps.

use proj4rs::Proj;
use proj4rs::errors::Error;
use proj4rs::transform::transform;

use super::footprint::Footprint;
use crate::sidecar::{aux_xml, world_file};

/// Where UTM ends, in degrees north or south (EPSG's area of use; its south ends at 80).
const UTM_ENDS_DEG: [f64; 2] = [-80.0, 84.0];

/// An image's pixels in the metres of a UTM zone on WGS84.
///
/// A frame that is not taken straight from above is no parallelogram on the ground. The affine here
/// is the least squares of its corners.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WorldFile {
    /// Number of the zone, 1 to 60.
    pub zone: u32,
    /// Whether it is one of the southern half.
    pub is_south: bool,
    /// East and north of the upper left corner, of a step to the right and of a step down.
    pub affine: [[f64; 2]; 3],
    /// How far the affine is from the frame's corners, in metres.
    pub residual_m: f64,
}

/// Why a frame has no world file.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoWorldFile {
    /// Nearer to a pole than UTM goes.
    #[error("{latitude_deg:.1} degrees north is outside of UTM")]
    Pole {
        /// The camera's latitude.
        latitude_deg: f64,
    },
    /// Tilted so much that no affine places it.
    #[error(
        "a world file would be {residual_m:.1} m off at the corners, expected less than the \
         frame's error of {error_m:.1} m"
    )]
    Tilted {
        /// How far an affine is from the corners.
        residual_m: f64,
        /// The error of the middle.
        error_m: f64,
    },
    /// The projection fails.
    #[error("the UTM zone cannot be computed: {0}")]
    Projection(String),
}

impl From<Error> for NoWorldFile {
    fn from(error: Error) -> Self {
        Self::Projection(error.to_string())
    }
}

impl WorldFile {
    /// Of a frame.
    pub fn of(footprint: &Footprint) -> Result<Self, NoWorldFile> {
        let [longitude_deg, latitude_deg] = footprint.ground([0.0, 0.0]);
        if !(UTM_ENDS_DEG[0]..=UTM_ENDS_DEG[1]).contains(&latitude_deg) {
            return Err(NoWorldFile::Pole { latitude_deg });
        }
        let zone = ((longitude_deg + 180.0) / 6.0).floor().rem_euclid(60.0) as u32 + 1;
        let is_south = latitude_deg < 0.0;
        let hemisphere = if is_south { " +south" } else { "" };
        let degrees = Proj::from_proj_string("+proj=longlat +datum=WGS84")?;
        let metres = Proj::from_proj_string(&format!(
            "+proj=utm +zone={zone}{hemisphere} +datum=WGS84 +units=m"
        ))?;
        let mut corners = [[0.0; 2]; 4];
        for (corner, [longitude, latitude]) in corners.iter_mut().zip(footprint.corners()) {
            let mut point = (longitude.to_radians(), latitude.to_radians(), 0.0);
            transform(&degrees, &metres, &mut point)?;
            *corner = [point.0, point.1];
        }
        let [width, height] = footprint.size_px().map(f64::from);
        let [top_left, bottom_left, bottom_right, top_right] = corners;
        let axis = |axis: usize| {
            let [tl, bl, br, tr] = [top_left, bottom_left, bottom_right, top_right]
                .map(|corner: [f64; 2]| corner[axis]);
            let (right, down) = ((tr + br - tl - bl) / 2.0, (bl + br - tl - tr) / 2.0);
            let corner = (tl + bl + br + tr) / 4.0 - right / 2.0 - down / 2.0;
            ([corner, right / width, down / height], (tl - bl + br - tr) / 4.0)
        };
        let ((east, east_off), (north, north_off)) = (axis(0), axis(1));
        let residual_m = east_off.hypot(north_off);
        let error_m = footprint.error_m([width / 2.0, height / 2.0]);
        if residual_m >= error_m {
            return Err(NoWorldFile::Tilted { residual_m, error_m });
        }
        let affine = [0, 1, 2].map(|part| [east[part], north[part]]);
        Ok(Self { zone, is_south, affine, residual_m })
    }

    /// EPSG's code of the zone.
    pub fn epsg(&self) -> u32 {
        if self.is_south { 32700 + self.zone } else { 32600 + self.zone }
    }

    /// The world file's lines.
    pub fn text(&self) -> String {
        world_file(self.affine)
    }

    /// GDAL's sidecar (`.aux.xml`): the zone and the same affine.
    pub fn aux_xml(&self) -> String {
        let (zone, epsg) = (self.zone, self.epsg());
        let (hemisphere, false_northing) = if self.is_south { ('S', 10_000_000) } else { ('N', 0) };
        let meridian = 6 * i64::from(zone) - 183;
        let zone_text = format!(
            "PROJCS[\"WGS 84 / UTM zone {zone}{hemisphere}\",GEOGCS[\"WGS 84\",DATUM[\"WGS_1984\",\
             SPHEROID[\"WGS 84\",6378137,298.257223563,AUTHORITY[\"EPSG\",\"7030\"]],AUTHORITY[\
             \"EPSG\",\"6326\"]],PRIMEM[\"Greenwich\",0],UNIT[\"degree\",0.0174532925199433],\
             AUTHORITY[\"EPSG\",\"4326\"]],PROJECTION[\"Transverse_Mercator\"],PARAMETER[\
             \"latitude_of_origin\",0],PARAMETER[\"central_meridian\",{meridian}],PARAMETER[\
             \"scale_factor\",0.9996],PARAMETER[\"false_easting\",500000],PARAMETER[\
             \"false_northing\",{false_northing}],UNIT[\"metre\",1],AXIS[\"Easting\",EAST],AXIS[\
             \"Northing\",NORTH],AUTHORITY[\"EPSG\",\"{epsg}\"]]"
        );
        aux_xml(&zone_text, self.affine)
    }
}
