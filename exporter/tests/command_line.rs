//! The program from outside: help, exit codes, messages.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::path::Path;
use std::process::{Command, Output};

use rszs_bundle::{Bundle, VerifyOptions};
use rszs_export::checkpoint::Checkpoint;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rszs-export")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn help_teaches_and_lists_the_exit_codes() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    for taught in ["Examples:", "--checkpoint nano.safetensors", "Exit codes:", "word file"] {
        assert!(text(&output.stdout).contains(taught), "{taught}");
    }
}

#[test]
fn a_wrong_command_line_is_exit_2_and_lists_the_known_values() {
    assert_eq!(run(&[]).status.code(), Some(2));
    let output = run(&["inspect", "--preset", "b17"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("[possible values: nano, b32, b16, l14]"));
    let output = run(&["bundle", "--thresholds", "flood=2"]);
    assert_eq!(output.status.code(), Some(2));
    let output = run(&["bundle", "--precision", "int8"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("[possible values: fp32, fp16]"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_missing_checkpoint_is_exit_1_and_names_the_file() {
    let output = run(&["inspect", "nowhere.safetensors"]);
    assert_eq!(output.status.code(), Some(1));
    let message = text(&output.stderr);
    assert!(
        message
            .starts_with("error: nowhere.safetensors: expected a file that can be read, found: "),
        "{message}"
    );
    assert_eq!(message.lines().count(), 1);
}

#[test]
fn the_costs_of_a_preset_need_no_file() {
    let output = run(&["inspect", "--preset", "b16", "--frozen", "text"]);
    let table = text(&output.stdout);
    assert!(table.contains("63428096 for text"), "{table}");
    assert!(table.contains("carh"), "{table}");
    let dump = text(&run(&["inspect", "--preset", "nano", "--dump", "text"]).stdout);
    assert!(dump.starts_with("tokens: [K, 32] = input() {I32}\n"), "{dump}");
}

#[test]
fn the_memory_of_training_needs_no_file_and_names_the_switch() {
    let sizes = ["--images", "2", "--queries", "40", "--budget-gib", "14"];
    let output = run(&[&["inspect", "--preset", "l14", "--memory"], &sizes[..]].concat());
    let table = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(table.starts_with("training, GiB for N = 2, K = 40"), "{table}");
    let row = |start: &str| {
        table.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{table}"))
    };
    assert!(row("attention  freeze ").ends_with("  fits"), "{table}");
    assert!(
        row("attention  attention ").ends_with("  fits with train.precision = \"bfloat16\""),
        "{table}"
    );
    assert!(
        row("full       full ").ends_with("  fits with train.recompute = \"blocks\""),
        "{table}"
    );
    let output = run(&["inspect", "--preset", "l14", "--budget-gib", "24"]);
    assert_eq!(output.status.code(), Some(2), "a budget without --memory");
}

#[test]
fn a_random_checkpoint_becomes_an_onnx_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (checkpoint, model) = (path("nano.safetensors"), path("text.onnx"));
    let output = run(&["random", "--preset", "nano", "--output", &checkpoint]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let output = run(&["onnx", "--checkpoint", &checkpoint, "--graph", "text", "--output", &model]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("embeddings"), "what was compared is reported");
    assert!(Path::new(&model).exists());
    let output = run(&["inspect", &model]);
    assert!(text(&output.stdout).contains("input tokens [?, 32]"), "{}", text(&output.stdout));
}

#[test]
fn a_checkpoint_a_word_file_and_a_tokenizer_become_a_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (checkpoint, tokenizer, words) =
        (path("small.safetensors"), path("tokenizer.json"), path("words.txt"));
    std::fs::write(&tokenizer, r#"{"merges": ["f l", "r o"]}"#).unwrap();
    std::fs::write(&words, "flood, flooded area = 56b4e9\nroad # not a path\n").unwrap();
    let sizes =
        ["--preset", "nano", "--tile-px", "64", "--tokenizer", &tokenizer, "--output", &checkpoint];
    let output = run(&[&["random"], &sizes[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));

    let inputs = ["--checkpoint", &checkpoint, "--tokenizer", &tokenizer, "--vocabulary", &words];
    for (target, fold) in [(path("open"), &[][..]), (path("folded"), &["--fold"][..])] {
        let output = run(&[
            &["bundle"],
            &inputs[..],
            &["--template-set", "plain", "--output", &target],
            fold,
        ]
        .concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(
            text(&output.stdout).starts_with(&format!("{target}: 2 classes, ")),
            "{}",
            text(&output.stdout)
        );
        assert_eq!(Path::new(&target).join("text.fp32.onnx").exists(), fold.is_empty());
    }

    // In half precision as well, where ONNX Runtime can prove it.
    let target = path("half");
    let output =
        run(&[&["bundle"], &inputs[..], &["--precision", "fp32,fp16", "--output", &target]]
            .concat());
    let (proven, message) = (output.status.success(), text(&output.stderr));
    assert!(
        proven
            || message.contains("model.fp16.onnx: expected a library of ONNX Runtime, found none"),
        "{message}"
    );
    assert_eq!(Path::new(&target).join("model.fp16.onnx").exists(), proven);

    let again = path("again.safetensors");
    let output = run(&["checkpoint", "--bundle", &path("open"), "--output", &again]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let [before, after] =
        [&checkpoint, &again].map(|file| Checkpoint::read(Path::new(file)).unwrap());
    assert_eq!(
        (before.config, before.parameters),
        (after.config, after.parameters),
        "every weight comes back"
    );
    let output = run(&["checkpoint", "--bundle", &path("folded"), "--output", &again]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("folded: expected text.fp32.onnx, found none"),
        "{}",
        text(&output.stderr)
    );

    let (bundle, card) = (path("open"), path("card.md"));
    let output = run(&["card", "--bundle", &bundle, "--model-card", &card]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("card.md: expected a file that can be read"),
        "{}",
        text(&output.stderr)
    );
    std::fs::write(&card, "# measured\n").unwrap();
    let output = run(&["card", "--bundle", &bundle, "--model-card", &card]);
    assert!(
        text(&output.stdout).starts_with(&format!("{bundle}: release 2, ")),
        "{}",
        text(&output.stderr)
    );
    let bundle = Bundle::open(Path::new(&bundle), &VerifyOptions::default()).unwrap();
    assert_eq!((bundle.manifest().counter, bundle.model_card()), (2, "# measured\n"));
}

#[test]
fn a_library_that_was_asked_for_and_is_not_there_stops_the_export() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (checkpoint, model) = (path("nano.safetensors"), path("text.onnx"));
    run(&["random", "--preset", "nano", "--output", &checkpoint]);
    let inputs = ["--checkpoint", &checkpoint, "--graph", "text", "--output", &model];
    let output =
        run(&[&["onnx"], &inputs[..], &["--onnxruntime", "/nowhere/libonnxruntime.so"]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("/nowhere/libonnxruntime.so"),
        "{}",
        text(&output.stderr)
    );
    assert!(!Path::new(&model).exists());
}
