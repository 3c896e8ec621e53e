//! The confusion matrix as shares of each true class.

use super::{Anchor, Svg};

/// Side of a cell.
const CELL_PX: f64 = 44.0;

/// Rows are true, columns found; `pixels: [K, F]` for `classes: [K]` and `found: [F]`. A row
/// without true pixels says so.
pub(in crate::evaluate) fn confusion(
    title: &str,
    classes: &[&str],
    found: &[String],
    pixels: &[&[u64]],
) -> String {
    // 7 px a letter of 12 px.
    let letters = classes
        .iter()
        .copied()
        .chain(found.iter().map(String::as_str))
        .map(|name| name.chars().count());
    let label_px = 7.0 * letters.max().unwrap_or(0) as f64 + 40.0;
    let [width, height] = [found.len(), classes.len()].map(|cells| CELL_PX * cells as f64);
    let [left, top] = [label_px, label_px + 20.0];
    let title_px = 7.0 * title.chars().count() as f64 + 20.0;
    let mut svg = Svg::new((left + width + 20.0).max(title_px), top + height + 20.0);
    svg.text([10.0, 18.0], Anchor::Start, "black", false, title);
    svg.text([left + width / 2.0, 36.0], Anchor::Middle, "gray", false, "found, % of the row");
    svg.text([16.0, top + height / 2.0], Anchor::Middle, "gray", true, "true");
    for (column, name) in found.iter().enumerate() {
        let middle = (column as f64 + 0.5) * CELL_PX + 4.0;
        svg.text([left + middle, top - 8.0], Anchor::Start, "black", true, name);
    }
    for (index, (class, row)) in classes.iter().zip(pixels).enumerate() {
        let middle = (index as f64 + 0.5) * CELL_PX + 4.0;
        svg.text([left - 8.0, top + middle], Anchor::End, "black", false, class);
        let true_pixels: u64 = row.iter().sum();
        if true_pixels == 0 {
            let corner = [left + 8.0, top + index as f64 * CELL_PX + CELL_PX / 2.0 + 4.0];
            svg.text(corner, Anchor::Start, "gray", false, "no true pixels");
        }
        for (column, &found) in row.iter().enumerate().filter(|_| true_pixels > 0) {
            let share = found as f64 / true_pixels as f64;
            let corner = [left + column as f64 * CELL_PX, top + index as f64 * CELL_PX];
            svg.rectangle(corner, [CELL_PX - 1.0, CELL_PX - 1.0], &shade(share));
            let ink = if share > 0.55 { "white" } else { "black" };
            let middle = [corner[0] + CELL_PX / 2.0, corner[1] + CELL_PX / 2.0 + 4.0];
            svg.text(middle, Anchor::Middle, ink, false, &format!("{:.0}", share * 100.0));
        }
    }
    svg.finish()
}

/// From nearly white to dark blue.
fn shade(share: f64) -> String {
    let [red, green, blue] = [[247.0, 8.0], [251.0, 48.0], [255.0, 107.0]]
        .map(|[light, dark]| light + (dark - light) * share);
    format!("rgb({red:.0},{green:.0},{blue:.0})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_holds_its_shares_and_a_row_without_pixels_says_so() {
        let classes = ["road", "water", "car"];
        let svg = confusion(
            "set",
            &classes,
            &classes.map(str::to_owned),
            &[&[3, 1, 0], &[0, 0, 0], &[0, 0, 8]],
        );
        let numbers: Vec<&str> = svg
            .lines()
            .filter_map(|line| line.strip_suffix("</text>")?.rsplit('>').next())
            .filter(|text| text.parse::<u32>().is_ok())
            .collect();
        assert_eq!(numbers, ["75", "25", "0", "0", "0", "100"]);
        assert_eq!(svg.matches(">no true pixels<").count(), 1);
        // The background and two rows of three cells.
        assert_eq!(svg.matches("<rect").count(), 7);
        assert!(svg.contains("fill=\"rgb(8,48,107)\""));
    }

    #[test]
    fn what_competes_has_a_column_and_no_row() {
        let found = ["road", "water", "Background"].map(str::to_owned);
        let svg = confusion("set", &["road", "water"], &found, &[&[1, 0, 3], &[0, 2, 0]]);
        assert_eq!((svg.matches(">road<").count(), svg.matches(">Background<").count()), (2, 1));
        assert!(svg.contains(">75</text>") && svg.matches("<rect").count() == 7);
    }
}
