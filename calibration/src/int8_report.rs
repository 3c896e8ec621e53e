//! What `rszs-calibrate int8` found, for programs and for people.

use serde::Serialize;

use crate::evaluation_report::SetEvaluation;
use crate::identity::Identity;
use crate::observer::Observer;
use crate::sensitivity::Sensitivity;
use crate::table::{Table, percent};
use crate::threshold_report::Written;
use crate::verdict::{Comparison, Verdict};

/// The report.
#[derive(Debug, Clone, Serialize)]
pub struct Int8Report {
    /// What was measured with what; the engine is the one in FP32.
    #[serde(flatten)]
    pub identity: Identity,
    /// What was quantized.
    pub quantized: Quantized,
    /// How the INT8 file does on the bundle's golden set.
    pub self_test: SelfTest,
    /// Both precisions beside each other.
    pub comparison: Comparison,
    /// Whether it is worth it.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The sets in FP32.
    pub fp32: Vec<SetEvaluation>,
    /// The sets in INT8.
    pub int8: Vec<SetEvaluation>,
    /// The new bundle, if one was written.
    pub written: Option<Written>,
}

/// The largest difference from the golden set.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SelfTest {
    /// That was found.
    pub difference: f32,
    /// That an engine may have.
    pub tolerance: f32,
}

/// How the graph was quantized.
#[derive(Debug, Clone, Serialize)]
pub struct Quantized {
    /// How ranges were chosen.
    pub observer: Observer,
    /// Training tiles that were observed.
    pub tiles: usize,
    /// Products in INT8.
    pub products: usize,
    /// Heavy products that stay in float.
    pub left_in_float: Vec<String>,
    /// Root mean square of the change of the logits, of all products together.
    pub noise: f64,
    /// What each product does alone.
    pub sensitivities: Vec<Sensitivity>,
}

impl Int8Report {
    /// For people, in Markdown.
    pub fn table(&self) -> String {
        let Self { quantized, comparison, verdict, .. } = self;
        let left = match quantized.left_in_float.as_slice() {
            [] => "none left in float".to_owned(),
            names => format!("{} left in float ({})", names.len(), names.join(", ")),
        };
        let written = match &self.written {
            Some(Written { path, counter, .. }) => format!("written to {path} as release {counter}"),
            None => "nothing written".to_owned(),
        };
        format!(
            "{}\n\n{} products in INT8 with ranges by {:?} over {} training tiles, {left}. \
             Logits change by {:.3} (root mean square); off the golden set by {:.2} at most (allowed {:.2}).\n\n{}\n{verdict}: {:.2} times as fast, mean IoU {:+.2} points; {written}.\n",
            self.identity.line(),
            quantized.products,
            quantized.observer,
            quantized.tiles,
            quantized.noise,
            self.self_test.difference,
            self.self_test.tolerance,
            self.numbers(),
            comparison.speed_up(),
            -100.0 * comparison.loss(),
        )
    }

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
