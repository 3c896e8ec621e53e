//! The bundle that is shipped: N and K stay open in its plan.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rszs_tensorrt::{BuildProgress, Builder, BuilderConfig, DataType, Network};

use crate::installed::rtx;

pub(crate) fn the_shipped_model_becomes_a_plan(component: &str) {
    let library = rtx(component);
    let onnx = std::fs::read(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bundles/nano/model.fp32.onnx"),
    )
    .unwrap();
    let builder = Builder::new(&library).unwrap();
    let network = Network::parse(&builder, &onnx).unwrap();
    let inputs = network.inputs().unwrap();
    let [tiles, queries] = &inputs[..] else { panic!("{inputs:?}") };
    assert_eq!(
        (tiles.name.as_str(), tiles.data_type, tiles.shape[0]),
        ("tiles", DataType::Uint8, -1)
    );
    assert_eq!(
        (queries.name.as_str(), queries.data_type, queries.shape[0]),
        ("queries", DataType::Float32, -1)
    );
    let names: Vec<_> = network.outputs().unwrap().into_iter().map(|output| output.name).collect();
    assert_eq!(names, ["logits", "presence"]);

    let (side, width) = (tiles.shape[1], queries.shape[1]);
    let mut config = BuilderConfig::new(&builder).unwrap();
    let shapes = [1, 1, 4].map(|count| [count, side, side, 3]);
    let rows = [2, 8, 64].map(|count| [count, width]);
    let profile = [
        ("tiles", shapes.each_ref().map(|s| &s[..])),
        ("queries", rows.each_ref().map(|s| &s[..])),
    ];
    config.add_profile(&profile).unwrap();
    let phases = Arc::new(Mutex::new(0));
    let count = Arc::clone(&phases);
    config.set_progress_monitor(move |progress| {
        if matches!(progress, BuildProgress::Finish { .. }) {
            *count.lock().unwrap() += 1;
        }
        ControlFlow::Continue(())
    });
    let plan = network.build(&config).unwrap();
    assert!(plan.bytes().len() > onnx.len() / 2, "{} bytes", plan.bytes().len());
    assert!(*phases.lock().unwrap() > 0, "no phase was reported");
}
