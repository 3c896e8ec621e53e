//! What a device is predicted to need for one tile: its work over the device's peak, or its bytes
//! over the bandwidth, whichever is longer.
//!
//! Work and bytes are the cost model's: every product, each weight read once, each value written
//! once. No engine reaches the peak in every product: less than the first no engine needs. Bytes
//! are no bound: an engine that fuses attention never writes its scores, and one that fuses nothing
//! reads all values again. How far off a prediction is, only a measurement tells.

use std::fmt::Write;

use clap::ValueEnum;
use rszs_bundle::Precision;
use rszs_graph::{Cost, Graph};
use serde::{Deserialize, Serialize};

use crate::device::{Device, Peak};

/// The precisions that devices are predicted in: those of the files that engines for accelerators
/// take.
const PREDICTED: [Precision; 3] = [Precision::Fp32, Precision::Fp16, Precision::Int8Fp16];

/// Products that calibration quantizes: from this share of all multiply-accumulates.
const LIGHTEST_INT8: f64 = 0.001;

/// What one tile costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TileCost {
    /// Multiply-accumulates.
    pub macs: u64,
    /// Those of them that INT8 files narrow: products by weights.
    pub macs_by_weights: u64,
    /// Weights.
    pub parameters: u64,
    /// Values made, in numbers.
    pub values: u64,
}

/// What a device is predicted to need for one tile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prediction {
    /// Name of the device.
    pub device: String,
    /// Precision of the model file.
    pub precision: String,
    /// Work over peak.
    pub compute_ms: f64,
    /// Bytes over bandwidth.
    pub memory_ms: f64,
    /// What was measured there; nothing until somebody does.
    pub measured_ms: Option<f64>,
}

impl TileCost {
    /// Of one tile with `queries` through `graph`.
    pub fn of(graph: &Graph, queries: usize) -> Self {
        let totals = Cost::of(graph, 1, queries).total();
        let macs_by_weights =
            graph.products(LIGHTEST_INT8).iter().map(|product| product.macs).sum();
        // The cost model counts 4 bytes a value.
        Self {
            macs: totals.macs,
            macs_by_weights,
            parameters: totals.parameters,
            values: totals.activation_bytes / 4,
        }
    }

    /// Seconds at `peak`: compute, memory.
    pub fn seconds(&self, peak: &Peak, precision: Precision) -> [f64; 2] {
        let narrowed = match precision {
            Precision::Fp32 | Precision::Fp16 => self.macs,
            Precision::Int8 | Precision::Int8Fp16 => self.macs_by_weights.min(self.macs),
        };
        let (weight_bytes, value_bytes, rest) = match precision {
            Precision::Fp32 => (4, 4, peak.fp32),
            Precision::Fp16 => (2, 2, peak.fp16),
            Precision::Int8 => (1, 4, peak.fp32),
            Precision::Int8Fp16 => (1, 2, peak.fp16),
        };
        let compute = narrowed as f64 / peak.of(precision) + (self.macs - narrowed) as f64 / rest;
        let bytes = weight_bytes * self.parameters + value_bytes * self.values;
        [compute, bytes as f64 / peak.bandwidth]
    }
}

impl Prediction {
    /// Of every named device in every precision.
    pub fn all(cost: &TileCost) -> Vec<Self> {
        let pairs = Device::value_variants()
            .iter()
            .flat_map(|&device| PREDICTED.map(|precision| (device, precision)));
        let predict = |(device, precision): (Device, Precision)| {
            let [compute_ms, memory_ms] =
                cost.seconds(&device.peak(), precision).map(|seconds| 1e3 * seconds);
            let (device, precision) = (device.name().to_owned(), precision.to_string());
            Self { device, precision, compute_ms, memory_ms, measured_ms: None }
        };
        pairs.map(predict).collect()
    }

    /// The longer of both.
    pub fn predicted_ms(&self) -> f64 {
        self.compute_ms.max(self.memory_ms)
    }
}

/// A Markdown table of `predictions` for one tile of `what`.
pub fn table(what: &str, cost: &TileCost, predictions: &[Prediction]) -> String {
    let TileCost { macs, macs_by_weights, parameters, values } = *cost;
    let [macs, by_weights] = [macs, macs_by_weights].map(|count| count as f64 / 1e9);
    let [parameters, values] = [parameters, values].map(|count| count as f64 / 1e6);
    let mut text = format!(
        "{what}, one tile: {macs:.1} GMAC, {by_weights:.1} of them by weights; {parameters:.1} \
         million weights, {values:.0} million values.\n\n\
         | device | precision | compute, ms | memory, ms | predicted, ms | measured, ms \
         |\n|---|---|---:|---:|---:|---:|\n"
    );
    for prediction in predictions {
        let Prediction { device, precision, compute_ms, memory_ms, measured_ms } = prediction;
        let measured = measured_ms.map_or(String::new(), |ms| format!("{ms:.2}"));
        // Writing into a text cannot fail.
        let _ = writeln!(
            text,
            "| {device} | {precision} | {compute_ms:.2} | {memory_ms:.2} | {:.2} | {measured} |",
            prediction.predicted_ms()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: TileCost =
        TileCost { macs: 1_000_000, macs_by_weights: 800_000, parameters: 1000, values: 10_000 };
    const PEAK: Peak = Peak { fp32: 1e9, fp16: 2e9, int8: 4e9, bandwidth: 1e8 };

    fn expect(precision: Precision, expected: [f64; 2]) {
        let found = COST.seconds(&PEAK, precision);
        assert!(
            found
                .iter()
                .zip(expected)
                .all(|(found, expected)| (found / expected - 1.0).abs() < 1e-9),
            "{found:?}"
        );
    }

    #[test]
    fn work_and_bytes_are_counted_by_hand() {
        expect(Precision::Fp32, [1e-3, 44_000.0 / 1e8]);
        expect(Precision::Fp16, [0.5e-3, 22_000.0 / 1e8]);
        // Attention stays in 16 bits.
        expect(Precision::Int8Fp16, [0.2e-3 + 0.1e-3, 21_000.0 / 1e8]);
    }

    #[test]
    fn a_device_that_nobody_measured_has_an_empty_column() {
        let predictions = Prediction::all(&COST);
        assert_eq!(predictions.len(), 15);
        let text = table("a network", &COST, &predictions);
        assert!(
            text.contains("| Orin Nano Super | int8-fp16 |")
                && text.lines().skip(4).all(|line| line.ends_with("|  |")),
            "{text}"
        );
    }
}
