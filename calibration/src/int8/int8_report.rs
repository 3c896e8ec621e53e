//! What `rszs-calibrate int8` found, for programs and for people.

use serde::Serialize;

use crate::evaluate::evaluation_report::SetEvaluation;
use crate::int8::quantization::Quantized;
use crate::int8::tensorrt_file::TensorRtReport;
use crate::int8::verdict::{Comparison, SelfTest, Verdict};
use crate::report::identity::Identity;
use crate::report::table::{Table, percent};
use crate::thresholds::threshold_report::Written;

/// The report.
#[derive(Debug, Clone, Serialize)]
pub struct Int8Report {
    /// What was measured with what; the engine is the one in FP32.
    #[serde(flatten)]
    pub identity: Identity,
    /// What was quantized.
    pub quantized: Quantized,
    /// Both precisions beside each other; nothing where the file does not even give the golden
    /// outputs.
    #[serde(flatten)]
    pub measured: Option<Measured>,
    /// Whether it is worth it.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The file for `TensorRT`, if it was asked for.
    pub tensorrt: Option<TensorRt>,
    /// The new bundle, if one was written.
    pub written: Option<Written>,
}

/// What was measured of the file for CPUs.
#[derive(Debug, Clone, Serialize)]
pub struct Measured {
    /// How it does on the bundle's golden set.
    pub self_test: SelfTest,
    /// Both precisions beside each other.
    pub comparison: Comparison,
    /// The sets in FP32.
    pub fp32: Vec<SetEvaluation>,
    /// The sets in INT8.
    pub int8: Vec<SetEvaluation>,
}

/// What came of the file for `TensorRT`.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum TensorRt {
    /// It gives the golden outputs.
    Proven(TensorRtReport),
    /// It does not.
    Refused(Verdict),
}

impl Int8Report {
    /// For people, in Markdown.
    pub fn table(&self) -> String {
        let Self { quantized, verdict, .. } = self;
        let left = match quantized.left_in_float.as_slice() {
            [] => "none left in float".to_owned(),
            names => format!("{} left in float ({})", names.len(), names.join(", ")),
        };
        let written = match &self.written {
            Some(Written { path, counter, .. }) => {
                format!("written to {path} as release {counter}")
            }
            None => "nothing written".to_owned(),
        };
        let quantization = format!(
            "{}\n\n{} products in INT8 with ranges by {:?} over {} training tiles, {left}. \
             Logits change by {:.3} (root mean square).\n",
            self.identity.line(),
            quantized.products,
            quantized.observer,
            quantized.tiles,
            quantized.noise,
        );
        let measured = match &self.measured {
            None => format!("\n{verdict}; {written}.\n"),
            Some(measured) => format!(
                "Off the golden set by {:.2} at most (allowed {:.2}).\n\n{}\n{verdict}: {:.2} \
                 times as fast, mean IoU {:+.2} points; {written}.\n",
                measured.self_test.difference,
                measured.self_test.tolerance,
                measured.numbers(),
                measured.comparison.speed_up(),
                -100.0 * measured.comparison.loss(),
            ),
        };
        quantization + &measured + &self.accelerators()
    }

    /// A line on the file for `TensorRT`.
    fn accelerators(&self) -> String {
        match &self.tensorrt {
            None => "For accelerators: nothing measured, so no model.int8-fp16.onnx \
                (--tensorrt-unmeasured writes one all the same).\n"
                .to_owned(),
            Some(TensorRt::Refused(verdict)) => format!("model.int8-fp16.onnx: {verdict}.\n"),
            Some(TensorRt::Proven(report)) => format!(
                "model.int8-fp16.onnx, {:.1} MB: {}; off the golden set by {:.2} in the oracle and \
                 {:.2} in ONNX Runtime (allowed {:.2}), mean IoU {} %.\n",
                report.bytes as f64 / 1e6,
                report.verdict,
                report.oracle.difference,
                report.onnx_runtime.difference,
                report.oracle.tolerance,
                percent(Some(report.iou)),
            ),
        }
    }
}

impl Measured {
    fn numbers(&self) -> Table {
        let mut table = Table::new(&["set", "query", "FP32", "INT8", "change"], 2);
        for (fp32, int8) in self.fp32.iter().zip(&self.int8) {
            for (before, after) in fp32.queries.iter().zip(&int8.queries) {
                let Some((was, is)) = before.iou.zip(after.iou) else { continue };
                let change = format!("{:+.2}", 100.0 * (is - was));
                let numbers = [percent(Some(was)), percent(Some(is)), change];
                let words = [fp32.set.clone(), format!("{}, IoU %", before.query)];
                table.push(words.into_iter().chain(numbers).collect());
            }
        }
        let Comparison { fp32_us, int8_us, fp32_iou, int8_iou } = self.comparison;
        let mut last = |name: &str, numbers: [String; 3]| {
            table.push([String::new(), name.to_owned()].into_iter().chain(numbers).collect());
        };
        let change = format!("{:+.2}", 100.0 * (int8_iou - fp32_iou));
        last("mean IoU %", [percent(Some(fp32_iou)), percent(Some(int8_iou)), change]);
        let [was, is] = [fp32_us, int8_us].map(|time| format!("{:.1}", time / 1e3));
        last("tile, ms", [was, is, format!("x {:.2}", self.comparison.speed_up())]);
        table
    }
}
