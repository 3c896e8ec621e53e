//! One loaded model in one engine: named inputs in, named outputs out.

use super::EngineError;
use super::embedded::EmbeddedSession;
use super::onnxruntime::OnnxRuntimeSession;
use super::tensorrt::SharedTensorRt;

/// Values of one input, row by row.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// Pixels.
    U8(&'a [u8]),
    /// Token ids.
    I32(&'a [i32]),
    /// Everything else.
    F32(&'a [f32]),
}

/// One input of a model.
#[derive(Debug, Clone, Copy)]
pub struct NamedInput<'a> {
    /// Its name in the model.
    pub name: &'a str,
    /// Its shape.
    pub shape: &'a [usize],
    /// As many values as the shape asks for.
    pub values: Values<'a>,
}

/// Where one output of a model goes. All outputs are f32.
#[derive(Debug)]
pub struct NamedOutput<'a> {
    /// Its name in the model.
    pub name: &'a str,
    /// The shape it must have.
    pub shape: &'a [usize],
    /// As many values as the shape asks for.
    pub values: &'a mut [f32],
}

impl NamedOutput<'_> {
    /// Takes what the engine gave, if its shape is the one asked for.
    pub(super) fn take(&mut self, shape: &[usize], values: &[f32]) -> Result<(), EngineError> {
        if shape != self.shape || values.len() != self.values.len() {
            return Err(EngineError::OutputShape {
                name: self.name.to_owned(),
                expected: self.shape.to_vec(),
                found: shape.to_vec(),
            });
        }
        self.values.copy_from_slice(values);
        Ok(())
    }
}

/// A loaded model. This is the one place that tells engines apart after start-up.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "one or two in a process, never in a list")]
pub enum Session {
    /// In TensorRT or TensorRT-RTX.
    TensorRt(SharedTensorRt),
    /// In ONNX Runtime.
    OnnxRuntime(OnnxRuntimeSession),
    /// In the engine inside this program.
    Embedded(EmbeddedSession),
}

impl Session {
    /// Runs the model once. Outputs are copied to where the caller wants them; nothing else of ours
    /// is allocated per call, but the engines allocate as they please.
    pub fn run(
        &mut self,
        inputs: &[NamedInput<'_>],
        outputs: &mut [NamedOutput<'_>],
    ) -> Result<(), EngineError> {
        match self {
            Self::TensorRt(session) => session.run(inputs, outputs),
            Self::OnnxRuntime(session) => session.run(inputs, outputs),
            Self::Embedded(session) => session.run(inputs, outputs),
        }
    }
}
