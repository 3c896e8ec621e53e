//! A graph with everything that it needs to be run.

use std::collections::BTreeMap;

use rszs_graph::{DType, Graph, Init, Tensor, initial_parameters, initial_value, interpret};

/// A graph, its feeds and its parameters, all generated from the case's name.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it shows, as a phrase.
    pub name: String,
    /// What is computed.
    pub graph: Graph,
    /// Inputs by name.
    pub feeds: BTreeMap<String, Tensor>,
    /// Parameters by name.
    pub parameters: BTreeMap<String, Tensor>,
}

impl Case {
    /// A case for `images` images and `queries` queries, with inputs made up by their element
    /// types: bytes of all values, small token numbers, normal reals.
    pub fn generated(name: &str, graph: Graph, images: usize, queries: usize) -> Self {
        let feeds = graph
            .inputs()
            .map(|(node, dtype)| {
                (node.name.clone(), feed(&node.name, dtype, node.shape.at(images, queries)))
            })
            .collect();
        let parameters = initial_parameters(&graph, 7);
        Self { name: name.to_owned(), graph, feeds, parameters }
    }

    /// What the oracle makes of it.
    pub fn reference(&self) -> BTreeMap<String, Tensor> {
        let outputs = interpret(&self.graph, &self.feeds, &self.parameters);
        outputs.unwrap_or_else(|error| panic!("{}: {error}", self.name)).into_iter().collect()
    }
}

fn feed(name: &str, dtype: DType, shape: Vec<usize>) -> Tensor {
    let mut tensor = initial_value(name, Init::Normal { standard_deviation: 1.0 }, shape, 11);
    for value in &mut tensor.values {
        *value = match dtype {
            DType::U8 => (value.abs() * 1000.0).floor() % 256.0,
            DType::I32 => (value.abs() * 1000.0).floor() % 7.0,
            DType::F32 => *value,
        };
    }
    tensor
}
