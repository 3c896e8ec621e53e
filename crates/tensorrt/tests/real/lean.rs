//! Lean TensorRT: the runtime part of 10 and 11.

use rszs_tensorrt::{Builder, DriverError, Error, Family, Library, LibraryFiles, Logger, Runtime};

use crate::installed::folder;

/// Components with the names of their libraries.
pub(crate) const LEAN: [(&str, &str); 2] =
    [("tensorrt-lean-11", "libnvinfer_lean.so.11"), ("tensorrt-lean-10", "libnvinfer_lean.so.10")];

fn lean(component: &str) -> Library {
    let (_, name) = LEAN.into_iter().find(|(known, _)| *known == component).unwrap();
    let files = LibraryFiles::new(folder(component).join(name));
    Library::open(files, Logger::silent()).unwrap()
}

pub(crate) fn the_version_is_read(component: &str) {
    let library = lean(component);
    let version = library.version().to_string();
    assert_eq!(library.family(), Family::TensorRt);
    let major = component.trim_start_matches("tensorrt-lean-");
    assert!(version.starts_with(&format!("{major}.")), "{component}: {version}");
}

pub(crate) fn a_lean_library_builds_no_plans(component: &str) {
    let library = lean(component);
    let error = Builder::new(&library).unwrap_err();
    assert!(
        matches!(error, Error::NoFunction { function: "createInferBuilder_INTERNAL", .. }),
        "{error}"
    );
}

pub(crate) fn without_a_device_the_runtime_is_an_error_and_with_one_garbage_is(component: &str) {
    let library = lean(component);
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

pub(crate) fn the_parser_of_another_family_is_refused(component: &str) {
    let library = lean(component);
    let rtx = folder("tensorrt-rtx-1.7");
    let mut files = LibraryFiles::new(library.file());
    files.parser = Some(rtx.join("libtensorrt_onnxparser_rtx.so.1"));
    let error = Library::open(files, Logger::silent()).unwrap_err();
    assert!(error.to_string().contains("found 1 in its name"), "{error}");
}
