//! What each command does.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use prost::Message;
use rszs_bundle::{Bundle, BundleWriter, OnnxSummary, SignatureState, VerifyOptions};
use rszs_export::bundle::{BundleRequest, export_bundle, notes};
use rszs_export::check::{Case, check};
use rszs_export::checkpoint::Checkpoint;
use rszs_export::golden::golden_case;
use rszs_export::lower::lower;
use rszs_export::memory_plan::{MemoryPlan, PlanRequest};
use rszs_export::unpack::unpack;
use rszs_export::words::read_words;
use rszs_graph::{Cost, Graph, Parameters, Tensor};
use rszs_network::{Config, Purpose, image_graph, text_graph};
use rszs_tokenizer::Tokenizer;

use crate::arguments::{
    BundleArguments, CardArguments, CheckpointArguments, ExportPrecision, GraphName,
    InspectArguments, OnnxArguments, RandomArguments,
};
use crate::report;

pub(crate) fn bundle(arguments: &BundleArguments) -> Result<()> {
    let checkpoint = Checkpoint::read(&arguments.checkpoint)?;
    let name = || arguments.checkpoint.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let request = BundleRequest {
        tokenizer_json: read(&arguments.tokenizer)?,
        words: read_words(&arguments.vocabulary)?,
        support: arguments.support.as_deref().map(read_words).transpose()?.unwrap_or_default(),
        template_set: arguments.template_set.to_string(),
        templates: arguments.template_set.templates()?,
        thresholds: arguments.thresholds.clone(),
        fold: arguments.fold,
        half: arguments.precision.contains(&ExportPrecision::Fp16),
        name: arguments.name.clone().or_else(name).unwrap_or_default(),
        counter: arguments.counter,
        overlap_px: arguments.overlap_px,
        training_gsd_m: arguments.training_gsd_m,
        licence: arguments.licence.clone(),
        model_card: arguments.model_card.as_deref().map(read_card).transpose()?,
        onnxruntime: arguments.engine.onnxruntime.clone(),
    };
    let bundle = export_bundle(
        &checkpoint,
        &arguments.checkpoint,
        &request,
        &arguments.output,
        |checked| {
            for line in checked.report.to_string().lines() {
                report::progress(&format!("{}: {line}", checked.file));
            }
        },
    )?;
    let bytes: u64 = bundle.manifest().files.values().map(|entry| entry.bytes).sum();
    let classes = bundle.vocabulary().rows().len();
    report::result(&format!(
        "{}: {classes} classes, {:.1} MB, {}\n",
        arguments.output.display(),
        bytes as f64 / 1e6,
        bundle.hash()
    ));
    Ok(())
}

pub(crate) fn card(arguments: &CardArguments) -> Result<()> {
    let card = read_card(&arguments.model_card)?;
    let bundle = Bundle::open(&arguments.bundle, &VerifyOptions::default())?;
    let was_signed = bundle.signature() != SignatureState::Unsigned;
    let mut writer = BundleWriter::from_bundle(bundle)?.model_card(card);
    writer.manifest_mut().counter += 1;
    let bundle = writer.write(&arguments.bundle)?;
    if was_signed {
        report::progress("the old bundle is signed, the new one is not: sign it again");
    }
    let counter = bundle.manifest().counter;
    report::result(&format!(
        "{}: release {counter}, {}\n",
        arguments.bundle.display(),
        bundle.hash()
    ));
    Ok(())
}

pub(crate) fn checkpoint(arguments: &CheckpointArguments) -> Result<()> {
    let bundle = Bundle::open(&arguments.bundle, &VerifyOptions::default())?;
    let checkpoint = unpack(&bundle)?;
    let tokenizer =
        bundle.tokenizer_bytes().context("a bundle with a text tower has a tokenizer")?;
    checkpoint.write(&arguments.output)?;
    let beside = arguments.output.with_file_name("tokenizer.json");
    rszs_durable::replace(&beside, tokenizer)
        .with_context(|| format!("{}: expected a file that can be written", beside.display()))?;
    let count: usize = checkpoint.parameters.values().map(|tensor| tensor.values.len()).sum();
    report::result(&format!(
        "{}: {count} parameters, {}\n",
        arguments.output.display(),
        beside.display()
    ));
    Ok(())
}

