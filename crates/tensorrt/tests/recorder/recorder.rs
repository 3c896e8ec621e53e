//! A recorder of one test's own.

use std::ffi::CString;
use std::path::PathBuf;

use rszs_tensorrt::{Library, LibraryFiles, LoadError, Logger};

/// Versions that stand for the families: 10 (the oldest, and that of `JetPack` 6), 11, RTX before
/// and since its change.
pub(crate) const FAMILIES: [i32; 5] = [100_000, 100_300, 110_400, 10_400, 10_701];

/// A copy of the recorder library: the system's loader gives each file its own state.
pub(crate) struct Recorder {
    library: libloading::Library,
    pub(crate) file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Recorder {
    /// Says that it is version `number`. The file is named after the major version, as NVIDIA's
    /// are.
    pub(crate) fn new(number: i32) -> Self {
        let mut built = std::env::current_exe().unwrap();
        built.pop();
        assert!(
            built.ends_with("deps"),
            "{}: expected the folder of test programs",
            built.display()
        );
        built.pop();
        built.push("examples/librecorder.so");
        let folder = tempfile::tempdir().unwrap();
        let major = number / if number < 10_000 { 1_000 } else { 10_000 };
        let file = folder.path().join(format!("librecorder.so.{major}"));
        std::fs::copy(&built, &file).unwrap_or_else(|error| {
            panic!("{}: {error} (run `cargo build -p rszs-tensorrt --examples`)", built.display())
        });
        // SAFETY: the recorder has no initialisers.
        let library = unsafe { libloading::Library::new(&file) }.unwrap();
        // SAFETY: the recorder exports it with this type.
        unsafe { library.get::<extern "C" fn(i32)>(b"recorder_set_version\0").unwrap()(number) };
        Self { library, file, _folder: folder }
    }

    /// Lets a function or method answer something else than a success.
    pub(crate) fn answer(&self, name: &str, value: usize) {
        let name = CString::new(name).unwrap();
        // SAFETY: the recorder exports it with this type.
        unsafe {
            let set = self
                .library
                .get::<extern "C" fn(*const std::ffi::c_char, usize)>(b"recorder_set_answer\0")
                .unwrap();
            set(name.as_ptr(), value);
        }
    }

    /// The calls since the last time.
    pub(crate) fn transcript(&self) -> Vec<String> {
        let mut buffer = vec![0u8; 1 << 16];
        // SAFETY: the recorder exports it with this type.
        let length = unsafe {
            let take = self
                .library
                .get::<extern "C" fn(*mut u8, usize) -> usize>(b"recorder_take_transcript\0")
                .unwrap();
            take(buffer.as_mut_ptr(), buffer.len())
        };
        String::from_utf8_lossy(&buffer[..length]).lines().map(str::to_owned).collect()
    }

    /// Library, parser and driver in one.
    pub(crate) fn files(&self) -> LibraryFiles {
        LibraryFiles {
            inference: self.file.clone(),
            parser: Some(self.file.clone()),
            driver: self.file.clone(),
        }
    }

    pub(crate) fn open(&self) -> Result<Library, LoadError> {
        Library::open(self.files(), Logger::silent())
    }
}

/// Whether a device is asked for before the first create call.
pub(crate) fn driver_calls(number: i32) -> &'static [&'static str] {
    if number < 100_000 { &[] } else { &["cuInit(0)"] }
}

/// The lines one by one, so that a difference is easy to find.
#[track_caller]
pub(crate) fn assert_transcript(found: &[String], expected: &[&str], number: i32) {
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected, "version number {number}");
    }
    assert_eq!(found.len(), expected.len(), "version number {number}: {found:#?}");
}
