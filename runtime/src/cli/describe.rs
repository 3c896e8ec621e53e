//! Plans and outcomes as events.

use rszs_hot::{Bounds, Decision, RegionStatistics};

use crate::cli::events::{
    Begin, BundleIdentity, Done, End, EngineIdentity, Mask, QueryIdentity, Region, RunLengths,
    SkippedEngine, Times,
};
use crate::cli::location_events::{GeoPoint, Georeference, Gsd, Raster, spectrum_name};
use crate::location::GsdChoice;
use crate::pipeline::{ImageResult, Outcome};
use crate::plan::Plan;
use crate::queries::{Query, QuerySet};

/// The first event of a run.
pub(crate) fn begin(plan: &Plan) -> Begin {
    let manifest = plan.bundle.manifest();
    let queries = (1..).zip(plan.queries.queries());
    Begin {
        format: Begin::FORMAT,
        program: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned(),
        bundle: BundleIdentity {
            name: manifest.name.clone(),
            counter: manifest.counter,
            sha256: plan.bundle.hash().to_string(),
            path: plan.bundle.path().display().to_string(),
        },
        engine: engine(plan),
        decision: decision_name(plan.queries.decision()).to_owned(),
        gsd_m: match plan.gsd {
            Some(GsdChoice::Metres(ground)) => Some(ground.metres()),
            Some(GsdChoice::Off) | None => None,
        },
        reduction: plan.jobs.first().map_or(1, |job| plan.reduction(&job.location)),
        queries: queries
            .map(|(index, query)| query_identity(index, query, plan.queries.decision()))
            .collect(),
        images: plan.jobs.len(),
        skipped: plan.skipped,
        passed_over: plan.passed_over.values().sum(),
    }
}

/// The engine that runs.
pub(crate) fn engine(plan: &Plan) -> EngineIdentity {
    let started = &plan.started;
    let skipped = started.skipped.iter();
    EngineIdentity {
        name: started.kind.name().to_owned(),
        library: started.kind.library(),
        precision: started.precision.to_string(),
        threads: plan.threads,
        self_test_difference: started.deviation.logits.max(started.deviation.presence),
        self_test_tolerance: plan.bundle.golden().tolerance.of(started.precision),
        skipped: skipped
            .map(|one| SkippedEngine {
                name: one.kind.name().to_owned(),
                reason: one.reason.clone(),
            })
            .collect(),
    }
}

/// The events of one image: its masks, if it has any, and its end.
pub(crate) fn image(outcome: &Outcome, queries: &QuerySet) -> (Vec<Mask>, End) {
    match &outcome.result {
        Ok(result) => {
            let masks = queries.queries().iter().enumerate();
            let masks = masks.map(|(index, query)| mask(&outcome.image, index, query, result));
            (
                masks.collect(),
                End { image: outcome.image.clone(), done: Some(done(result)), error: None },
            )
        }
        Err(error) => (
            Vec::new(),
            End { image: outcome.image.clone(), done: None, error: Some(error.to_string()) },
        ),
    }
}

/// The connected parts of the mask number `index`.
pub(crate) fn regions(
    image: &str,
    index: usize,
    query: &Query,
    result: &ImageResult,
) -> Vec<Region> {
    let ground = result.location.scale.as_ref().ok().map(|scale| scale.ground);
    let parts = result.components.get(index).into_iter().flatten();
    let regions = (1..).zip(parts).map(|(rank, part)| Region {
        image: image.to_owned(),
        query: query.name.clone(),
        index: index as u8 + 1,
        rank,
        pixels: part.pixels,
        area_m2: ground.map(|ground| ground.area_m2(part.pixels)),
        bounding_box: coco_box(part.bounds),
        centroid: [part.centroid_px.0, part.centroid_px.1],
        location: location([part.centroid_px.0, part.centroid_px.1], result),
        mean_score: part.mean_score,
    });
    regions.collect()
}

/// As `--decision` has it.
fn decision_name(decision: Decision) -> &'static str {
    match decision {
        Decision::Multilabel => "multilabel",
        Decision::Exclusive => "exclusive",
    }
}

