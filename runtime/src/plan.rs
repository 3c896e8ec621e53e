//! What was resolved: everything that must hold before the first image is read.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use rszs_bundle::{Bundle, Precision, Sha256, VerifyOptions};
use rszs_hot::{Decision, TileLayout};

use crate::cli::arguments::{Arguments, DecisionChoice};
use crate::default_bundle::default_bundle;
use crate::error::Error;
use crate::frame::layout::{layout, reduction};
use crate::location::{GsdChoice, Location};
use crate::pipeline::{Details, Job};
use crate::queries::text::TextTower;
use crate::queries::{QuerySet, TypedQuery, parse_queries};
use crate::segment::Keep;
use crate::sink::{DONE_FILE, DoneList, Products, Sink, SinkError, result_names};
use crate::source::{Input, Listed, Listing, ReadOptions};
use rszs_engine::{self as engine, BuildWatch, EngineKind, EngineOptions, Started};

/// A run in all detail. Once there is a plan, only images and disks can fail.
#[derive(Debug)]
pub struct Plan {
    /// The bundle, without its model files: the engine has taken one in.
    pub bundle: Bundle,
    /// Tiles over an image that the engine sees in its own size.
    pub layout: TileLayout,
    /// Size of the images' pixels, if it was typed.
    pub gsd: Option<GsdChoice>,
    /// The engine, proven on the golden set.
    pub started: Started,
    /// Threads it computes with.
    pub threads: usize,
    /// What to look for.
    pub queries: QuerySet,
    /// The images.
    pub jobs: Vec<Job>,
    /// Files of formats that are not read, by the ends of their names.
    pub passed_over: BTreeMap<String, usize>,
    /// Images that are left out, because their results are there.
    pub skipped: usize,
    /// Which images are done, if that is kept.
    pub done: Option<DoneList>,
    /// Where results go.
    pub sink: Sink,
    /// Tiles per call of the engine.
    pub batch: usize,
    /// How images are read.
    pub reading: ReadOptions,
    /// What to keep of each image.
    pub keep: Keep,
    /// What to tell of each mask.
    pub details: Details,
    /// How engines are started.
    pub options: EngineOptions,
}

/// Opens the bundle that was typed, or the default one, with the model files that engines of
/// `options` may run on this machine.
pub fn open_bundle(typed: Option<&Path>, options: &EngineOptions) -> Result<Bundle, Error> {
    let path = typed.map_or_else(default_bundle, |path| Ok(path.to_owned()))?;
    let keep = options.precisions_here();
    Ok(Bundle::open(&path, &VerifyOptions { keep, ..VerifyOptions::default() })?)
}

impl Plan {
    /// Resolves `arguments`, the cheap part first: what was typed wrongly is told before a model is
    /// loaded. The `watch` hears of engines that are built.
    pub fn resolve(arguments: &Arguments, watch: BuildWatch) -> Result<Self, Error> {
        let typed = parse_queries(arguments.queries.as_deref().unwrap_or_default())?;
        let mut options = EngineOptions { watch, ..arguments.engine.options()? };
        let mut bundle = open_bundle(arguments.bundle.as_deref(), &options)?;
        let layout = layout(&bundle, None)?;
        let decision = match arguments.decision {
            DecisionChoice::Multilabel => Decision::Multilabel,
            DecisionChoice::Exclusive => Decision::Exclusive,
        };
        let support = match decision {
            Decision::Multilabel => 0,
            Decision::Exclusive => bundle.vocabulary().entries().len(),
        };
        options.rows = NonZero::new(typed.len() + support);
        let has_text_tower = bundle.manifest().text.is_some();
        if !has_text_tower {
            resolve_queries(&typed, decision, &bundle, None, &options)?;
        }
        let started = engine::start(&bundle, &options)?;
        let queries = resolve_queries(&typed, decision, &bundle, Some(started.kind), &options)?;
        for precision in Precision::ALL {
            bundle.take_model_bytes(precision);
        }

        let products = Products {
            overlay_px: arguments.wants_overlay().then_some(arguments.overlay_max),
            scores: arguments.scores,
        };
        let sink = Sink::new(&arguments.output, products, &queries)?;
        let listing =
            Listing::of(&arguments.inputs, arguments.recursive, options.watch.interrupt());
        let jobs = jobs(listing.images, arguments.gsd);
        refuse_overwriting(&jobs, &sink, &listing.canonical_paths)?;
        let run = run_digest(arguments, &bundle, &queries);
        let done = arguments.skip_done.then(|| DoneList::open(sink.folder(), run)).transpose();
        let done =
            done.map_err(|source| SinkError::File { path: sink.folder().join(DONE_FILE), source })?;
        let listed = jobs.len();
        let is_left = |job: &Job| !done.as_ref().is_some_and(|done| is_done(job, done));
        let jobs: Vec<Job> = jobs.into_iter().filter(is_left).collect();
        Ok(Self {
            bundle,
            layout,
            gsd: arguments.gsd,
            started,
            threads: options.threads(),
            queries,
            skipped: listed - jobs.len(),
            done,
            passed_over: listing.passed_over,
            jobs,
            sink,
            batch: usize::from(arguments.engine.batch),
            reading: ReadOptions { bands: arguments.bands, stretch: arguments.stretch },
            keep: Keep {
                masks: arguments.rle || arguments.regions > 0,
                scores: arguments.scores || arguments.regions > 0,
            },
            details: Details { run_lengths: arguments.rle, regions: arguments.regions },
            options,
        })
    }
}

