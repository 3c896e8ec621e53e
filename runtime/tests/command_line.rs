//! `rszs-edge` as it is typed: help, exit codes, files, JSON Lines, bad input. On the default
//! bundle and the embedded engine.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use image::{ImageFormat, Rgb, RgbImage};
use rszs_edge::cli::events::Event;
use tempfile::TempDir;

fn bundle() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../bundles/nano")
}

struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

fn edge(arguments: &[&str]) -> Run {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_rszs-edge"))
        .args(arguments)
        .output()
        .expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Run { code: status.code().expect("an exit code"), stdout: text(stdout), stderr: text(stderr) }
}

/// Segments for `flood,building` into `output`, with more arguments.
fn segment(output: &Path, more: &[&str]) -> Run {
    segment_for("flood,building", output, more)
}

fn segment_for(queries: &str, output: &Path, more: &[&str]) -> Run {
    segment_with(&bundle(), output, &[&["--queries", queries], more].concat())
}

fn segment_with(bundle: &Path, output: &Path, more: &[&str]) -> Run {
    let (bundle, output) = (bundle.to_str().unwrap(), output.to_str().unwrap());
    edge(&[&["--engine", "embedded", "--bundle", bundle, "--output", output], more].concat())
}

fn image(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([(x * 7 % 256) as u8, (y * 5 % 256) as u8, ((x + y) % 256) as u8])
    })
}

/// Writes an image and gives its path as text.
fn written(folder: &TempDir, name: &str, image: &RgbImage, format: ImageFormat) -> String {
    let path = folder.path().join(name);
    image.save_with_format(&path, format).unwrap();
    path.to_str().unwrap().to_owned()
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.collect();
    names.sort();
    names
}

