//! From ONNX bytes to a plan.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use rszs_tensorrt::{
    BuildProgress, Builder, BuilderConfig, BuilderFlag, DataType, Error, Library, Logger, Network,
    Severity,
};

use crate::recorder::{FAMILIES, Recorder, assert_transcript, driver_calls};

/// 10 and the RTX of its time ask for a strongly typed network by bit 1; in 11 all networks are,
/// and bit 1 is something else.
fn network_flags(number: i32) -> &'static str {
    match number {
        10_400 | 100_000..110_000 => "VBuilder::createNetworkV2(2)",
        _ => "VBuilder::createNetworkV2(0)",
    }
}

#[test]
fn a_network_is_parsed_described_and_deleted_through_the_right_slots() {
    for number in FAMILIES {
        let recorder = Recorder::new(number);
        let library = recorder.open().unwrap();
        let builder = Builder::new(&library).unwrap();
        let network = Network::parse(&builder, b"onnx bytes").unwrap();
        assert_eq!(network.layers(), 1);
        let inputs = network.inputs().unwrap();
        assert_eq!((inputs[0].name.as_str(), &inputs[0].shape[..]), ("tiles", &[3, -1][..]));
        assert_eq!(inputs[0].data_type, DataType::Float16);
        assert_eq!(network.outputs().unwrap(), inputs);
        drop(network);
        drop(builder);
        let mut expected = driver_calls(number).to_vec();
        let (create, create_parser) =
            (format!("createInferBuilder({number})"), format!("createNvOnnxParser({number})"));
        let tensor = ["VTensor::getName()", "VTensor::getType()", "VTensor::getDimensions()"];
        expected.extend([
            create.as_str(),
            network_flags(number),
            &create_parser,
            "IParser::parse(10 bytes)",
        ]);
        expected.push("VNetworkDefinition::getNbLayers()");
        expected.extend(["VNetworkDefinition::getNbInputs()", "VNetworkDefinition::getInput(0)"]);
        expected.extend(tensor);
        expected.extend(["VNetworkDefinition::getNbOutputs()", "VNetworkDefinition::getOutput(0)"]);
        expected.extend(tensor);
        // Children before parents.
        expected.extend(["delete IParser", "delete VNetworkDefinition", "delete VBuilder"]);
        assert_transcript(&recorder.transcript(), &expected, number);
    }
}

#[test]
fn a_plan_is_built_through_the_right_slots() {
    for number in FAMILIES {
        let recorder = Recorder::new(number);
        let library = recorder.open().unwrap();
        let builder = Builder::new(&library).unwrap();
        let network = Network::parse(&builder, b"onnx").unwrap();
        recorder.transcript();
        let mut config = BuilderConfig::new(&builder).unwrap();
        config.set_flag(BuilderFlag::Tf32, false);
        config.set_flag(BuilderFlag::SparseWeights, true);
        config.set_workspace_limit_bytes(1 << 30);
        config.set_optimization_level(5);
        config.set_timing_cache(b"old").unwrap();
        assert_eq!(config.add_profile(&[("tiles", [&[1, 8], &[2, 8], &[4, 8]])]).unwrap(), 0);
        let plan = network.build(&config).unwrap();
        assert_eq!(plan.bytes(), b"plan");
        assert_eq!(config.timing_cache().unwrap().unwrap(), b"plan");
        drop(config);
        drop(plan);
        let memory = ["VHostMemory::data()", "VHostMemory::size()"];
        let mut expected = vec![
            "VBuilder::createBuilderConfig()",
            "VBuilderConfig::clearFlag(6)",
            "VBuilderConfig::setFlag(7)",
            "VBuilderConfig::setMemoryPoolLimit(0, 0x40000000)",
            "VBuilderConfig::setBuilderOptimizationLevel(5)",
            "VBuilderConfig::createTimingCache(3 bytes)",
            "VBuilderConfig::setTimingCache()",
            "VBuilder::createOptimizationProfile()",
            "VOptimizationProfile::setDimensions(tiles, 0, [1, 8])",
            "VOptimizationProfile::setDimensions(tiles, 1, [2, 8])",
            "VOptimizationProfile::setDimensions(tiles, 2, [4, 8])",
            "VBuilderConfig::addOptimizationProfile()",
            "VBuilder::buildSerializedNetwork()",
        ];
        expected.extend(memory);
        expected.push("VTimingCache::serialize()");
        expected.extend(memory);
        // The cache's bytes, the cache before its configuration, the plan.
        expected.extend([
            "delete VHostMemory",
            "delete VTimingCache",
            "delete VBuilderConfig",
            "delete VHostMemory",
        ]);
        assert_transcript(&recorder.transcript(), &expected, number);
    }
}

#[test]
fn progress_arrives_and_break_stops_the_build() {
    for number in FAMILIES {
        let recorder = Recorder::new(number);
        let library = recorder.open().unwrap();
        let builder = Builder::new(&library).unwrap();
        let network = Network::parse(&builder, b"onnx").unwrap();
        let mut config = BuilderConfig::new(&builder).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hear = Arc::clone(&heard);
        config.set_progress_monitor(move |progress| {
            hear.lock().unwrap().push(format!("{progress:?}"));
            ControlFlow::Continue(())
        });
        network.build(&config).unwrap();
        assert_eq!(
            *heard.lock().unwrap(),
            [
                r#"Start { phase: "Building", parent: None, steps: 2 }"#,
                r#"Step { phase: "Building", step: 0 }"#,
                r#"Step { phase: "Building", step: 1 }"#,
                r#"Finish { phase: "Building" }"#,
            ]
        );
        config.set_progress_monitor(|progress| match progress {
            BuildProgress::Step { step: 0, .. } => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        let error = network.build(&config).unwrap_err();
        assert!(matches!(error, Error::Call { .. }), "{error}");
        config.set_progress_monitor(|_| {
            panic!("a panic of the monitor's own, which the test expects")
        });
        network.build(&config).unwrap_err();
        assert!(recorder.transcript().contains(&"monitor is IProgressMonitor 1.0".to_owned()));
    }
}

#[test]
fn messages_reach_the_logger_of_either_layout() {
    for number in FAMILIES {
        let recorder = Recorder::new(number);
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hear = Arc::clone(&heard);
        let logger = Logger::new(move |line| hear.lock().unwrap().push(line.clone()));
        let library = Library::open(recorder.files(), logger).unwrap();
        Builder::new(&library).unwrap();
        let heard = heard.lock().unwrap();
        assert_eq!(heard.len(), 1, "version number {number}");
        assert_eq!(
            (heard[0].severity, heard[0].text.as_str()),
            (Severity::Info, "createInferBuilder was called")
        );
    }
}

#[test]
fn a_panic_of_the_logger_does_not_enter_the_library() {
    for number in FAMILIES {
        let recorder = Recorder::new(number);
        let logger = Logger::new(|_| panic!("a panic of the logger's own, which the test expects"));
        let library = Library::open(recorder.files(), logger).unwrap();
        Builder::new(&library).unwrap();
    }
}
