//! Every experiment on generated images with a tiny network: the real path, whose numbers mean
//! nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rszs_data::fixtures;
use rszs_train::evaluate::Protocol;
use rszs_train::experiment::{self, Experiment, ExperimentOptions, Plan};
use rszs_train::{RunConfig, TrainError};
use serde_json::Value;
use tch::Device;

const SETS: [&str; 2] = ["dubai", "flood_area"];

/// Changes for `steps` steps on two sets.
fn changes(folder: &Path, steps: u64) -> Vec<String> {
    let mut changes = support::changes(folder, steps);
    let source = |set: &str| {
        format!(
            "{{ set = '{set}', weight = 1.0, scale_min = 1.0, scale_max = 2.0, oblique = true }}"
        )
    };
    changes.push(format!("train.sources = [{}]", SETS.map(source).join(", ")));
    changes.push("evaluate.overlap_px = 16".to_owned());
    changes
}

/// The same with the sizes of images and patches left to the preset.
fn changes_of_any_preset(folder: &Path) -> Vec<String> {
    let of_size = |change: &String| {
        !["network.tile_px", "network.vlm", "network.rsi"].iter().any(|key| change.starts_with(key))
    };
    let mut changes: Vec<String> = changes(folder, 1).into_iter().filter(of_size).collect();
    let streams = [
        "vlm = { width = 16, heads = 2, layers = 3 }",
        "rsi = { width = 16, heads = 2, layers = 2 }",
    ];
    changes.extend(streams.map(|stream| format!("network.{stream}")));
    changes.extend(
        ["network.vlm_taps = [1, 0]", "train.augment.tile_px = 512", "train.batch_size = 1"]
            .map(str::to_owned),
    );
    changes
}

fn options(folder: &Path) -> ExperimentOptions {
    ExperimentOptions {
        from: Some(folder.join("text.safetensors")),
        runs: folder.join("runs"),
        sets: SETS.map(str::to_owned).to_vec(),
        limit: Some(1),
        protocol: Protocol::Deployment,
        novel: Vec::new(),
    }
}

fn prepared() -> tempfile::TempDir {
    support::single_thread();
    let folder = tempfile::tempdir().unwrap();
    support::start(folder.path());
    fixtures::dubai(folder.path()).unwrap();
    folder
}

fn description(changes: &[String]) -> RunConfig {
    RunConfig::read(&support::nano(), changes).unwrap()
}

/// Runs an experiment twice; returns its table. The second time nothing is done.
fn run(experiment: Experiment, config: &RunConfig, options: &ExperimentOptions) -> Value {
    let plan = Plan::new(experiment, config, options).unwrap();
    assert!(!plan.to_string().contains("| finished |"), "{plan}");
    let table = experiment::run(config, &plan, Device::Cpu).unwrap().to_string();
    let folder = options.runs.join(experiment.name());
    assert_eq!(fs::read_to_string(folder.join("table.md")).unwrap(), format!("{table}\n"));

    assert_eq!(plan.to_string().matches("| finished |").count(), plan.runs.len(), "{plan}");
    let metrics = |run: &str| fs::read(folder.join(run).join("metrics.jsonl")).unwrap_or_default();
    let before: Vec<Vec<u8>> = plan.runs.iter().map(|run| metrics(&run.name)).collect();
    assert_eq!(experiment::run(config, &plan, Device::Cpu).unwrap().to_string(), table);
    assert!(
        plan.runs.iter().map(|run| metrics(&run.name)).eq(before),
        "a finished run was repeated"
    );
    serde_json::from_slice(&fs::read(folder.join("table.json")).unwrap()).unwrap()
}

/// The runs of a table, each with a number in every one of its `columns`.
fn rows(table: &Value, columns: usize) -> Vec<String> {
    let row = |row: &Value| {
        let ours = row["ours"].as_array().unwrap();
        let run = row["run"].as_str()?.to_owned();
        assert!(ours.len() == columns && ours.iter().all(Value::is_number), "{row}");
        Some(run)
    };
    table["rows"].as_array().unwrap().iter().filter_map(row).collect()
}

