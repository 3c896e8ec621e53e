//! A tiny network through both protocols, and the files they leave.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::{Path, PathBuf};

use rszs_data::fixtures;
use rszs_network::{Purpose, image_graph, text_graph};
use rszs_tokenizer::Tokenizer;
use rszs_train::checkpoint::TOKENIZER;
use rszs_train::checkpoint::{origin, save};
use rszs_train::evaluate::{EvaluateOptions, Protocol, SetScores, evaluate, table};
use rszs_train::run::Run;
use rszs_train::train::WEIGHTS;
use rszs_train::{Parameters, RunConfig, TrainError};
use serde_json::Value;
use tch::Device;

/// Writes a checkpoint of random weights.
fn weights(folder: &Path) -> PathBuf {
    let path = folder.join(WEIGHTS);
    let network = support::config();
    let graphs = [image_graph(&network, Purpose::Train).unwrap(), text_graph(&network).unwrap()];
    let parameters = Parameters::initialise(&[&graphs[0], &graphs[1]], 3, Device::Cpu).unwrap();
    save(&path, &parameters, &origin(serde_json::to_string(&network).unwrap(), "train", 3))
        .unwrap();
    let tokenizer = Tokenizer::from_json(br#"{"merges": []}"#).unwrap();
    std::fs::write(folder.join(TOKENIZER), tokenizer.to_json()).unwrap();
    path
}

fn evaluated(
    folder: &Path,
    protocol: Protocol,
    novel: &[&str],
) -> Result<Vec<SetScores>, TrainError> {
    evaluated_on(folder, &["dubai", "flood_area"], protocol, novel)
}

fn evaluated_on(
    folder: &Path,
    sets: &[&str],
    protocol: Protocol,
    novel: &[&str],
) -> Result<Vec<SetScores>, TrainError> {
    evaluated_with(folder, sets, protocol, novel, "train.seed = 1")
}

fn evaluated_with(
    folder: &Path,
    sets: &[&str],
    protocol: Protocol,
    novel: &[&str],
    change: &str,
) -> Result<Vec<SetScores>, TrainError> {
    support::single_thread();
    let description = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/nano.toml");
    let mut changes: Vec<String> = support::TINY.map(str::to_owned).to_vec();
    changes.push(format!("data.root = '{}'", folder.display()));
    changes.extend(["evaluate.overlap_px = 16", change].map(str::to_owned));
    let config = RunConfig::read(&description, &changes).unwrap();
    let options = EvaluateOptions {
        weights: weights(folder),
        sets: sets.iter().map(|&set| set.to_owned()).collect(),
        limit: Some(1),
        protocol,
        novel: novel.iter().map(|&word| word.to_owned()).collect(),
    };
    evaluate(&config, &options, &Run::open(&folder.join("run")).unwrap(), Device::Cpu)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn both_protocols_leave_scores_and_reports_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    fixtures::dubai(folder.path()).unwrap();
    fixtures::flood_area(folder.path()).unwrap();
    for (protocol, place) in [(Protocol::Deployment, "run"), (Protocol::Gsnet, "run/gsnet")] {
        let scores = evaluated(folder.path(), protocol, &["road"]).unwrap();
        let place = folder.path().join(place);
        let written = json(&place.join("scores.json"));
        assert_eq!(written[0]["protocol"], serde_json::to_value(protocol).unwrap());
        assert_eq!(
            written[0]["mean_iou_exclusive"].as_f64(),
            scores[0].labels.as_ref().unwrap().mean_iou
        );
        assert!(written[0]["labels"]["base_novel"]["harmonic_mean"].is_number(), "{written}");
        assert!(written[1]["labels"].is_null(), "flood_area does not label every pixel");

        let reports = place.join("reports");
        let confusion = json(&reports.join("dubai/confusion.json"));
        // The fixture is 16 by 12 with its first row unlabelled.
        let rows =
            confusion["pixels"].as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap());
        assert_eq!(rows.map(|pixels| pixels.as_u64().unwrap()).sum::<u64>(), 16 * 11);
        let curves = json(&reports.join("flood_area/precision_recall.json"));
        assert_eq!(curves[0]["query"], scores[1].queries[0].query);
        assert_eq!(curves[0]["points"].as_array().unwrap().len(), 255);
        for plot in
            ["dubai/confusion.svg", "dubai/precision_recall.svg", "flood_area/precision_recall.svg"]
        {
            let svg = std::fs::read_to_string(reports.join(plot)).unwrap();
            assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{plot}");
        }
        assert!(!reports.join("flood_area/confusion.svg").exists());
        assert!(place.join("overlays/dubai").is_dir());
    }
}

