//! Named inputs and outputs of a model.

use super::EngineError;

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