#[test]
fn parts_policies_weights_and_sources_are_trained_and_tabulated() {
    let folder = prepared();
    let (config, options) = (description(&changes(folder.path(), 1)), options(folder.path()));
    let of = |experiment| run(experiment, &config, &options);
    let table = of(Experiment::Table2);
    assert_eq!(rows(&table, 3), ["dsfe", "ms_cam", "carh", "full"]);
    assert_eq!(table["rows"][3]["paper"].to_string(), "[20.55,17.02,46.1,43.08,31.69]");
    assert_eq!(table["rows"][0]["paper"].to_string(), "[17.9,13.2,35.6,39.0,26.43]");
    let table = of(Experiment::Table3);
    let runs = rows(&table, 3);
    assert_eq!((runs.len(), runs[3].as_str()), (9, "attention_freeze"));
    assert_eq!(
        (&table["rows"][3]["paper"][4], &table["rows"][0]["paper"][4]),
        (&31.69.into(), &22.28.into())
    );
    let table = of(Experiment::Table6);
    assert_eq!(
        rows(&table, 3),
        [0, 1, 2, 3, 4].map(|tenths| format!("lambda_{:?}", f64::from(tenths) / 10.0))
    );
    assert_eq!(table["rows"][4]["paper"].to_string(), "[19.9,16.5,44.9,42.0,30.83]");
    assert_eq!(rows(&of(Experiment::Figure3), 3), ["all", "only_dubai", "only_flood_area"]);
    // Each run is an ordinary one, of the network and the policy that the row says.
    let network = |run: &str| {
        RunConfig::read(&options.runs.join(run).join("config.toml"), &[]).unwrap().network().clone()
    };
    assert!(
        !network("table2/carh").multi_scale_cross_attention
            && network("table2/carh").category_adaptive_head
    );
    let written =
        fs::read_to_string(options.runs.join("table3/full_attention/config.toml")).unwrap();
    assert!(
        written.contains("vlm = \"full\"") && written.contains("rsi = \"attention\""),
        "{written}"
    );
}

#[test]
fn a_novel_word_is_hidden_from_training_and_counted_apart() {
    let folder = prepared();
    let config = description(&changes(folder.path(), 1));
    let sets = vec!["dubai".to_owned()];
    let options =
        ExperimentOptions { novel: vec!["road".to_owned()], sets, ..options(folder.path()) };
    let table = run(Experiment::Table4, &config, &options);
    assert_eq!(table["ours"].to_string(), r#"["dubai base","dubai novel","dubai harmonic mean"]"#);
    assert_eq!(rows(&table, 3), ["all_but_novel"]);
    let run = fs::read(options.runs.join("table4/all_but_novel/run.json")).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&run).unwrap()["exclude_queries"][0], "road");
}

#[test]
fn the_papers_sets_have_base_and_novel_means_without_a_typed_word() {
    let folder = prepared();
    let config = description(&changes(folder.path(), 1));
    for write in [fixtures::flair, fixtures::fast, fixtures::potsdam_split, fixtures::flood_net] {
        write(folder.path()).unwrap();
    }
    let sets = ["FLAIR", "FAST", "PotsdamSplit", "FloodNet"].map(str::to_owned).to_vec();
    let options = ExperimentOptions { sets, protocol: Protocol::Gsnet, ..options(folder.path()) };
    let plan = Plan::new(Experiment::Table4, &config, &options).unwrap().to_string();
    assert!(plan.contains("Nothing is hidden from training"), "{plan}");
    let table = run(Experiment::Table4, &config, &options);
    assert_eq!(rows(&table, 12), ["all_but_novel"]);
    let note = table["notes"][1].as_str().unwrap();
    assert!(note.starts_with("Novel: what LandDiscover50K has no class for"), "{table}");
    assert_eq!(table["rows"][0]["paper"].to_string(), "[25.1,15.8,20.8,13.2,50.2,41.0,45.15,40.5]");
    let scores = options.runs.join("table4/all_but_novel/gsnet/scores.json");
    let scores: Value = serde_json::from_slice(&fs::read(scores).unwrap()).unwrap();
    let novel = |set: usize| {
        let classes = scores[set]["labels"]["classes"].as_array().unwrap();
        (classes.len(), classes.iter().filter(|class| class["novel"] == true).count())
    };
    assert_eq!([0, 1, 2, 3].map(novel), [(12, 6), (37, 31), (5, 2), (9, 4)]);
    assert_eq!(scores[3]["labels"]["competitors"][0], "Background");
    assert_eq!(scores[0]["labels"]["novel_by"], "land_discover50k");
}

