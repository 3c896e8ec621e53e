//! `rszs-calibrate int8`: quantizes the heavy products, measures both precisions, writes INT8 where it is worth it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

use rszs_bundle::{Bundle, BundleWriter, Precision, SignatureState};
use rszs_edge::engine::{Engine, EngineKind, TileBatch, TileEngine, TileScores, prove};
use rszs_edge::engine_arguments::PrecisionChoice;
use rszs_edge::queries::Words;
use rszs_export::bundle::model;
use rszs_export::unpack::unpack;
use rszs_graph::{Graph, Product};
use rszs_network::{Purpose, image_graph};

use crate::arguments::{Int8Arguments, MeasureArguments};
use crate::deployed::{Deployed, open_bundle};
use crate::error::Error;
use crate::evaluate::evaluation;
use crate::evaluation_report::SetEvaluation;
use crate::exit::ExitStatus;
use crate::identity::Identity;
use crate::int8_report::{Int8Report, Quantized, SelfTest};
use crate::mask_count::count_masks;
use crate::output::Output;
use crate::probe::{Bench, observe};
use crate::sensitivity::{left_in_float, logits_of, measure, root_mean_square};
use crate::sets::{LabelledSet, chosen, labelled, open_sets};
use crate::threshold_report::Written;
use crate::tile_recorder::tiles_of_sets;
use crate::verdict::{Comparison, Verdict};

/// A lighter product costs more to quantize than it saves: share of all multiply-accumulates.
const LIGHTEST: f64 = 0.001;

/// Tiles that sensitivity and noise are measured on.
const SENSITIVITY_TILES: usize = 4;

/// Runs of each engine before the clock starts, and while it runs.
const ROUNDS: [usize; 2] = [3, 25];

/// Runs the command.
pub fn run(arguments: &Int8Arguments, output: &mut Output) -> Result<ExitStatus, Error> {
    let mut arguments = arguments.clone();
    // What INT8 is made of and compared with, even if the bundle has an INT8 file already.
    arguments.measure.engine.precision = PrecisionChoice::Fp32;
    let arguments = &arguments;
    let sets = open_sets(&arguments.measure)?;
    let bundle = open_bundle(&arguments.measure)?;
    let mut sets = labelled(sets, &bundle)?;
    let checkpoint = unpack(&bundle)?;
    let graph = image_graph(&checkpoint.config, Purpose::Deploy)?;
    let mut deployed = Deployed::start(bundle, &arguments.measure)?;
    if deployed.started.kind != EngineKind::Cpu {
        return Err(Error::NoFastInt8 { found: deployed.started.kind.name() });
    }
    let identity = Identity::new("int8", &deployed, &arguments.measure);
    let tiles = tiles_of_sets(&sets, &mut deployed, arguments.tiles as usize)?;
    let options = arguments.measure.engine.options()?;
    let bench = Bench {
        checkpoint: &checkpoint,
        vocabulary: deployed.bundle.vocabulary(),
        kind: deployed.started.kind,
        options: &options,
    };
    output.tell(format_args!("observing {} tiles", tiles.len()));
    let (quantized_graph, quantized) = quantize(&graph, &tiles, arguments, bench, || {
        if deployed.interrupt.is_raised() { Err(Error::Interrupted) } else { Ok(()) }
    })?;
    let onnx = model("model.int8.onnx", &quantized_graph, &checkpoint)?;
    let (mut engine, deviation) = prove(bench.kind, Precision::Int8, &onnx, deployed.bundle.golden(), &options)?;

    let self_test = SelfTest {
        difference: deviation.logits.max(deviation.presence),
        tolerance: deployed.bundle.golden().tolerance.of(Precision::Int8),
    };
    let words: usize = deployed.bundle.vocabulary().entries().len();
    let embeddings = deployed.bundle.vocabulary().embeddings().to_vec();
    let [fp32_us, int8_us] = tile_times(&mut deployed.started.engine, &mut engine, &tiles, &embeddings, words)?;
    let fp32 = evaluate(&mut sets, &mut deployed, None, &arguments.measure, output)?;
    let int8 = evaluate(&mut sets, &mut deployed, Some(&mut engine), &arguments.measure, output)?;
    let comparison = Comparison { fp32_us, int8_us, fp32_iou: mean_iou(&fp32), int8_iou: mean_iou(&int8) };
    let verdict = comparison.verdict();
    let written = if verdict == Verdict::WorthIt && !arguments.dry_run {
        if deployed.bundle.signature() != SignatureState::Unsigned {
            output.tell("the bundle was signed, and what is written is not: sign it again");
        }
        Some(write(deployed.bundle, onnx, arguments.output.as_deref().unwrap_or(&arguments.measure.bundle))?)
    } else {
        None
    };
    let report = Int8Report { identity, quantized, self_test, comparison, verdict, fp32, int8, written };
    output.results(&report.table(), &report)?;
    Ok(if verdict == Verdict::WorthIt { ExitStatus::Done } else { ExitStatus::LeftAsItWas })
}

