//! `rszs-calibrate int8`: quantizes the heavy products, measures both precisions, writes INT8 where
//! it is worth it.

pub mod int8_report;
pub mod observer;
pub mod probe;
pub mod quantization;
pub mod sensitivity;
pub mod tensorrt_file;
pub mod tile_recorder;
pub mod verdict;

use std::path::Path;
use std::time::Instant;

use rszs_bundle::{Bundle, BundleWriter, Precision, SignatureState};
use rszs_edge::cli::engine_arguments::{EngineChoice, PrecisionChoice};
use rszs_edge::queries::Words;
use rszs_engine::{Engine, EngineKind, LoadError, TileBatch, TileEngine, TileScores, prove};
use rszs_export::bundle::model;
use rszs_export::unpack::unpack;
use rszs_network::{Purpose, image_graph};

use crate::arguments::{Int8Arguments, MeasureArguments};
use crate::deployed::{Deployed, open_bundle};
use crate::error::Error;
use crate::evaluate::evaluation;
use crate::evaluate::evaluation_report::SetEvaluation;
use crate::evaluate::mask_count::count_masks;
use crate::exit::ExitStatus;
use crate::int8::int8_report::{Int8Report, Measured, TensorRt};
use crate::int8::probe::ProbeContext;
use crate::int8::quantization::quantize;
use crate::int8::tensorrt_file::tensorrt_file;
use crate::int8::tile_recorder::tiles_of_sets;
use crate::int8::verdict::{Comparison, SelfTest, Verdict};
use crate::report::identity::Identity;
use crate::report::output::Output;
use crate::sets::{LabelledSet, chosen, labelled, open_sets};
use crate::thresholds::threshold_report::Written;

/// Runs of each engine before the clock starts, and while it runs.
const ROUNDS: [usize; 2] = [3, 25];

