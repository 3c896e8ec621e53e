//! Boxes in place of masks: a list of them in JSON Lines, and the mask that they become.
//!
//! A box says that its object is inside, and not where. Its middle is painted with the class, the
//! rest of the box becomes [`IGNORE`], and what is outside every box is 0.

use std::path::Path;

use serde::Deserialize;

use crate::error::DataError;
use crate::image::Place;
use crate::mask::{IGNORE, IndexMask};

/// The list of a set, one line an image: `{"file": …, "w": …, "h": …, "boxes": [[name, x0, y0, x1,
/// y1], …]}`, in pixels.
pub(crate) const BOXES_FILE: &str = "boxes.jsonl";

/// What of a box is certain to be its object, as a part of the box's half-axes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Core {
    /// The inscribed ellipse, scaled.
    Ellipse(f32),
    /// The box itself, scaled by `straight`, if it is as narrow as a vehicle along an axis.
    /// Otherwise the vehicle stands across the box, and only the inscribed ellipse, scaled by
    /// `turned`, is certain.
    Vehicle {
        /// Of a narrow box.
        straight: f32,
        /// Of another box.
        turned: f32,
    },
}

/// Length by width of a box around a vehicle that stands along an axis; a car is 2 to 2.5 times as
/// long as wide.
const NARROW: f32 = 1.6;

/// How boxes become a mask.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BoxPaint {
    /// What is painted with the index.
    pub(crate) core: Core,
    /// Within so many pixels of the edge of the image, what is outside every box becomes
    /// [`IGNORE`]: the list is incomplete there. `usize::MAX` where it is incomplete everywhere.
    pub(crate) border_px: usize,
}

/// The boxes of one image, cut to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageBoxes {
    /// File name of the image.
    pub(crate) file: String,
    width: usize,
    height: usize,
    boxes: Vec<(u8, Place)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    file: String,
    w: usize,
    h: usize,
    boxes: Vec<(String, i64, i64, i64, i64)>,
}

/// The lines of `path`, every box with the index that `names` gives its name. A box that reaches
/// beyond its image is cut to it.
pub(crate) fn read(path: &Path, names: &[(&str, u8)]) -> Result<Vec<ImageBoxes>, DataError> {
    let expected = "a list of boxes, one image a line";
    let text = std::fs::read_to_string(path).map_err(DataError::io(path, expected))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let images: Vec<ImageBoxes> = lines
        .map(|(number, line)| parse(path, number + 1, line, names))
        .collect::<Result<_, _>>()?;
    if images.is_empty() {
        return Err(DataError::Empty {
            path: path.to_path_buf(),
            expected: "at least one line".to_owned(),
        });
    }
    Ok(images)
}

fn parse(
    path: &Path,
    number: usize,
    line: &str,
    names: &[(&str, u8)],
) -> Result<ImageBoxes, DataError> {
    let malformed = |expected: String, found: String| {
        DataError::malformed(path, format!("{expected} in line {number}"), found)
    };
    let Line { file, w: width, h: height, boxes } =
        serde_json::from_str(line).map_err(|error| {
            let expected = "file, w, h and boxes of [name, x0, y0, x1, y1]".to_owned();
            malformed(expected, format!("{error} (copy the list again from its source)"))
        })?;
    let indexed = |(name, x0, y0, x1, y1): (String, i64, i64, i64, i64)| {
        let Some(&(_, id)) = names.iter().find(|(known, _)| *known == name) else {
            let known: Vec<String> =
                names.iter().map(|(known, _)| format!("\"{known}\"")).collect();
            return Err(malformed(
                format!("boxes of {}", known.join(", ")),
                format!("\"{name}\" (another set's list?)"),
            ));
        };
        if x0 >= x1 || y0 >= y1 {
            let found = format!("{x0}, {y0}, {x1}, {y1} (remove or correct this box)");
            return Err(malformed("a box with x0 < x1 and y0 < y1".to_owned(), found));
        }
        let within =
            |at: i64, length: usize| usize::try_from(at.max(0)).map_or(length, |at| at.min(length));
        Ok((id, [within(x0, width), within(y0, height), within(x1, width), within(y1, height)]))
    };
    let boxes = boxes.into_iter().map(indexed).collect::<Result<_, _>>()?;
    Ok(ImageBoxes { file, width, height, boxes })
}

impl BoxPaint {
    /// The mask of `boxes`. A core wins over the rest of another box; of two cores, the later one
    /// wins.
    pub(crate) fn mask(&self, boxes: &ImageBoxes) -> IndexMask {
        let ImageBoxes { width, height, boxes, .. } = boxes;
        let mut mask = IndexMask::filled(*width, *height, 0);
        let is_inner =
            |at: usize, length: usize| at >= self.border_px && at + self.border_px < length;
        for (at, id) in mask.ids.iter_mut().enumerate() {
            if !is_inner(at % width, *width) || !is_inner(at / width, *height) {
                *id = IGNORE;
            }
        }
        for (_, [left, top, right, bottom]) in boxes {
            (*top..*bottom).for_each(|y| mask.ids[y * width..][*left..*right].fill(IGNORE));
        }
        for (id, place) in boxes {
            let [left, top, right, bottom] = *place;
            for (x, y) in (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y))) {
                if self.core.contains(*place, x, y) {
                    mask.ids[y * width + x] = *id;
                }
            }
        }
        mask
    }
}

