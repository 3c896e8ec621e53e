//! The engine inside this program: `rten`, pure Rust, nothing to install.

use std::sync::Arc;

use rten::{
    Model, ModelOptions, NodeId, RunOptions, ThreadPool, TryFromValueError, ValueOrView, ValueView,
};

use super::session::{NamedInput, NamedOutput, Values};
use super::{EngineError, LoadError};

/// One model loaded into the embedded engine.
pub struct EmbeddedSession {
    model: Model,
    threads: Arc<ThreadPool>,
}

impl std::fmt::Debug for EmbeddedSession {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("EmbeddedSession").finish_non_exhaustive()
    }
}

impl EmbeddedSession {
    /// Loads `model`, the bytes of an ONNX file, for `threads` threads.
    pub fn load(model: Vec<u8>, threads: usize) -> Result<Self, LoadError> {
        let model =
            ModelOptions::with_all_ops().prepack_weights(true).load(model).map_err(|error| {
                LoadError::Model { engine: "the embedded engine", reason: error.to_string() }
            })?;
        Ok(Self { model, threads: Arc::new(ThreadPool::with_num_threads(threads)) })
    }

    /// Name and version of the library inside.
    pub fn library() -> String {
        "rten 0.27".to_owned()
    }

    pub(super) fn run(
        &mut self,
        inputs: &[NamedInput<'_>],
        outputs: &mut [NamedOutput<'_>],
    ) -> Result<(), EngineError> {
        let mut values: Vec<(NodeId, ValueOrView<'_>)> = Vec::with_capacity(inputs.len());
        for input in inputs {
            values.push((self.node(input.name)?, view(input)?.into()));
        }
        let wanted =
            outputs.iter().map(|output| self.node(output.name)).collect::<Result<Vec<_>, _>>()?;
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.threads)));
        let results = self
            .model
            .run(values, &wanted, Some(options))
            .map_err(|error| EngineError::Run(error.to_string()))?;
        for (output, result) in outputs.iter_mut().zip(results) {
            let name = output.name;
            let wrong = |error: TryFromValueError| EngineError::Run(format!("{name}: {error}"));
            // The contracts have outputs of two and of four sizes.
            if output.shape.len() == 2 {
                let (shape, values) = result.into_shape_vec::<f32, 2>().map_err(wrong)?;
                output.take(&shape, &values)?;
            } else {
                let (shape, values) = result.into_shape_vec::<f32, 4>().map_err(wrong)?;
                output.take(&shape, &values)?;
            }
        }
        Ok(())
    }

    fn node(&self, name: &str) -> Result<NodeId, EngineError> {
        self.model.node_id(name).map_err(|error| EngineError::Run(error.to_string()))
    }
}

/// The input where it lies: nothing is copied.
fn view<'a>(input: &NamedInput<'a>) -> Result<ValueView<'a>, EngineError> {
    let shape =
        |error: &dyn std::error::Error| EngineError::Run(format!("{}: {error}", input.name));
    match input.values {
        Values::U8(values) => {
            ValueView::from_shape(input.shape, values).map_err(|error| shape(&error))
        }
        Values::I32(values) => {
            ValueView::from_shape(input.shape, values).map_err(|error| shape(&error))
        }
        Values::F32(values) => {
            ValueView::from_shape(input.shape, values).map_err(|error| shape(&error))
        }
    }
}
