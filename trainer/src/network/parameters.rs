//! The trained tensors by name.

use std::collections::BTreeMap;

use rszs_graph::{Graph, Op, initial_value};
use tch::{Device, Tensor};

use crate::TrainError;
use crate::device::upload;

/// Trained tensors of one or more graphs. The name in the graph is the key here and in a
/// checkpoint; graphs that use the same name share the tensor.
#[derive(Debug)]
pub struct Parameters {
    tensors: BTreeMap<String, Tensor>,
    device: Device,
}

impl Parameters {
    /// No parameters yet.
    pub fn empty(device: Device) -> Self {
        Self { tensors: BTreeMap::new(), device }
    }

    /// The parameters of `graphs` at their starts. A tensor depends on `seed` and its name only, so
    /// adding a layer changes no other.
    pub fn initialise(graphs: &[&Graph], seed: u64, device: Device) -> Result<Self, TrainError> {
        let mut parameters = Self::empty(device);
        for graph in graphs {
            parameters.add_missing(graph, seed)?;
        }
        Ok(parameters)
    }

    /// Adds the parameters of `graph` that are not here yet, at their starts, and returns how many.
    /// Those that are here keep their values; their shapes must agree.
    pub fn add_missing(&mut self, graph: &Graph, seed: u64) -> Result<usize, TrainError> {
        let mut added = 0;
        for node in graph.params() {
            let shape: Vec<i64> =
                node.shape.at(1, 1).into_iter().map(|length| length as i64).collect();
            if let Some(known) = self.tensors.get(&node.name) {
                expect_shape(&node.name, &shape, known, "another graph of the same parameters")?;
            } else if let Op::Param { init } = node.op {
                let start = initial_value(&node.name, init, node.shape.at(1, 1), seed);
                self.insert(&node.name, Tensor::f_from_slice(&start.values)?.f_reshape(&shape)?)?;
                added += 1;
            }
        }
        Ok(added)
    }

    /// Where the tensors are.
    pub fn device(&self) -> Device {
        self.device
    }

    /// One tensor.
    pub fn get(&self, name: &str) -> Result<&Tensor, TrainError> {
        self.tensors.get(name).ok_or_else(|| TrainError::UnknownParameter {
            name: name.to_owned(),
            known: self.groups().into_iter().collect::<Vec<_>>().join(", "),
        })
    }

    /// Adds a tensor, trainable, or puts it in the place of the one of the same name.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the tensor is given away: its memory is shared from here on"
    )]
    pub fn insert(&mut self, name: &str, tensor: Tensor) -> Result<(), TrainError> {
        let tensor = upload(&tensor.f_detach()?, self.device)?.f_set_requires_grad(true)?;
        self.tensors.insert(name.to_owned(), tensor);
        Ok(())
    }

    /// All names and tensors, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Names and tensors that get a gradient, by name.
    pub fn trainable(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.iter().filter(|(_, tensor)| tensor.requires_grad())
    }

    /// How many tensors there are.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// The first parts of the names: `vlm`, `rsi`, `text`, ...
    pub fn groups(&self) -> std::collections::BTreeSet<&str> {
        self.tensors.keys().map(|name| group(name)).collect()
    }

    /// Lets exactly the tensors train whose name `wanted` accepts.
    pub fn set_trainable(&self, wanted: impl Fn(&str) -> bool) -> Result<(), TrainError> {
        for (name, tensor) in &self.tensors {
            let _ = tensor.f_set_requires_grad(wanted(name))?;
        }
        Ok(())
    }

    /// The number of numbers in the tensors whose name `wanted` accepts.
    pub fn count(&self, wanted: impl Fn(&str) -> bool) -> usize {
        self.iter().filter(|(name, _)| wanted(name)).map(|(_, tensor)| tensor.numel()).sum()
    }

    /// A copy that shares no memory and needs no gradient.
    pub fn detached_copy(&self) -> Result<Self, TrainError> {
        let mut tensors = BTreeMap::new();
        for (name, tensor) in &self.tensors {
            tensors.insert(name.clone(), tensor.f_detach_copy()?);
        }
        Ok(Self { tensors, device: self.device })
    }

    /// Takes the values of every tensor of `source`, which must all be here with the same shapes.
    /// Memory and trainability stay.
    pub fn copy_values_from(&mut self, source: &Self) -> Result<(), TrainError> {
        let _guard = tch::no_grad_guard();
        for (name, tensor) in &source.tensors {
            let mut own = self.get(name)?.shallow_clone();
            expect_shape(name, &own.size(), tensor, "weights of another config?")?;
            own.f_copy_(tensor)?;
        }
        Ok(())
    }
}

/// The part of a parameter's name before the first dot.
pub fn group(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

pub(crate) fn expect_shape(
    name: &str,
    expected: &[i64],
    tensor: &Tensor,
    hint: &str,
) -> Result<(), TrainError> {
    let found = tensor.size();
    if found == expected {
        return Ok(());
    }
    Err(TrainError::ParameterShape {
        name: name.to_owned(),
        expected: expected.to_vec(),
        found,
        hint: hint.to_owned(),
    })
}
