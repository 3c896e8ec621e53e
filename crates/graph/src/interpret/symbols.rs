//! What N and K are, read off the fed shapes.

use std::collections::BTreeMap;

use super::InterpretError;
use crate::{Dim, Graph, K, N, Node, Tensor};

/// The numbers behind the two symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Symbols {
    pub(super) images: usize,
    pub(super) queries: usize,
}

impl Symbols {
    /// Takes N and K from the first axis that has just that symbol and checks every fed shape
    /// against them.
    pub(super) fn of(
        graph: &Graph,
        feeds: &BTreeMap<String, Tensor>,
    ) -> Result<Self, InterpretError> {
        let inputs: Vec<&Node> = graph.inputs().map(|(node, _)| node).collect();
        if let Some(name) = feeds.keys().find(|name| inputs.iter().all(|node| node.name != **name))
        {
            let known = inputs.iter().map(|node| node.name.clone()).collect();
            return Err(InterpretError::UnknownFeed { name: name.clone(), known });
        }
        let length_of = |symbol: Dim| {
            inputs.iter().filter_map(|node| Some((node, feeds.get(&node.name)?))).find_map(
                |(node, tensor)| {
                    let axis = node.shape.0.iter().position(|&dim| dim == symbol)?;
                    tensor.shape.get(axis).copied()
                },
            )
        };
        let symbols =
            Self { images: length_of(N).unwrap_or(1), queries: length_of(K).unwrap_or(1) };
        for node in inputs {
            let Some(tensor) = feeds.get(&node.name) else { continue };
            let expected = node.shape.at(symbols.images, symbols.queries);
            if tensor.shape != expected || tensor.values.len() != expected.iter().product() {
                return Err(InterpretError::WrongShape {
                    name: node.name.clone(),
                    expected: format!("{} = {expected:?}", node.shape),
                    found: format!("{:?} with {} values", tensor.shape, tensor.values.len()),
                });
            }
        }
        Ok(symbols)
    }
}
