//! What a library that refuses, or is not the right one, becomes: a named error with what the
//! library said.

use rszs_tensorrt::{
    Builder, BuilderConfig, DriverError, Error, Library, LoadError, Logger, Network, Runtime,
};

use crate::recorder::{FAMILIES, Recorder};

#[test]
fn other_versions_are_refused() {
    for (number, found) in [
        (8_601, "TensorRT 8.6.1"),
        (120_000, "TensorRT 12.0.0"),
        (10_200, "TensorRT-RTX 1.2.0"),
        (0, "TensorRT 0.0.0"),
    ] {
        let recorder = Recorder::new(number);
        let error = recorder.open().unwrap_err();
        assert!(matches!(error, LoadError::UnknownVersion { .. }), "{error}");
        assert!(
            error.to_string().contains(&format!("found {found}; its interface is not known")),
            "{error}"
        );
        assert!(recorder.transcript().is_empty());
    }
}

#[test]
fn a_parser_of_another_major_version_is_refused() {
    let (ten, eleven) = (Recorder::new(100_300), Recorder::new(110_400));
    let mut files = ten.files();
    files.parser = Some(eleven.file.clone());
    let error = Library::open(files, Logger::silent()).unwrap_err();
    assert!(error.to_string().ends_with(
        "expected a parser of version 10, as the inference library is, found 11 in its name"
    ));
}

#[test]
fn nothing_is_created_without_a_device() {
    for number in [100_300, 110_400] {
        let recorder = Recorder::new(number);
        recorder.answer("cuDeviceGetCount", 0);
        let library = recorder.open().unwrap();
        assert!(matches!(Builder::new(&library), Err(Error::Driver(DriverError::NoDevice { .. }))));
        recorder.answer("cuInit", 100);
        assert!(matches!(
            Runtime::new(&library),
            Err(Error::Driver(DriverError::Refused { code: 100, .. }))
        ));
        assert_eq!(recorder.transcript(), ["cuInit(0)", "cuInit(0)"]);
    }
}

#[test]
fn a_missing_driver_is_named() {
    let recorder = Recorder::new(110_400);
    let mut files = recorder.files();
    files.driver = recorder.file.with_file_name("libcuda.so.1");
    let library = Library::open(files, Logger::silent()).unwrap();
    let error = Builder::new(&library).unwrap_err();
    assert!(matches!(error, Error::Driver(DriverError::Missing { .. })));
    assert!(
        error.to_string().contains("libcuda.so.1: expected the CUDA driver, found none"),
        "{error}"
    );
    assert!(recorder.transcript().is_empty());
}

#[test]
fn a_driver_that_is_none_is_named() {
    let recorder = Recorder::new(110_400);
    let mut files = recorder.files();
    files.driver = "libc.so.6".into();
    let library = Library::open(files, Logger::silent()).unwrap();
    let error = Runtime::new(&library).unwrap_err();
    assert_eq!(
        error.to_string(),
        "libc.so.6: expected the function cuInit, found none (another library?)"
    );
    assert!(recorder.transcript().is_empty());
}

#[test]
fn a_pointer_to_nothing_is_an_error() {
    for number in FAMILIES {
        let recorder = Recorder::new(number);
        let library = recorder.open().unwrap();
        for address in [0, 0x228, 0x230, 0x260] {
            recorder.answer("createInferRuntime", address);
            let error = Runtime::new(&library).unwrap_err();
            assert!(
                error.to_string().starts_with("createInferRuntime: expected an object, found null"),
                "{error}"
            );
        }
    }
}

#[test]
fn a_refused_call_carries_what_the_library_said() {
    for number in FAMILIES {
        let recorder = Recorder::new(number);
        let library = recorder.open().unwrap();
        let runtime = Runtime::new(&library).unwrap();
        recorder.answer("VRuntime::deserializeCudaEngine", 0);
        let error = runtime.deserialize(b"cut").unwrap_err();
        assert_eq!(
            error.to_string(),
            "IRuntime::deserializeCudaEngine: expected an object, found null, or a pointer to \
             nothing; \
             the library says: error: VRuntime::deserializeCudaEngine was told to refuse"
        );
    }
}

#[test]
fn what_the_parser_does_not_like_is_listed_by_node() {
    for number in FAMILIES {
        let recorder = Recorder::new(number);
        recorder.answer("IParser::parse", 0);
        let library = recorder.open().unwrap();
        let builder = Builder::new(&library).unwrap();
        let error = Network::parse(&builder, b"onnx").unwrap_err();
        assert_eq!(
            error.to_string(),
            "ONNX model: expected one that TensorRT can parse, found node /head/conv: Conv: no \
             such operator \
             (unsupported node); the library says: error: IParser::parse was told to refuse"
        );
        drop(builder);
        // What was made on the way is deleted, in order.
        let deletions: Vec<_> =
            recorder.transcript().into_iter().filter(|line| line.starts_with("delete")).collect();
        assert_eq!(deletions, ["delete IParser", "delete VNetworkDefinition", "delete VBuilder"]);
    }
}

#[test]
fn a_profile_that_leaves_an_input_out_is_an_error() {
    let recorder = Recorder::new(110_400);
    recorder.answer("VBuilderConfig::addOptimizationProfile", u32::MAX as usize);
    let library = recorder.open().unwrap();
    let builder = Builder::new(&library).unwrap();
    let error = BuilderConfig::new(&builder).unwrap().add_profile(&[]).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("IBuilderConfig::addOptimizationProfile: expected a number, found -1"),
        "{error}"
    );
}

#[test]
fn a_network_and_a_configuration_of_two_builders_do_not_meet() {
    let recorder = Recorder::new(110_400);
    let library = recorder.open().unwrap();
    let (one, other) = (Builder::new(&library).unwrap(), Builder::new(&library).unwrap());
    let network = Network::parse(&one, b"onnx").unwrap();
    let config = BuilderConfig::new(&other).unwrap();
    assert!(matches!(network.build(&config), Err(Error::ForeignConfig)));
}
