//! Attention is written so that engines recognise and fuse it: two products with a softmax between
//! them and nothing else, the scale on the queries, shapes known but for the number of images.
//! `half_precision.rs` has what TensorRT-RTX's builder makes of it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::BTreeMap;

use rszs_export::lower::{lower, lower_half};
use rszs_export::onnx::{GraphProto, NodeProto};
use rszs_graph::initial_parameters;
use rszs_network::{Config, Purpose, image_graph};
use rszs_tests::small;

/// A lowered file, by the names of its values.
struct File<'a> {
    graph: &'a GraphProto,
    makers: BTreeMap<&'a str, &'a NodeProto>,
}

impl<'a> File<'a> {
    fn of(graph: &'a GraphProto) -> Self {
        let makers = graph.node.iter().map(|node| (node.output[0].as_str(), node)).collect();
        Self { graph, makers }
    }

    /// What makes input `place` of `node`; a `Cast` between two precisions does not count.
    fn before(&self, node: &NodeProto, place: usize) -> Option<&'a NodeProto> {
        let maker = *self.makers.get(node.input[place].as_str())?;
        if operator(maker) == "Cast" { self.before(maker, 0) } else { Some(maker) }
    }

    /// What reads the value of `node`.
    fn after(&self, node: &NodeProto) -> Vec<&'a NodeProto> {
        let readers =
            self.graph.node.iter().filter(|reader| reader.input.contains(&node.output[0]));
        readers
            .flat_map(
                |reader| if operator(reader) == "Cast" { self.after(reader) } else { vec![reader] },
            )
            .collect()
    }

    /// The fixed whole numbers that `name` stands for.
    fn numbers(&self, name: &str) -> Option<Vec<i64>> {
        let stored =
            self.graph.initializer.iter().find(|tensor| tensor.name.as_deref() == Some(name))?;
        let bytes = stored.raw_data.as_ref()?.chunks_exact(8);
        Some(bytes.map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap())).collect())
    }

    /// From a factor of the scores back to its linear layer: the operators, and the target of the
    /// reshape.
    fn path(&self, product: &NodeProto, place: usize) -> (Vec<&'a str>, Vec<i64>) {
        let (mut operators, mut target) = (vec![], None);
        let mut node = self.before(product, place).unwrap();
        while operator(node) != "MatMul" {
            operators.push(operator(node));
            if operator(node) == "Reshape" {
                target = self.numbers(&node.input[1]);
            }
            node = self.before(node, 0).unwrap();
        }
        (operators, target.expect("a reshape to a shape that is stored, not computed"))
    }
}

fn operator(node: &NodeProto) -> &str {
    node.op_type.as_deref().unwrap()
}

fn expect_plain_attention(graph: &GraphProto, config: &Config) {
    let file = File::of(graph);
    let name = |node: &NodeProto| node.name.clone().unwrap();
    let softmaxes: Vec<_> = graph
        .node
        .iter()
        .filter(|node| operator(node) == "Softmax" && name(node).contains(".attn."))
        .collect();
    // CLIP's last block passes values through; MS-CAM attends at three scales.
    assert_eq!(softmaxes.len(), config.vlm.layers - 1 + config.rsi.layers + 3);
    for softmax in softmaxes {
        let scores = file.before(softmax, 0).unwrap();
        assert_eq!(
            operator(scores),
            "MatMul",
            "{}: nothing between scores and softmax",
            name(softmax)
        );
        let readers: Vec<_> = file.after(softmax).into_iter().map(operator).collect();
        assert_eq!(readers, ["MatMul"], "{}: nothing between softmax and values", name(softmax));
        let values = file.after(softmax)[0];

        let (queries, target) = file.path(scores, 0);
        assert_eq!(
            queries,
            ["Transpose", "Reshape", "Mul", "Add"],
            "{}: the scale is on the queries",
            name(scores)
        );
        for (product, place) in [(scores, 1), (values, 1)] {
            let (operators, other) = file.path(product, place);
            assert_eq!(operators, ["Transpose", "Reshape", "Add"], "{}", name(product));
            assert_eq!(other[2..], target[2..], "{}: heads and their width", name(product));
            assert!(
                other[0] == 0 && other[1] > 0,
                "{}: only the images are open: {other:?}",
                name(product)
            );
        }
        assert!(
            target[0] == 0 && target[1..].iter().all(|&length| length > 0),
            "{}: {target:?}",
            name(scores)
        );
    }
}

#[test]
fn attention_is_two_products_with_a_softmax_between_them_in_both_precisions() {
    let config = small();
    let graph = image_graph(&config, Purpose::Deploy).unwrap();
    let parameters = initial_parameters(&graph, 0);
    for lowered in
        [lower(&graph, &parameters, "model", &[]), lower_half(&graph, &parameters, "model", &[])]
    {
        expect_plain_attention(&lowered.unwrap().graph.unwrap(), &config);
    }
}
