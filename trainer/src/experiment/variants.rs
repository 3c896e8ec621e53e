//! The rows of each table, as changes to a description.

use rszs_network::{Config, Policy};
use serde::Deserialize;
use toml::{Table, Value};

use super::Experiment;
use super::paper::{self, PaperRow};
use crate::{RunConfig, TrainError};

/// λ of Table 6. The paper's best is 0.2; which others it tried is not known to us.
const ALIGNMENT_WEIGHTS: [f64; 5] = [0.0, 0.1, 0.2, 0.5, 1.0];
/// Table 5, smallest first.
const BACKBONES: [&str; 3] = ["b32", "b16", "l14"];

/// A row before it meets the description.
pub(super) struct Variant {
    pub(super) name: String,
    pub(super) label: Vec<String>,
    pub(super) changes: Vec<String>,
    pub(super) paper: PaperRow,
}

impl Variant {
    fn new(name: impl Into<String>, label: &[&str], changes: Vec<String>, paper: PaperRow) -> Self {
        Self { name: name.into(), label: label.iter().map(|&cell| cell.to_owned()).collect(), changes, paper }
    }
}

impl Experiment {
    /// The rows of its table, in their order.
    pub(super) fn variants(self, config: &RunConfig) -> Result<Vec<Variant>, TrainError> {
        Ok(match self {
            Self::Table2 => parts(),
            Self::Table3 => policies(),
            Self::Table4 => vec![Variant::new("all_but_novel", &["RS-ZeroSeg"], Vec::new(), PaperRow::default())],
            Self::Table5 => BACKBONES.map(|preset| with_backbone(preset, paper::backbone(preset))).into(),
            Self::Table6 => ALIGNMENT_WEIGHTS.map(with_alignment_weight).into(),
            Self::Figure3 => sources(config)?,
            Self::Figure4 => {
                let presets = Config::presets().map(|(preset, _)| with_backbone(preset, paper::efficiency(preset)));
                presets.into()
            }
        })
    }

    /// Names of the cells before the numbers.
    pub(super) fn label_columns(self) -> &'static [&'static str] {
        match self {
            Self::Table2 => &["DSFE", "MS-CAM", "CARH"],
            Self::Table3 => &["vlm", "rsi"],
            Self::Table4 => &["model"],
            Self::Table5 | Self::Figure4 => &["preset"],
            Self::Table6 => &["λ"],
            Self::Figure3 => &["trained on"],
        }
    }
}

fn parts() -> Vec<Variant> {
    let part = |(name, ms_cam, carh): (&str, bool, bool)| {
        let mark = |is_there: bool| if is_there { "yes" } else { "" };
        let changes = vec![
            format!("network.multi_scale_cross_attention = {ms_cam}"),
            format!("network.category_adaptive_head = {carh}"),
        ];
        let paper = if ms_cam && carh { paper::FULL } else { PaperRow::default() };
        Variant::new(name, &["yes", mark(ms_cam), mark(carh)], changes, paper)
    };
    [("dsfe", false, false), ("ms_cam", true, false), ("carh", false, true), ("full", true, true)].map(part).into()
}

fn policies() -> Vec<Variant> {
    let policy = |policy: Policy| {
        let (vlm, rsi) = (policy.vlm.name(), policy.rsi.name());
        let changes = vec![format!("train.policy.vlm = \"{vlm}\""), format!("train.policy.rsi = \"{rsi}\"")];
        // The row that the paper reports as its best.
        let paper = if (vlm, rsi) == ("attention", "freeze") { paper::FULL } else { PaperRow::default() };
        Variant::new(format!("{vlm}_{rsi}"), &[vlm, rsi], changes, paper)
    };
    Policy::all().map(policy).collect()
}

fn with_backbone(preset: &str, paper: PaperRow) -> Variant {
    Variant::new(preset, &[preset], vec![format!("network.preset = \"{preset}\"")], paper)
}

fn with_alignment_weight(weight: f64) -> Variant {
    let paper = if (weight - 0.2).abs() < 1e-9 { paper::FULL } else { PaperRow::default() };
    let changes = vec![format!("train.alignment_weight = {weight:?}")];
    Variant::new(format!("lambda_{weight:?}"), &[&format!("{weight:?}")], changes, paper)
}

/// All sources of the description, and each set of them alone.
fn sources(config: &RunConfig) -> Result<Vec<Variant>, TrainError> {
    /// As written, so that a change to the description says 0.35 and not what f32 makes of it.
    #[derive(Deserialize)]
    struct Written {
        sources: Vec<Table>,
    }
    let Written { sources } = config.section("train")?;
    let set = |source: &Table| source.get("set").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut sets: Vec<String> = Vec::new();
    for name in sources.iter().map(set) {
        if !sets.contains(&name) {
            sets.push(name);
        }
    }
    let mut variants = vec![Variant::new("all", &["all"], Vec::new(), paper::FULL)];
    for name in sets.iter().filter(|_| sets.len() > 1) {
        let alone = sources.iter().filter(|source| set(source) == *name).cloned().map(Value::Table).collect();
        let changes = vec![format!("train.sources = {}", Value::Array(alone))];
        variants.push(Variant::new(format!("only_{name}"), &[name], changes, PaperRow::default()));
    }
    Ok(variants)
}