impl Core {
    /// Whether the middle of pixel `x`, `y` is inside the core of the box at `place`.
    fn contains(self, [left, top, right, bottom]: Place, x: usize, y: usize) -> bool {
        // -1 to 1 from one side of the box to the other.
        let along = |at: usize, start: usize, end: usize| {
            ((at - start) as f32 + 0.5) / (end - start) as f32 * 2.0 - 1.0
        };
        let (width, height) = ((right - left) as f32, (bottom - top) as f32);
        let is_narrow = width.max(height) >= NARROW * width.min(height);
        let (x, y) = (along(x, left, right), along(y, top, bottom));
        match self {
            Self::Ellipse(scale) => x * x + y * y <= scale * scale,
            Self::Vehicle { straight, .. } if is_narrow => x.abs().max(y.abs()) <= straight,
            Self::Vehicle { turned, .. } => x * x + y * y <= turned * turned,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[(&str, u8)] = &[("car", 1), ("bus", 2)];

    fn written(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(BOXES_FILE);
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    fn rows(text: &str, core: Core, border_px: usize) -> Vec<String> {
        let (_folder, path) = written(text);
        let mask = BoxPaint { core, border_px }.mask(&read(&path, NAMES).unwrap()[0]);
        let letter = |id: &u8| if *id == IGNORE { '-' } else { char::from(b'0' + id) };
        mask.ids.chunks(mask.width).map(|row| row.iter().map(letter).collect()).collect()
    }

    #[test]
    fn the_middle_of_a_box_is_its_class_and_the_rest_of_it_is_ignored() {
        let text = r#"{"file": "a.jpg", "w": 7, "h": 4, "boxes": [["car", 0, 0, 5, 4]]}"#;
        assert_eq!(rows(text, Core::Ellipse(0.8), 0), ["--1--00", "-111-00", "-111-00", "--1--00"]);
    }

    #[test]
    fn a_vehicle_across_its_box_has_a_smaller_core() {
        let core = Core::Vehicle { straight: 0.6, turned: 0.5 };
        let straight = r#"{"file": "a.jpg", "w": 7, "h": 3, "boxes": [["car", 0, 0, 7, 3]]}"#;
        assert_eq!(rows(straight, core, 0), ["-------", "-11111-", "-------"]);
        let turned = r#"{"file": "a.jpg", "w": 5, "h": 5, "boxes": [["car", 0, 0, 5, 5]]}"#;
        assert_eq!(rows(turned, core, 0), ["-----", "--1--", "-111-", "--1--", "-----"]);
    }

    #[test]
    fn a_core_wins_over_the_rest_of_another_box_and_a_box_is_cut_to_the_image() {
        let text = concat!(
            r#"{"file": "a.jpg", "w": 6, "h": 3, "#,
            r#""boxes": [["car", -9, 0, 3, 3], ["bus", 2, 0, 60, 4]]}"#
        );
        assert_eq!(rows(text, Core::Ellipse(0.7), 0), ["-1----", "11122-", "-1----"]);
    }

    #[test]
    fn the_border_is_ignored_except_for_cores() {
        let text = r#"{"file": "a.jpg", "w": 5, "h": 5, "boxes": [["car", 0, 1, 2, 4]]}"#;
        assert_eq!(
            rows(text, Core::Vehicle { straight: 1.0, turned: 1.0 }, 1),
            ["-----", "1100-", "1100-", "1100-", "-----"]
        );
        assert_eq!(rows(text, Core::Ellipse(1.0), usize::MAX)[2], "11---");
    }

    #[test]
    fn a_name_a_box_and_a_line_that_are_wrong_are_named_with_their_line() {
        let good = r#"{"file": "a.jpg", "w": 5, "h": 5, "boxes": []}"#;
        for (line, expected) in [
            (
                r#"{"file": "b.jpg", "w": 5, "h": 5, "boxes": [["boat", 0, 0, 1, 1]]}"#,
                "\"car\", \"bus\" in line 2, found \"boat\"",
            ),
            (
                r#"{"file": "b.jpg", "w": 5, "h": 5, "boxes": [["car", 3, 0, 1, 1]]}"#,
                "y0 < y1 in line 2, found 3, 0, 1, 1",
            ),
            (
                r#"{"file": "b.jpg", "w": 5}"#,
                "[name, x0, y0, x1, y1] in line 2, found missing field",
            ),
        ] {
            let (_folder, path) = written(&format!("{good}\n{line}\n"));
            let message = read(&path, NAMES).unwrap_err().to_string();
            assert!(
                message.starts_with(&path.display().to_string()) && message.contains(expected),
                "{message}"
            );
        }
        let (_folder, path) = written("\n");
        assert!(matches!(read(&path, NAMES), Err(DataError::Empty { .. })));
    }
}
