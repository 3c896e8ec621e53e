//! Every configuration in turn, on the same images.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use rszs_bundle::{Manifest, Precision};
use rszs_edge::cli::engine_arguments::EngineArguments;
use rszs_edge::compare::{Difference, Side, SideName};
use rszs_edge::error::Error as EdgeError;
use rszs_edge::frame::ground::GroundSample;
use rszs_edge::machine::Machine;
use rszs_edge::pipeline::ImageError;
use rszs_edge::plan::open_bundle;
use rszs_edge::queries::parse_queries;
use rszs_edge::segment::{Keep, Segmentation};
use rszs_edge::sink::{Products, Sink};
use rszs_edge::source::{Frame, ImageReader, Input, list_inputs};
use rszs_engine::{BuildWatch, EngineOptions, Started};
use rszs_graph::Graph;
use rszs_network::{Config, Purpose, image_graph};

use crate::accelerator::Watch;
use crate::allocations;
use crate::arguments::Arguments;
use crate::condition::{Condition, peak_memory_bytes, reset_peak_memory};
use crate::device::Device;
use crate::error::Error;
use crate::gemm;
use crate::nvml;
use crate::report::{
    Accuracy, Achieved, BundleIdentity, Configuration, Measured, PeakOf, Report, Roofline, SCHEMA,
};
use crate::roofline::{Prediction, TileCost};
use crate::stages::{FrameTimes, Stages};

/// Only masks: what a run writes beside them is a matter of taste.
const PRODUCTS: Products = Products { overlay_px: None, scores: false };
const ROOT: &str = "/";

/// Measures every configuration that `arguments` ask for.
pub fn run(arguments: &Arguments) -> Result<Report, Error> {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let bundle = open_bundle(arguments.bundle.as_deref(), &EngineOptions::default())?;
    let mut images = Vec::new();
    for listed in list_inputs(&arguments.images).into_iter().take(arguments.frames as usize) {
        images.push((listed.image, listed.input.map_err(ImageError::from)?));
    }
    let graph = network(bundle.manifest());
    let (mut configurations, mut skipped) = (Vec::new(), Vec::new());
    for queries in &arguments.queries {
        let mut reference = None;
        for engine in engines(arguments) {
            match configuration(
                arguments,
                &engine,
                queries,
                &images,
                graph.as_ref(),
                &mut reference,
            ) {
                Ok(measured) => configurations.push(measured),
                Err(Error::Edge(EdgeError::Engine(error))) => skipped.push(error.to_string()),
                Err(error) => return Err(error),
            }
        }
    }
    skipped.dedup();
    if configurations.is_empty() {
        return Err(Error::NoEngine { skipped });
    }
    let manifest = bundle.manifest();
    Ok(Report {
        schema: SCHEMA,
        program: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned(),
        started_unix_s: since_1970.as_secs(),
        machine: Machine::here(),
        bundle: BundleIdentity {
            name: manifest.name.clone(),
            counter: manifest.counter,
            sha256: bundle.hash().to_string(),
        },
        images: images.into_iter().map(|(name, _)| name).collect(),
        skipped,
        roofline: graph.as_ref().zip(configurations.first()).map(|(graph, first)| {
            let query_count = first.configuration.query_count;
            let cost = TileCost::of(graph, query_count);
            Roofline { query_count, cost, predictions: Prediction::all(&cost) }
        }),
        configurations,
    })
}

/// The network of a bundle, if it is one that this program knows.
fn network(manifest: &Manifest) -> Option<Graph> {
    let config: Config = serde_json::from_value(manifest.network.clone()).ok()?;
    image_graph(&config, Purpose::Deploy).ok()
}

/// Every combination of engine, precision and batch.
fn engines(arguments: &Arguments) -> Vec<EngineArguments> {
    let (threads, onnxruntime) = (arguments.threads, &arguments.onnxruntime);
    let mut engines = Vec::new();
    for (&engine, &precision) in
        arguments.engine.iter().flat_map(|e| arguments.precision.iter().map(move |p| (e, p)))
    {
        let library = onnxruntime.clone().filter(|_| engine.takes_library());
        let engine_cache = &arguments.engine_cache;
        let of_batch = |&batch| EngineArguments {
            engine,
            precision,
            threads,
            batch,
            onnxruntime: library.clone(),
            engine_cache: engine_cache.clone(),
        };
        engines.extend(arguments.batch.iter().map(of_batch));
    }
    engines
}