/// Runs the command.
pub fn run(arguments: &Int8Arguments, output: &mut Output) -> Result<ExitStatus, Error> {
    let mut arguments = arguments.clone();
    // What INT8 is made of and compared with, even if the bundle has an INT8 file already.
    arguments.measure.engine.precision = PrecisionChoice::Fp32;
    if arguments.measure.engine.engine == EngineChoice::Auto {
        // Where a GPU is, that would be the best engine, and the file is not for it.
        arguments.measure.engine.engine = EngineChoice::Cpu;
        output.tell(
            "INT8 is a file for ONNX Runtime on the processor, so that is where it is \
            measured (--engine cpu)",
        );
    }
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
    let context = ProbeContext {
        checkpoint: &checkpoint,
        vocabulary: deployed.bundle.vocabulary(),
        kind: deployed.started.kind,
        options: &options,
    };
    output.tell(format_args!("observing {} tiles", tiles.len()));
    let (network, quantized) = quantize(&graph, &tiles, arguments, context, || {
        if deployed.interrupt.is_raised() { Err(Error::Interrupted) } else { Ok(()) }
    })?;
    let onnx = model("model.int8.onnx", &network.graph, &network.checkpoint)?;
    let golden = deployed.bundle.golden();
    let proven = match prove(context.kind, Precision::Int8, &onnx, golden, &options) {
        Ok((engine, deviation)) => Ok((engine, SelfTest::of(deviation, golden, Precision::Int8))),
        Err(LoadError::Golden(error)) => {
            Err(Verdict::off_the_golden_set(error).map_err(LoadError::from)?)
        }
        Err(error) => return Err(error.into()),
    };
    let (mut engine, self_test) = match proven {
        Ok(proven) => proven,
        Err(verdict) => {
            // What no engine would take is not measured any further.
            let report = Int8Report {
                identity,
                quantized,
                measured: None,
                verdict,
                tensorrt: None,
                written: None,
            };
            output.results(&report.table(), &report)?;
            return Ok(ExitStatus::LeftAsItWas);
        }
    };
    let tensorrt = arguments
        .tensorrt_unmeasured
        .then(|| tensorrt_file(&network, golden, context))
        .transpose()?;

    let words: usize = deployed.bundle.vocabulary().entries().len();
    let embeddings = deployed.bundle.vocabulary().embeddings().to_vec();
    let [fp32_us, int8_us] =
        tile_times(&mut deployed.started.engine, &mut engine, &tiles, &embeddings, words)?;
    let fp32 = evaluate(&mut sets, &mut deployed, None, &arguments.measure, output)?;
    let int8 = evaluate(&mut sets, &mut deployed, Some(&mut engine), &arguments.measure, output)?;
    let comparison =
        Comparison { fp32_us, int8_us, fp32_iou: mean_iou(&fp32), int8_iou: mean_iou(&int8) };
    let verdict = comparison.verdict();
    let mut files = Vec::new();
    if verdict == Verdict::WorthIt {
        files.push((Precision::Int8, onnx));
    }
    let tensorrt = match tensorrt {
        Some(Ok(mut file)) => {
            let masks = evaluate(
                &mut sets,
                &mut deployed,
                Some(&mut file.engine),
                &arguments.measure,
                output,
            )?;
            let report = file.report(mean_iou(&masks), comparison.fp32_iou);
            if report.verdict == Verdict::Unmeasured {
                files.push((Precision::Int8Fp16, file.onnx));
            }
            Some(TensorRt::Proven(report))
        }
        Some(Err(refused)) => Some(TensorRt::Refused(refused)),
        None => None,
    };
    let written = if files.is_empty() || arguments.dry_run {
        None
    } else {
        if deployed.bundle.signature() != SignatureState::Unsigned {
            output.tell("the old bundle is signed, the new one is not: sign it again");
        }
        Some(write(
            deployed.bundle,
            files,
            arguments.output.as_deref().unwrap_or(&arguments.measure.bundle),
        )?)
    };
    let measured = Some(Measured { self_test, comparison, fp32, int8 });
    let report = Int8Report { identity, quantized, measured, verdict, tensorrt, written };
    output.results(&report.table(), &report)?;
    Ok(if verdict == Verdict::WorthIt { ExitStatus::Done } else { ExitStatus::LeftAsItWas })
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
    output.begin(
        sets.iter()
            .map(|(set, _)| chosen(set, arguments.split.split(), arguments.limit).len())
            .sum(),
    );
    let Deployed { bundle, started, pipeline, interrupt, .. } = deployed;
    let engine = engine.unwrap_or(&mut started.engine);
    let mut evaluated = Vec::with_capacity(sets.len());
    for (set, mappings) in sets {
        let step = || {
            output.step();
            if interrupt.is_raised() { Err(Error::Interrupted) } else { Ok(()) }
        };
        let count =
            count_masks(set, mappings, Words::from(&*bundle), arguments, pipeline, engine, step)?;
        evaluated.push(evaluation(
            set,
            arguments.split,
            mappings,
            &count,
            bundle.vocabulary().entries(),
        ));
    }
    Ok(evaluated)
}

/// Over every labelled query of every set; NaN if there is none.
fn mean_iou(sets: &[SetEvaluation]) -> f64 {
    let found: Vec<f64> =
        sets.iter().flat_map(|set| &set.queries).filter_map(|query| query.iou).collect();
    found.iter().sum::<f64>() / found.len() as f64
}

/// Writes `bundle` with the model `files` as the next release to `target`.
fn write(
    bundle: Bundle,
    files: Vec<(Precision, Vec<u8>)>,
    target: &Path,
) -> Result<Written, Error> {
    let writer = BundleWriter::from_bundle(bundle)?;
    let mut writer =
        files.into_iter().fold(writer, |writer, (precision, onnx)| writer.model(precision, onnx));
    writer.manifest_mut().counter += 1;
    Ok(Written::of(&writer.write(target)?))
}
