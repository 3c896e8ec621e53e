//! What can go wrong once a library is loaded.

use std::path::PathBuf;

use super::log::LogLines;
use crate::{CallError, DriverError};

/// A call failed, or could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No CUDA device: asked before a call that would crash without one.
    #[error("{0}")]
    Driver(#[from] DriverError),
    /// A library without a function that is needed.
    #[error("{}: expected the function {function}, found none ({advice})", .file.display())]
    NoFunction {
        /// The library file.
        file: PathBuf,
        /// The function.
        function: &'static str,
        /// What kind of library it may be.
        advice: &'static str,
    },
    /// No parser for the library.
    #[error("{}: expected its ONNX parser, found none: {reason}", .file.display())]
    NoParser {
        /// The inference library's file.
        file: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The library refused a call.
    #[error("{call}; {log}")]
    Call {
        /// The call.
        call: CallError,
        /// What the library wrote meanwhile.
        log: LogLines,
    },
    /// The parser does not take the model.
    #[error("ONNX model: expected one that TensorRT can parse, found {}; {log}", list(.faults))]
    Parse {
        /// What it does not like.
        faults: Vec<ParseFault>,
        /// What the library wrote meanwhile.
        log: LogLines,
    },
    /// A name with a zero byte.
    #[error("tensor {name:?}: expected a name without a zero byte")]
    Name {
        /// The name.
        name: String,
    },
    /// No input or output of that name.
    #[error("tensor `{name}`: expected one of {}, found no such name", .known.join(", "))]
    UnknownTensor {
        /// The name.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A shape of more sizes than the library has room for.
    #[error("tensor `{name}`: expected at most 8 sizes, found {found}")]
    Rank {
        /// The tensor.
        name: String,
        /// How many.
        found: usize,
    },
    /// Inputs whose shape or address decides about the outputs and is not set.
    #[error("expected a shape for every input with an open size, found none for {}", .0.join(", "))]
    OpenShapes(Vec<String>),
    /// A network and a configuration that do not belong together.
    #[error("expected a configuration of the network's own builder, found one of another")]
    ForeignConfig,
}

/// One thing that the parser does not like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseFault {
    /// Kind of the fault, as NVIDIA names it (`nvonnxparser::ErrorCode`).
    pub kind: &'static str,
    /// Name of the node; nothing when the fault is in no node.
    pub node: Option<String>,
    /// Its operator.
    pub operator: Option<String>,
    /// What the parser says.
    pub description: String,
}

impl std::fmt::Display for ParseFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(node) = &self.node {
            write!(f, "node {node}: ")?;
        }
        if let Some(operator) = &self.operator {
            write!(f, "{operator}: ")?;
        }
        write!(f, "{} ({})", self.description, self.kind)
    }
}

fn list(faults: &[ParseFault]) -> String {
    if faults.is_empty() {
        return "one that it gives no reason for".to_owned();
    }
    faults.iter().map(ParseFault::to_string).collect::<Vec<_>>().join("; ")
}