fn query_identity(index: u8, query: &Query, decision: Decision) -> QueryIdentity {
    let by_threshold = decision == Decision::Multilabel;
    let [red, green, blue] = query.colour;
    QueryIdentity {
        name: query.name.clone(),
        index,
        vocabulary: query.vocabulary.clone(),
        threshold: by_threshold.then(|| query.threshold.get()),
        threshold_source: by_threshold.then(|| query.threshold_origin.as_str().to_owned()),
        colour: format!("#{red:02x}{green:02x}{blue:02x}"),
    }
}

fn mask(image: &str, index: usize, query: &Query, result: &ImageResult) -> Mask {
    let region = &result.regions[index];
    let run_lengths = result.run_lengths.get(index);
    Mask {
        image: image.to_owned(),
        query: query.name.clone(),
        index: index as u8 + 1,
        pixels: region.pixels(),
        fraction: fraction(region, result),
        area_m2: area_m2(region, result),
        bounding_box: region.bounds().map(coco_box),
        centroid: region.centroid_px().map(|(x, y)| [x, y]),
        location: region.centroid_px().and_then(|(x, y)| location([x, y], result)),
        mean_score: region.mean_score(),
        maximum_score: region.maximum_score(),
        presence: result.presence[index],
        rle: run_lengths.map(|counts| RunLengths {
            size: [result.height_px, result.width_px],
            counts: counts.clone(),
        }),
    }
}

/// Square metres of a region, where the size of a pixel is known.
pub(crate) fn area_m2(region: &RegionStatistics, result: &ImageResult) -> Option<f64> {
    let scale = result.location.scale.as_ref().ok()?;
    Some(scale.ground.area_m2(region.pixels()))
}

/// Where a point of an image is, if the image has a place.
fn location(point_px: [f64; 2], result: &ImageResult) -> Option<GeoPoint> {
    result.location.footprint.as_ref().ok().map(|footprint| footprint.place(point_px).into())
}

/// Part of the pixels that hold an image which a region covers.
pub(crate) fn fraction(region: &RegionStatistics, result: &ImageResult) -> f64 {
    region.pixels() as f64 / valid_pixels(result).max(1) as f64
}

/// Pixels that hold an image.
pub(crate) fn valid_pixels(result: &ImageResult) -> u64 {
    u64::from(result.width_px) * u64::from(result.height_px) - result.invalid_px
}

fn coco_box(bounds: Bounds) -> [u32; 4] {
    let Bounds { left_px, top_px, right_px, bottom_px } = bounds;
    [left_px, top_px, right_px - left_px + 1, bottom_px - top_px + 1]
}

fn done(result: &ImageResult) -> Done {
    let micros = |duration: std::time::Duration| duration.as_micros() as u64;
    let segment = &result.times.segment;
    let location = &result.location;
    Done {
        width: result.width_px,
        height: result.height_px,
        valid_pixels: valid_pixels(result),
        reading: result.reading,
        tiles: result.tiles,
        reduction: result.reduction,
        gsd: location.scale.as_ref().ok().map(Gsd::of),
        no_gsd: location
            .scale
            .as_ref()
            .err()
            .filter(|_| location.is_known())
            .map(ToString::to_string),
        georeference: location.footprint.as_ref().ok().map(Georeference::of).map(Box::new),
        raster: location.raster.as_ref().ok().map(Raster::of),
        no_georeference: location.no_place().filter(|_| location.is_known()),
        time: location.time.clone(),
        spectrum: spectrum_name(&location.spectrum),
        files: result.written.files.iter().map(|path| path.display().to_string()).collect(),
        times: Times {
            decode_us: micros(result.times.decode),
            tile_us: micros(segment.tile),
            engine_us: micros(segment.engine),
            blend_us: micros(segment.blend),
            decide_us: micros(segment.decide),
            encode_us: micros(result.written.encode),
            write_us: micros(result.written.write),
            latency_us: micros(result.latency),
        },
    }
}
