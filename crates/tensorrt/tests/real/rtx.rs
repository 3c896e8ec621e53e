//! TensorRT-RTX on models of one node: what it builds, and in whose words it refuses.

use rszs_tensorrt::{
    Builder, BuilderConfig, BuilderFlag, DataType, Error, Family, Library, Network, Runtime,
};

use crate::installed::rtx;
use crate::onnx::{FLOAT16, FLOAT32, Weight, model};

/// Parses a model that has to be refused.
#[track_caller]
fn refusal(library: &Library, onnx: &[u8]) -> Error {
    let builder = Builder::new(library).unwrap();
    let error = Network::parse(&builder, onnx).unwrap_err();
    assert!(matches!(error, Error::Parse { .. }), "{error}");
    error
}

pub(crate) fn the_version_and_its_family_are_read(component: &str) {
    let library = rtx(component);
    let version = library.version().to_string();
    assert_eq!(library.family(), Family::TensorRtRtx);
    assert!(component.ends_with(version.rsplit_once('.').unwrap().0), "{component}: {version}");
}

pub(crate) fn a_model_in_half_precision_becomes_a_plan(component: &str) {
    let library = rtx(component);
    let builder = Builder::new(&library).unwrap();
    let onnx = model("MatMul", &Weight::Ones(FLOAT16));
    let network = Network::parse(&builder, &onnx).unwrap();
    let (inputs, outputs) = (network.inputs().unwrap(), network.outputs().unwrap());
    assert_eq!((inputs[0].name.as_str(), &inputs[0].shape[..]), ("x", &[-1, 4][..]));
    assert_eq!((outputs[0].name.as_str(), &outputs[0].shape[..]), ("y", &[-1, 2][..]));
    assert_eq!(outputs[0].data_type, DataType::Float16);
    let mut config = BuilderConfig::new(&builder).unwrap();
    config.set_flag(BuilderFlag::Tf32, false);
    config.set_workspace_limit_bytes(1 << 28);
    assert_eq!(config.add_profile(&[("x", [&[1, 4], &[2, 4], &[8, 4]])]).unwrap(), 0);
    let plan = network.build(&config).unwrap();
    assert!(plan.bytes().len() > 10_000, "{} bytes", plan.bytes().len());
}

pub(crate) fn a_timing_cache_goes_out_and_in_again(component: &str) {
    let library = rtx(component);
    let builder = Builder::new(&library).unwrap();
    let onnx = model("MatMul", &Weight::Ones(FLOAT16));
    let network = Network::parse(&builder, &onnx).unwrap();
    let mut config = BuilderConfig::new(&builder).unwrap();
    assert_eq!(config.timing_cache().unwrap(), None);
    config.add_profile(&[("x", [&[1, 4], &[2, 4], &[8, 4]])]).unwrap();
    config.set_timing_cache(&[]).unwrap();
    network.build(&config).unwrap();
    let cache = config.timing_cache().unwrap().unwrap();
    assert!(!cache.is_empty());
    config.set_timing_cache(&cache).unwrap();
    network.build(&config).unwrap();
}

pub(crate) fn an_open_size_without_a_profile_is_refused_in_nvidias_words(component: &str) {
    let library = rtx(component);
    let builder = Builder::new(&library).unwrap();
    let onnx = model("MatMul", &Weight::Ones(FLOAT16));
    let network = Network::parse(&builder, &onnx).unwrap();
    let error = network.build(&BuilderConfig::new(&builder).unwrap()).unwrap_err();
    assert!(error.to_string().contains("no optimization profile has been defined"), "{error}");
}

pub(crate) fn a_profile_in_the_wrong_order_is_refused(component: &str) {
    let library = rtx(component);
    let builder = Builder::new(&library).unwrap();
    let mut config = BuilderConfig::new(&builder).unwrap();
    let error = config.add_profile(&[("x", [&[8, 4], &[2, 4], &[1, 4]])]).unwrap_err();
    assert!(matches!(error, Error::Call { .. }), "{error}");
}

pub(crate) fn mixed_types_are_refused_in_nvidias_words(component: &str) {
    let library = rtx(component);
    let error = refusal(&library, &model("MatMul", &Weight::Ones(FLOAT32)));
    let Error::Parse { faults, .. } = &error else { unreachable!() };
    assert_eq!(
        (faults[0].node.as_deref(), faults[0].operator.as_deref()),
        (Some("/head/node"), Some("MatMul"))
    );
    let words = "IMatrixMultiplyLayer must have same input types. `A` is of type Half and `B` \
            is of type Float.";
    assert!(error.to_string().contains(words), "{error}");
}

pub(crate) fn an_unknown_operator_is_refused_by_name(component: &str) {
    let library = rtx(component);
    let error = refusal(&library, &model("Frobnicate", &Weight::Ones(FLOAT16)));
    assert!(error.to_string().contains("found node /head/node: Frobnicate: "), "{error}");
}

pub(crate) fn weights_outside_the_file_are_refused(component: &str) {
    let library = rtx(component);
    for path in ["../weights.bin", "/nowhere/weights.bin", "weights.bin"] {
        let error = refusal(&library, &model("MatMul", &Weight::File(path)));
        assert!(
            error.to_string().contains("Failed to import initializer: weight"),
            "{path}: {error}"
        );
    }
}

pub(crate) fn what_is_no_onnx_is_refused(component: &str) {
    let library = rtx(component);
    let onnx = model("MatMul", &Weight::Ones(FLOAT16));
    for broken in [&onnx[..onnx.len() / 2], b"not a model"] {
        let error = refusal(&library, broken);
        assert!(error.to_string().contains("Failed to parse the ONNX model"), "{error}");
    }
}

pub(crate) fn no_bytes_make_no_plan(component: &str) {
    let library = rtx(component);
    let builder = Builder::new(&library).unwrap();
    let network = Network::parse(&builder, &[]).unwrap();
    let error = network.build(&BuilderConfig::new(&builder).unwrap()).unwrap_err();
    assert!(error.to_string().contains("Network must have at least one output"), "{error}");
}

pub(crate) fn a_damaged_plan_is_refused(component: &str) {
    let library = rtx(component);
    let builder = Builder::new(&library).unwrap();
    let onnx = model("MatMul", &Weight::Ones(FLOAT16));
    let network = Network::parse(&builder, &onnx).unwrap();
    let mut config = BuilderConfig::new(&builder).unwrap();
    config.add_profile(&[("x", [&[1, 4], &[2, 4], &[8, 4]])]).unwrap();
    let plan = network.build(&config).unwrap();
    let runtime = Runtime::new(&library).unwrap();
    for (damaged, what) in
        [(&plan.bytes()[..16], "cut"), (&[0x5a; 4096], "garbage"), (&[], "empty")]
    {
        let error = runtime.deserialize(damaged).unwrap_err();
        let Error::Call { call, log } = &error else { panic!("{what}: {error}") };
        assert_eq!(call.call, "IRuntime::deserializeCudaEngine");
        assert!(!log.0.is_empty(), "{what}: {error}");
    }
    // A whole plan is refused too where there is no device, and the reason is another.
    if library.device_count().is_err() {
        let error = runtime.deserialize(plan.bytes()).unwrap_err();
        assert!(error.to_string().contains("Cuda Runtime"), "{error}");
    }
}
