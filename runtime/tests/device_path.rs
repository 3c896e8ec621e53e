//! Frames through a device, on the simulator, against the path of the processor: the same masks,
//! classes, regions and presences, bit for bit, since the engine gives both the same logits.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod fake;
#[path = "fake/on_stream.rs"]
mod on_stream;

use std::path::Path;

use fake::{ColourEngine, LAYOUT, frame, queries, vocabulary};
use on_stream::on_stream;
use rszs_bundle::{PresenceThreshold, Vocabulary};
use rszs_edge::device::DeviceSegmenter;
use rszs_edge::location::Location;
use rszs_edge::pipeline::{self, Details, Job, Settings};
use rszs_edge::queries::{QuerySet, Words, parse_queries};
use rszs_edge::segment::{FrameSegmenter, Keep, Segmentation, Segmenter};
use rszs_edge::sink::{Products, Sink, SinkError};
use rszs_edge::source::{Frame, ReadOptions, list_inputs};
use rszs_engine::Interrupt;
use rszs_engine::{EngineError, TileBatch, TileEngine, TileScores};
use rszs_hot::Decision;

/// What was found out about a frame, with floats as bits.
fn facts(
    segmentation: &Segmentation,
    queries: &QuerySet,
) -> impl PartialEq + std::fmt::Debug + use<> {
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    let logits: Vec<_> =
        (0..queries.queries().len()).map(|query| bits(segmentation.logits(query))).collect();
    (
        (segmentation.width_px, segmentation.height_px, segmentation.tiles),
        (segmentation.classes.clone(), segmentation.masks.clone()),
        (segmentation.regions.clone(), bits(&segmentation.presence), logits),
    )
}

fn compare(queries: &QuerySet, reduction: u32, batch: usize, keep: Keep, frames: &[Frame]) {
    let (device, engine) = on_stream(ColourEngine);
    let layout = LAYOUT.reduced(reduction);
    let mut on_device =
        DeviceSegmenter::new(&device, engine, layout, batch, queries, keep).unwrap();
    let mut on_host = Segmenter::new(layout, batch);
    let (mut found, mut expected) = (Segmentation::default(), Segmentation::default());
    for frame in frames {
        on_device.submit(frame).unwrap();
        on_device.collect(&mut found).unwrap();
        on_host.segment(frame, queries, &mut ColourEngine, keep, &mut expected).unwrap();
        assert!(
            facts(&found, queries) == facts(&expected, queries),
            "{reduction}, {batch}, {keep:?}"
        );
    }
}

#[test]
fn the_device_finds_what_the_host_finds() {
    let frames = [frame(131, 77), frame(20, 200), frame(131, 77)];
    for decision in [Decision::Multilabel, Decision::Exclusive] {
        let queries = queries("red=0.75,blue", decision);
        for (reduction, batch) in [(1, 1), (1, 5), (2, 3), (4, 2), (8, 4)] {
            for keep in [Keep::default(), Keep::EVERYTHING] {
                compare(&queries, reduction, batch, keep, &frames);
            }
        }
    }
}

#[test]
fn a_query_that_is_absent_from_a_tile_is_absent_on_both() {
    let plain = vocabulary();
    let mut entries = plain.entries().to_vec();
    entries[0].presence_threshold = Some(PresenceThreshold::new(0.0).unwrap());
    let embedding = |name: &str| plain.resolve(name).unwrap().embedding.to_vec();
    let embeddings = ["red", "green", "blue", "grey"].into_iter().flat_map(embedding).collect();
    let vocabulary = Vocabulary::new(entries, embeddings, 3).unwrap();
    let words = Words { vocabulary: &vocabulary, folded: None, max_queries: None };
    let resolve = |typed| {
        QuerySet::resolve(&parse_queries(typed).unwrap(), Decision::Multilabel, words, || Ok(None))
    };
    let with_threshold = resolve("red,blue").unwrap();
    let frames = [frame(131, 77)];
    compare(&with_threshold, 1, 3, Keep::EVERYTHING, &frames);
    let pixels = |queries: &QuerySet| {
        let mut segmentation = Segmentation::default();
        Segmenter::new(LAYOUT, 3)
            .segment(&frames[0], queries, &mut ColourEngine, Keep::default(), &mut segmentation)
            .unwrap();
        segmentation.regions[0].pixels()
    };
    let without = queries("red,blue", Decision::Multilabel);
    assert!(pixels(&with_threshold) < pixels(&without), "the threshold rules something out");
    assert!(pixels(&with_threshold) > 0, "and not everything");
}

/// Gives what is not finite in the tiles whose first pixel is bright enough.
#[derive(Debug, Clone, Copy)]
struct Broken {
    logits: bool,
}

impl TileEngine for Broken {
    fn run(&mut self, batch: TileBatch<'_>, scores: TileScores<'_>) -> Result<(), EngineError> {
        let TileBatch { tiles, count, tile_px, rows, .. } = batch;
        let (TileScores { logits, presence }, plane) = (scores, (tile_px / 4).pow(2));
        ColourEngine.run(batch, TileScores { logits: &mut *logits, presence: &mut *presence })?;
        for tile in (0..count).filter(|tile| tiles[tile * tile_px * tile_px * 3] > 128) {
            if self.logits {
                logits[(tile * rows + 1) * plane + 5] = f32::NAN;
            } else {
                presence[tile * rows + 1] = f32::INFINITY;
            }
        }
        Ok(())
    }
}

