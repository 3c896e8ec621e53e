//! Every number of the paper's tables, and of its figure 4.
//!
//! Source: RS-ZeroSeg, Preprints 202511.0513, November 2025. Figure 3's values are not in its text.
//! What does not add up in the paper is not repaired: Table 4 cannot come from the same model as
//! Table 1 for three of its four sets, and 108.9 M parameters are fewer than the two towers of any
//! backbone have.

use super::Experiment;

/// Columns of a table of scores: mIoU in percent.
const SETS: [&str; 5] = ["FLAIR", "FAST", "Potsdam", "FloodNet", "mean"];
/// Columns of Table 4.
const BASE_NOVEL: [&str; 8] = [
    "FLAIR base",
    "FLAIR novel",
    "FAST base",
    "FAST novel",
    "Potsdam base",
    "Potsdam novel",
    "FloodNet base",
    "FloodNet novel",
];
/// Columns of Table 7: means over five annotators and 100 images, from 1 to 5.
const QUESTIONS: [&str; 3] = ["overall quality", "boundary precision", "coherence with the query"];
/// Columns of figure 4.
const EFFICIENCY: [&str; 3] = ["parameters, M", "GFLOPs", "latency, ms"];

/// The numbers of a row, in the order of [`columns`]; empty where the paper has none.
pub(super) type PaperRow = &'static [f64];

/// The whole model with CLIP ViT-L/14, λ = 0.2, attention of CLIP trained, DINO frozen: the last
/// row of most tables.
pub(super) const FULL: PaperRow = &[20.55, 17.02, 46.10, 43.08, 31.69];
/// Where the paper says nothing.
pub(super) const NOTHING: PaperRow = &[];

/// Table 1 without its last row: methods that are not ours, trained on LandDiscover50K as well.
const OTHER_METHODS: [(&str, PaperRow); 5] = [
    ("EBSeg", &[21.26, 18.53, 5.68, 35.26, 20.18]),
    ("CAT-Seg", &[19.99, 13.90, 38.79, 37.89, 27.64]),
    ("SCAN", &[18.49, 8.56, 5.60, 39.23, 17.97]),
    ("SED", &[14.65, 12.63, 28.64, 22.57, 19.62]),
    ("GSNet", &[20.00, 16.61, 45.75, 42.63, 31.25]),
];

/// Table 2.
pub(super) fn parts(ms_cam: bool, carh: bool) -> PaperRow {
    match (ms_cam, carh) {
        (false, false) => &[17.90, 13.20, 35.60, 39.00, 26.43],
        (false, true) => &[18.12, 14.50, 39.20, 40.50, 28.08],
        (true, false) => &[18.70, 15.80, 41.30, 41.80, 29.40],
        (true, true) => FULL,
    }
}

/// Table 3, by what learns of CLIP and of DINO.
pub(super) fn policy(vlm: &str, rsi: &str) -> PaperRow {
    match (vlm, rsi) {
        ("freeze", "full") => &[11.80, 12.90, 22.50, 17.90, 16.28],
        ("freeze", "attention") => &[11.90, 13.80, 28.40, 29.10, 20.80],
        ("freeze", "freeze") => &[16.20, 12.80, 29.50, 30.60, 22.28],
        ("full", "full") => &[9.80, 4.50, 21.30, 27.00, 15.65],
        ("full", "attention") => &[15.90, 14.60, 39.00, 36.10, 26.40],
        ("full", "freeze") => &[18.20, 10.70, 25.50, 33.10, 21.88],
        ("attention", "full") => &[19.60, 14.50, 37.40, 37.20, 27.18],
        ("attention", "attention") => &[20.10, 15.20, 39.40, 38.10, 28.20],
        ("attention", "freeze") => FULL,
        _ => NOTHING,
    }
}

/// Table 4.
pub(super) const BASE_AND_NOVEL: PaperRow =
    &[25.10, 15.80, 20.80, 13.20, 50.20, 41.00, 45.15, 40.50];

/// Table 5.
pub(super) fn backbone(preset: &str) -> PaperRow {
    match preset {
        "b32" => &[18.90, 16.10, 42.50, 39.80, 29.33],
        "b16" => &[20.00, 16.50, 44.80, 42.10, 30.85],
        "l14" => FULL,
        _ => NOTHING,
    }
}

/// Table 6, λ and its row.
pub(super) const ALIGNMENT_WEIGHTS: [(f64, PaperRow); 5] = [
    (0.0, &[19.80, 16.30, 43.20, 41.50, 30.20]),
    (0.1, &[20.10, 16.70, 44.50, 42.20, 30.88]),
    (0.2, FULL),
    (0.3, &[20.30, 16.80, 45.70, 42.70, 31.38]),
    (0.4, &[19.90, 16.50, 44.90, 42.00, 30.83]),
];

