//! Engines that read an ONNX file: what runs on the device, here to check what was written.

mod embedded;
mod library;
mod onnx_runtime;

use std::collections::BTreeMap;
use std::path::Path;

use rszs_graph::{Graph, Tensor};

use embedded::Embedded;
use onnx_runtime::OnnxRuntime;

/// An ONNX file, loaded.
#[derive(Debug)]
pub enum Engine {
    /// By ONNX Runtime, from a library that is loaded at run time.
    OnnxRuntime(OnnxRuntime),
    /// By the pure-Rust engine inside this program.
    Embedded(Embedded),
}

/// Why an engine cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No library of ONNX Runtime lies where it is looked for.
    #[error("expected a library of ONNX Runtime, found none: {}; run `cargo xtask setup` or name \
        one with --ort-lib", tried.join("; "))]
    NoLibrary {
        /// Places and why not.
        tried: Vec<String>,
    },
    /// The engine refuses the file.
    #[error("{engine}: expected an ONNX file that it can load, found: {reason}")]
    Load {
        /// Which engine.
        engine: String,
        /// What it says.
        reason: String,
    },
    /// The engine failed while it ran.
    #[error("{engine}: expected outputs, found: {reason}")]
    Run {
        /// Which engine.
        engine: String,
        /// What it says.
        reason: String,
    },
}

impl Engine {
    /// Loads `model`, the bytes of an ONNX file, into ONNX Runtime. A named `library` is the only
    /// one tried.
    pub fn onnx_runtime(model: &[u8], library: Option<&Path>) -> Result<Self, EngineError> {
        OnnxRuntime::load(model, library).map(Self::OnnxRuntime)
    }

    /// Loads `model`, the bytes of an ONNX file, into the engine inside this program.
    pub fn embedded(model: &[u8]) -> Result<Self, EngineError> {
        Embedded::load(model).map(Self::Embedded)
    }

    /// Name and version.
    pub fn name(&self) -> String {
        match self {
            Self::OnnxRuntime(_) => OnnxRuntime::name(),
            Self::Embedded(_) => Embedded::NAME.to_owned(),
        }
    }

    /// Runs the file once. `graph` is what the file was written from: it says the types of inputs
    /// and the names of outputs.
    pub fn run(
        &mut self,
        graph: &Graph,
        feeds: &BTreeMap<String, Tensor>,
    ) -> Result<Vec<(String, Tensor)>, EngineError> {
        match self {
            Self::OnnxRuntime(engine) => engine.run(graph, feeds),
            Self::Embedded(engine) => engine.run(graph, feeds),
        }
    }
}
