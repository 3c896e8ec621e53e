//! The engine inside this program: rten, pure Rust.

use std::collections::BTreeMap;

use rszs_graph::{Element, Graph, Tensor};
use rten::{Model, Value, ValueOrView};

use super::EngineError;

/// An ONNX file, loaded by rten.
pub struct Embedded {
    model: Box<Model>,
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedded").finish_non_exhaustive()
    }
}

impl Embedded {
    pub(super) const NAME: &str = "embedded engine (rten 0.27)";

    pub(super) fn load(model: &[u8]) -> Result<Self, EngineError> {
        let load = |error: rten::LoadError| EngineError::Load {
            engine: Self::NAME.to_owned(),
            reason: error.to_string(),
        };
        Ok(Self { model: Box::new(Model::load(model.to_vec()).map_err(load)?) })
    }

    pub(super) fn run(
        &mut self,
        graph: &Graph,
        feeds: &BTreeMap<String, Tensor>,
    ) -> Result<Vec<(String, Tensor)>, EngineError> {
        let mut inputs = Vec::new();
        for (node, element) in graph.inputs() {
            if let Some(tensor) = feeds.get(&node.name) {
                let id = self.model.node_id(&node.name).map_err(|error| failed(&error))?;
                inputs.push((id, value(element, tensor)?));
            }
        }
        let ids: Result<Vec<_>, _> =
            graph.outputs().iter().map(|(name, _)| self.model.node_id(name)).collect();
        let values = self
            .model
            .run(inputs, &ids.map_err(|error| failed(&error))?, None)
            .map_err(|error| failed(&error))?;
        let outputs = graph.outputs().iter().zip(values);
        outputs
            .map(|((name, id), value)| {
                Ok((name.clone(), tensor(value, graph.node(*id).shape.rank())?))
            })
            .collect()
    }
}

fn failed(error: &dyn std::fmt::Display) -> EngineError {
    EngineError::Run { engine: Embedded::NAME.to_owned(), reason: error.to_string() }
}

fn value(element: Element, tensor: &Tensor) -> Result<ValueOrView<'static>, EngineError> {
    let (shape, numbers) = (&tensor.shape, tensor.values.iter());
    let value = match element {
        Element::U8 => Value::from_shape(shape, numbers.map(|&x| x as u8).collect::<Vec<_>>())
            .map_err(|error| failed(&error))?,
        Element::I32 => Value::from_shape(shape, numbers.map(|&x| x as i32).collect::<Vec<_>>())
            .map_err(|error| failed(&error))?,
        Element::F32 => {
            Value::from_shape(shape, tensor.values.clone()).map_err(|error| failed(&error))?
        }
    };
    Ok(value.into())
}

/// The engine hands out shapes of a rank that the compiler knows.
fn tensor(value: Value, rank: usize) -> Result<Tensor, EngineError> {
    match rank {
        0 => of_rank::<0>(value),
        1 => of_rank::<1>(value),
        2 => of_rank::<2>(value),
        3 => of_rank::<3>(value),
        4 => of_rank::<4>(value),
        5 => of_rank::<5>(value),
        rank => Err(failed(&format!("an output with {rank} axes, more than are known here"))),
    }
}

fn of_rank<const RANK: usize>(value: Value) -> Result<Tensor, EngineError> {
    let (shape, values) = value.into_shape_vec::<f32, RANK>().map_err(|error| failed(&error))?;
    Ok(Tensor::new(shape, values))
}