impl Plan {
    /// How many times smaller the network sees an image of `location`.
    pub fn reduction(&self, location: &Location) -> u32 {
        reduction(&self.bundle, location.scale.as_ref().ok().map(|scale| scale.ground))
    }
}

/// Resolves queries; free words through the text tower in an engine of `kind`, if there is one yet.
fn resolve_queries(
    typed: &[TypedQuery],
    decision: Decision,
    bundle: &Bundle,
    kind: Option<EngineKind>,
    options: &EngineOptions,
) -> Result<QuerySet, Error> {
    let tower = || kind.map_or(Ok(None), |kind| TextTower::load(bundle, kind, options));
    Ok(QuerySet::resolve(typed, decision, bundle.into(), tower)?)
}

fn jobs(images: Vec<Listed>, gsd: Option<GsdChoice>) -> Vec<Job> {
    let paths = images.iter().map(|one| {
        let path = one.input.as_ref().map_or(Path::new(&one.image), Input::path);
        (path, one.below.as_path())
    });
    let names = result_names(paths);
    images
        .into_iter()
        .zip(names)
        .map(|(one, name)| {
            let location = one.input.as_ref().map(|input| Location::of(input, gsd));
            let location = location.unwrap_or_default();
            Job { image: one.image, input: one.input, name, location }
        })
        .collect()
}

/// Whether the results of an image are complete.
fn is_done(job: &Job, done: &DoneList) -> bool {
    matches!(&job.input, Ok(Input::File(path)) if done.has(path))
}

/// Digest of what results follow from beside the image: bundle, queries with thresholds and
/// colours, and options. Engines agree within the bundle's tolerance and are not among it.
fn run_digest(arguments: &Arguments, bundle: &Bundle, queries: &QuerySet) -> String {
    let products = (arguments.wants_overlay(), arguments.overlay_max, arguments.scores);
    let reading = (arguments.gsd, arguments.bands, arguments.stretch);
    let told = format!(
        "{} {} {:?} {:?} {products:?} {reading:?}",
        env!("CARGO_PKG_VERSION"),
        bundle.hash(),
        queries.queries(),
        queries.decision(),
    );
    Sha256::of(told.as_bytes()).to_string()
}

/// A result never takes the place of an input, not even of one that was named like a result.
fn refuse_overwriting(
    jobs: &[Job],
    sink: &Sink,
    inputs: &HashSet<PathBuf>,
) -> Result<(), SinkError> {
    let folder = fs::canonicalize(sink.folder()).unwrap_or_else(|_| sink.folder().to_owned());
    let paths =
        jobs.iter().flat_map(|job| [true, false].map(|kind| sink.paths(&job.name, kind)).concat());
    let is_input =
        |path: &PathBuf| path.file_name().is_some_and(|name| inputs.contains(&folder.join(name)));
    match paths.into_iter().find(is_input) {
        Some(path) => Err(SinkError::WouldOverwriteInput(path)),
        None => Ok(()),
    }
}
