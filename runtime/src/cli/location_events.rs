//! The parts of `--json` that say where things are.

use serde::{Deserialize, Serialize};

use rszs_geo::camera::{Footprint, Place, Spectrum, WorldFile};
use rszs_geo::raster::RasterPlace;

use crate::location::Scale;

/// The size of a pixel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gsd {
    /// Metres of ground along the side of a pixel.
    pub metres: f64,
    /// `--gsd`, or the tags it was made of.
    pub source: String,
    /// Metres within which 95 % are; nothing where it was typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<f64>,
}

/// A place on WGS84.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeoPoint {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Metres within which 95 % are.
    pub error_m: f64,
}

/// The ground under an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Georeference {
    /// Longitude and latitude of top left, bottom left, bottom right, top right.
    pub corners: [[f64; 2]; 4],
    /// The middle of the image.
    pub centre: GeoPoint,
    /// Where the top of the image points, in degrees from north to east.
    pub yaw_deg: f64,
    /// Height above ground.
    pub height_m: f64,
    /// EPSG's code of the UTM zone that the mask's world file is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsg: Option<u32>,
    /// Why there is no world file, where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_world_file: Option<String>,
    /// The tags of position, height, yaw and focal length.
    pub sources: [String; 4],
}

/// What the images of a run gave together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flight {
    /// Files: the regions, the ground under each image, and a page for people.
    pub files: Vec<String>,
    /// Square metres that the images show, overlaps once; nothing where no image has a place, or
    /// where they show more than the program counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_m2: Option<f64>,
    /// Of them those of each query. The first image that shows a place decides.
    pub areas: Vec<FlightArea>,
}

/// The area of a query in all images of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlightArea {
    /// The query's name, as typed.
    pub query: String,
    /// Square metres, overlaps once.
    pub area_m2: f64,
}

/// Where a GeoTIFF lies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raster {
    /// EPSG's code of the coordinate system, where the file names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsg: Option<u16>,
    /// As GDAL has it: x of the upper left corner, of a step to the right, of a step down; the same
    /// of y.
    pub transform: [f64; 6],
}

impl Raster {
    /// As its tags say.
    pub(crate) fn of(place: &RasterPlace) -> Self {
        let [corner, right, down] = place.affine;
        let transform = [corner[0], right[0], down[0], corner[1], right[1], down[1]];
        Self { epsg: place.epsg, transform }
    }
}

impl Gsd {
    /// As it was found.
    pub(crate) fn of(scale: &Scale) -> Self {
        Self {
            metres: scale.ground.metres(),
            source: scale.source.to_string(),
            error: scale.error_m,
        }
    }
}

impl From<Place> for GeoPoint {
    fn from(place: Place) -> Self {
        let Place { longitude_deg, latitude_deg, error_m } = place;
        Self { latitude: latitude_deg, longitude: longitude_deg, error_m }
    }
}

impl Georeference {
    /// Of a frame.
    pub(crate) fn of(footprint: &Footprint) -> Self {
        let pose = footprint.pose();
        let world = WorldFile::of(footprint);
        let middle = footprint.size_px().map(|side| f64::from(side) / 2.0);
        let sources = [
            pose.position.source.tags(),
            pose.height.source.tag(),
            pose.direction.yaw_source.tag(),
            pose.focal_length.source.tags(),
        ];
        Self {
            corners: footprint.corners(),
            centre: footprint.place(middle).into(),
            epsg: world.as_ref().ok().map(WorldFile::epsg),
            no_world_file: world.err().map(|reason| reason.to_string()),
            yaw_deg: pose.direction.yaw_deg,
            height_m: pose.height.metres,
            sources: sources.map(str::to_owned),
        }
    }
}

/// As it stands in JSON; nothing for plain colours.
pub(crate) fn spectrum_name(spectrum: &Spectrum) -> Option<String> {
    match spectrum {
        Spectrum::Visible => None,
        Spectrum::Thermal => Some("thermal".to_owned()),
        Spectrum::Band(name) => Some(name.clone()),
    }
}
