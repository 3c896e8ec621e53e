//! What depends on nothing that changes is computed once and for all: on a fixed input, or on
//! weights alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::{Graph, Init, InterpretError, NodeId, Op, Tensor, interpret};

impl Graph {
    /// The graph for one fixed value of the input `name`, which disappears. If the input has an
    /// axis K, K is fixed too.
    ///
    /// Every node that depends on nothing but this input, parameters and constants is evaluated
    /// with the oracle and becomes a constant of the same name. Parameters and inputs that nothing
    /// reads any more are left out.
    pub fn fold_input(
        &self,
        name: &str,
        value: &Tensor,
        parameters: &BTreeMap<String, Tensor>,
    ) -> Result<Self, InterpretError> {
        let Some((input, _)) = self.inputs().find(|(node, _)| node.name == name) else {
            let known = self.inputs().map(|(node, _)| node.name.clone()).collect();
            return Err(InterpretError::UnknownFeed { name: name.to_owned(), known });
        };
        let queries = input.shape.0.iter().zip(&value.shape).find(|(dim, _)| **dim == crate::K);
        let mut graph = match queries {
            Some((_, &queries)) => self.clone().fold_queries(queries),
            None => self.clone(),
        };
        let known = graph.known_with(name);
        let outputs: Vec<(String, NodeId)> = graph
            .boundary_of(&known)
            .into_iter()
            .map(|id| (graph.node(id).name.clone(), id))
            .collect();
        let part =
            Self { nodes: graph.nodes.clone(), outputs: outputs.clone() }.without_dead_nodes(false);
        let feeds = part.inputs().map(|(node, _)| (node.name.clone(), value.clone())).collect();
        let values = interpret(&part, &feeds, parameters)?;
        for ((_, id), (_, tensor)) in outputs.iter().zip(values) {
            let node = &mut graph.nodes[id.0];
            node.op = Op::Constant { values: Arc::from(tensor.values) };
            node.inputs.clear();
        }
        Ok(graph.without_dead_nodes(false))
    }

    /// The graph in which what follows from parameters and constants alone, such as a weight times
    /// a gain, is a parameter of the node's own name, and the parameters that belong to it. Those
    /// that nothing reads any more are left out.
    pub fn fold_weights(
        &self,
        parameters: &BTreeMap<String, Tensor>,
    ) -> Result<(Self, BTreeMap<String, Tensor>), InterpretError> {
        let mut graph = self.clone();
        let known = graph.known_with("");
        let ends = graph.boundary_of(&known);
        let outputs = ends.iter().map(|&id| (graph.node(id).name.clone(), id)).collect();
        let part = Self { nodes: graph.nodes.clone(), outputs }.without_dead_nodes(false);
        let values = interpret(&part, &BTreeMap::new(), parameters)?;
        let mut folded = parameters.clone();
        for (id, (name, tensor)) in ends.into_iter().zip(values) {
            let node = &mut graph.nodes[id.0];
            node.op = Op::Param { init: Init::Constant(0.0) };
            node.inputs.clear();
            folded.insert(name, tensor);
        }
        let graph = graph.without_dead_nodes(true);
        let read: BTreeSet<&str> = graph.params().map(|node| node.name.as_str()).collect();
        folded.retain(|name, _| read.contains(name.as_str()));
        Ok((graph, folded))
    }

