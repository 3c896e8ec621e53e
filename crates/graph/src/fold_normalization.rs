//! The normalisation of an image folded into the convolution that cuts it into patches, so that
//! bytes become 8-bit steps without any error.
//!
//! ```text
//! before: bytes ── real ── transpose ── sub ── mul ── conv
//! after:  bytes ── real ── transpose ── affine (x / 128 - 1) ── conv ── add
//! ```
//!
//! `Σ w·g·(x - m) = Σ (128·w·g)·(x / 128 - 1) + Σ w·g·(128 - m)`: gains go into the weights, the
//! rest is added to the result (a bias of the convolution would be rounded to whole products of two
//! 16-bit scales by ONNX Runtime, most of which are nearly zero). What the convolution reads are
//! then whole multiples of 1/128 from -1 to 127/128, which steps of 1/128 hold exactly; and weights
//! keep a magnitude whose scale 16 bits can hold. In floats the result is the same up to rounding.
//! Convolutions with padding are left alone: around an image, zero would stand for another colour.

use std::collections::BTreeMap;

use crate::{DType, Graph, Init, Node, NodeId, Op, Shape, Tensor};

/// Half the range of a byte: what is zero in signed steps, and how many steps are 1.
const MIDDLE: f32 = 128.0;

/// A graph whose patch convolutions read bytes around zero.
#[derive(Debug, Clone, PartialEq)]
pub struct CentredPixels {
    /// The graph.
    pub graph: Graph,
    /// Its parameters; those of the convolutions have other values than before.
    pub parameters: BTreeMap<String, Tensor>,
    /// The nodes that convolutions read now: whole multiples of 1/128 from -1 to
    /// [`CentredPixels::MAGNITUDE`].
    pub centred: Vec<String>,
}

impl CentredPixels {
    /// The range to quantize [`CentredPixels::centred`] with: 127 steps of 1/128.
    pub const MAGNITUDE: f32 = 127.0 / MIDDLE;
}

/// A convolution that can be changed.
struct Patches<'a> {
    /// Bytes as reals, `[N, C, H, W]`.
    pixels: NodeId,
    mean: &'a [f32],
    gain: &'a [f32],
    weight: NodeId,
}

impl Graph {
    /// Folds the normalisation of bytes into every convolution without padding that alone reads it,
    /// by a weight that nothing else reads.
    #[must_use]
    pub fn centre_pixels(&self, parameters: &BTreeMap<String, Tensor>) -> CentredPixels {
        let mut parameters = parameters.clone();
        let mut nodes: Vec<Node> = Vec::new();
        let mut places: Vec<NodeId> = Vec::new();
        let mut centred: BTreeMap<NodeId, NodeId> = BTreeMap::new();
        let push = |nodes: &mut Vec<Node>, node| {
            nodes.push(node);
            NodeId(nodes.len() - 1)
        };
        for (index, node) in self.nodes.iter().enumerate() {
            let mut node = node.clone();
            node.inputs = node.inputs.iter().map(|id| places[id.0]).collect();
            if let Some(patches) = self.patches(index, &parameters) {
                let &mut place = centred.entry(patches.pixels).or_insert_with(|| {
                    let Node { name, shape, .. } = self.node(patches.pixels);
                    let (name, inputs) =
                        (format!("{name}.centred"), vec![places[patches.pixels.0]]);
                    let op = Op::Affine { scale: 1.0 / MIDDLE, offset: -1.0 };
                    push(&mut nodes, Node { name, op, inputs, shape: shape.clone() })
                });
                node.inputs[0] = place;
                let weight = &self.node(patches.weight).name;
                let (centre, sums) = (centre_of(weight), fold(&mut parameters, weight, &patches));
                let shape = [1, sums.len(), 1, 1];
                parameters.insert(centre.clone(), Tensor::new(shape, sums));
                let op = Op::Param { init: Init::Constant(0.0) };
                let centre = push(
                    &mut nodes,
                    Node { name: centre, op, inputs: vec![], shape: Shape::from(shape) },
                );
                let (name, shape) = (format!("{}.centre", node.name), node.shape.clone());
                let inputs = vec![push(&mut nodes, node), centre];
                node = Node { name, op: Op::Add, inputs, shape };
            }
            places.push(push(&mut nodes, node));
        }
        let outputs = self.outputs.iter().map(|(name, id)| (name.clone(), places[id.0])).collect();
        let centred = centred.values().map(|id| nodes[id.0].name.clone()).collect();
        CentredPixels {
            graph: Self { nodes, outputs }.without_dead_nodes(true),
            parameters,
            centred,
        }
    }

    /// What node `index` is made of, if it is such a convolution.
    fn patches(&self, index: usize, parameters: &BTreeMap<String, Tensor>) -> Option<Patches<'_>> {
        let Node { op: Op::Conv2d { padding: 0, groups: 1, .. }, inputs, .. } = &self.nodes[index]
        else {
            return None;
        };
        let is_read_here_alone = |id: NodeId| {
            let mut others = self.nodes.iter().enumerate().filter(|&(reader, _)| reader != index);
            others.all(|(_, node)| !node.inputs.contains(&id))
        };
        let is_own = |id: NodeId| {
            let Node { op, name, .. } = self.node(id);
            matches!(op, Op::Param { .. })
                && is_read_here_alone(id)
                && parameters.contains_key(name)
        };
        let (scaled, gain) = self.by_channel(inputs[0], &Op::Mul)?;
        let (pixels, mean) = self.by_channel(scaled, &Op::Sub)?;
        let fits = self.is_bytes(pixels) && is_own(inputs[1]);
        fits.then_some(Patches { pixels, mean, gain, weight: inputs[1] })
    }

    /// The first factor of `id` and the second, if that is a constant with a number for each
    /// channel.
    fn by_channel(&self, id: NodeId, op: &Op) -> Option<(NodeId, &[f32])> {
        let node = self.node(id);
        let Op::Constant { values } = &self.node(*node.inputs.get(1)?).op else { return None };
        let channels = self.node(node.inputs[0]).shape.0.get(1)?.as_fixed()?;
        let is_one_each = self.node(node.inputs[1]).shape == Shape::from([1, channels, 1, 1]);
        (node.op == *op && is_one_each).then_some((node.inputs[0], values))
    }

    /// Whether a value holds bytes that the host fed, in whatever order.
    fn is_bytes(&self, id: NodeId) -> bool {
        let Node { op, inputs, .. } = self.node(id);
        let is_rearranged = matches!(op, Op::Cast | Op::Transpose { .. } | Op::Reshape);
        matches!(op, Op::Input { dtype: DType::U8 }) || (is_rearranged && self.is_bytes(inputs[0]))
    }
}

