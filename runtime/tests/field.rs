//! What goes wrong in the field and must not pass unnoticed, nor take the rest of a run with it. On
//! the embedded engine.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use image::RgbImage;
use rszs_edge::cli::events::Event;
use tempfile::TempDir;

struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

fn segment<S: AsRef<OsStr>>(output: &Path, more: impl IntoIterator<Item = S>) -> Run {
    let bundle = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bundles/nano");
    let mut command = Command::new(env!("CARGO_BIN_EXE_rszs-edge"));
    command
        .args(["--engine", "embedded", "--bundle"])
        .arg(bundle)
        .arg("--output")
        .arg(output)
        .args(more);
    let output = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let code = output.status.code().expect("an exit code");
    Run { code, stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Writes a small image under a name of any bytes.
fn image(folder: &TempDir, name: &[u8]) -> PathBuf {
    let path = folder.path().join(OsStr::from_bytes(name));
    RgbImage::from_fn(16, 16, |x, y| image::Rgb([x as u8, y as u8, 0]))
        .save_with_format(&path, image::ImageFormat::Png)
        .unwrap();
    path
}

#[test]
fn a_slip_of_the_pen_is_told_with_what_was_meant() {
    let folder = TempDir::new().unwrap();
    let image = image(&folder, b"a.png");
    let run = segment(
        folder.path(),
        [OsStr::new("--queries"), OsStr::new("flod,building,Flood Water=0.5"), image.as_os_str()],
    );
    assert_eq!(run.code, 0, "{}", run.stderr);
    let warnings: Vec<&str> =
        run.stderr.lines().filter(|line| line.starts_with("warning: ")).collect();
    assert_eq!(warnings.len(), 1, "{}", run.stderr);
    assert!(
        warnings[0]
            .starts_with("warning: flod: not a name of the bundle's vocabulary (nearest: flood"),
        "{}",
        warnings[0]
    );
    assert!(warnings[0].contains("with an unmeasured threshold of 0."), "{}", warnings[0]);
}

#[test]
fn many_free_words_are_counted_not_listed_and_more_threads_than_processors_are_told() {
    let folder = TempDir::new().unwrap();
    let image = image(&folder, b"a.png");
    let words: Vec<String> = (0..9).map(|number| format!("word{number}")).collect();
    // One more than there are shows as much as a thousand would, and leaves the machine to the
    // other tests.
    let threads = std::thread::available_parallelism().unwrap().get() + 1;
    let (words, threads) = (words.join(","), threads.to_string());
    let run = segment(
        folder.path(),
        ["--queries", &words, "--threads", &threads, image.to_str().unwrap()],
    );
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.stderr.matches(": not a name of").count(), 5, "{}", run.stderr);
    assert!(run.stderr.contains("and 4 more"), "{}", run.stderr);
    assert!(
        run.stderr.contains(&format!("warning: --threads {threads}: more than the ")),
        "{}",
        run.stderr
    );
}

#[test]
fn names_of_any_bytes_and_any_length_get_results_and_never_reach_the_terminal_raw() {
    let folder = TempDir::new().unwrap();
    let output = folder.path().join("out");
    let long = [&[b'l'; 251][..], b".png"].concat();
    let names: [&[u8]; 4] = [b"bad\xff\xfe.png", b"new\nline.png", b"esc\x1b[31mred.png", &long];
    let images = names.map(|name| image(&folder, name));
    fs::write(folder.path().join("not\nan\nimage.png"), b"x").unwrap();
    let broken = folder.path().join("not\nan\nimage.png");
    let all = ["--queries", "flood", "--scores"]
        .iter()
        .map(OsStr::new)
        .chain(images.iter().chain([&broken]).map(|path| path.as_os_str()));
    let run = segment(&output, all);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert_eq!(run.stdout.lines().count(), names.len(), "one line an image: {}", run.stdout);
    assert!(
        !run.stdout.contains('\x1b') && run.stdout.contains("esc\\u{1b}[31mred"),
        "{}",
        run.stdout
    );
    assert!(run.stderr.contains("not\\nan\\nimage.png: expected a JPEG"), "{}", run.stderr);
    assert_eq!(
        fs::read_dir(&output).unwrap().count(),
        names.len() * 3,
        "mask, overlay and scores each"
    );
}

#[test]
fn a_run_that_cannot_go_on_says_in_json_how_far_it_came() {
    let folder = TempDir::new().unwrap();
    let images = [image(&folder, b"a.png"), image(&folder, b"b.png")];
    let output = folder.path().join("out");
    // A folder in the place of a result cannot be replaced by a file.
    fs::create_dir_all(output.join("b.mask.png/full")).unwrap();
    let run = segment(
        &output,
        ["--queries", "flood", "--json", images[0].to_str().unwrap(), images[1].to_str().unwrap()],
    );
    assert_eq!(run.code, 6, "{}", run.stderr);
    let last: Event = serde_json::from_str(run.stdout.lines().last().unwrap()).unwrap();
    let Event::Summary(summary) = last else { panic!("{}", run.stdout) };
    assert_eq!((summary.done, summary.exit_status), (1, 6));
    assert!(run.stderr.contains("b.mask.png: expected to write the file"), "{}", run.stderr);
}

#[test]
fn what_a_killed_run_left_is_gone_after_the_next() {
    let folder = TempDir::new().unwrap();
    let image = image(&folder, b"a.png");
    let output = folder.path().join("out");
    fs::create_dir(&output).unwrap();
    fs::write(output.join(".big.mask.png.4650.part"), b"half").unwrap();
    let run = segment(&output, ["--queries", "flood", image.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains(" 1 tile "), "{}", run.stdout);
    assert!(!output.join(".big.mask.png.4650.part").exists());
}
