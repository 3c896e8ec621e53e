//! Precision over recall, one line a query.

use rszs_metrics::PrecisionRecall;

use super::{Anchor, Svg};

/// Side of the area between the axes.
const SIDE_PX: f64 = 400.0;
/// Upper left corner of that area.
const ORIGIN_PX: [f64; 2] = [60.0, 40.0];
/// Colours of queries, in turn. Okabe and Ito's, which the colour-blind can tell apart.
const COLOURS: [&str; 7] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];
/// Dashes of queries, one for each turn of the colours: FAST has 37 queries, and no two lines look
/// the same.
const DASHES: [&str; 6] = ["", "6 3", "2 2", "10 3 2 3", "14 5", "2 6"];

/// The curves with a dot at the threshold of the highest `IoU`.
pub(in crate::evaluate) fn precision_recall(
    title: &str,
    curves: &[(&str, PrecisionRecall)],
) -> String {
    let longest = curves.iter().map(|(query, _)| query.chars().count()).max().unwrap_or(0);
    let legend_px = 7.0 * longest as f64 + 250.0;
    let height =
        (SIDE_PX + ORIGIN_PX[1] + 66.0).max(ORIGIN_PX[1] + 20.0 * curves.len() as f64 + 20.0);
    let mut svg = Svg::new(ORIGIN_PX[0] + SIDE_PX + legend_px, height);
    axes(&mut svg, title);
    for (index, (query, curve)) in curves.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let dashes = DASHES[index / COLOURS.len() % DASHES.len()];
        // Where nothing is found, precision has no meaning.
        let found = curve.points().iter().filter(|point| point.recall > 0.0);
        let points: Vec<[f64; 2]> =
            found.map(|point| place(point.recall, point.precision)).collect();
        svg.line(&points, colour, 1.5, dashes);
        let best = curve.best_point();
        svg.dot(place(best.recall, best.precision), colour);
        let [x, y] = [ORIGIN_PX[0] + SIDE_PX + 20.0, ORIGIN_PX[1] + 20.0 * index as f64 + 10.0];
        svg.line(&[[x, y - 4.0], [x + 28.0, y - 4.0]], colour, 3.0, dashes);
        let (average_precision, iou, threshold) =
            (curve.average_precision(), best.iou, best.threshold);
        let legend = format!("{query}: AP {average_precision:.3}, IoU {iou:.3} at {threshold:.3}");
        svg.text([x + 36.0, y], Anchor::Start, "black", false, &legend);
    }
    svg.finish()
}

fn axes(svg: &mut Svg, title: &str) {
    svg.text([10.0, 20.0], Anchor::Start, "black", false, title);
    for value in [0.0, 0.25, 0.5, 0.75, 1.0] {
        svg.line(&[place(value, 0.0), place(value, 1.0)], "#dddddd", 1.0, "");
        svg.line(&[place(0.0, value), place(1.0, value)], "#dddddd", 1.0, "");
        let ([x, y], label) = (place(value, 0.0), value.to_string());
        svg.text([x, y + 16.0], Anchor::Middle, "black", false, &label);
        let [x, y] = place(0.0, value);
        svg.text([x - 6.0, y + 4.0], Anchor::End, "black", false, &label);
    }
    let [x, y] = place(0.5, 0.0);
    svg.text([x, y + 36.0], Anchor::Middle, "gray", false, "recall");
    svg.text(
        [x, y + 52.0],
        Anchor::Middle,
        "gray",
        false,
        "dot: the threshold of the highest IoU, as in the legend",
    );
    let [x, y] = place(0.0, 0.5);
    svg.text([x - 40.0, y], Anchor::Middle, "gray", true, "precision");
}

fn place(recall: f64, precision: f64) -> [f64; 2] {
    [ORIGIN_PX[0] + recall * SIDE_PX, ORIGIN_PX[1] + (1.0 - precision) * SIDE_PX]
}

#[cfg(test)]
mod tests {
    use super::*;
    use rszs_metrics::{HistogramResolution, ScoreHistogram};

    #[test]
    fn no_two_of_42_lines_look_the_same() {
        let mut histogram = ScoreHistogram::new(HistogramResolution::Bytes);
        histogram.add(&[1, 0, 1], &[0.9, 0.6, 0.4]).unwrap();
        let curves: Vec<_> =
            (0..42).map(|_| ("road", PrecisionRecall::new(&histogram).unwrap())).collect();
        let svg = precision_recall("set", &curves);
        let lines = svg.lines().filter(|line| line.contains("stroke-width=\"1.5\""));
        assert_eq!(lines.collect::<std::collections::BTreeSet<_>>().len(), 42);
    }

    #[test]
    fn a_curve_goes_through_its_points_and_says_what_it_is() {
        let mut histogram = ScoreHistogram::new(HistogramResolution::Bytes);
        histogram.add(&[1, 0, 1], &[0.9, 0.6, 0.4]).unwrap();
        let curve = PrecisionRecall::new(&histogram).unwrap();
        let svg = precision_recall("set", &[("road", curve)]);
        // Above 0.6: precision 1, recall 1/2; above 0.4: 1/2 and 1/2; below: 2/3 and 1.
        for [x, y] in [[260.0, 40.0], [260.0, 240.0], [460.0, 173.3]] {
            assert!(svg.contains(&format!("{x:.1},{y:.1}")), "({x}, {y}) in {svg}");
        }
        // The highest IoU is that of everything down to 0.4: the lowest such edge is above the
        // empty bins.
        assert!(svg.contains(">road: AP 0.833, IoU 0.667 at 0.004</text>"), "{svg}");
    }
}
