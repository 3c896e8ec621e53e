//! The regions of all images of a run as one file for a map (GeoJSON, RFC 7946).

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use rszs_durable::PendingFile;
use rszs_geo::camera::{Footprint, GroundGrid};
use rszs_geo::region::{Region, RegionTracer};
use rszs_hot::INVALID_CLASS;
use serde_json::{Value, json};

use super::flight_page::FlightPage;
use crate::location::Location;
use crate::queries::QuerySet;
use crate::segment::Segmentation;
use crate::source::Frame;

/// Names of the files of a run, in the folder for results: regions, the ground under each image,
/// and a page for people.
pub(crate) const FLIGHT_FILES: [&str; 3] = ["regions.geojson", "footprints.geojson", "flight.html"];

/// Pixels without a query.
const NO_QUERY: u8 = 0;

/// Three files in the making: regions, footprints and a page. An image without a place is a
/// feature without a geometry that says why.
#[derive(Debug)]
pub(super) struct Flight {
    regions: Collection,
    footprints: Collection,
    tracer: RegionTracer,
    page: FlightPage,
    /// From the first image with a place on.
    ground: Option<GroundGrid>,
}

/// What a flight gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FlightSummary {
    /// Regions, footprints and a page.
    pub files: Vec<PathBuf>,
    /// Square metres that the images show, each place once; nothing where none has a place, or
    /// where there is too much of it.
    pub seen_m2: Option<f64>,
    /// Of them those of each query, in their order.
    pub areas_m2: Vec<f64>,
}

/// Pixels along the side of a cell of the ground that areas are counted on.
const CELL_PX: f64 = 8.0;

/// A collection of features that is written as they come.
#[derive(Debug)]
struct Collection {
    file: PendingFile,
    is_empty: bool,
}

impl Flight {
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            regions: Collection::create(&folder.join(FLIGHT_FILES[0]))?,
            footprints: Collection::create(&folder.join(FLIGHT_FILES[1]))?,
            page: FlightPage::default(),
            tracer: RegionTracer::default(),
            ground: None,
        })
    }

    /// Adds one image.
    pub(super) fn add(
        &mut self,
        image: &str,
        location: &Location,
        (frame, segmentation): (&Frame, &Segmentation),
        queries: &QuerySet,
    ) -> io::Result<()> {
        self.add_to_map(image, location, segmentation, queries)?;
        let added = self.page.add_image(image, location, frame, segmentation, queries);
        added.map_err(io::Error::other)
    }

    fn add_to_map(
        &mut self,
        image: &str,
        location: &Location,
        segmentation: &Segmentation,
        queries: &QuerySet,
    ) -> io::Result<()> {
        let about = |properties: Value| {
            let mut about = json!({ "frame": image, "time": location.time });
            if let (Value::Object(about), Value::Object(more)) = (&mut about, properties) {
                about.extend(more);
            }
            about
        };
        let footprint = match &location.footprint {
            Ok(footprint) => footprint,
            Err(reason) => {
                let properties = about(json!({ "no_georeference": reason.to_string() }));
                return self.footprints.push(&Value::Null, &properties);
            }
        };
        let metres = location
            .scale
            .as_ref()
            .map_or_else(|_| footprint.ground_sample().metres, |scale| scale.ground.metres());
        let middle = footprint.size_px().map(|side| f64::from(side) / 2.0);
        let corners = footprint.corners().map(rounded);
        let ring: Vec<Value> = corners.iter().chain(&corners[..1]).map(|at| json!(at)).collect();
        self.footprints.push(
            &json!({ "type": "Polygon", "coordinates": [ring] }),
            &about(json!({
                "metres_per_pixel": metres,
                "error_m": tenths(footprint.error_m(middle)),
            })),
        )?;
        let Self { regions, tracer, page, .. } = self;
        let mut pushed = Ok(());
        let width = segmentation.width_px as usize;
        tracer.trace(&segmentation.classes, width, &[NO_QUERY, INVALID_CLASS], |region| {
            let Some(query) = queries.queries().get(usize::from(region.class) - 1) else { return };
            let properties = about(json!({
                "query": query.name,
                "area_m2": tenths(10.0 * region.pixels as f64 * metres * metres) / 10.0,
                "error_m": tenths(footprint.error_m(middle_of(&region))),
            }));
            page.add_region(&region, footprint, query);
            if pushed.is_ok() {
                pushed = regions.push(&polygon(&region, footprint), &properties);
            }
        });
        let ground =
            self.ground.get_or_insert_with(|| GroundGrid::new(footprint, CELL_PX * metres));
        ground.add(footprint, |[x, y]| {
            let class = segmentation.classes[y as usize * width + x as usize];
            (class != INVALID_CLASS).then_some(class)
        });
        pushed
    }

    /// Ends the files in `folder` and puts them in their places.
    pub(super) fn finish(self, folder: &Path, queries: &QuerySet) -> io::Result<FlightSummary> {
        self.regions.finish()?;
        self.footprints.finish()?;
        let areas = |class| self.ground.as_ref().and_then(|ground| ground.areas_m2(class));
        let found = (1..=queries.queries().len()).map_while(|class| areas(class as u8));
        let summary = FlightSummary {
            files: flight_paths(folder).into(),
            seen_m2: areas(NO_QUERY).map(|[seen_m2, _]| seen_m2),
            areas_m2: found.map(|[_, area_m2]| area_m2).collect(),
        };
        let mut page = PendingFile::create(&folder.join(FLIGHT_FILES[2]))?;
        page.write(self.page.finish(&summary, queries).as_bytes())?;
        page.sync()?;
        page.put_in_place()?;
        Ok(summary)
    }
}

