//! Attention between tokens as one operation of libtorch.
//!
//! `softmax(q · k) · v` node by node keeps the scores of every pair of tokens for the backward
//! pass, twice. libtorch's kernel keeps one number a row and computes them again (Dao et al. 2022,
//! arXiv:2205.14135).

use std::collections::BTreeMap;

use rszs_graph::{Graph, Node, NodeId, Op};
use tch::{TchError, Tensor};

/// The factors of each attention of a graph, by the name of the node that has its value: queries
/// `[N, heads, L, width]`, keys `[N, heads, width, M]`, values `[N, heads, M, width]`. Scores are
/// read by nobody else and have no mask; a scale is on the queries.
pub(crate) fn attentions(graph: &Graph) -> BTreeMap<String, [NodeId; 3]> {
    let mut readers = vec![0; graph.nodes().len()];
    let outputs = graph.outputs().iter().map(|(_, id)| id);
    for id in graph.nodes().iter().flat_map(|node| &node.inputs).chain(outputs) {
        readers[id.index()] += 1;
    }
    let read_once = |id: NodeId| (readers[id.index()] == 1).then(|| graph.node(id));
    let factors = |node: &Node| {
        let ([weights, v], Op::MatMul) = (pair(node)?, &node.op) else { return None };
        let softmax = read_once(weights).filter(|node| node.op == Op::Softmax)?;
        let scores = read_once(softmax.inputs[0]).filter(|node| node.op == Op::MatMul)?;
        let [q, k] = pair(scores)?;
        let heads = [q, k, v].map(|id| &graph.node(id).shape.0[..]);
        let is_by_head = heads.iter().all(|shape| shape.len() == 4 && shape[..2] == heads[0][..2]);
        is_by_head.then_some([q, k, v])
    };
    let nodes = graph.nodes().iter();
    nodes.filter_map(|node| Some((node.name.clone(), factors(node)?))).collect()
}

fn pair(node: &Node) -> Option<[NodeId; 2]> {
    node.inputs.as_slice().try_into().ok()
}

/// `softmax(q · k) · v`.
pub(crate) fn attend([q, k, v]: [&Tensor; 3]) -> Result<Tensor, TchError> {
    let (keys, no_mask) = (k.f_transpose(-2, -1)?, None::<&Tensor>);
    Tensor::f_scaled_dot_product_attention(q, &keys, v, no_mask, 0.0, false, 1.0, false)
}

#[cfg(test)]
mod tests {
    use rszs_network::{Config, Purpose, image_graph, text_graph};

    use super::*;

    /// CLIP's last block passes values through; MS-CAM attends at three scales. The head pools by
    /// scores that its gate reads too.
    #[test]
    fn every_attention_between_tokens_is_found() {
        for config in [Config::nano(), Config::preset("b16").unwrap()] {
            let graph = image_graph(&config, Purpose::Train).unwrap();
            let found = attentions(&graph);
            assert_eq!(found.len(), config.vlm.layers - 1 + config.rsi.layers + 3, "{found:?}");
            assert!(found.keys().all(|name| name.contains(".attn.")), "{found:?}");
        }
    }

    #[test]
    fn attention_with_a_mask_is_left_as_it_is() {
        assert!(attentions(&text_graph(&Config::nano()).unwrap()).is_empty());
    }
}
