//! Lean TensorRT: the runtime part of 10 and 11.

use rszs_tensorrt::{Builder, DriverError, Error, Family, Library, LibraryFiles, Logger, Runtime};

use crate::installed::folder;

/// Lean libraries that are there, with their versions.
fn libraries() -> impl Iterator<Item = (Library, &'static str)> {
    let components = [
        ("tensorrt-lean-11", "libnvinfer_lean.so.11", "11.4.0"),
        ("tensorrt-lean-10", "libnvinfer_lean.so.10", "10.16.1"),
    ];
    components.into_iter().filter_map(|(component, name, version)| {
        let files = LibraryFiles::new(folder(component)?.join(name));
        Some((Library::open(files, Logger::silent()).unwrap(), version))
    })
}

#[test]
fn the_version_is_read() {
    for (library, version) in libraries() {
        assert_eq!(
            (library.family(), library.version().to_string().as_str()),
            (Family::TensorRt, version)
        );
    }
}

#[test]
fn a_lean_library_builds_no_plans() {
    for (library, _) in libraries() {
        let error = Builder::new(&library).unwrap_err();
        assert!(
            matches!(error, Error::NoFunction { function: "createInferBuilder_INTERNAL", .. }),
            "{error}"
        );
    }
}

#[test]
fn without_a_device_the_runtime_is_an_error_and_with_one_garbage_is() {
    for (library, _) in libraries() {
        let found =
            Runtime::new(&library).and_then(|runtime| runtime.deserialize(b"garbage").map(drop));
        match (library.device_count(), found.unwrap_err()) {
            (Ok(_), error) => assert!(matches!(error, Error::Call { .. }), "{error}"),
            (Err(_), error) => assert!(
                matches!(
                    error,
                    Error::Driver(
                        DriverError::Missing { .. }
                            | DriverError::Refused { .. }
                            | DriverError::NoDevice { .. }
                    )
                ),
                "{error}"
            ),
        }
    }
}

#[test]
fn the_parser_of_another_family_is_refused() {
    for (library, _) in libraries() {
        let Some(rtx) = folder("tensorrt-rtx-1.7") else { continue };
        let mut files = LibraryFiles::new(library.file());
        files.parser = Some(rtx.join("libtensorrt_onnxparser_rtx.so.1"));
        let error = Library::open(files, Logger::silent()).unwrap_err();
        assert!(error.to_string().contains("found 1 in its name"), "{error}");
    }
}
