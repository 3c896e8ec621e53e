//! Numbers of the paper, as far as they are known.
//!
//! Source: RS-ZeroSeg, Preprints 202511.0513, November 2025: its tables 1 and 5, and its text on efficiency. Other rows are not
//! at hand, and stay empty rather than guessed. What does not add up in the paper is not repaired: Table 4 cannot come from the same
//! model as Table 1 for three of its four sets, and 108.9 M parameters are fewer than the two towers of any backbone have.

use super::Experiment;

/// Columns of a table of scores: mIoU in percent.
pub(super) const SETS: [&str; 5] = ["FLAIR", "FAST", "Potsdam", "FloodNet", "mean"];
/// Columns of figure 4.
pub(super) const EFFICIENCY: [&str; 2] = ["parameters, M", "GFLOPs"];

/// The numbers of a row, in the order of the columns; empty where nothing is known.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PaperRow(pub(super) [Option<f64>; 5]);

/// Table 1, the whole model with CLIP ViT-L/14, λ = 0.2, attention of CLIP trained, DINO frozen.
pub(super) const FULL: PaperRow = PaperRow([Some(20.55), Some(17.02), Some(46.10), Some(43.08), Some(31.69)]);

/// Table 5.
pub(super) fn backbone(preset: &str) -> PaperRow {
    match preset {
        "b16" => PaperRow([Some(20.00), None, None, None, Some(30.85)]),
        "l14" => FULL,
        _ => PaperRow::default(),
    }
}

/// The text beside figure 4: "108.9 M" and "332.8 GFLOPs", without a convention.
pub(super) fn efficiency(preset: &str) -> PaperRow {
    match preset {
        "l14" => PaperRow([Some(108.9), Some(332.8), None, None, None]),
        _ => PaperRow::default(),
    }
}

/// What a reader of the table must know about the paper's side of it.
pub(super) fn note(experiment: Experiment, is_known: bool) -> &'static str {
    match experiment {
        Experiment::Figure4 => {
            "Paper: text of Preprints 202511.0513, which gives no convention; 108.9 M are fewer parameters than the two \
             towers of any of its backbones have. It also gives GSNet 112.5 M, 350.2 GFLOPs and 125 ms at 512 px."
        }
        _ if is_known => {
            "Paper: tables 1 and 5 of Preprints 202511.0513, mIoU in percent; a row without numbers is not at hand. Comparable only \
             with FLAIR, FAST, Potsdam and FloodNet by the protocol gsnet, on its backbone, trained on LandDiscover50K."
        }
        _ => "Paper: the numbers of this table are not at hand in a form that can be read.",
    }
}
