//! Why TensorRT does not run.

use std::path::PathBuf;

use rszs_bundle::OnnxError;

/// TensorRT, its device, or the plan.
#[derive(Debug, thiserror::Error)]
pub enum TensorRtError {
    /// No device, or it refused.
    #[error(transparent)]
    Device(#[from] rszs_cuda::Error),
    /// No device, and no library that could use one.
    #[error("{device}; and {library}")]
    DeviceAndLibrary {
        /// Why there is no device.
        device: rszs_cuda::Error,
        /// What was looked for.
        library: Box<rszs_tensorrt::LoadError>,
    },
    /// No library, or not one that is known.
    #[error(transparent)]
    Load(#[from] rszs_tensorrt::LoadError),
    /// The library refused.
    #[error(transparent)]
    Library(#[from] rszs_tensorrt::Error),
    /// An ONNX file that is not shown to NVIDIA's parser.
    #[error("model: {0}")]
    Onnx(#[from] OnnxError),
    /// A plan whose inputs and outputs are not those of the contract.
    #[error("expected the tensors {expected}, found {found} (model of another exporter?)")]
    Tensors {
        /// As the contract has them.
        expected: String,
        /// As the plan has them.
        found: String,
    },
    /// A call for more than the plan was built for.
    #[error(
        "expected a call of up to {most_tiles} tiles and {most_rows} queries, as the engine was \
         built for, found {tiles} and {rows}"
    )]
    TooLarge {
        /// Tiles that the plan takes.
        most_tiles: usize,
        /// Queries that the plan takes.
        most_rows: usize,
        /// N of the call.
        tiles: usize,
        /// K of the call.
        rows: usize,
    },
    /// An output of another size than the call has room for.
    #[error("output `{name}`: expected {expected:?}, found {found:?} (model of another exporter?)")]
    Shape {
        /// Name of the output.
        name: &'static str,
        /// As the contract has it.
        expected: Vec<i64>,
        /// As the library infers it.
        found: Vec<i64>,
    },
    /// The process that builds could not be started.
    #[error(
        "{library}: expected to start this program once more, to build its plan, found: {source}"
    )]
    NoBuilder {
        /// Family and version of the library.
        library: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// That process ended, or hung, and has left no plan.
    #[error(
        "{library}: expected a plan from the process that builds it, found {how}{}; {}",
        cause(.how),
        heard(.said)
    )]
    BuilderDied {
        /// Family and version of the library.
        library: String,
        /// How it ended.
        how: String,
        /// The last warnings and errors of the library's log.
        said: Vec<String>,
    },
    /// Why the process that builds has no plan, as it told it.
    #[error("{0}")]
    Build(String),
    /// A plan that has ended this program, more than once in a row.
    #[error(
        "{}: expected a plan that runs, found one that ended this program {deaths} times; \
         `rszs-edge build --again` builds another", .plan.display()
    )]
    Deadly {
        /// The plan's file.
        plan: PathBuf,
        /// How often.
        deaths: u64,
    },
    /// Somebody asked to stop.
    #[error("interrupted while its engine was built")]
    Interrupted,
}

fn cause(how: &str) -> &'static str {
    if how.contains("SIGKILL") { " (out of memory?)" } else { "" }
}

fn heard(said: &[String]) -> String {
    if said.is_empty() {
        "the library said nothing".to_owned()
    } else {
        format!("the library said last: {}", said.join("; "))
    }
}

impl TensorRtError {
    /// Whether the library does not take the plan, which another one might cure.
    pub(super) fn is_refused_plan(&self) -> bool {
        match self {
            Self::Library(rszs_tensorrt::Error::Call { call, .. }) => {
                call.call == "IRuntime::deserializeCudaEngine"
            }
            _ => false,
        }
    }
}
