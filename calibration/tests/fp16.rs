//! Half precision of the default bundle, as the command shows it.

use std::path::Path;
use std::process::Command;

use rszs_data::fixtures;

#[test]
fn the_node_with_the_least_room_comes_first() {
    let bundle = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bundles/nano");
    let folder = tempfile::tempdir().unwrap();
    fixtures::dubai(folder.path()).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_rszs-calibrate"));
    program.args(["fp16", "--bundle"]).arg(&bundle).arg("--data").arg(folder.path());
    let output = program
        .args(["--set", "dubai", "--tiles", "1", "--engine", "embedded", "--json"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["command"], &report["split"], &report["tiles"]),
        (&"fp16".into(), &"train".into(), &1.into())
    );
    let nodes = report["nodes"].as_array().unwrap();
    let shares: Vec<f64> =
        nodes.iter().map(|node| node["share_of_largest"].as_f64().unwrap()).collect();
    assert!(shares.is_sorted_by(|a, b| a >= b) && shares[0] > 0.0 && shares[0] < 1.0, "{shares:?}");
    assert!(
        nodes.iter().all(|node| node["op"] != "softmax" && node["op"] != "layer_norm"),
        "what is kept in 32 bits is left out"
    );
    let logits = nodes.iter().find(|node| node["node"] == "carh.add_3").unwrap();
    // The fixture is noise: how large the error is there says nothing.
    assert!(logits["error"].as_f64().unwrap() > 0.0, "{logits}");
}