/// Observes ranges, searches for what stays in float, and rewrites the graph.
fn quantize(
    graph: &Graph,
    tiles: &[Vec<u8>],
    arguments: &Int8Arguments,
    bench: Bench<'_>,
    step: impl FnMut() -> Result<(), Error>,
) -> Result<(Graph, Quantized), Error> {
    let products = graph.products(LIGHTEST);
    let names: BTreeSet<&str> = products.iter().flat_map(Product::activations).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let magnitudes: BTreeMap<String, f32> = observe(graph, &names, tiles, arguments.observer, bench)?;
    let few = tiles.len().min(SENSITIVITY_TILES);
    let few: Vec<&[u8]> = (0..few).map(|index| tiles[index * tiles.len() / few].as_slice()).collect();
    // Where nothing may stay in float, there is nothing to search.
    let searched = if arguments.float_share > 0.0 { products.as_slice() } else { &[] };
    let sensitivities = measure(graph, searched, &magnitudes, &few, bench, step)?;
    let left = left_in_float(&sensitivities, arguments.float_share);
    let chosen: BTreeSet<String> =
        products.iter().map(|product| product.name.clone()).filter(|name| !left.contains(name)).collect();
    let quantized = graph.quantize(&chosen, &magnitudes, &bench.checkpoint.parameters)?;
    let noise = root_mean_square(&logits_of(graph, &few, bench)?, &logits_of(&quantized, &few, bench)?);
    let report = Quantized {
        observer: arguments.observer,
        tiles: tiles.len(),
        products: chosen.len(),
        left_in_float: left.into_iter().collect(),
        noise,
        sensitivities,
    };
    Ok((quantized, report))
}

/// Median microseconds a tile of both engines, which take turns: what slows the machine slows both.
fn tile_times(
    fp32: &mut Engine,
    int8: &mut Engine,
    tiles: &[Vec<u8>],
    embeddings: &[f32],
    rows: usize,
) -> Result<[f64; 2], Error> {
    let tile_px = (tiles[0].len() / 3).isqrt();
    let (mut logits, mut presence) = (vec![0.0; rows * (tile_px / 4).pow(2)], vec![0.0; rows]);
    let mut times = [vec![], vec![]];
    for round in 0..ROUNDS[0] + ROUNDS[1] {
        let tiles = &tiles[round % tiles.len()];
        for (engine, times) in [&mut *fp32, &mut *int8].into_iter().zip(&mut times) {
            let batch = TileBatch { tiles, count: 1, tile_px, embeddings: Some(embeddings), rows };
            let start = Instant::now();
            engine.run(batch, TileScores { logits: &mut logits, presence: &mut presence })?;
            if round >= ROUNDS[0] {
                times.push(start.elapsed().as_secs_f64() * 1e6);
            }
        }
    }
    Ok(times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    }))
}

/// Masks of every set against its labels, by `engine` or by the deployed one.
fn evaluate(
    sets: &mut [LabelledSet],
    deployed: &mut Deployed,
    engine: Option<&mut Engine>,
    arguments: &MeasureArguments,
    output: &mut Output,
) -> Result<Vec<SetEvaluation>, Error> {
    output.begin(sets.iter().map(|(set, _)| chosen(set, arguments.split.split(), arguments.limit).len()).sum());
    let Deployed { bundle, started, pipeline, interrupt, .. } = deployed;
    let engine = engine.unwrap_or(&mut started.engine);
    let mut evaluated = Vec::with_capacity(sets.len());
    for (set, statements) in sets {
        let step = || {
            output.step();
            if interrupt.is_raised() { Err(Error::Interrupted) } else { Ok(()) }
        };
        let count = count_masks(set, statements, Words::from(&*bundle), arguments, pipeline, engine, step)?;
        evaluated.push(evaluation(set, arguments.split.name(), statements, &count, bundle.vocabulary().entries()));
    }
    Ok(evaluated)
}

/// Over every labelled query of every set; NaN if there is none.
fn mean_iou(sets: &[SetEvaluation]) -> f64 {
    let found: Vec<f64> = sets.iter().flat_map(|set| &set.queries).filter_map(|query| query.iou).collect();
    found.iter().sum::<f64>() / found.len() as f64
}

/// Writes `bundle` with the INT8 file `onnx` as the next release to `target`.
fn write(bundle: Bundle, onnx: Vec<u8>, target: &Path) -> Result<Written, Error> {
    let mut writer = BundleWriter::from_bundle(bundle)?.model(Precision::Int8, onnx);
    writer.manifest_mut().counter += 1;
    Ok(Written::of(&writer.write(target)?))
}
