//! The engine inside this program: `rten`, pure Rust, nothing to install.

use std::sync::Arc;

use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value, ValueOrView, ValueView};

use super::values::{NamedInput, NamedOutput, Values};
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
            // The library hands out shapes of a rank that the compiler knows.
            match output.shape.len() {
                0 => take::<0>(output, result),
                1 => take::<1>(output, result),
                2 => take::<2>(output, result),
                3 => take::<3>(output, result),
                4 => take::<4>(output, result),
                _ => take::<5>(output, result),
            }?;
        }
        Ok(())
    }

    fn node(&self, name: &str) -> Result<NodeId, EngineError> {
        self.model.node_id(name).map_err(|error| EngineError::Run(error.to_string()))
    }
}

fn take<const RANK: usize>(output: &mut NamedOutput<'_>, result: Value) -> Result<(), EngineError> {
    let (shape, values) = result
        .into_shape_vec::<f32, RANK>()
        .map_err(|error| EngineError::Run(format!("{}: {error}", output.name)))?;
    output.take(&shape, &values)
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
