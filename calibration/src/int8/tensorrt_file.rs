//! `model.int8-fp16.onnx`: the steps of the INT8 file as `TensorRT` takes them. Its numbers are
//! proven here, its speed is not: no engine of ours runs it on an accelerator.

use std::collections::BTreeMap;

use rszs_bundle::{Deviation, Golden, GoldenError, Precision};
use rszs_engine::{Engine, LoadError, prove};
use rszs_export::bundle::half_model;
use rszs_export::lower::{ElementType, interpret_half};
use rszs_graph::Tensor;
use serde::Serialize;

use crate::error::Error;
use crate::int8::probe::ProbeContext;
use crate::int8::quantization::Int8Network;
use crate::int8::verdict::{LARGEST_LOSS, SelfTest, Verdict};

const FILE: &str = "model.int8-fp16.onnx";

/// What is known of the file.
#[derive(Debug, Clone, Serialize)]
pub struct TensorRtReport {
    /// Size of the file.
    pub bytes: usize,
    /// How the oracle with 16-bit rounding does on the golden set.
    pub oracle: SelfTest,
    /// How ONNX Runtime does, which computes the file in 32 bits.
    pub onnx_runtime: SelfTest,
    /// Mean `IoU` of its masks in ONNX Runtime.
    pub iou: f64,
    /// Whether it may be written, and that nobody measured its speed.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// The file, and an engine that runs it.
#[derive(Debug)]
pub struct TensorRtFile {
    /// The bytes of the ONNX file.
    pub onnx: Vec<u8>,
    /// ONNX Runtime, for masks.
    pub engine: Engine,
    oracle: SelfTest,
    onnx_runtime: SelfTest,
}

/// Writes the file and proves it on `golden`. What the golden set refuses comes back as a verdict.
pub fn tensorrt_file(
    network: &Int8Network,
    golden: &Golden,
    context: ProbeContext<'_>,
) -> Result<Result<TensorRtFile, Verdict>, Error> {
    let onnx = half_model(FILE, &network.graph, &network.checkpoint)?;
    let tested = |deviation| SelfTest::of(deviation, golden, Precision::Int8Fp16);
    let oracle = match in_oracle(network, golden)? {
        Ok(deviation) => tested(deviation),
        Err(error) => return Ok(Err(Verdict::off_the_golden_set(error).map_err(LoadError::from)?)),
    };
    match prove(context.kind, Precision::Int8Fp16, &onnx, golden, context.options) {
        Ok((engine, deviation)) => {
            Ok(Ok(TensorRtFile { onnx, engine, oracle, onnx_runtime: tested(deviation) }))
        }
        Err(LoadError::Golden(error)) => {
            Ok(Err(Verdict::off_the_golden_set(error).map_err(LoadError::from)?))
        }
        Err(error) => Err(error.into()),
    }
}

impl TensorRtFile {
    /// What is known once its masks were measured, beside those of FP32.
    pub fn report(&self, iou: f64, fp32_iou: f64) -> TensorRtReport {
        let &Self { oracle, onnx_runtime, .. } = self;
        let loss = fp32_iou - iou;
        let verdict = if loss <= LARGEST_LOSS {
            Verdict::Unmeasured
        } else {
            Verdict::TooFarOff { found: loss }
        };
        TensorRtReport { bytes: self.onnx.len(), oracle, onnx_runtime, iou, verdict }
    }
}

/// The golden set in the oracle, with every value rounded that the file holds in 16 bits.
fn in_oracle(
    network: &Int8Network,
    golden: &Golden,
) -> Result<Result<Deviation, GoldenError>, Error> {
    let (shape, side) = (golden.shape, golden.shape.tile_px);
    let mut feeds = BTreeMap::from([(
        "tiles".to_owned(),
        Tensor::from_bytes([shape.images, side, side, 3], &golden.tiles),
    )]);
    if let Some(queries) = &golden.queries {
        feeds.insert(
            "queries".to_owned(),
            Tensor::new([shape.queries, shape.joint_width], queries.clone()),
        );
    }
    let parameters = &network.checkpoint.parameters;
    let outputs = interpret_half(&network.graph, &feeds, parameters, ElementType::F16)?.outputs;
    let values = |name: &str| {
        let found = outputs.iter().find(|(output, _)| output == name);
        found.map_or(&[][..], |(_, tensor)| &tensor.values)
    };
    Ok(golden.compare(Precision::Int8Fp16, values("logits"), values("presence")))
}
