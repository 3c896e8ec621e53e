//! The JSON form of a report: `rszs-bench --json`, read back by `--baseline`.

use std::fs;
use std::path::Path;

use rszs_edge::machine::Machine;
use serde::{Deserialize, Serialize};

use crate::accelerator::Accelerator;
use crate::condition::Condition;
use crate::error::Error;
use crate::roofline::{Prediction, TileCost};
use crate::stages::Stages;

/// Version of this form.
pub const SCHEMA: u32 = 1;

/// Everything that was measured in one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Name and version of this program.
    pub program: String,
    /// Seconds since 1970 at the start.
    pub started_unix_s: u64,
    /// What it ran on.
    pub machine: Machine,
    /// The bundle.
    pub bundle: BundleIdentity,
    /// The images, as typed and found.
    pub images: Vec<String>,
    /// Engines that were asked for and left out, with the reason.
    pub skipped: Vec<String>,
    /// What one tile of the bundle's network costs, and what named devices are predicted to need
    /// for it; nothing for a network that this program does not know.
    #[serde(default)]
    pub roofline: Option<Roofline>,
    /// In the order in which they ran. The first is the reference of all accuracies.
    pub configurations: Vec<Measured>,
}

/// Cost of one tile and predictions from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roofline {
    /// Queries that it is for.
    pub query_count: usize,
    /// Cost of one tile.
    pub cost: TileCost,
    /// For every named device and precision.
    pub predictions: Vec<Prediction>,
}

/// Which bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleIdentity {
    /// Its name.
    pub name: String,
    /// Its release.
    pub counter: u64,
    /// Digest of its manifest.
    pub sha256: String,
}

/// What tells one configuration from another. Two reports are compared where these are equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// As `--engine` has it.
    pub engine: String,
    /// Of the model that ran.
    pub precision: String,
    /// Threads of the engine.
    pub threads: usize,
    /// Tiles per call.
    pub batch: usize,
    /// As typed.
    pub queries: String,
    /// How many those are.
    pub query_count: usize,
    /// Metres of ground per pixel, if they were typed, as text so that they are compared exactly.
    pub gsd_m: Option<String>,
}

/// One configuration's result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// What was measured.
    pub configuration: Configuration,
    /// Version and place of the engine's library.
    pub library: String,
    /// Frames.
    pub frames: usize,
    /// Tiles, over all frames.
    pub tiles: usize,
    /// Time by stage.
    pub stages: Stages,
    /// Frames a second, one after the other.
    pub frames_per_s: f64,
    /// Millions of pixels a second.
    pub megapixels_per_s: f64,
    /// Largest resident memory while frames were measured. The reference's masks and logits, kept
    /// for the comparison, are in it.
    pub peak_memory_bytes: Option<u64>,
    /// Memory and energy of an accelerator, where one tells.
    #[serde(default)]
    pub accelerator: Accelerator,
    /// How much work the engine did a second, beside what it could do.
    #[serde(default)]
    pub achieved: Option<Achieved>,
    /// Allocations a frame in the whole process, but for libraries loaded at run time.
    pub allocations_per_frame: f64,
    /// Beside the first configuration that has the same queries; nothing for that one.
    pub accuracy: Option<Accuracy>,
    /// How far the engine was off in the bundle's self-test: largest difference of a logit or
    /// presence.
    pub self_test_difference: f32,
    /// What is allowed there.
    pub self_test_tolerance: f32,
    /// Before the first frame.
    pub before: Condition,
    /// After the last.
    pub after: Condition,
    /// Why these times are not to be trusted, if anything tells.
    pub invalid: Option<String>,
}

/// Work a second, by the cost model and the time of the stage `engine`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Achieved {
    /// Milliseconds a tile.
    pub tile_ms: f64,
    /// Multiply-accumulates a second.
    pub macs_per_s: f64,
    /// The same in one large product by the same engine on this machine; FP32 alone.
    pub gemm_macs_per_s: Option<f64>,
    /// The device of `--peak`.
    pub peak: Option<PeakOf>,
}

/// A device to compare with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeakOf {
    /// Its name.
    pub device: String,
    /// Multiply-accumulates a second in the precision that ran.
    pub macs_per_s: f64,
    /// What it is predicted to need for a tile.
    pub predicted_ms: f64,
}

/// How far results are from the reference's, the worst query counting.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accuracy {
    /// Least intersection over union of a query's masks.
    pub least_iou: f64,
    /// Least share of pixels on which a query's masks agree.
    pub least_agreement: f64,
    /// Largest absolute difference of a logit.
    pub largest_logit_difference: f32,
}

impl Report {
    /// Reads the file of an earlier run.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let refused = |found: String| Error::Report { path: path.to_owned(), found };
        let text = fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
        let report: Self =
            serde_json::from_str(&text).map_err(|error| refused(error.to_string()))?;
        if report.schema == SCHEMA {
            Ok(report)
        } else {
            Err(refused(format!("schema {}", report.schema)))
        }
    }

    /// As text, one field a line.
    pub fn to_json(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("numbers, texts and lists are JSON");
        text + "\n"
    }
}