    /// For each node, whether it has a fixed size and follows from `input`, parameters and
    /// constants alone.
    fn known_with(&self, input: &str) -> Vec<bool> {
        let mut known = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            known.push(if matches!(node.op, Op::Input { .. }) {
                node.name == input
            } else {
                node.shape.as_fixed().is_some() && node.inputs.iter().all(|id| known[id.0])
            });
        }
        known
    }

    /// The known nodes that an unknown node or the host reads, parameters and constants excepted.
    fn boundary_of(&self, known: &[bool]) -> Vec<NodeId> {
        let mut read: Vec<bool> = vec![false; known.len()];
        for (node, _) in self.nodes.iter().zip(known).filter(|(_, known)| !**known) {
            node.inputs.iter().for_each(|id| read[id.0] = true);
        }
        self.outputs.iter().for_each(|(_, id)| read[id.0] = true);
        let given =
            |index: usize| matches!(self.nodes[index].op, Op::Param { .. } | Op::Constant { .. });
        (0..known.len())
            .filter(|&index| known[index] && read[index] && !given(index))
            .map(NodeId)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Builder, DType, K, N};

    fn example() -> Graph {
        let builder = Builder::new();
        let init = Init::Constant(0.0);
        let x = builder.input("x", DType::F32, [N, 2.into()]);
        let queries = builder.input("queries", DType::F32, [K, 2.into()]);
        let keys = builder.scoped("head", || {
            queries.matmul(builder.param("weight", [2, 2], init)).l2_normalize()
        });
        let bias = builder.param("bias", [1, 2], init) + builder.constant(&[1.0], [1]);
        let y = (x + bias).matmul(keys.transpose(&[1, 0]));
        builder.finish(&[("y", y.id()), ("keys", keys.id())]).unwrap()
    }

    fn parameters() -> BTreeMap<String, Tensor> {
        let weight = Tensor::new([2, 2], vec![0.0, 2.0, 1.0, 0.0]);
        [
            ("head.weight".to_owned(), weight),
            ("bias".to_owned(), Tensor::new([1, 2], vec![10.0, 20.0])),
        ]
        .into()
    }

    #[test]
    fn a_folded_graph_computes_the_same_without_the_input() {
        let queries = Tensor::new([3, 2], vec![1.0, 0.0, 0.0, 1.0, 3.0, 4.0]);
        let x = Tensor::new([2, 2], vec![1.0, 2.0, 3.0, 4.0]);
        let open = [("x".to_owned(), x.clone()), ("queries".to_owned(), queries.clone())].into();
        let expected = interpret(&example(), &open, &parameters()).unwrap();

        let folded = example().fold_input("queries", &queries, &parameters()).unwrap();
        let found = interpret(&folded, &[("x".to_owned(), x)].into(), &BTreeMap::new()).unwrap();
        assert_eq!(found, expected);
        assert_eq!(folded.params().count(), 0, "the weight of the queries is folded in");
        let names: Vec<&str> = folded.nodes().iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["x", "head.l2_normalize", "add", "add_2", "transpose", "matmul"]);
        assert_eq!(folded.node(folded.outputs()[0].1).shape.to_string(), "[N, 3]");
    }

    #[test]
    fn what_follows_from_weights_alone_becomes_one_weight() {
        let builder = Builder::new();
        let x = builder.input("x", DType::F32, [N, 2.into()]);
        let y = builder.scoped("layer", || {
            let weight = builder.param("weight", [2, 2], Init::Constant(0.0));
            let gain = builder.param("gain", [2], Init::Constant(1.0)).reshape([1, 2]);
            x.matmul(weight * gain) + builder.param("bias", [2], Init::Constant(0.0))
        });
        let graph = builder.finish(&[("y", y.id())]).unwrap();
        let tensor = |shape: &[usize], values: &[f32]| Tensor::new(shape.to_vec(), values.to_vec());
        let parameters = BTreeMap::from([
            ("layer.weight".to_owned(), tensor(&[2, 2], &[1.0, 2.0, 3.0, 4.0])),
            ("layer.gain".to_owned(), tensor(&[2], &[10.0, 100.0])),
            ("layer.bias".to_owned(), tensor(&[2], &[5.0, 6.0])),
        ]);
        let (folded, weights) = graph.fold_weights(&parameters).unwrap();
        assert_eq!(weights.keys().collect::<Vec<_>>(), ["layer.bias", "layer.mul"]);
        assert_eq!(weights["layer.mul"].values, [10.0, 200.0, 30.0, 400.0]);
        let feeds = [("x".to_owned(), tensor(&[1, 2], &[1.0, -1.0]))].into();
        assert_eq!(interpret(&folded, &feeds, &weights), interpret(&graph, &feeds, &parameters));
    }

    #[test]
    fn an_unknown_input_is_an_error() {
        let error =
            example().fold_input("words", &Tensor::zeros([1, 2]), &parameters()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "words: not an input of this graph; the inputs are x, queries"
        );
    }
}
