//! Graph → ONNX, opset 20.
//!
//! Node names are graph names, weights are named like parameters, N and K stay symbolic. What the
//! graph calls one op may be several ONNX nodes; the inner ones are named `<node>/<part>`. How it
//! is written decides speed: on ONNX Runtime's CPU `LpNormalization` on channels and `Einsum` cost
//! a third of a forward pass, so neither is used; attention is plain `MatMul` and `Softmax`, which
//! all engines know. No data outside the file.

mod error;
mod half;
mod quantize;
mod shape;
mod writer;

use std::collections::BTreeMap;

use rszs_graph::{DType, Graph, Node, Op, Shape, Tensor};

use crate::onnx::{AttributeProto, ModelProto, data_type};
use half::{element_types, with_half_scales};
use writer::Writer;

pub use error::LowerError;
pub use half::{
    ElementType, HalfError, HalfRun, LARGEST_HALF, Peak, interpret_half, interpret_half_with,
};

/// Version of ONNX's operator set.
pub const OPSET: i64 = 20;

/// Version of the file format that belongs to it.
pub const IR_VERSION: i64 = 9;

/// The whole file. `name` names the graph, `notes` become its metadata. `parameters` may hold more
/// than is needed.
pub fn lower(
    graph: &Graph,
    parameters: &BTreeMap<String, Tensor>,
    name: &str,
    notes: &[(&str, String)],
) -> Result<ModelProto, LowerError> {
    lower_as(vec![ElementType::F32; graph.nodes().len()], graph, parameters, name, notes)
}

/// The whole file in half precision, with the inputs and outputs of [`lower`]. See `lower/half.rs`
/// for what stays in 32 bits. Of a quantized graph it is the file that `TensorRT` multiplies in 8
/// bits.
pub fn lower_half(
    graph: &Graph,
    parameters: &BTreeMap<String, Tensor>,
    name: &str,
    notes: &[(&str, String)],
) -> Result<ModelProto, LowerError> {
    let graph = with_half_scales(graph);
    lower_as(element_types(&graph), &graph, parameters, name, notes)
}

fn lower_as(
    types: Vec<ElementType>,
    graph: &Graph,
    parameters: &BTreeMap<String, Tensor>,
    name: &str,
    notes: &[(&str, String)],
) -> Result<ModelProto, LowerError> {
    let mut writer = Writer::new(graph, types)?;
    for (index, node) in graph.nodes().iter().enumerate() {
        lower_node(&mut writer, index, node, parameters)?;
    }
    writer.finish(name, notes)
}