pub(crate) fn onnx(arguments: &OnnxArguments) -> Result<()> {
    let checkpoint = Checkpoint::read(&arguments.checkpoint)?;
    let config = &checkpoint.config;
    let (image, text) = (image_graph(config, Purpose::Deploy)?, text_graph(config)?);
    checkpoint.expect(&arguments.checkpoint, &[&image, &text])?;
    let (graph, case) = match arguments.graph {
        GraphName::Image => {
            let queries = one_hot_rows(3, config.joint_width);
            let case = golden_case(&image, &checkpoint.parameters, config.tile_px, Some(&queries))?;
            (image, case)
        }
        GraphName::Text => {
            let shape = [2, config.text.context];
            let feeds = [
                ("tokens".to_owned(), Tensor::filled(shape, 1.0)),
                ("end".to_owned(), one_hot_rows(2, shape[1])),
            ];
            let case = Case::new(&text, feeds.into(), &checkpoint.parameters, 1, 2)?;
            (text, case)
        }
    };
    let model =
        lower(&graph, &checkpoint.parameters, arguments.graph.name(), &notes(&graph, config))?
            .encode_to_vec();
    let smaller = case.first(&graph, 1, 1);
    let (_, checked) =
        check(&model, &graph, &[case, smaller], arguments.engine.onnxruntime.as_deref())?;
    for line in checked.to_string().lines() {
        report::progress(line);
    }
    let output = &arguments.output;
    rszs_durable::replace(output, &model)
        .with_context(|| format!("{}: expected a file that can be written", output.display()))?;
    report::result(&format!(
        "{}: {:.1} MB, graph {}\n",
        output.display(),
        model.len() as f64 / 1e6,
        graph.hash()
    ));
    Ok(())
}

pub(crate) fn inspect(arguments: &InspectArguments) -> Result<()> {
    let config = match (&arguments.file, arguments.preset.as_deref().and_then(Config::preset)) {
        (_, Some(config)) => config,
        (Some(file), None) if file.extension().is_some_and(|extension| extension == "onnx") => {
            return inspect_onnx(file);
        }
        (Some(file), None) => Checkpoint::read(file)?.config,
        (None, None) => bail!("expected a file or --preset"),
    };
    if arguments.memory {
        let &InspectArguments { images, queries, budget_gib, .. } = arguments;
        let plan = MemoryPlan::of(&config, PlanRequest { images, queries, budget_gib })?;
        report::result(&plan.to_string());
        return Ok(());
    }
    let (image, text) = (image_graph(&config, Purpose::Deploy)?, text_graph(&config)?);
    if let Some(name) = arguments.dump {
        report::result(&name.of(&image, &text).to_string());
        return Ok(());
    }
    let is_in = |name: &str, scope: &String| {
        name.strip_prefix(scope.as_str()).is_some_and(|rest| rest.starts_with('.'))
    };
    let is_trainable = |name: &str| !arguments.frozen.iter().any(|scope| is_in(name, scope));
    report::result(&format!("{}\n\n", Parameters::of(&image, &text, is_trainable)));
    for name in [GraphName::Image, GraphName::Text] {
        let graph = name.of(&image, &text);
        let cost = Cost::of(graph, arguments.images, arguments.queries);
        report::result(&format!(
            "{} graph, {} nodes, hash {}\n{cost}\n",
            name.name(),
            graph.nodes().len(),
            graph.hash()
        ));
    }
    Ok(())
}

fn inspect_onnx(file: &Path) -> Result<()> {
    let summary = OnnxSummary::of(&read(file)?).with_context(|| file.display().to_string())?;
    let megabytes = summary.weight_bytes as f64 / 1e6;
    report::result(&format!(
        "opset {}, {} nodes, {megabytes:.1} MB of weights\n",
        summary.opset, summary.nodes
    ));
    for (kind, values) in [("input", &summary.inputs), ("output", &summary.outputs)] {
        for value in values {
            let sizes = value
                .shape
                .iter()
                .map(|size| size.map_or_else(|| "?".to_owned(), |size| size.to_string()));
            report::result(&format!(
                "{kind} {} [{}]\n",
                value.name,
                sizes.collect::<Vec<_>>().join(", ")
            ));
        }
    }
    Ok(())
}

pub(crate) fn random(arguments: &RandomArguments) -> Result<()> {
    let Some(mut config) = Config::preset(&arguments.preset) else {
        bail!("{}: no such preset", arguments.preset)
    };
    if let Some(tile_px) = arguments.tile_px {
        config = config.with_tile_px(tile_px);
    }
    if let Some(tokenizer) = &arguments.tokenizer {
        let tokenizer = Tokenizer::from_json(&read(tokenizer)?)
            .with_context(|| tokenizer.display().to_string())?;
        config.text.vocabulary = tokenizer.vocabulary_size();
    }
    let checkpoint = Checkpoint::initial(config, arguments.seed)?;
    checkpoint.write(&arguments.output)?;
    let count: usize = checkpoint.parameters.values().map(|tensor| tensor.values.len()).sum();
    report::result(&format!("{}: {count} untrained parameters\n", arguments.output.display()));
    Ok(())
}

impl GraphName {
    fn of<'a>(self, image: &'a Graph, text: &'a Graph) -> &'a Graph {
        match self {
            Self::Image => image,
            Self::Text => text,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Text => "text",
        }
    }
}

/// `[count, width]`: vectors of length 1 along different axes.
fn one_hot_rows(count: usize, width: usize) -> Tensor {
    let mut rows = Tensor::zeros([count, width]);
    for row in 0..count {
        rows.values[row * width + row] = 1.0;
    }
    rows
}

fn read_card(path: &Path) -> Result<String> {
    String::from_utf8(read(path)?)
        .with_context(|| format!("{}: expected Markdown in UTF-8", path.display()))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("{}: expected a file that can be read", path.display()))
}
