//! Outliers moved from activations into weights before both are quantized (`SmoothQuant`,
//! arXiv:2211.10438).
//!
//! One scale for a whole activation is set by its largest channel, and the others get few steps.
//! Where products by weights alone read a value y, y·W = (y / s)·(s·W) with one s for each channel:
//! 1 / s goes into what makes y (gain and bias of a norm, columns and bias of a linear layer), s
//! into the rows of W, whose scales are one for each column. No node is added. Factors are powers
//! of two, so the graph computes the same products to the bit until it is quantized.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Graph, Node, NodeId, Op, Tensor};

/// A value whose channels can be scaled down, with everything that has to change with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// The node that makes the value, `[.., C]`.
    pub source: String,
    /// The products that read it.
    pub products: Vec<String>,
    /// Their weights, `[C, outputs]`, in the order of the products.
    pub weights: Vec<String>,
    /// Parameters that scale with the value, `[.., C]`.
    divided: Vec<String>,
}

impl Graph {
    /// Every value that a layer norm or a linear layer makes and that products by weights alone
    /// read, in graph order.
    ///
    /// Parameters that any other node reads as well are left alone, and so are outputs.
    pub fn migrations(&self) -> Vec<Migration> {
        let readers = self.readers();
        let outputs: BTreeSet<NodeId> = self.outputs.iter().map(|(_, id)| *id).collect();
        let one = |id: NodeId| match readers[id.0].as_slice() {
            [reader] if !outputs.contains(&id) => Some(*reader),
            _ => None,
        };
        let own_param =
            |id: NodeId| matches!(self.node(id).op, Op::Param { .. }) && one(id).is_some();
        let mut found = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let (id, read) = (NodeId(index), &readers[index]);
            let divided: Vec<NodeId> = match &node.op {
                Op::LayerNorm { .. } => node.inputs[1..].to_vec(),
                Op::MatMul => vec![node.inputs[1]],
                // The bias of a linear layer; the product itself has no other reader.
                Op::Add => {
                    match (&self.node(node.inputs[0]).op, self.node(node.inputs[1]).shape.rank()) {
                        (Op::MatMul, 1) if one(node.inputs[0]).is_some() => {
                            vec![self.node(node.inputs[0]).inputs[1], node.inputs[1]]
                        }
                        _ => continue,
                    }
                }
                _ => continue,
            };
            let is_product = |reader: &NodeId| {
                let Node { op, inputs, .. } = self.node(*reader);
                matches!(op, Op::MatMul) && inputs[0] == id && own_param(inputs[1])
            };
            if read.is_empty() || outputs.contains(&id) || !read.iter().all(is_product) {
                continue;
            }
            if divided.iter().all(|&id| own_param(id)) {
                let name = |id: &NodeId| self.node(*id).name.clone();
                found.push(Migration {
                    source: node.name.clone(),
                    products: read.iter().map(name).collect(),
                    weights: read
                        .iter()
                        .map(|reader| name(&self.node(*reader).inputs[1]))
                        .collect(),
                    divided: divided.iter().map(name).collect(),
                });
            }
        }
        found
    }

    /// For each node, the nodes that read it.
    pub(crate) fn readers(&self) -> Vec<Vec<NodeId>> {
        let mut readers = vec![Vec::new(); self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            let inputs: BTreeSet<NodeId> = node.inputs.iter().copied().collect();
            for input in inputs {
                readers[input.0].push(NodeId(index));
            }
        }
        readers
    }
}