#[test]
fn methods_stand_beside_our_run_and_sets_that_are_not_at_hand_are_named() {
    let folder = prepared();
    let config = description(&changes(folder.path(), 1));
    fixtures::flair(folder.path()).unwrap();
    let sets = ["FLAIR", "FAST", "FloodNet"].map(str::to_owned).to_vec();
    let options = ExperimentOptions { sets, ..options(folder.path()) };
    let table = run(Experiment::Table1, &config, &options);
    assert_eq!(rows(&table, 2), ["rs_zeroseg"]);
    assert_eq!(table["ours"].to_string(), r#"["FLAIR","mean"]"#);
    let methods: Vec<&str> = table["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["label"][0].as_str().unwrap())
        .collect();
    assert_eq!(methods, ["EBSeg", "CAT-Seg", "SCAN", "SED", "GSNet", "RS-ZeroSeg"]);
    assert_eq!(table["rows"][4]["paper"].to_string(), "[20.0,16.61,45.75,42.63,31.25]");
    let notes = table["notes"].to_string();
    assert!(
        notes.contains("No number of ours for FAST, ")
            && notes.contains("No number of ours for FloodNet, "),
        "{notes}"
    );
    assert!(notes.contains("No number of ours for Potsdam, --sets does not name it."), "{notes}");
}

#[test]
fn what_people_said_is_the_papers_alone() {
    let folder = prepared();
    let config = description(&changes(folder.path(), 1));
    let options = ExperimentOptions { from: None, ..options(folder.path()) };
    let table = run(Experiment::Table7, &config, &options);
    assert_eq!(table["rows"][2]["paper"].to_string(), "[4.2,4.0,4.3]");
    assert!(table["notes"].to_string().contains("nobody has judged ours"), "{table}");
}

#[test]
fn backbones_keep_their_grids_at_the_side_of_a_tile_that_the_description_names() {
    let config = RunConfig::read(&support::nano().with_file_name("paper_l14.toml"), &[]).unwrap();
    let options = ExperimentOptions {
        from: Some("{preset}.safetensors".into()),
        ..options(Path::new("unwritten"))
    };
    let plan = Plan::new(Experiment::Table5, &config, &options).unwrap();
    let inputs: Vec<(String, usize)> = plan
        .runs
        .iter()
        .map(|run| (run.name.clone(), config.changed(&run.changes).unwrap().network().vlm.input_px))
        .collect();
    assert_eq!(
        inputs,
        [("b32", 768), ("b16", 384), ("l14", 336)].map(|(name, px)| (name.to_owned(), px))
    );
}

#[test]
fn backbones_are_trained_and_every_preset_is_measured() {
    let folder = prepared();
    let config = description(&changes_of_any_preset(folder.path()));
    let from = Some(folder.path().join("{preset}.safetensors"));
    for preset in ["b32", "b16", "l14"] {
        fs::copy(
            folder.path().join("text.safetensors"),
            folder.path().join(format!("{preset}.safetensors")),
        )
        .unwrap();
    }
    let options = ExperimentOptions { from, ..options(folder.path()) };
    assert_eq!(rows(&run(Experiment::Table5, &config, &options), 3), ["b32", "b16", "l14"]);
    let table = run(Experiment::Figure4, &config, &ExperimentOptions { from: None, ..options });
    assert_eq!(rows(&table, 5), ["nano", "b32", "b16", "l14"]);
    assert_eq!(
        (&table["rows"][0]["label"][0], table["rows"][0]["paper"].to_string().as_str()),
        (&"GSNet".into(), "[112.5,350.2,125.0]")
    );
    assert_eq!(table["rows"][4]["paper"].to_string(), "[108.9,332.8,118.0]");
    assert!(
        table["notes"][0].as_str().unwrap().contains("float32, cpu, "),
        "where it was timed: {}",
        table["notes"]
    );
    let macs = |row: usize| table["rows"][row]["ours"][3].as_f64().unwrap();
    assert!(macs(1) < macs(2), "a tile of 256 px costs less than one of 512");
}

#[test]
fn a_plan_makes_no_folder_and_one_that_cannot_be_followed_is_refused() {
    let folder = prepared();
    let (config, with_start) = (description(&changes(folder.path(), 1)), options(folder.path()));
    let plan = Plan::new(Experiment::Table6, &config, &with_start).unwrap().to_string();
    assert!(
        plan.contains("| lambda_0.4 | 1 | `train.alignment_weight = 0.4` | not begun |"),
        "{plan}"
    );
    assert!(!with_start.runs.exists());
    let refused = |experiment, config: &RunConfig, options: &ExperimentOptions| {
        Plan::new(experiment, config, options).unwrap_err().to_string()
    };
    let without = ExperimentOptions { from: None, ..with_start.clone() };
    assert!(
        refused(Experiment::Table2, &config, &without)
            .contains("runs/table2: expected --from FILE")
    );
    assert!(
        refused(Experiment::Table4, &config, &with_start)
            .contains("runs/table4: expected --novel WORDS")
    );
    let resolved = folder.path().join("resolved.toml");
    fs::write(&resolved, config.resolved().unwrap()).unwrap();
    let resolved = RunConfig::read(&resolved, &[]).unwrap();
    assert!(refused(Experiment::Table5, &resolved, &with_start).contains("no preset differs"));
}

#[test]
fn rows_of_two_plans_are_not_put_into_one_table() {
    let folder = prepared();
    let (config, options) = (description(&changes(folder.path(), 1)), options(folder.path()));
    let begin = |options: &ExperimentOptions| -> Result<String, TrainError> {
        let plan = Plan::new(Experiment::Figure3, &config, options)?;
        Ok(experiment::run(&config, &plan, Device::Cpu)?.to_string())
    };
    begin(&options).unwrap();
    let message = begin(&ExperimentOptions { limit: None, ..options }).unwrap_err().to_string();
    assert!(
        message.contains("figure3/plan.json: expected the plan that this folder was begun with"),
        "{message}"
    );
    assert!(message.contains("`limit` differs"), "{message}");
}

/// Repeats Table 6 with the program itself, below `folder/runs`.
fn program(folder: &Path, runs: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rszs-train"));
    command.args([
        "experiment",
        "table6",
        "--threads",
        "1",
        "--protocol",
        "deployment",
        "--limit",
        "1",
        "--config",
    ]);
    command
        .arg(support::nano())
        .args(["--sets", "dubai,flood_area", "--from"])
        .arg(folder.join("text.safetensors"));
    command.arg("--runs").arg(folder.join(runs)).stdout(Stdio::null()).stderr(Stdio::null());
    for change in changes(folder, 4) {
        command.args(["--set", &change]);
    }
    command
}

#[test]
fn an_experiment_that_is_killed_goes_on_to_the_same_table() {
    let folder = prepared();
    let folder = folder.path();
    let mut child = program(folder, "killed").spawn().unwrap();
    let (start, second) = (Instant::now(), folder.join("killed/table6/lambda_0.1"));
    while support::states(&second).is_empty() {
        assert!(
            child.try_wait().unwrap().is_none() && start.elapsed() < Duration::from_mins(2),
            "no second run"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        !folder.join("killed/table6/lambda_0.4").exists(),
        "it ended before it was killed: it needs more steps"
    );

    let table = |runs: &str| -> String {
        assert!(program(folder, runs).status().unwrap().success());
        fs::read_to_string(folder.join(runs).join("table6/table.md")).unwrap()
    };
    assert_eq!(table("killed"), table("unbroken"));
    let starts = |run: &str| {
        let path: PathBuf = folder.join("killed/table6").join(run).join("metrics.jsonl");
        fs::read_to_string(path).unwrap().matches(r#""type":"start""#).count()
    };
    assert_eq!([starts("lambda_0.0"), starts("lambda_0.1"), starts("lambda_0.2")], [1, 2, 1]);
}