impl Collection {
    fn create(path: &Path) -> io::Result<Self> {
        let mut file = PendingFile::create(path)?;
        file.write(b"{\"type\":\"FeatureCollection\",\"features\":[")?;
        Ok(Self { file, is_empty: true })
    }

    fn push(&mut self, geometry: &Value, properties: &Value) -> io::Result<()> {
        let separator = if std::mem::take(&mut self.is_empty) { "\n" } else { ",\n" };
        let mut text = separator.to_owned();
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "{{\"type\":\"Feature\",\"properties\":{properties},\"geometry\":{geometry}}}"
        );
        self.file.write(text.as_bytes())
    }

    fn finish(mut self) -> io::Result<()> {
        self.file.write(b"\n]}\n")?;
        self.file.sync()?;
        self.file.put_in_place()
    }
}

/// Paths of a run's files in `folder`.
pub(super) fn flight_paths(folder: &Path) -> [PathBuf; 3] {
    FLIGHT_FILES.map(|name| folder.join(name))
}

/// A region on the ground: the exterior counter-clockwise, holes clockwise, first positions
/// repeated.
fn polygon(region: &Region, footprint: &Footprint) -> Value {
    let is_mirrored = matches!(footprint.pose().orientation, 2 | 4 | 5 | 7);
    let ring = |corners: &Vec<[u32; 2]>| {
        let ground = |corner: &[u32; 2]| json!(rounded(footprint.ground(corner.map(f64::from))));
        let mut ring: Vec<Value> = corners.iter().chain(corners.first()).map(ground).collect();
        if is_mirrored {
            ring.reverse();
        }
        ring
    };
    let rings: Vec<_> = std::iter::once(&region.exterior).chain(&region.holes).map(ring).collect();
    json!({ "type": "Polygon", "coordinates": rings })
}

/// The middle of a region's corners.
fn middle_of(region: &Region) -> [f64; 2] {
    let count = region.exterior.len().max(1) as f64;
    [0, 1].map(|axis| {
        region.exterior.iter().map(|corner| f64::from(corner[axis])).sum::<f64>() / count
    })
}

/// Degrees to a millimetre. RFC 7946 takes seven decimals for enough; the corners of small pixels
/// would fall together.
fn rounded(place: [f64; 2]) -> [f64; 2] {
    place.map(|degrees| (degrees * 1e8).round() / 1e8)
}

fn tenths(metres: f64) -> f64 {
    (metres * 10.0).round() / 10.0
}
