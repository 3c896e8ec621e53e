//! Why no library can be used.

use std::path::PathBuf;

use crate::{Family, LoaderError, Version};

/// No library, or one that is refused.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// None of the names could be loaded.
    #[error("no {family} library found (tried {}); install {}", .tried.join(", "), known(*.family))]
    NotFound {
        /// What was looked for.
        family: Family,
        /// Every name with the loader's answer.
        tried: Vec<String>,
    },
    /// The file that was named cannot be loaded.
    #[error("{}: expected a library that can be loaded, found: {source}", .file.display())]
    Unloadable {
        /// The file.
        file: PathBuf,
        /// What the loader says.
        source: LoaderError,
    },
    /// A library without the function that every version has.
    #[error("{}: expected the function {function}, found none (another library?)", .file.display())]
    NoFunction {
        /// The file.
        file: PathBuf,
        /// The function.
        function: &'static str,
    },
    /// A version whose interface is not known here.
    #[error(
        "{}: expected TensorRT 10 or 11 or TensorRT-RTX 1.3 to 1.7, found {family} {version}; its \
         interface is not known to this program",
        .file.display()
    )]
    UnknownVersion {
        /// The file.
        file: PathBuf,
        /// Which library it is.
        family: Family,
        /// What it says it is.
        version: Version,
    },
    /// A parser for another major version.
    #[error("{}: expected a parser of version {expected}, as the inference library is, found {} in \
        its name", .file.display(), or_none(*.found))]
    ParserVersion {
        /// The parser's file, links followed.
        file: PathBuf,
        /// Major version of the inference library.
        expected: u32,
        /// Major version behind `.so.` in the file's name. A parser does not say its version in any
        /// other way.
        found: Option<u32>,
    },
    /// Another operating system or processor.
    #[error(
        "expected Linux on x86_64 or aarch64, found {found}; TensorRT's interface is not known \
         there"
    )]
    Platform {
        /// The platform.
        found: &'static str,
    },
}

fn known(family: Family) -> &'static str {
    match family {
        Family::TensorRt => "TensorRT 10 or 11",
        Family::TensorRtRtx => "TensorRT-RTX 1.3 to 1.7",
    }
}

fn or_none(version: Option<u32>) -> String {
    version.map_or_else(|| "none".to_owned(), |version| version.to_string())
}