/// One node, by the op's definition in `rszs_graph::Op`.
fn lower_node(
    writer: &mut Writer<'_>,
    index: usize,
    node: &Node,
    parameters: &BTreeMap<String, Tensor>,
) -> Result<(), LowerError> {
    let inputs = writer.inputs(index);
    let x = || inputs[0].clone();
    match &node.op {
        Op::Param { .. } if writer.is_read_in_steps_alone(index) => {}
        Op::Param { .. } => lower_param(writer, index, node, parameters)?,
        Op::Constant { values } => {
            writer.weight(index, &node.name, &node.shape.at(1, 1), values)?;
        }
        Op::Cast => {
            let to = AttributeProto::int("to", writer.element_type(index).data_type().into());
            writer.node(index, "Cast", inputs, vec![to]);
        }
        Op::Add => writer.node(index, "Add", inputs, vec![]),
        Op::Sub => writer.node(index, "Sub", inputs, vec![]),
        Op::Mul => writer.node(index, "Mul", inputs, vec![]),
        Op::Div => writer.node(index, "Div", inputs, vec![]),
        &Op::Affine { scale, offset } => lower_affine(writer, index, node, scale, offset)?,
        Op::Relu => writer.node(index, "Relu", inputs, vec![]),
        Op::Relu6 => {
            let bounds = [writer.number(index, 0.0)?, writer.number(index, 6.0)?];
            writer.node(index, "Clip", [inputs, bounds.to_vec()].concat(), vec![]);
        }
        Op::Gelu => writer.node(index, "Gelu", inputs, vec![]),
        Op::QuickGelu => {
            let slope = writer.number(index, 1.702)?;
            let scaled = writer.part(node, "scaled", "Mul", vec![x(), slope], vec![]);
            let gate = writer.part(node, "gate", "Sigmoid", vec![scaled], vec![]);
            writer.node(index, "Mul", vec![x(), gate], vec![]);
        }
        Op::Sigmoid => writer.node(index, "Sigmoid", inputs, vec![]),
        Op::MatMul => writer.node(index, "MatMul", inputs, vec![]),
        &Op::Conv2d { stride, padding, groups } => {
            lower_convolution(writer, index, node, [stride, padding, groups]);
        }
        &Op::ConvTranspose2d { stride } => {
            let side = |name| AttributeProto::ints(name, &[stride; 2]);
            writer.node(
                index,
                "ConvTranspose",
                inputs,
                vec![side("kernel_shape"), side("strides")],
            );
        }
        &Op::AvgPool2d { size } => {
            let side = |name| AttributeProto::ints(name, &[size; 2]);
            writer.node(index, "AveragePool", inputs, vec![side("kernel_shape"), side("strides")]);
        }
        &Op::Resize { height, width } => lower_resize(writer, index, node, height, width),
        Op::Mean { axes } if is_mean_of_maps(writer.shape(node.inputs[0]), axes) => {
            lower_mean_of_maps(writer, index, node)?;
        }
        Op::Mean { axes } => {
            let axes = writer.integers(&axes.iter().map(|&axis| axis as i64).collect::<Vec<_>>());
            writer.node(
                index,
                "ReduceMean",
                vec![x(), axes],
                vec![AttributeProto::int("keepdims", 1)],
            );
        }
        &Op::LayerNorm { epsilon } => {
            let attributes =
                vec![AttributeProto::int("axis", -1), AttributeProto::float("epsilon", epsilon)];
            writer.node(index, "LayerNormalization", inputs, attributes);
        }
        &Op::GroupNorm { groups, epsilon } => {
            lower_group_norm(writer, index, node, groups, epsilon);
        }
        Op::L2Normalize => {
            let last = writer.integers(&[-1]);
            let keep = AttributeProto::int("keepdims", 1);
            let length = writer.part(node, "length", "ReduceL2", vec![x(), last], vec![keep]);
            let shortest = writer.number(index, 1e-6)?;
            let divisor = writer.part(node, "divisor", "Max", vec![length, shortest], vec![]);
            writer.node(index, "Div", vec![x(), divisor], vec![]);
        }
        Op::Softmax => writer.node(index, "Softmax", inputs, vec![AttributeProto::int("axis", -1)]),
        Op::Reshape => {
            let target = shape::reshape_target(writer.shape(node.inputs[0]), &node.shape);
            let target = writer.target(node, &target)?;
            writer.node(index, "Reshape", vec![x(), target], vec![]);
        }
        Op::Transpose { permutation } => {
            writer.node(
                index,
                "Transpose",
                inputs,
                vec![AttributeProto::ints("perm", permutation)],
            );
        }
        &Op::Concat { axis } => {
            writer.node(index, "Concat", inputs, vec![AttributeProto::int("axis", axis as i64)]);
        }
        &Op::Slice { axis, start, end } => {
            let mut inputs = inputs;
            inputs.extend([start, end, axis].map(|number| writer.integers(&[number as i64])));
            writer.node(index, "Slice", inputs, vec![]);
        }
        Op::Expand => {
            let target = shape::expand_target(writer.shape(node.inputs[0]), &node.shape);
            let target = writer.target(node, &target)?;
            writer.node(index, "Expand", vec![x(), target], vec![]);
        }
        Op::Quantize { scales } => {
            quantize::lower_quantize(writer, index, node, scales, parameters)?;
        }
        Op::Dequantize { scales } => quantize::lower_dequantize(writer, index, node, scales)?,
        Op::Gather => writer.node(index, "Gather", inputs, vec![AttributeProto::int("axis", 0)]),
        // Inputs are listed apart. Dropout does nothing outside training: whoever reads it reads
        // its input.
        Op::Input { .. } | Op::Dropout { .. } | Op::DropPath { .. } => {}
    }
    Ok(())
}

fn lower_param(
    writer: &mut Writer<'_>,
    index: usize,
    node: &Node,
    parameters: &BTreeMap<String, Tensor>,
) -> Result<(), LowerError> {
    let tensor = parameter(node, parameters)?;
    writer.weight(index, &node.name, &tensor.shape, &tensor.values)
}

fn parameter<'a>(
    node: &Node,
    parameters: &'a BTreeMap<String, Tensor>,
) -> Result<&'a Tensor, LowerError> {
    let (name, shape) = (node.name.clone(), node.shape.to_string());
    match parameters.get(&node.name) {
        None => Err(LowerError::MissingParameter { name, shape }),
        Some(tensor) if node.shape.as_fixed().as_ref() != Some(&tensor.shape) => {
            Err(LowerError::WrongShape { name, expected: shape, found: tensor.shape.clone() })
        }
        Some(tensor) => Ok(tensor),
    }
}

/// By scales and not by sizes: those would have to hold the symbolic number of images.
fn lower_resize(writer: &mut Writer<'_>, index: usize, node: &Node, height: usize, width: usize) {
    let x = writer.inputs(index).swap_remove(0);
    let from = writer.shape(node.inputs[0]).at(1, 1);
    let scales =
        [1.0, 1.0, shape::resize_scale(from[2], height), shape::resize_scale(from[3], width)];
    let scales = writer.numbers(&scales);
    let attributes = vec![
        AttributeProto::string("mode", "linear"),
        AttributeProto::string("coordinate_transformation_mode", "half_pixel"),
    ];
    writer.node(index, "Resize", vec![x, String::new(), scales], attributes);
}