/// Scales the weight by the gains and gives what is to be added to each output.
fn fold(
    parameters: &mut BTreeMap<String, Tensor>,
    weight: &str,
    patches: &Patches<'_>,
) -> Vec<f32> {
    let Some(weight) = parameters.get_mut(weight) else { return vec![] };
    let (outputs, channels) = (weight.shape[0], weight.shape[1]);
    let kernel = weight.values.len() / (outputs * channels);
    let mut sums = vec![0.0_f64; outputs];
    for (index, values) in weight.values.chunks_exact_mut(kernel).enumerate() {
        let (output, channel) = (index / channels, index % channels);
        for value in values {
            *value *= MIDDLE * patches.gain[channel];
            sums[output] += f64::from(*value) * f64::from(1.0 - patches.mean[channel] / MIDDLE);
        }
    }
    sums.into_iter().map(|sum| sum as f32).collect()
}

/// Name of what is added, beside a weight.
fn centre_of(weight: &str) -> String {
    format!("{}.centre", weight.strip_suffix(".weight").unwrap_or(weight))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{Builder, N, initial_parameters, interpret};

    const INIT: Init = Init::Normal { standard_deviation: 0.5 };

    /// Two streams of patches of one image, one without a bias, and one that sees it resized.
    fn example() -> Graph {
        let b = &Builder::new();
        let tiles = b.input("tiles", DType::U8, [N, 4.into(), 4.into(), 3.into()]);
        let pixels = tiles.cast().transpose(&[0, 3, 1, 2]);
        let normalised = |x| {
            let (mean, gain) = (
                b.constant(&[120.0, 110.0, 100.0], [1, 3, 1, 1]),
                b.constant(&[0.02, 0.01, 0.03], [1, 3, 1, 1]),
            );
            (x - mean) * gain
        };
        let weight = || b.param("weight", [5, 3, 2, 2], INIT);
        let one = b.scoped("one", || normalised(pixels).conv2d(weight(), None, 2, 0, 1));
        let two = b.scoped("two", || {
            normalised(pixels).conv2d(weight(), Some(b.param("bias", [5], INIT)), 2, 0, 1)
        });
        let third =
            b.scoped("third", || normalised(pixels.resize(8, 8)).conv2d(weight(), None, 4, 0, 1));
        let padded = b
            .scoped("padded", || normalised(pixels).conv2d(weight(), None, 1, 1, 1))
            .slice(2, 0, 2)
            .slice(3, 0, 2);
        b.finish(&[("y", (one + two + third + padded).id())]).unwrap()
    }

    fn feeds() -> BTreeMap<String, Tensor> {
        let bytes: Vec<u8> =
            (0..96).map(|index| (index * 37 % 256) as u8).chain([0, 255]).take(96).collect();
        [("tiles".to_owned(), Tensor::from_bytes([2, 4, 4, 3], &bytes))].into()
    }

    #[test]
    fn bytes_without_padding_are_centred_once_and_nothing_else_changes() {
        let graph = example();
        let parameters = initial_parameters(&graph, 0);
        let found = graph.centre_pixels(&parameters);
        assert_eq!(found.centred, ["transpose.centred"]);
        let changed: Vec<_> = found
            .parameters
            .iter()
            .filter(|(name, value)| parameters.get(*name) != Some(value))
            .collect();
        let changed: Vec<&str> = changed.into_iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(changed, ["one.centre", "one.weight", "two.centre", "two.weight"]);
        let [before, after] = [(&graph, &parameters), (&found.graph, &found.parameters)]
            .map(|(graph, parameters)| interpret(graph, &feeds(), parameters).unwrap().remove(0).1);
        assert!(
            after.distance(&before) < 1e-5 * before.magnitude(),
            "{} of {}",
            after.distance(&before),
            before.magnitude()
        );
    }

    #[test]
    fn steps_hold_centred_bytes_without_error() {
        let graph = example();
        let found = graph.centre_pixels(&initial_parameters(&graph, 0));
        let values =
            |graph: &Graph| interpret(graph, &feeds(), &found.parameters).unwrap().remove(0).1;
        let exact = found.graph.showing(&["transpose.centred"]);
        let magnitudes = [
            ("transpose.centred".to_owned(), CentredPixels::MAGNITUDE),
            ("one.conv2d".to_owned(), 9.0),
        ]
        .into();
        let products = BTreeSet::from(["one.conv2d".to_owned()]);
        let quantized = found.graph.quantize(&products, &magnitudes, &found.parameters).unwrap();
        assert_eq!(values(&quantized.showing(&["transpose.centred.dequantize"])), values(&exact));
    }
}