#[test]
fn the_predecessors_protocol_has_its_own_prompt_and_the_deployments_the_described_ones() {
    let folder = tempfile::tempdir().unwrap();
    fixtures::dubai(folder.path()).unwrap();
    let scores = |protocol, templates: &str| {
        let change = format!("prompts.templates = {templates}");
        let scores = evaluated_with(folder.path(), &["dubai"], protocol, &[], &change).unwrap();
        serde_json::to_value(&scores[0].queries).unwrap()
    };
    let [one, other] = ["['{}']", "['x{}', 'a {}']"];
    assert!(scores(Protocol::Deployment, one) != scores(Protocol::Deployment, other));
    assert!(scores(Protocol::Gsnet, one) == scores(Protocol::Gsnet, other));
}

#[test]
fn a_set_without_one_label_a_pixel_says_why_it_has_no_argmax() {
    let folder = tempfile::tempdir().unwrap();
    fixtures::dubai(folder.path()).unwrap();
    fixtures::flood_area(folder.path()).unwrap();
    let table = table(&evaluated(folder.path(), Protocol::Deployment, &[]).unwrap());
    assert!(
        table.contains(
            "flood_area         argmax is not scored: the set's masks do not give every pixel"
        ),
        "{table}"
    );
    assert!(!table.contains("dubai              argmax is not scored"), "{table}");
}

#[test]
fn a_novel_word_that_no_set_asks_for_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fixtures::dubai(folder.path()).unwrap();
    fixtures::flood_area(folder.path()).unwrap();
    let message =
        evaluated(folder.path(), Protocol::Deployment, &["hovercraft"]).unwrap_err().to_string();
    assert!(
        message.starts_with("query hovercraft: expected one of ") && message.contains("road"),
        "{message}"
    );
    assert!(!folder.path().join("run/scores.json").exists());
}

#[test]
fn a_set_without_validation_images_is_an_error_and_no_score() {
    let folder = tempfile::tempdir().unwrap();
    fixtures::land_discover(folder.path()).unwrap();
    let message = evaluated_on(folder.path(), &["LandDiscover50K"], Protocol::Deployment, &[])
        .unwrap_err()
        .to_string();
    assert!(
        message.starts_with("LandDiscover50K: expected at least one validation image to evaluate"),
        "{message}"
    );
}

#[test]
fn the_column_of_a_competing_word_is_in_the_confusion_matrix() {
    let folder = tempfile::tempdir().unwrap();
    fixtures::flood_net(folder.path()).unwrap();
    let scores = evaluated_on(folder.path(), &["FloodNet"], Protocol::Gsnet, &[]).unwrap();
    let confusion = json(&folder.path().join("run/gsnet/reports/FloodNet/confusion.json"));
    assert_eq!(
        (confusion["classes"].as_array().unwrap().len(), &confusion["found"][9]),
        (9, &"Background".into())
    );
    let rows = confusion["pixels"].as_array().unwrap();
    let counted: u64 = rows
        .iter()
        .flat_map(|row| row.as_array().unwrap())
        .map(|cell| cell.as_u64().unwrap())
        .sum();
    // 16 by 12 pixels, indices 0 to 9 in turn from 0 on: 20 of 192 are the background, which counts
    // nowhere.
    assert_eq!(counted, 192 - 20);
    assert_eq!(scores[0].labels.as_ref().unwrap().confusion.scores().pixels, counted);
}
