//! The numbers behind N and K.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use rszs_graph::{Dim, Graph, K, N};
use tch::Tensor;

use crate::TrainError;

/// The lengths behind N and K in one evaluation.
#[derive(Clone, Copy)]
pub(super) struct Symbols {
    images: usize,
    queries: usize,
}

impl Symbols {
    /// From the shapes of `feeds`, which must be those of the inputs of `graph`.
    pub(super) fn from_feeds<T: Borrow<Tensor>>(
        graph: &Graph,
        feeds: &BTreeMap<&str, T>,
    ) -> Result<Self, TrainError> {
        let mut symbols = Self { images: 1, queries: 1 };
        let fed = || {
            graph.inputs().filter_map(|(node, _)| {
                Some((node, feeds.get(node.name.as_str())?.borrow().size()))
            })
        };
        for (node, size) in fed() {
            for (&dim, &length) in node.shape.0.iter().zip(&size) {
                if dim == N {
                    symbols.images = length as usize;
                } else if dim == K {
                    symbols.queries = length as usize;
                }
            }
        }
        for (node, size) in fed() {
            if symbols.lengths(&node.shape.0) != size {
                return Err(TrainError::Feed {
                    name: node.name.clone(),
                    expected: node.shape.to_string(),
                    found: format!("{size:?}"),
                });
            }
        }
        Ok(symbols)
    }

    /// The numbers behind `dims`.
    pub(super) fn lengths(self, dims: &[Dim]) -> Vec<i64> {
        dims.iter().map(|dim| dim.at(self.images, self.queries) as i64).collect()
    }
}