/// Table 7.
const SURVEY: [(&str, PaperRow); 3] =
    [("CAT-Seg", &[3.5, 3.2, 3.6]), ("GSNet", &[3.8, 3.6, 3.9]), ("RS-ZeroSeg", &[4.2, 4.0, 4.3])];

/// Figure 4, on an RTX 3090 with images of 512 × 512 px; the paper gives no convention of counting.
pub(super) fn efficiency(preset: &str) -> PaperRow {
    match preset {
        "l14" => &[108.9, 332.8, 118.0],
        _ => NOTHING,
    }
}

/// The other method of figure 4.
const OTHER_EFFICIENCY: [(&str, PaperRow); 1] = [("GSNet", &[112.5, 350.2, 125.0])];

/// Names of the paper's numbers.
pub(super) fn columns(experiment: Experiment) -> &'static [&'static str] {
    match experiment {
        Experiment::Table4 => &BASE_NOVEL,
        Experiment::Table7 => &QUESTIONS,
        Experiment::Figure4 => &EFFICIENCY,
        _ => &SETS,
    }
}

/// Rows of a table that no run of ours stands for.
pub(super) fn others(experiment: Experiment) -> &'static [(&'static str, PaperRow)] {
    match experiment {
        Experiment::Table1 => &OTHER_METHODS,
        Experiment::Table7 => &SURVEY,
        Experiment::Figure4 => &OTHER_EFFICIENCY,
        _ => &[],
    }
}

/// What a reader of the table must know about the paper's side of it.
pub(super) fn note(experiment: Experiment) -> &'static str {
    match experiment {
        Experiment::Table1 => {
            "Paper: Table 1 of Preprints 202511.0513, mIoU in percent. Other methods have the \
             paper's numbers alone: their weights and \
             code are not part of this project. Comparable only with FLAIR, FAST, Potsdam and \
             FloodNet by the protocol gsnet, on \
             the preset l14, trained on LandDiscover50K."
        }
        Experiment::Table4 => {
            "Paper: Table 4 of Preprints 202511.0513, mIoU in percent; it does not list its base \
             and novel classes, and for FLAIR, FAST and \
             Potsdam no list gives both these numbers and those of Table 1."
        }
        Experiment::Table7 => {
            "Paper: Table 7 of Preprints 202511.0513, five annotators, 100 images, 1 to 5. There \
             are no numbers of ours: people judged \
             images there, and nobody has judged ours."
        }
        Experiment::Figure3 => {
            "Paper: the row of all sources is Table 1's; the other values of figure 3 are drawn \
             there and not written."
        }
        Experiment::Figure4 => {
            "Paper: text beside figure 4 of Preprints 202511.0513, RTX 3090, 512 px, which gives \
             no convention of counting; 108.9 M are \
             fewer parameters than the two towers of any of its backbones have."
        }
        Experiment::Table2 | Experiment::Table3 | Experiment::Table5 | Experiment::Table6 => {
            "Paper: mIoU in percent, Preprints 202511.0513. Comparable only with FLAIR, FAST, \
             Potsdam and FloodNet by the protocol gsnet, on \
             its backbone, trained on LandDiscover50K."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of sets end with their mean, to the rounding of two places.
    #[test]
    fn every_row_of_sets_has_its_mean() {
        let policies = ["freeze", "attention", "full"];
        let pairs = policies.iter().flat_map(|vlm| policies.map(|rsi| policy(vlm, rsi)));
        let parts = [false, true]
            .into_iter()
            .flat_map(|ms_cam| [false, true].map(|carh| parts(ms_cam, carh)));
        let rows = OTHER_METHODS.map(|(_, row)| row).into_iter().chain(pairs).chain(parts);
        let rows = rows
            .chain(["b32", "b16", "l14"].map(backbone))
            .chain(ALIGNMENT_WEIGHTS.map(|(_, row)| row));
        let mut count = 0;
        for row in rows {
            let mean = row[..4].iter().sum::<f64>() / 4.0;
            assert!(row.len() == 5 && (mean - row[4]).abs() < 0.0051, "{row:?}");
            count += 1;
        }
        assert_eq!(count, 5 + 9 + 4 + 3 + 5);
    }

    #[test]
    fn every_row_has_a_number_for_each_column() {
        for experiment in [Experiment::Table1, Experiment::Table7, Experiment::Figure4] {
            assert!(
                others(experiment).iter().all(|(_, row)| row.len() == columns(experiment).len()),
                "{experiment:?}"
            );
        }
        assert_eq!(BASE_AND_NOVEL.len(), columns(Experiment::Table4).len());
        assert_eq!(efficiency("l14").len(), columns(Experiment::Figure4).len());
    }
}
