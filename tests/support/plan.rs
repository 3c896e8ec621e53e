//! Plans by NVIDIA's builder, where its libraries were fetched. Nothing runs on a GPU.

use std::path::{Path, PathBuf};
use std::sync::mpsc;

use rszs_tensorrt::{Builder, BuilderConfig, DataType, Error, Family, Library, Logger, Network};

use rszs_tests::harness::Need;

use super::root;

/// A part of `third_party`, whether it is there or not.
pub(crate) fn third_party(path: &str) -> PathBuf {
    root().join("third_party").join(path)
}

/// The libraries of a `TensorRT-RTX`.
pub(crate) fn rtx(component: &str) -> PathBuf {
    third_party(&format!("{component}/lib"))
}

/// What tests with the libraries of `component` need.
pub(crate) fn needs_rtx(component: &str) -> Need {
    Need::fetched(&rtx(component), "tensorrt")
}

/// What tests with Python's checkers need.
pub(crate) fn needs_python() -> Need {
    Need::fetched(&third_party(PYTHON), "setup")
}

/// The interpreter with ONNX's own checker.
pub(crate) const PYTHON: &str = "python/bin/python";

/// What a build of a plan gives.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Length of the plan.
    pub(crate) bytes: usize,
    /// What the builder logged, with its layers and kernels.
    pub(crate) log: String,
}

impl Plan {
    /// Names of kernels and layers that begin with `stem`.
    pub(crate) fn kernels<'a>(&'a self, stem: &'a str) -> impl Iterator<Item = &'a str> {
        let names = self.log.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        names.filter(move |name| name.starts_with(stem))
    }

    /// Device memory of one execution context for the largest shapes of the profile.
    pub(crate) fn activation_bytes(&self) -> usize {
        let (_, rest) = self.log.split_once("Total Activation Memory: ").unwrap();
        rest.split(' ').next().unwrap().parse().unwrap()
    }
}

/// The plan that the library in `folder` makes of `model`, for up to four tiles of `side` px and
/// queries of `width`.
pub(crate) fn plan(folder: &Path, model: &[u8], side: usize, width: usize) -> Result<Plan, Error> {
    let (lines, log) = mpsc::channel();
    // The receiver lives until the end of the build.
    let logger = Logger::new(move |line| drop(lines.send(line.text.clone())));
    let library = Library::find(Family::TensorRtRtx, Some(folder), logger).unwrap();
    let builder = Builder::new(&library)?;
    let network = Network::parse(&builder, model)?;
    for output in network.outputs()? {
        assert_eq!(output.data_type, DataType::Float32, "{output}");
    }
    let mut config = BuilderConfig::new(&builder)?;
    let (side, width) = (side as i64, width as i64);
    let tiles = [1, 1, 4].map(|count| [count, side, side, 3]);
    let queries = [2, 8, 64].map(|count| [count, width]);
    let profile = [
        ("tiles", tiles.each_ref().map(|s| &s[..])),
        ("queries", queries.each_ref().map(|s| &s[..])),
    ];
    config.add_profile(&profile)?;
    config.describe_layers();
    let bytes = network.build(&config)?.bytes().len();
    Ok(Plan { bytes, log: log.try_iter().collect::<Vec<String>>().join("\n") })
}
