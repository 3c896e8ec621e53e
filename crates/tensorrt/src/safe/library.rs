//! A loaded library: which, what it can, and what it says.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::log::{Log, Logger};
use super::{Error, LoadError};
use crate::result::{CallError, MemoryForm};
use crate::sys::driver;
use crate::sys::exports::{CreateParser, InferenceExports, load_inference, load_parser};
use crate::sys::logger::LoggerObject;
use crate::sys::slots::Layout;
use crate::{Family, Version};

/// Names tried, best first.
pub(super) fn candidates(family: Family) -> &'static [&'static str] {
    match family {
        Family::TensorRt => &["libnvinfer.so.11", "libnvinfer.so.10", "libnvinfer.so"],
        Family::TensorRtRtx => &["libtensorrt_rtx.so.1"],
    }
}

/// The files of one installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryFiles {
    /// `libnvinfer.so.…`, `libtensorrt_rtx.so.…`, or a lean or dispatch library, which runs plans
    /// and builds none.
    pub inference: PathBuf,
    /// `libnvonnxparser.so.…` or `libtensorrt_onnxparser_rtx.so.…` of the same major version;
    /// nothing: no ONNX.
    pub parser: Option<PathBuf>,
    /// The CUDA driver.
    pub driver: PathBuf,
}

impl LibraryFiles {
    /// A library by its file, without a parser, with the system's CUDA driver. A name without a
    /// folder goes through the system's loader and its search path.
    pub fn new(inference: impl Into<PathBuf>) -> Self {
        Self { inference: inference.into(), parser: None, driver: "libcuda.so.1".into() }
    }
}

/// A loaded library of a known family and version.
///
/// It stays in memory until the process ends, also when this is dropped: load one a process.
#[derive(Debug)]
pub struct Library {
    file: PathBuf,
    family: Family,
    version: Version,
    layout: Layout,
    exports: InferenceExports,
    parser: Result<CreateParser, String>,
    driver: PathBuf,
    logger: &'static LoggerObject,
    log: Arc<Log>,
}

impl Library {
    /// Loads the best library of `family` in `folder`, or the best that the system's loader finds,
    /// and its parser from the same place.
    ///
    /// TensorRT 11 comes before 10. One that is there and of an unknown version is an error, not a
    /// reason to take the next. A missing parser is one only when
    /// [`Network::parse`](crate::Network::parse) needs it.
    pub fn find(family: Family, folder: Option<&Path>, logger: Logger) -> Result<Self, LoadError> {
        let mut tried = Vec::new();
        for &name in candidates(family) {
            let file = folder.map_or_else(|| name.into(), |folder| folder.join(name));
            match load_inference(&file) {
                Ok(exports) => {
                    let mut library = Self::checked(LibraryFiles::new(file), exports, logger)?;
                    library.find_parser();
                    return Ok(library);
                }
                // The loader names the file itself.
                Err(error) => tried.push(error.to_string()),
            }
        }
        Err(LoadError::NotFound { family, tried })
    }

    /// Loads exactly these files.
    pub fn open(files: LibraryFiles, logger: Logger) -> Result<Self, LoadError> {
        let unloadable = |file: &Path| {
            let file = file.to_owned();
            |source| LoadError::Unloadable { file, source }
        };
        let parser = files.parser.clone();
        let exports = load_inference(&files.inference).map_err(unloadable(&files.inference))?;
        let mut library = Self::checked(files, exports, logger)?;
        if let Some(file) = parser {
            let (resolved, found) = major_in_name(&file);
            if found != Some(library.version.major) {
                return Err(LoadError::ParserVersion {
                    file: resolved,
                    expected: library.version.major,
                    found,
                });
            }
            let create = load_parser(&file).map_err(unloadable(&file))?;
            library.parser = Ok(create
                .ok_or(LoadError::NoFunction { file, function: "createNvOnnxParser_INTERNAL" })?);
        }
        Ok(library)
    }