impl Migration {
    /// Divides channel c of the value by 2 to the power of `exponents[c]` and multiplies row c of
    /// each weight by it.
    ///
    /// # Panics
    /// If `parameters` lacks one of its parameters, or `exponents` has another length than the
    /// value has channels.
    pub fn apply(&self, exponents: &[i32], parameters: &mut BTreeMap<String, Tensor>) {
        let mut tensor = |name: &String| match parameters.remove(name) {
            Some(tensor) => (name.clone(), tensor),
            None => panic!("{name}: expected a parameter, found none"),
        };
        let (divided, weights): (Vec<_>, Vec<_>) = (
            self.divided.iter().map(&mut tensor).collect(),
            self.weights.iter().map(&mut tensor).collect(),
        );
        for (name, mut tensor) in divided {
            assert_eq!(
                tensor.shape.last(),
                Some(&exponents.len()),
                "{name}: an exponent for each channel"
            );
            for (value, &exponent) in tensor.values.iter_mut().zip(exponents.iter().cycle()) {
                *value *= 2.0_f32.powi(-exponent);
            }
            parameters.insert(name, tensor);
        }
        for (name, mut tensor) in weights {
            assert_eq!(tensor.shape[0], exponents.len(), "{name}: an exponent for each row");
            let width = tensor.values.len() / exponents.len();
            for (row, &exponent) in tensor.values.chunks_exact_mut(width).zip(exponents) {
                for value in row {
                    *value *= 2.0_f32.powi(exponent);
                }
            }
            parameters.insert(name, tensor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Builder, Element, Init, N, Value, initial_parameters, initial_value, interpret};

    const INIT: Init = Init::Normal { standard_deviation: 0.5 };

    fn linear<'g>(b: &'g Builder, name: &str, x: Value<'g>) -> Value<'g> {
        b.scoped(name, || x.matmul(b.param("weight", [4, 4], INIT)) + b.param("bias", [4], INIT))
    }

    fn norm<'g>(b: &'g Builder, name: &str, x: Value<'g>) -> Value<'g> {
        b.scoped(name, || {
            x.layer_norm(b.param("gain", [4], INIT), b.param("bias", [4], INIT), 1e-5)
        })
    }

    /// A norm that two products read, one that a residual reads as well, and two linear layers in a
    /// row.
    fn example() -> Graph {
        let b = &Builder::new();
        let x = b.input("x", Element::F32, [N, 4.into()]);
        let normed = norm(b, "norm", x);
        let (q, k) = (linear(b, "q", normed), linear(b, "k", normed));
        let shared = norm(b, "shared", q * k);
        let residual = shared + linear(b, "side", shared);
        let y = linear(b, "second", linear(b, "first", residual));
        b.finish(&[("y", y.id())]).unwrap()
    }

    #[test]
    fn values_that_products_alone_read_are_found() {
        let found = example().migrations();
        let sources: Vec<&str> = found.iter().map(|migration| migration.source.as_str()).collect();
        assert_eq!(sources, ["norm.layer_norm", "first.add"]);
        assert_eq!(found[0].products, ["q.matmul", "k.matmul"]);
        assert_eq!(found[1].weights, ["second.weight"]);
        assert_eq!(found[1].divided, ["first.weight", "first.bias"]);
    }

    #[test]
    fn a_parameter_with_two_readers_is_left_alone() {
        let b = &Builder::new();
        let x = b.input("x", Element::F32, [N, 4.into()]);
        let weight = b.param("weight", [4, 4], INIT);
        let y = norm(b, "norm", x).matmul(weight) + x.matmul(weight);
        assert_eq!(b.finish(&[("y", y.id())]).unwrap().migrations(), []);
    }

    #[test]
    fn outputs_keep_their_bits() {
        let graph = example();
        let feeds = [("x".to_owned(), initial_value("x", INIT, vec![3, 4], 1))].into();
        let before = initial_parameters(&graph, 0);
        let mut after = before.clone();
        for migration in graph.migrations() {
            migration.apply(&[3, 0, -2, 7], &mut after);
        }
        assert_ne!(after, before);
        assert_eq!(
            after["norm.gain"].values[0].to_bits(),
            (before["norm.gain"].values[0] / 8.0).to_bits()
        );
        assert_eq!(
            after["q.weight"].values[0].to_bits(),
            (before["q.weight"].values[0] * 8.0).to_bits()
        );
        assert_eq!(
            interpret(&graph, &feeds, &after).unwrap(),
            interpret(&graph, &feeds, &before).unwrap()
        );
    }
}
