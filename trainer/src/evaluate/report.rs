//! Files about one set, for programs and for people.

use std::path::Path;

use rszs_metrics::PrecisionRecall;
use serde::Serialize;

use super::{LabelScores, Protocol, QueryScores, SetScores, plot};
use crate::TrainError;
use crate::run::write_atomically;

/// Which query was found where which one is true.
#[derive(Serialize)]
struct Confusion<'a> {
    set: &'a str,
    protocol: Protocol,
    images: usize,
    /// The true classes, a row each.
    classes: Vec<&'a str>,
    /// What was found, a column each: the same, and where words compete without being scored one
    /// column for all of them.
    found: Vec<String>,
    /// Pixels, `[K, K]` or `[K, K + 1]`.
    pixels: Vec<&'a [u64]>,
}

/// The curve of one query.
#[derive(Serialize)]
struct Curve<'a> {
    query: &'a str,
    #[serde(flatten)]
    curve: PrecisionRecall,
}

/// Writes `precision_recall` and, for one label a pixel, `confusion` into `folder`, each as `.json`
/// and `.svg`.
pub(super) fn write_report(folder: &Path, scores: &SetScores) -> Result<(), TrainError> {
    let curve = |query: &QueryScores| PrecisionRecall::new(&query.histogram);
    let curves: Vec<(&str, PrecisionRecall)> = scores
        .queries
        .iter()
        .filter_map(|query| Some((query.query.as_str(), curve(query)?)))
        .collect();
    let images = if scores.images == 1 { "image" } else { "images" };
    let title = format!("{}, {} {images}, {}", scores.set, scores.images, scores.protocol.name());
    write_atomically(
        &folder.join("precision_recall.svg"),
        plot::precision_recall(&title, &curves).as_bytes(),
    )?;
    let curves: Vec<Curve> =
        curves.into_iter().map(|(query, curve)| Curve { query, curve }).collect();
    write_atomically(&folder.join("precision_recall.json"), &serde_json::to_vec(&curves)?)?;
    if let Some(labels) = &scores.labels {
        let confusion = confusion(scores, labels);
        let drawn =
            plot::confusion(&title, &confusion.classes, &confusion.found, &confusion.pixels);
        write_atomically(&folder.join("confusion.svg"), drawn.as_bytes())?;
        write_atomically(&folder.join("confusion.json"), &serde_json::to_vec(&confusion)?)?;
    }
    Ok(())
}

fn confusion<'a>(scores: &'a SetScores, labels: &'a LabelScores) -> Confusion<'a> {
    let classes: Vec<&str> = labels.classes.iter().map(|class| class.query.as_str()).collect();
    let mut found: Vec<String> = classes.iter().map(|&class| class.to_owned()).collect();
    // Without competitors one of the classes always has the largest score: nothing is in the
    // matrix's last column, "no class".
    if !labels.competitors.is_empty() {
        found.push(labels.competitors.join(", "));
    }
    let pixels =
        (0..classes.len()).map(|truth| &labels.confusion.row(truth)[..found.len()]).collect();
    Confusion {
        set: &scores.set,
        protocol: scores.protocol,
        images: scores.images,
        classes,
        found,
        pixels,
    }
}