#[test]
fn what_is_not_finite_is_told_in_the_same_words() {
    let (queries, frame) = (queries("red,blue", Decision::Multilabel), frame(131, 77));
    for logits in [true, false] {
        let (device, engine) = on_stream(Broken { logits });
        let mut on_device =
            DeviceSegmenter::new(&device, engine, LAYOUT, 4, &queries, Keep::default()).unwrap();
        let mut into = Segmentation::default();
        on_device.submit(&frame).unwrap();
        let found = on_device.collect(&mut into).unwrap_err().to_string();
        let mut broken = Broken { logits };
        let expected = Segmenter::new(LAYOUT, 4)
            .segment(&frame, &queries, &mut broken, Keep::default(), &mut into)
            .unwrap_err();
        assert_eq!(found, expected.to_string());
        assert!(found.contains("query 1"), "{found}");
    }
}

/// Images of several sizes, and one that is none in between.
fn jobs(folder: &Path) -> Vec<Job> {
    for (name, (width_px, height_px)) in
        [("a", (131, 77)), ("c", (40, 160)), ("d", (131, 77)), ("e", (131, 77))]
    {
        let Frame { rgb, .. } = frame(width_px, height_px);
        image::save_buffer(
            folder.join(format!("{name}.png")),
            &rgb,
            width_px,
            height_px,
            image::ColorType::Rgb8,
        )
        .unwrap();
    }
    std::fs::write(folder.join("b.png"), "no image").unwrap();
    let listed = list_inputs(&[folder.into()]).into_iter();
    listed
        .map(|one| Job {
            name: file_name(&one.image),
            image: one.image,
            input: one.input,
            location: Location::default(),
        })
        .collect()
}

fn file_name(path: &str) -> String {
    Path::new(path).file_stem().unwrap().to_string_lossy().into_owned()
}

/// Outcomes in words, in order, and the files written, in the order of their names.
type Told = (Vec<String>, Vec<(String, Vec<u8>)>);

fn told(
    inputs: &Path,
    queries: &QuerySet,
    run: impl FnOnce(Vec<Job>, &Settings<'_>, &mut Sink, &mut Vec<String>),
) -> Told {
    let folder = tempfile::tempdir().unwrap();
    let mut sink =
        Sink::new(folder.path(), Products { overlay_px: Some(2048), scores: true }, queries)
            .unwrap();
    let interrupt = Interrupt::new();
    let settings = Settings {
        layout: LAYOUT,
        batch: 3,
        queries,
        keep: Keep::EVERYTHING,
        details: Details::default(),
        reading: ReadOptions::default(),
        interrupt: &interrupt,
    };
    let mut outcomes = Vec::new();
    run(jobs(inputs), &settings, &mut sink, &mut outcomes);
    let mut files: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                std::fs::read(&path).unwrap(),
            )
        })
        .collect();
    files.sort();
    (outcomes, files)
}

fn words(outcome: &pipeline::Outcome) -> String {
    match &outcome.result {
        Ok(image) => format!(
            "{}: {:?} {:?} {:?}",
            outcome.image, image.regions, image.presence, image.run_lengths
        ),
        Err(error) => format!("{}: {error}", outcome.image),
    }
}

#[test]
fn the_pipeline_writes_the_same_files_in_the_same_order() {
    let inputs = tempfile::tempdir().unwrap();
    let queries = queries("red,blue", Decision::Multilabel);
    let on_host = told(inputs.path(), &queries, |jobs, settings, sink, outcomes| {
        let observe = |outcome: pipeline::Outcome| {
            outcomes.push(words(&outcome));
            Ok::<_, SinkError>(())
        };
        pipeline::run(jobs, settings, &mut ColourEngine, sink, observe).unwrap();
    });
    let on_device = told(inputs.path(), &queries, |jobs, settings, sink, outcomes| {
        let (device, engine) = on_stream(ColourEngine);
        let Settings { layout, batch, queries, keep, .. } = *settings;
        let mut segmenter =
            DeviceSegmenter::new(&device, engine, layout, batch, queries, keep).unwrap();
        let observe = |outcome: pipeline::Outcome| {
            outcomes.push(words(&outcome));
            Ok::<_, SinkError>(())
        };
        pipeline::run_frames(jobs, settings, &mut segmenter, sink, observe).unwrap();
    });
    assert_eq!(on_host.0, on_device.0);
    assert!(on_host == on_device, "other files");
    assert_eq!((on_host.0.len(), on_host.1.len()), (5, 4 * 4));
}

#[test]
fn a_raised_interrupt_ends_the_run() {
    let inputs = tempfile::tempdir().unwrap();
    let queries = queries("red", Decision::Multilabel);
    let (device, engine) = on_stream(ColourEngine);
    let keep = Keep::default();
    let mut segmenter = DeviceSegmenter::new(&device, engine, LAYOUT, 3, &queries, keep).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut sink = Sink::new(folder.path(), Products::default(), &queries).unwrap();
    let interrupt = Interrupt::new();
    let settings = Settings {
        layout: LAYOUT,
        batch: 3,
        queries: &queries,
        keep,
        details: Details::default(),
        reading: ReadOptions::default(),
        interrupt: &interrupt,
    };
    let mut seen = 0;
    let observe = |_| {
        seen += 1;
        interrupt.raise();
        Ok::<_, SinkError>(())
    };
    pipeline::run_frames(jobs(inputs.path()), &settings, &mut segmenter, &mut sink, observe)
        .unwrap();
    assert!((1..5).contains(&seen), "{seen}");
}
