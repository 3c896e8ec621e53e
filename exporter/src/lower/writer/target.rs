//! Target shapes, some of whose lengths are known when inputs have arrived.

use rszs_graph::{Dim, K, N, Node};

use super::Writer;
use crate::lower::LowerError;
use crate::lower::shape::Axis;
use crate::onnx::AttributeProto;

impl Writer<'_> {
    /// A target shape, as a constant if it is one.
    pub(in crate::lower) fn target(
        &mut self,
        node: &Node,
        axes: &[Axis],
    ) -> Result<String, LowerError> {
        let mut parts: Vec<String> = Vec::new();
        for run in axes.chunk_by(|a, b| matches!((a, b), (Axis::Written(_), Axis::Written(_)))) {
            parts.push(match run[0] {
                Axis::AtRunTime(dim) => self.length(node, dim)?,
                Axis::Written(_) => {
                    let lengths = run.iter().filter_map(|axis| match axis {
                        Axis::Written(length) => Some(*length),
                        Axis::AtRunTime(_) => None,
                    });
                    self.integers(&lengths.collect::<Vec<_>>())
                }
            });
        }
        if let [only] = parts.as_slice() {
            return Ok(only.clone());
        }
        let lengths = axes.iter().map(|axis| match axis {
            Axis::Written(length) => length.to_string(),
            Axis::AtRunTime(dim) => dim.to_string(),
        });
        let name = format!("shape.{}", lengths.collect::<Vec<_>>().join("_"));
        Ok(self.share_node(name, "Concat", parts, vec![AttributeProto::int("axis", 0)]))
    }

    /// `[1]` whole number: the length of an axis at run time.
    fn length(&mut self, node: &Node, dim: Dim) -> Result<String, LowerError> {
        let (coefficient, images, queries) = dim.factors();
        let mut factors: Vec<String> = Vec::new();
        for (symbol, text, power) in [(N, "N", images), (K, "K", queries)] {
            for _ in 0..power {
                factors.push(self.symbol(node, symbol, text)?);
            }
        }
        if coefficient != 1 {
            factors.push(self.integers(&[coefficient as i64]));
        }
        let mut factors = factors.into_iter();
        let first = factors.next().unwrap_or_default();
        let product = |product: String, factor: String| {
            self.share_node(
                format!("{product}_times_{factor}"),
                "Mul",
                vec![product, factor],
                vec![],
            )
        };
        Ok(factors.fold(first, product))
    }

    /// `[1]` whole number: N or K, read off the first input that shows it.
    fn symbol(
        &mut self,
        node: &Node,
        symbol: Dim,
        text: &'static str,
    ) -> Result<String, LowerError> {
        let source = self.graph.inputs().find_map(|(input, _)| {
            let axis = input.shape.0.iter().position(|&dim| dim == symbol)?;
            Some((input.name.clone(), axis))
        });
        let (input, axis) = source
            .ok_or_else(|| LowerError::UnknownSymbol { name: node.name.clone(), symbol: text })?;
        let shape = self.share_node(format!("shape.{input}"), "Shape", vec![input], vec![]);
        let axis = self.integers(&[axis as i64]);
        Ok(self.share_node(format!("shape.{text}"), "Gather", vec![shape, axis], vec![]))
    }
}
