//! The rows of each table, as changes to a description.

use rszs_network::{Config, Policy};
use serde::Deserialize;
use toml::{Table, Value};

use super::Experiment;
use super::paper::{self, PaperRow};
use crate::{RunConfig, TrainError};

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
        Self {
            name: name.into(),
            label: label.iter().map(|&cell| cell.to_owned()).collect(),
            changes,
            paper,
        }
    }
}

impl Experiment {
    /// The rows of its table, in their order.
    pub(super) fn variants(self, config: &RunConfig) -> Result<Vec<Variant>, TrainError> {
        Ok(match self {
            Self::Table1 => {
                vec![Variant::new("rs_zeroseg", &["RS-ZeroSeg"], Vec::new(), paper::FULL)]
            }
            Self::Table2 => parts(),
            Self::Table3 => policies(),
            Self::Table4 => vec![Variant::new(
                "all_but_novel",
                &["RS-ZeroSeg"],
                Vec::new(),
                paper::BASE_AND_NOVEL,
            )],
            Self::Table5 => BACKBONES
                .map(|preset| with_backbone(config, preset, paper::backbone(preset)))
                .into(),
            Self::Table6 => paper::ALIGNMENT_WEIGHTS.map(with_alignment_weight).into(),
            Self::Table7 => Vec::new(),
            Self::Figure3 => sources(config)?,
            Self::Figure4 => {
                let variant = |(preset, _): (&str, _)| {
                    with_backbone(config, preset, paper::efficiency(preset))
                };
                Config::presets().map(variant).into()
            }
        })
    }

    /// Names of the cells before the numbers.
    pub(super) fn label_columns(self) -> &'static [&'static str] {
        match self {
            Self::Table1 | Self::Table7 => &["method"],
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
        Variant::new(name, &["yes", mark(ms_cam), mark(carh)], changes, paper::parts(ms_cam, carh))
    };
    [("dsfe", false, false), ("ms_cam", true, false), ("carh", false, true), ("full", true, true)]
        .map(part)
        .into()
}

fn policies() -> Vec<Variant> {
    let policy = |policy: Policy| {
        let (vlm, rsi) = (policy.vlm.name(), policy.rsi.name());
        let changes =
            vec![format!("train.policy.vlm = \"{vlm}\""), format!("train.policy.rsi = \"{rsi}\"")];
        Variant::new(format!("{vlm}_{rsi}"), &[vlm, rsi], changes, paper::policy(vlm, rsi))
    };
    Policy::all().map(policy).collect()
}

/// The preset, at the side of a tile that the description names, if it names one.
fn with_backbone(config: &RunConfig, preset: &str, paper: PaperRow) -> Variant {
    let mut changes = vec![format!("network.preset = \"{preset}\"")];
    let named =
        config.table().get("network").and_then(|network| network.get("tile_px")?.as_integer());
    if let (Some(tile_px), Some(network)) = (named, Config::preset(preset)) {
        let network = network.with_tile_px(tile_px as usize);
        for (stream, input_px) in [("vlm", network.vlm.input_px), ("rsi", network.rsi.input_px)] {
            changes.push(format!("network.{stream}.input_px = {input_px}"));
        }
    }
    Variant::new(preset, &[preset], changes, paper)
}

fn with_alignment_weight((weight, paper): (f64, PaperRow)) -> Variant {
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
    let set =
        |source: &Table| source.get("set").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut sets: Vec<String> = Vec::new();
    for name in sources.iter().map(set) {
        if !sets.contains(&name) {
            sets.push(name);
        }
    }
    let mut variants = vec![Variant::new("all", &["all"], Vec::new(), paper::FULL)];
    for name in sets.iter().filter(|_| sets.len() > 1) {
        let alone = sources
            .iter()
            .filter(|source| set(source) == *name)
            .cloned()
            .map(Value::Table)
            .collect();
        let changes = vec![format!("train.sources = {}", Value::Array(alone))];
        variants.push(Variant::new(format!("only_{name}"), &[name], changes, paper::NOTHING));
    }
    Ok(variants)
}