#[test]
fn verbose_names_every_engine_that_would_have_been_better() {
    let folder = tempfile::tempdir().unwrap();
    let image = written(&folder, "a.png", &image(32, 32), ImageFormat::Png);
    let (bundle, output) = (bundle(), folder.path().join("out"));
    let arguments = [
        "--queries",
        "flood",
        "--bundle",
        bundle.to_str().unwrap(),
        "--output",
        output.to_str().unwrap(),
    ];
    let run = edge(&[&arguments[..], &["--verbose", "--precision", "fp32", &image]].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    let named = |middle| {
        let line = move |line: &str| {
            line.strip_prefix("engine ")?.split_once(middle).map(|(name, _)| name.to_owned())
        };
        run.stderr.lines().filter_map(line).collect::<Vec<_>>()
    };
    let (skipped, used) = (named(" skipped: "), named(", self-test off by "));
    let engines = ["tensorrt", "tensorrt-rtx", "cuda", "cpu", "embedded"];
    assert_eq!(skipped, engines[..skipped.len()]);
    assert!(used[0].starts_with(&format!("{} ", engines[skipped.len()])), "{used:?}");
}

#[test]
fn help_has_examples_and_every_exit_status() {
    let help = edge(&["--help"]);
    assert_eq!(help.code, 0);
    for part in ["Examples:", "--queries flood,building", "JSON Lines", "Exit status:", "130"] {
        assert!(help.stdout.contains(part), "{part}");
    }
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    let folder = TempDir::new().unwrap();
    assert_eq!(edge(&[]).code, 2);
    assert_eq!(edge(&["--queries", "flood", "--no-such-flag"]).code, 2);
    let decision = edge(&["--queries", "flood", "--decision", "both"]);
    assert_eq!(decision.code, 2);
    assert!(decision.stderr.contains("multilabel, exclusive"), "{}", decision.stderr);
    let threshold = segment_for("flood=1.5", folder.path(), &[]);
    assert_eq!(threshold.code, 2, "{}", threshold.stderr);
}

#[test]
fn an_image_gives_a_mask_of_its_size_and_an_overlay() {
    let folder = TempDir::new().unwrap();
    let output = folder.path().join("out");
    let input = written(&folder, "field.png", &image(301, 203), ImageFormat::Png);
    let run = segment(&output, &[&input]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(names_in(&output), ["field.mask.png", "field.overlay.png"]);
    let decoder = png::Decoder::new(std::io::BufReader::new(
        fs::File::open(output.join("field.mask.png")).unwrap(),
    ));
    let reader = decoder.read_info().unwrap();
    assert_eq!(reader.info().color_type, png::ColorType::Indexed);
    assert_eq!((reader.info().width, reader.info().height), (301, 203));
}

#[test]
fn json_lines_are_begin_masks_end_and_summary() {
    let folder = TempDir::new().unwrap();
    let input = written(&folder, "field.jpg", &image(300, 200), ImageFormat::Jpeg);
    let run =
        segment_for("flood=0.25,house", &folder.path().join("out"), &[&input, "--json", "--rle"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let events: Vec<Event> =
        run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [
        Event::Begin(begin),
        Event::Mask(flood),
        Event::Mask(house),
        Event::End(end),
        Event::Summary(summary),
    ] = &events[..]
    else {
        panic!("{}", run.stdout);
    };
    assert_eq!(begin.queries[0].threshold, Some(0.25));
    assert_eq!(begin.queries[0].threshold_source.as_deref(), Some("typed"));
    assert_eq!(begin.queries[1].vocabulary.as_deref(), Some("building"), "house is a synonym");
    assert!(begin.engine.self_test_difference <= begin.engine.self_test_tolerance);
    assert_eq!((flood.index, house.index), (1, 2));
    assert_eq!(flood.rle.as_ref().unwrap().size, [200, 300]);
    assert!((flood.fraction - flood.pixels as f64 / 60_000.0).abs() < 1e-12);
    let done = end.done.as_ref().unwrap();
    assert_eq!((done.width, done.height), (300, 200));
    assert!(done.times.engine_us > 0);
    assert_eq!((summary.done, summary.failed, summary.exit_status), (1, 0, 0));
}

#[test]
fn regions_are_told_behind_their_mask_and_add_up_to_it() {
    let folder = TempDir::new().unwrap();
    let run = segment_for(
        "flood:#ff00ff",
        &folder.path().join("out"),
        &["--json", "--regions", "100000", "--gsd", "0.5"],
    );
    assert_eq!(run.code, 0, "{}", run.stderr);
    let events: Vec<Event> =
        run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let Event::Begin(begin) = &events[0] else { panic!("{}", run.stdout) };
    assert_eq!(begin.queries[0].colour, "#ff00ff");
    let Event::Mask(mask) = &events[1] else { panic!("{}", run.stdout) };
    let regions: Vec<_> = events
        .iter()
        .filter_map(|event| if let Event::Region(region) = event { Some(region) } else { None })
        .collect();
    assert!(mask.rle.is_none() && mask.pixels > 0 && !regions.is_empty(), "{}", run.stdout);
    assert_eq!(regions.iter().map(|region| region.pixels).sum::<u64>(), mask.pixels);
    assert!(regions.is_sorted_by_key(|region| (u64::MAX - region.pixels, region.rank)));
    assert_eq!(regions[0].area_m2, Some(regions[0].pixels as f64 / 4.0));
    let sum: f64 = regions.iter().map(|region| region.mean_score * region.pixels as f64).sum();
    let mean = sum / mask.pixels as f64;
    assert!((mean - mask.mean_score.unwrap()).abs() < 1.0 / 255.0, "{mean}");
}

#[test]
fn a_jpeg_has_a_small_jpeg_overlay_and_what_was_there_of_another_kind_goes() {
    let folder = TempDir::new().unwrap();
    let output = folder.path().join("out");
    let input = written(&folder, "field.jpg", &image(300, 200), ImageFormat::Jpeg);
    fs::create_dir(&output).unwrap();
    fs::write(output.join("field.overlay.png"), "of an earlier run").unwrap();
    let run = segment(&output, &[&input, "--overlay-max", "100"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(names_in(&output), ["field.mask.png", "field.overlay.jpg"]);
    let overlay = image::open(output.join("field.overlay.jpg")).unwrap();
    assert_eq!(overlay.width(), 100);
    assert!(overlay.height() > 67, "a legend below the image");
}

#[test]
fn what_is_done_is_left_out_until_the_queries_change() {
    let folder = TempDir::new().unwrap();
    let output = folder.path().join("out");
    let one = written(&folder, "one.png", &image(64, 64), ImageFormat::Png);
    assert_eq!(segment(&output, &[&one, "--no-overlay", "--skip-done"]).code, 0);
    let two = written(&folder, "two.png", &image(64, 64), ImageFormat::Png);
    let begin = |queries: &str| {
        let line = [&one, &two, "--no-overlay", "--skip-done", "--json"];
        let run = segment_for(queries, &output, &line);
        assert_eq!(run.code, 0, "{}", run.stderr);
        match serde_json::from_str(run.stdout.lines().next().unwrap()).unwrap() {
            Event::Begin(begin) => (begin.images, begin.skipped),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(begin("flood,building"), (1, 1));
    assert_eq!(begin("flood,building"), (0, 2));
    assert_eq!(begin("flood"), (2, 0));
    fs::remove_file(output.join("two.mask.png")).unwrap();
    assert_eq!(begin("flood"), (1, 1));
}

#[test]
fn a_card_with_notes_of_a_mac_and_a_film_is_no_failure() {
    let folder = TempDir::new().unwrap();
    let card = folder.path().join("card");
    fs::create_dir_all(card.join("100MEDIA")).unwrap();
    image(64, 64).save(card.join("100MEDIA/DJI_0001.JPG")).unwrap();
    fs::write(card.join("100MEDIA/._DJI_0001.JPG"), b"\0\x05\x16\x07").unwrap();
    fs::write(card.join("100MEDIA/DJI_0002.MP4"), b"\0\0\0\x20ftypisom").unwrap();
    let output = folder.path().join("out");
    let run = segment(&output, &["-r", card.to_str().unwrap(), "--no-overlay"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(names_in(&output), ["100MEDIA-DJI_0001.mask.png"]);
    assert!(run.stderr.contains("1 file of other formats passed over: 1 MP4"), "{}", run.stderr);
}

#[test]
fn a_word_that_the_vocabulary_lacks_goes_through_the_text_tower() {
    let folder = TempDir::new().unwrap();
    let input = written(&folder, "field.png", &image(64, 64), ImageFormat::Png);
    let run = segment_for("solar panels", &folder.path().join("out"), &[&input, "--json"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let Event::Begin(begin) = serde_json::from_str(run.stdout.lines().next().unwrap()).unwrap()
    else {
        panic!()
    };
    assert_eq!(begin.queries[0].vocabulary, None);
    assert_eq!(begin.queries[0].threshold_source.as_deref(), Some("borrowed"));
}

#[test]
fn folders_and_globs_name_their_images() {
    let folder = TempDir::new().unwrap();
    let output = folder.path().join("out");
    for name in ["a.png", "b.png"] {
        written(&folder, name, &image(64, 48), ImageFormat::Png);
    }
    let glob = format!("{}/*.png", folder.path().display());
    assert_eq!(segment(&output, &[&glob, "--no-overlay"]).code, 0);
    assert_eq!(names_in(&output), ["a.mask.png", "b.mask.png"]);
    let again = folder.path().join("again");
    assert_eq!(segment(&again, &[folder.path().to_str().unwrap(), "--no-overlay"]).code, 0);
    assert_eq!(names_in(&again), ["a.mask.png", "b.mask.png"]);
}

#[test]
fn images_of_one_pixel_and_of_twenty_thousand_rows_get_masks() {
    let folder = TempDir::new().unwrap();
    let one = written(&folder, "one.png", &image(1, 1), ImageFormat::Png);
    let tall = written(&folder, "tall.png", &image(1, 20_000), ImageFormat::Png);
    let output = folder.path().join("out");
    let run = segment(&output, &[&one, &tall, "--no-overlay"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(image::image_dimensions(output.join("one.mask.png")).unwrap(), (1, 1));
    assert_eq!(image::image_dimensions(output.join("tall.mask.png")).unwrap(), (1, 20_000));
}

/// Every kind of bad input, with a word that its error must hold.
fn bad_inputs(folder: &TempDir) -> Vec<(String, &'static str)> {
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let jpeg = fs::read(written(folder, "whole.jpg", &image(200, 200), ImageFormat::Jpeg)).unwrap();
    fs::remove_file(path("whole.jpg")).unwrap();
    fs::write(path("truncated.jpg"), &jpeg[..jpeg.len() / 2]).unwrap();
    fs::write(path("empty.jpg"), b"").unwrap();
    fs::write(path("text.jpg"), b"this is no image").unwrap();
    let mislabelled = written(folder, "mislabelled.jpg", &image(8, 8), ImageFormat::Png);
    let mut huge = fs::read(written(folder, "huge.png", &image(8, 8), ImageFormat::Png)).unwrap();
    huge[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
    fs::write(path("huge.png"), huge).unwrap();
    vec![
        (path("missing.jpg"), "expected"),
        (path("truncated.jpg"), "ends early"),
        (path("empty.jpg"), "found"),
        (path("text.jpg"), "found"),
        (mislabelled, "PNG"),
        (path("huge.png"), "huge.png"),
    ]
}

#[test]
fn bad_inputs_are_named_and_the_others_are_segmented() {
    let folder = TempDir::new().unwrap();
    let output = folder.path().join("out");
    let good = written(&folder, "good.png", &image(64, 64), ImageFormat::Png);
    let bad = bad_inputs(&folder);
    let mut inputs: Vec<&str> = bad.iter().map(|(path, _)| path.as_str()).collect();
    inputs.push(&good);
    let run = segment(&output, &inputs);
    assert_eq!(run.code, 1, "{}", run.stderr);
    for (path, word) in &bad {
        let named: Vec<&str> =
            run.stderr.lines().filter(|line| line.contains(path.as_str())).collect();
        assert_eq!(named.len(), 1, "{path}: one line in {}", run.stderr);
        assert!(named[0].contains(word), "{}", named[0]);
    }
    assert_eq!(names_in(&output), ["good.mask.png", "good.overlay.png"], "no partial output");
}

#[test]
fn the_size_of_a_pixel_gives_areas_and_shows_fine_images_smaller() {
    let folder = TempDir::new().unwrap();
    let input = written(&folder, "field.png", &image(701, 503), ImageFormat::Png);
    let run = segment(&folder.path().join("out"), &[&input, "--gsd", "0.02", "--json"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let events: Vec<Event> =
        run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [Event::Begin(begin), Event::Mask(mask), _, Event::End(end), _] = &events[..] else {
        panic!("{}", run.stdout)
    };
    assert_eq!((begin.gsd_m, begin.reduction), (Some(0.02), 8));
    assert!((mask.area_m2.unwrap() - mask.pixels as f64 * 0.0004).abs() < 1e-6);
    let done = end.done.as_ref().unwrap();
    assert_eq!((done.width, done.height, done.tiles), (701, 503, 1), "one tile covers 2048 pixels");
    assert!(run.stderr.contains("8 times smaller"), "{}", run.stderr);
    let mask = image::open(&done.files[0]).unwrap();
    assert_eq!((mask.width(), mask.height()), (701, 503));
    let refused = segment(&folder.path().join("out"), &[&input, "--gsd", "2cm"]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("expected metres per pixel"), "{}", refused.stderr);
}

#[test]
fn a_bundle_with_a_flipped_byte_is_refused_by_the_name_of_the_file() {
    let folder = TempDir::new().unwrap();
    for entry in files_below(&bundle()) {
        let copy = folder.path().join("bundle");
        copy_folder(&bundle(), &copy);
        let name = entry.strip_prefix(bundle()).unwrap();
        let mut bytes = fs::read(copy.join(name)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(copy.join(name), bytes).unwrap();
        let run = segment_with(&copy, &folder.path().join("out"), &["--queries", "flood"]);
        assert_eq!(run.code, 3, "{}: {}", name.display(), run.stderr);
        let named = name.file_name().unwrap().to_str().unwrap();
        assert!(run.stderr.contains(named), "{named}: {}", run.stderr);
        assert!(!folder.path().join("out").exists(), "nothing is written");
        fs::remove_dir_all(copy).unwrap();
    }
}

#[test]
fn int8_is_refused_by_the_embedded_engine_and_an_unknown_precision_lists_the_known() {
    let folder = TempDir::new().unwrap();
    let run = segment(&folder.path().join("out"), &["--precision", "int8"]);
    assert_eq!(run.code, 4, "{}", run.stderr);
    let expected = "embedded: expected a model file of precision fp32, found --precision int8";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
    let (bundle, output) = (bundle(), folder.path().join("auto"));
    let arguments = [
        "--queries",
        "flood",
        "--bundle",
        bundle.to_str().unwrap(),
        "--output",
        output.to_str().unwrap(),
    ];
    let run = edge(&[&arguments[..], &["--precision", "int8"]].concat());
    assert!(!run.stderr.contains("tensorrt skipped"), "nobody asked for it: {}", run.stderr);
    let run = segment(&folder.path().join("out"), &["--precision", "fp8"]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stderr.contains("auto, fp32, fp16, int8"), "{}", run.stderr);
}

#[test]
fn a_bundle_that_is_not_there_is_refused() {
    let folder = TempDir::new().unwrap();
    let run = segment_with(&folder.path().join("none"), folder.path(), &["--queries", "flood"]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(run.stderr.contains("none"), "{}", run.stderr);
}

#[test]
fn an_output_that_cannot_be_a_folder_is_an_output_error() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"in the way").unwrap();
    let input = written(&folder, "field.png", &image(64, 64), ImageFormat::Png);
    let run = segment(&file, &[&input]);
    assert_eq!(run.code, 6, "{}", run.stderr);
    assert_eq!(fs::read(&file).unwrap(), b"in the way");
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

fn copy_folder(from: &Path, to: &Path) {
    for file in files_below(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(file, target).unwrap();
    }
}