/// Measures one. The first of the same queries leaves its results in `reference`, image by image.
fn configuration(
    arguments: &Arguments,
    engine: &EngineArguments,
    typed: &str,
    images: &[(String, Input)],
    graph: Option<&Graph>,
    reference: &mut Option<Vec<Segmentation>>,
) -> Result<Measured, Error> {
    let queries = parse_queries(typed).map_err(EdgeError::from)?;
    let name = SideName {
        typed: String::new(),
        bundle: arguments.bundle.clone(),
        engine: engine.engine,
        precision: None,
    };
    let mut side = Side::open(&name, engine, &queries, arguments.gsd, BuildWatch::default())?;
    let folder = tempfile::tempdir()
        .map_err(|source| Error::Write { path: std::env::temp_dir(), source })?;
    let mut bench = Bench {
        sink: Sink::new(folder.path(), PRODUCTS, &side.queries).map_err(EdgeError::from)?,
        reader: ImageReader::new(),
        frame: Frame::default(),
    };

    let mut found = Vec::new();
    for image in images {
        bench.frame(image, &mut side, Keep::EVERYTHING)?;
        found.push(std::mem::take(&mut side.segmentation));
    }
    let accuracy = reference
        .as_ref()
        .map(|reference| accuracy(reference, &found, queries.len()))
        .transpose()?;
    reference.get_or_insert(found);
    // Caches and buffers are warm after this.
    for image in images {
        bench.frame(image, &mut side, Keep::default())?;
    }

    reset_peak_memory();
    let watch = Watch::start(Path::new(ROOT), nvml::LIBRARY);
    let before = Condition::now(Path::new(ROOT));
    let (allocated, start) = (allocations::so_far(), Instant::now());
    let (mut frames, mut tiles, mut pixels) = (Vec::new(), 0, 0.0);
    for image in images.iter().cycle().take(arguments.frames as usize) {
        frames.push(bench.frame(image, &mut side, Keep::default())?);
        tiles += side.segmentation.tiles;
        pixels += f64::from(bench.frame.width_px) * f64::from(bench.frame.height_px);
    }
    let (elapsed, allocated) = (start.elapsed().as_secs_f64(), allocations::so_far() - allocated);
    let after = Condition::now(Path::new(ROOT));
    let (peak_memory_bytes, accelerator) = (peak_memory_bytes(), watch.stop());
    let started = &side.started;
    let (count, stages) = (frames.len() as f64, Stages::of(&frames));
    let options = engine.options().map_err(EdgeError::from)?;
    let achieved = graph.map(|graph| {
        let cost = TileCost::of(graph, queries.len());
        let tile_s = stages.engine.mean_us / 1e6 * count / tiles as f64;
        achieved(&cost, tile_s, started, &options, arguments.peak)
    });
    Ok(Measured {
        configuration: Configuration {
            engine: started.kind.name().to_owned(),
            precision: started.precision.to_string(),
            threads: options.threads(),
            batch: usize::from(engine.batch),
            queries: typed.to_owned(),
            query_count: queries.len(),
            gsd_m: arguments.gsd.map(|ground: GroundSample| ground.metres().to_string()),
        },
        library: started.kind.library(),
        frames: frames.len(),
        tiles,
        stages,
        frames_per_s: count / elapsed,
        megapixels_per_s: pixels / 1e6 / elapsed,
        peak_memory_bytes,
        accelerator,
        achieved: achieved.transpose()?,
        allocations_per_frame: allocated as f64 / count,
        accuracy,
        self_test_difference: started.deviation.logits.max(started.deviation.presence),
        self_test_tolerance: side.bundle.golden().tolerance.of(started.precision),
        invalid: before
            .invalidated_by(&after)
            .or_else(|| accelerator.invalidated_by(started.kind.is_gpu())),
        before,
        after,
    })
}

/// Work a second of an engine that needs `tile_s` seconds for a tile of `cost`.
fn achieved(
    cost: &TileCost,
    tile_s: f64,
    started: &Started,
    options: &EngineOptions,
    peak: Option<Device>,
) -> Result<Achieved, Error> {
    let is_fp32 = started.precision == Precision::Fp32;
    let peak = peak.map(|device| {
        let peak = device.peak();
        let [compute, memory] = cost.seconds(&peak, started.precision);
        let device = device.name().to_owned();
        PeakOf {
            device,
            macs_per_s: peak.of(started.precision),
            predicted_ms: 1e3 * compute.max(memory),
        }
    });
    Ok(Achieved {
        tile_ms: 1e3 * tile_s,
        macs_per_s: cost.macs as f64 / tile_s,
        gemm_macs_per_s: is_fp32.then(|| gemm::macs_per_s(started.kind, options)).transpose()?,
        peak,
    })
}

/// What a frame passes through, beside the engine.
struct Bench {
    sink: Sink,
    reader: ImageReader,
    frame: Frame,
}

impl Bench {
    /// One image, from its file to its mask's.
    fn frame(
        &mut self,
        (name, input): &(String, Input),
        side: &mut Side,
        keep: Keep,
    ) -> Result<FrameTimes, Error> {
        let start = Instant::now();
        let decode: Duration =
            self.reader.read(input, &mut self.frame).map_err(ImageError::from)?;
        let in_image = |source| ImageError::Segment { image: name.clone(), source };
        let times = side.segment(&self.frame, keep).map_err(in_image)?;
        let written = self
            .sink
            .write("frame", &self.frame, &side.segmentation, &side.queries)
            .map_err(EdgeError::from)?;
        Ok(FrameTimes {
            decode,
            tile: times.tile,
            engine: times.engine,
            blend: times.blend,
            decide: times.decide,
            encode: written.encode,
            write: written.write,
            whole: start.elapsed(),
        })
    }
}

fn accuracy(
    reference: &[Segmentation],
    found: &[Segmentation],
    queries: usize,
) -> Result<Accuracy, Error> {
    let mut worst =
        Accuracy { least_iou: 1.0, least_agreement: 1.0, largest_logit_difference: 0.0 };
    for query in 0..queries {
        let mut difference = Difference::new();
        for (reference, found) in reference.iter().zip(found) {
            difference.add(query, reference, found).map_err(EdgeError::from)?;
        }
        worst.least_iou = worst.least_iou.min(difference.intersection_over_union());
        worst.least_agreement = worst.least_agreement.min(difference.agreement());
        worst.largest_logit_difference =
            worst.largest_logit_difference.max(difference.largest_logit());
    }
    Ok(worst)
}