    fn checked(
        files: LibraryFiles,
        exports: Option<InferenceExports>,
        logger: Logger,
    ) -> Result<Self, LoadError> {
        if !cfg!(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))) {
            return Err(LoadError::Platform { found: std::env::consts::OS });
        }
        let LibraryFiles { inference: file, parser: _, driver } = files;
        let Some(exports) = exports else {
            return Err(LoadError::NoFunction { file, function: "getInferLibVersion" });
        };
        let number = exports.version_number.unsigned_abs();
        let (family, version) =
            (Family::from_library_number(number), Version::from_library_number(number));
        let Some(layout) = Layout::of(family, version) else {
            return Err(LoadError::UnknownVersion { file, family, version });
        };
        let log = Arc::new(Log::default());
        let logger = LoggerObject::leak(layout, log.receiver(logger));
        let parser = Err("none was named".to_owned());
        Ok(Self { file, family, version, layout, exports, parser, driver, logger, log })
    }

    /// Takes the parser that lies beside the library.
    fn find_parser(&mut self) {
        let name = match self.family {
            Family::TensorRt => format!("libnvonnxparser.so.{}", self.version.major),
            Family::TensorRtRtx => format!("libtensorrt_onnxparser_rtx.so.{}", self.version.major),
        };
        self.parser = match load_parser(&self.file.with_file_name(&name)) {
            Ok(Some(create)) => Ok(create),
            Ok(None) => Err(format!("{name}: no function createNvOnnxParser_INTERNAL in it")),
            Err(error) => Err(error.to_string()),
        };
    }

    /// Which of the two it is.
    pub fn family(&self) -> Family {
        self.family
    }

    /// What its version function says.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The file it was loaded from, or the name by which the system's loader found it.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// How many CUDA devices there are: at least one.
    pub fn device_count(&self) -> Result<u32, Error> {
        Ok(driver::device_count(&self.driver)?)
    }

    /// Before anything is created. TensorRT without a device answers a create call with a pointer
    /// to nothing or does not return at all; TensorRT-RTX creates builders and runtimes without
    /// one.
    pub(super) fn check_device(&self) -> Result<(), Error> {
        match self.family {
            Family::TensorRt => self.device_count().map(drop),
            Family::TensorRtRtx => Ok(()),
        }
    }

    /// What every create function takes: the logger's address and the version.
    pub(super) fn creation(&self) -> (*mut std::ffi::c_void, i32, Layout) {
        (self.logger.as_ptr(), self.exports.version_number, self.layout)
    }

    /// Which methods it has for the GPU memory of a context.
    pub(super) fn memory_form(&self) -> MemoryForm {
        let Version { major, minor, .. } = self.version;
        match (self.family, major, minor) {
            (Family::TensorRt, 10, 0) => MemoryForm::First,
            _ => MemoryForm::Second,
        }
    }

    pub(super) fn exports(&self) -> &InferenceExports {
        &self.exports
    }

    pub(super) fn parser(&self) -> Result<CreateParser, Error> {
        self.parser.clone().map_err(|reason| Error::NoParser { file: self.file.clone(), reason })
    }

    pub(super) fn log(&self) -> &Log {
        &self.log
    }

    /// Makes a call; its error gets what the library said meanwhile.
    pub(super) fn call<T>(&self, call: impl FnOnce() -> Result<T, CallError>) -> Result<T, Error> {
        let mark = self.log.mark();
        call().map_err(|call| Error::Call { call, log: self.log.since(mark) })
    }
}

/// The file with links followed, and the number behind `.so.` in its name.
fn major_in_name(file: &Path) -> (PathBuf, Option<u32>) {
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let major =
        name.split_once(".so.").and_then(|(_, version)| version.split('.').next()?.parse().ok());
    (file, major)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_can_be_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Library>();
    }

    #[test]
    fn an_empty_folder_is_named_with_everything_that_was_tried() {
        let folder = tempfile::tempdir().unwrap();
        let error =
            Library::find(Family::TensorRt, Some(folder.path()), Logger::silent()).unwrap_err();
        let LoadError::NotFound { tried, .. } = &error else { panic!("{error}") };
        assert_eq!(tried.len(), 3);
        assert!(
            error.to_string().contains("libnvinfer.so.10: cannot open shared object file"),
            "{error}"
        );
        let error =
            Library::find(Family::TensorRtRtx, Some(folder.path()), Logger::silent()).unwrap_err();
        assert!(error.to_string().starts_with("no TensorRT-RTX library found (tried "), "{error}");
    }

    #[test]
    fn a_library_of_something_else_is_refused() {
        let error = Library::open(LibraryFiles::new("libc.so.6"), Logger::silent()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "libc.so.6: expected the function getInferLibVersion, found none (another library?)"
        );
    }

    #[test]
    fn the_major_version_is_read_behind_the_links() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("libnvonnxparser.so.10.3.0");
        std::fs::write(&file, b"").unwrap();
        let link = folder.path().join("libnvonnxparser.so");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(major_in_name(&link).1, Some(10));
        assert_eq!(major_in_name(Path::new("/none/libnvonnxparser.so")).1, None);
    }
}
