//! Scores as tables for people.

use super::{LabelClass, LabelScores, SetScores};

/// All scores: one row a query and one for the mean of each set, then one row a class where every
/// pixel has one label.
pub fn table(sets: &[SetScores]) -> String {
    let words =
        sets.iter().flat_map(|scores| &scores.queries).map(|query| query.query.chars().count());
    let width = words.max().unwrap_or(0).max(14);
    let row = |set: &str, query: &str, [best, threshold, half, precision, argmax]: [String; 5]| {
        format!(
            "{set:18} {query:width$} {best:>9} {threshold:>9} {half:>9} {precision:>9} {argmax:>9}"
        )
    };
    let columns = ["best IoU", "threshold", "IoU @0.5", "AP", "argmax"].map(str::to_owned);
    let mut rows = vec![row("set", "query", columns)];
    for scores in sets {
        for query in &scores.queries {
            let numbers = [
                query.best.map(|point| point.iou),
                query.best.map(|point| point.threshold),
                query.half.map(|point| point.iou),
                query.average_precision,
                scores.iou_exclusive.get(&query.query).copied().flatten(),
            ];
            rows.push(row(&scores.set, &query.query, numbers.map(number)));
        }
        let means = [
            Some(scores.mean_iou_best),
            None,
            Some(scores.mean_iou_half),
            None,
            scores.mean_iou_exclusive,
        ];
        rows.push(row(&scores.set, "mean", means.map(number)));
        if scores.labels.is_none() {
            rows.push(format!(
                "{:18} argmax is not scored: the set's masks do not give every pixel one of these \
                 queries",
                scores.set
            ));
        }
        let absent = scores.without_pixels();
        if !absent.is_empty() {
            rows.push(format!(
                "{:18} no true pixel, not in the means: {}",
                scores.set,
                absent.join(", ")
            ));
        }
    }
    let labels =
        sets.iter().filter_map(|scores| Some((scores.set.as_str(), scores.labels.as_ref()?)));
    rows.extend(labels.map(|(set, labels)| label_table(set, labels)));
    rows.join("\n")
}

/// The scores of one label a pixel: one row a class, one for the set.
fn label_table(set: &str, labels: &LabelScores) -> String {
    let name = |class: &LabelClass| {
        if class.novel { format!("{} (novel)", class.query) } else { class.query.clone() }
    };
    let width =
        labels.classes.iter().map(|class| name(class).chars().count()).max().unwrap_or(0).max(14);
    let row = |set: &str, class: &str, [iou, accuracy, precision, boundary]: [String; 4]| {
        format!("{set:18} {class:width$} {iou:>9} {accuracy:>9} {precision:>9} {boundary:>11}")
    };
    let columns = ["IoU", "accuracy", "precision", "boundary F1"].map(str::to_owned);
    let mut rows = vec![String::new(), row("set", "class", columns)];
    for class in &labels.classes {
        let numbers =
            [class.pixels.iou, class.pixels.recall, class.pixels.precision, class.boundary_f1];
        rows.push(row(set, &name(class), numbers.map(number)));
    }
    rows.push(row(
        set,
        "mean",
        [labels.mean_iou, labels.mean_accuracy, None, labels.boundary_f1].map(number),
    ));
    rows.push(format!("{set:18} pixel accuracy {}", number(labels.pixel_accuracy)));
    if let Some(means) = labels.base_novel {
        let [base, novel, harmonic] = [means.base, means.novel, means.harmonic_mean].map(number);
        let by = labels.novel_by.map_or(String::new(), |by| format!(" ({})", by.describe()));
        rows.push(format!(
            "{set:18} mIoU base {base}, novel {novel}, harmonic mean {harmonic}{by}"
        ));
    }
    rows.extend(
        labels.competitors.iter().map(|word| format!("{set:18} {word} competes and is not scored")),
    );
    rows.join("\n")
}

/// Three places, or a dash for what has no value.
pub(super) fn number(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.3}"))
}