/// `[stride, padding, groups]` of the op.
fn lower_convolution(
    writer: &mut Writer<'_>,
    index: usize,
    node: &Node,
    [stride, padding, groups]: [usize; 3],
) {
    let inputs = writer.inputs(index);
    let attributes = vec![
        AttributeProto::ints("kernel_shape", &writer.shape(node.inputs[1]).at(1, 1)[2..]),
        AttributeProto::ints("strides", &[stride; 2]),
        AttributeProto::ints("pads", &[padding; 4]),
        AttributeProto::int("group", groups as i64),
    ];
    match &inputs[..] {
        // ONNX Runtime rounds a bias to whole products of the two scales, and in 16 bits most of
        // these are nearly zero.
        [x, weight, bias] if writer.reads_half_steps(node) => {
            let map = writer.part(node, "map", "Conv", vec![x.clone(), weight.clone()], attributes);
            let axes = writer.integers(&[1, 2]);
            let bias = writer.part(node, "bias", "Unsqueeze", vec![bias.clone(), axes], vec![]);
            writer.node(index, "Add", vec![map, bias], vec![]);
        }
        _ => writer.node(index, "Conv", inputs, attributes),
    }
}

fn lower_affine(
    writer: &mut Writer<'_>,
    index: usize,
    node: &Node,
    scale: f32,
    offset: f32,
) -> Result<(), LowerError> {
    let x = writer.inputs(index).swap_remove(0);
    let (scale_by, offset_by) = (writer.number(index, scale)?, writer.number(index, offset)?);
    if offset == 0.0 {
        writer.node(index, "Mul", vec![x, scale_by], vec![]);
    } else if scale.to_bits() == 1.0_f32.to_bits() {
        writer.node(index, "Add", vec![x, offset_by], vec![]);
    } else {
        let scaled = writer.part(node, "scaled", "Mul", vec![x, scale_by], vec![]);
        writer.node(index, "Add", vec![scaled, offset_by], vec![]);
    }
    Ok(())
}

/// Whether `axes` are the second of four, of a fixed length.
fn is_mean_of_maps(shape: &Shape, axes: &[usize]) -> bool {
    axes == [1] && shape.rank() == 4 && shape.0[1].as_fixed().is_some()
}

/// As a 1×1 convolution: a matrix product in all engines, where the embedded one's `ReduceMean`
/// walks each pixel through memory.
fn lower_mean_of_maps(
    writer: &mut Writer<'_>,
    index: usize,
    node: &Node,
) -> Result<(), LowerError> {
    let x = writer.inputs(index).swap_remove(0);
    let maps = writer.shape(node.inputs[0]).at(1, 1)[1];
    let shares = format!("{}/shares", node.name);
    writer.weight(index, &shares, &[1, maps, 1, 1], &vec![1.0 / maps as f32; maps])?;
    writer.node(
        index,
        "Conv",
        vec![x, shares],
        vec![AttributeProto::ints("kernel_shape", &[1, 1])],
    );
    Ok(())
}

/// `GroupNormalization` with a gain per channel enters at opset 21: each group becomes one channel
/// of an `InstanceNormalization`, gain and bias follow.
fn lower_group_norm(
    writer: &mut Writer<'_>,
    index: usize,
    node: &Node,
    groups: usize,
    epsilon: f32,
) {
    let inputs = writer.inputs(index);
    let [x, gain, bias] = [0, 1, 2].map(|place| inputs[place].clone());
    let axes = node.shape.at(1, 1);
    let grouped = writer.integers(&[0, groups as i64, -1]);
    let ungrouped = writer.integers(&[0, axes[1] as i64, axes[2] as i64, axes[3] as i64]);
    let per_channel = writer.integers(&[1, 2]);
    let (ones, zeros) = (writer.numbers(&vec![1.0; groups]), writer.numbers(&vec![0.0; groups]));

    let x = writer.part(node, "grouped", "Reshape", vec![x, grouped], vec![]);
    let epsilon = AttributeProto::float("epsilon", epsilon);
    let x = writer.part(
        node,
        "standardized",
        "InstanceNormalization",
        vec![x, ones, zeros],
        vec![epsilon],
    );
    let x = writer.part(node, "ungrouped", "Reshape", vec![x, ungrouped], vec![]);
    let gain = writer.part(node, "gain", "Unsqueeze", vec![gain, per_channel.clone()], vec![]);
    let bias = writer.part(node, "bias", "Unsqueeze", vec![bias, per_channel], vec![]);
    let x = writer.part(node, "scaled", "Mul", vec![x, gain], vec![]);
    writer.node(index, "Add", vec![x, bias], vec![]);
}

fn onnx_element(dtype: DType) -> i32 {
    match dtype {
        DType::U8 => data_type::UINT8,
        DType::I32 => data_type::INT32,
        DType::F32 => data_type::FLOAT,
    }
}

#[cfg(test)]
mod tests;
