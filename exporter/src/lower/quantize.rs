//! 8-bit steps as `QuantizeLinear` and `DequantizeLinear`, weights as stored steps.

use std::collections::BTreeMap;

use rszs_graph::{Node, Op, Scales, Tensor};

use super::writer::Writer;
use super::{LowerError, parameter};
use crate::onnx::AttributeProto;

/// A parameter is quantized here and stored as 8-bit numbers; a value is quantized at run time.
pub(super) fn lower_quantize(
    writer: &mut Writer<'_>,
    index: usize,
    node: &Node,
    scales: &Scales,
    parameters: &BTreeMap<String, Tensor>,
) -> Result<(), LowerError> {
    let source = writer.source(node.inputs[0]);
    if matches!(source.op, Op::Param { .. }) {
        let tensor = parameter(source, parameters)?;
        writer.steps(&node.name, &tensor.shape, &scales.quantize(tensor));
    } else {
        let x = writer.inputs(index).swap_remove(0);
        let inputs = vec![x, writer.scales(index, scales)?, writer.zero_of_values(index)];
        writer.node(index, "QuantizeLinear", inputs, axis_of(scales));
    }
    Ok(())
}

pub(super) fn lower_dequantize(
    writer: &mut Writer<'_>,
    index: usize,
    node: &Node,
    scales: &Scales,
) -> Result<(), LowerError> {
    let steps = writer.edge(node.inputs[0]);
    let zero = if writer.is_weight_in_steps(node.inputs[0]) {
        writer.step_zeros(scales.values().len())
    } else {
        writer.zero_of_values(index)
    };
    let inputs = vec![steps, writer.scales(index, scales)?, zero];
    writer.node(index, "DequantizeLinear", inputs, axis_of(scales));
    Ok(())
}

fn axis_of(scales: &Scales) -> Vec<AttributeProto> {
    match scales {
        Scales::Tensor(_) => vec![],
        Scales::Channels { axis, .. } => vec![AttributeProto::int("axis", *axis as i64)],
    }
}
