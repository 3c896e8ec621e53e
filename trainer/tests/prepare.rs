//! The command `prepare` on fake copies, from the command line to the set that comes out.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};

use rszs_data::{Split, catalogue, fixtures};

/// `rszs-train prepare` with `arguments`, in `folder`.
fn prepare(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rszs-train"));
    command.arg("prepare").args(arguments).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn land_discover_is_rebuilt_counted_and_read_as_the_set() {
    let folder = tempfile::tempdir().unwrap();
    let sources = folder.path().join("sources");
    for write in [fixtures::open_earth_map, fixtures::love_da, fixtures::deep_globe, fixtures::sior]
    {
        write(&sources).unwrap();
    }
    let arguments = [
        "landdiscover50k",
        "--sources",
        "sources",
        "--out",
        "data/LandDiscover50K",
        "--threads",
        "2",
    ];
    let output = prepare(folder.path(), &arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let expected = "\
source           written      kept published
OpenEarthMap           3         0      3500  3497 fewer than published
LoveDA                 4         0      4191  4187 fewer than published
DeepGlobe              8         0      3212  3204 fewer than published
SOTA                   0         0     17480  left out: no folder SOTA below --sources
SIOR                   3         0     23463  23460 fewer than published
all                   18         0     51846  0 of 5 sources as published
";
    assert_eq!(text(&output.stdout), expected);
    let set = catalogue::open("LandDiscover50K", &folder.path().join("data")).unwrap();
    assert_eq!(set.len(Split::Train), 18);
    for index in 0..set.len(Split::Train) {
        set.sample(Split::Train, index).unwrap();
    }
    let again = text(&prepare(folder.path(), &arguments).stdout);
    assert!(
        again.ends_with(
            "all                    0        18     51846  0 of 5 sources as published\n"
        ),
        "{again}"
    );
}

#[test]
fn tiles_are_cut_and_read_as_a_set_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    fixtures::flood_net(folder.path()).unwrap();
    let output = prepare(
        folder.path(),
        &["tiles", "FloodNet", "--data", ".", "--out", "tiles", "--side", "8"],
    );
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "tiles: 24 tiles written, 0 were there\n");
    let set = catalogue::open("tiles", folder.path()).unwrap();
    assert_eq!((set.len(Split::Train), set.len(Split::Val)), (12, 12));
}

#[test]
fn what_is_missing_and_what_is_wrong_is_said_on_stderr_with_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let output = prepare(folder.path(), &["landdiscover50k", "--sources", ".", "--out", "set"]);
    assert_eq!(output.status.code(), Some(1));
    let expected = "error: .: expected some of the folders OpenEarthMap, LoveDA, DeepGlobe, SOTA, \
        SIOR, found none\n";
    assert_eq!(text(&output.stderr), expected);
    assert!(!folder.path().join("set").exists());
    let output =
        prepare(folder.path(), &["tiles", "Potsdam", "--data", ".", "--out", "set", "--side", "0"]);
    assert_eq!(output.status.code(), Some(2));
    let output = prepare(folder.path(), &["tiles", "Potsdm", "--data", ".", "--out", "set"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("Potsdm: expected one of the sets dubai,"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn the_help_says_where_every_source_belongs() {
    let help = text(&prepare(Path::new("."), &["landdiscover50k", "--help"]).stdout);
    for source in ["OpenEarthMap", "LoveDA", "DeepGlobe", "SOTA", "SIOR", "51,846", "sources.json"]
    {
        assert!(help.contains(source), "{source} in {help}");
    }
}
