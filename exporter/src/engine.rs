//! Graphs on the engines that serve them, to check what was written.

use std::collections::BTreeMap;
use std::path::Path;

use rszs_engine::{
    EmbeddedSession, EngineError, EngineKind, EngineOptions, LoadError, NamedInput, NamedOutput,
    Session, Values,
};
use rszs_graph::{DType, Graph, InterpretError, Tensor, output_shapes};

/// An ONNX file, loaded.
#[derive(Debug)]
pub struct Engine {
    session: Session,
    name: String,
}

/// Why a graph cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// What was fed does not fit the graph.
    #[error(transparent)]
    Feeds(#[from] InterpretError),
    /// The engine failed while it ran.
    #[error("{engine}: {source}")]
    Engine {
        /// Which engine.
        engine: String,
        /// What it says.
        source: EngineError,
    },
}

impl Engine {
    /// Loads `model`, the bytes of an ONNX file, into ONNX Runtime. A named `library` is the only
    /// one tried.
    pub fn onnx_runtime(model: &[u8], library: Option<&Path>) -> Result<Self, LoadError> {
        let options =
            EngineOptions { library: library.map(Path::to_owned), ..EngineOptions::default() };
        let session = EngineKind::Cpu.load(model, &options)?;
        Ok(Self { session, name: format!("ONNX Runtime {}", EngineKind::Cpu.library()) })
    }

    /// Loads `model`, the bytes of an ONNX file, into the engine inside this program.
    pub fn embedded(model: &[u8]) -> Result<Self, LoadError> {
        let session = EngineKind::Embedded.load(model, &EngineOptions::default())?;
        Ok(Self { session, name: format!("embedded engine ({})", EmbeddedSession::library()) })
    }

    /// Name and version.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs the file once. `graph` is what the file was written from: it says the types of inputs
    /// and the names and shapes of outputs.
    pub fn run(
        &mut self,
        graph: &Graph,
        feeds: &BTreeMap<String, Tensor>,
    ) -> Result<Vec<(String, Tensor)>, RunError> {
        let given: Vec<(&str, &Tensor, Numbers)> = graph
            .inputs()
            .filter_map(|(node, dtype)| {
                let tensor = feeds.get(&node.name)?;
                Some((node.name.as_str(), tensor, Numbers::of(dtype, tensor)))
            })
            .collect();
        let inputs: Vec<NamedInput<'_>> = given
            .iter()
            .map(|(name, tensor, numbers)| NamedInput {
                name,
                shape: &tensor.shape,
                values: numbers.values(tensor),
            })
            .collect();
        let mut results: Vec<(String, Tensor)> = output_shapes(graph, feeds)?
            .into_iter()
            .map(|(name, shape)| (name, Tensor::zeros(shape)))
            .collect();
        let mut outputs: Vec<NamedOutput<'_>> = results
            .iter_mut()
            .map(|(name, tensor)| NamedOutput {
                name,
                shape: &tensor.shape,
                values: &mut tensor.values,
            })
            .collect();
        let failed = |source| RunError::Engine { engine: self.name.clone(), source };
        self.session.run(&inputs, &mut outputs).map_err(failed)?;
        Ok(results)
    }
}

/// Numbers of an input in the type that the engine takes; a tensor's own are reals.
enum Numbers {
    U8(Vec<u8>),
    I32(Vec<i32>),
    F32,
}

impl Numbers {
    fn of(dtype: DType, tensor: &Tensor) -> Self {
        let numbers = tensor.values.iter();
        match dtype {
            DType::U8 => Self::U8(numbers.map(|&x| x as u8).collect()),
            DType::I32 => Self::I32(numbers.map(|&x| x as i32).collect()),
            DType::F32 => Self::F32,
        }
    }

    fn values<'a>(&'a self, tensor: &'a Tensor) -> Values<'a> {
        match self {
            Self::U8(numbers) => Values::U8(numbers),
            Self::I32(numbers) => Values::I32(numbers),
            Self::F32 => Values::F32(&tensor.values),
        }
    }
}
