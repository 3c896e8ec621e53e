//! `LabelMe`'s files as a set: one JSON file beside each image.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use super::annotated::{Annotated, malformed};
use super::region::Region;
use crate::TrainError;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    image_path: String,
    image_width: usize,
    image_height: usize,
    shapes: Vec<Shape>,
}

#[derive(Deserialize)]
struct Shape {
    label: String,
    points: Vec<[f64; 2]>,
    #[serde(rename = "shape_type", default = "polygon")]
    kind: String,
}

/// Files of before there were others say nothing.
fn polygon() -> String {
    "polygon".to_owned()
}

/// The images that files in `folder` annotate, and the names of the classes in alphabetical order.
pub(super) fn read(folder: &Path) -> Result<(Vec<Annotated>, Vec<String>), TrainError> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(TrainError::file(folder))? {
        let path = entry.map_err(TrainError::file(folder))?.path();
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    if paths.is_empty() {
        return Err(malformed(folder, "LabelMe's files: *.json", "none"));
    }
    let mut classes = BTreeSet::new();
    let mut annotated = Vec::new();
    for path in paths {
        let bytes = std::fs::read(&path).map_err(TrainError::file(&path))?;
        let expected = "imagePath, imageWidth, imageHeight and shapes, as LabelMe writes them";
        let file: File = serde_json::from_slice(&bytes)
            .map_err(|error| malformed(&path, expected, error.to_string()))?;
        let mut regions = Vec::new();
        for shape in file.shapes {
            let region = region(&shape).ok_or_else(|| {
                let found = format!(
                    "{} with {} points for {}",
                    shape.kind,
                    shape.points.len(),
                    shape.label
                );
                malformed(&path, "polygons of 3 or more points, and rectangles of 2", found)
            })?;
            classes.insert(shape.label.clone());
            regions.push((shape.label, region));
        }
        // Paths of Windows, where they were drawn there.
        let image = path.with_file_name("").join(file.image_path.replace('\\', "/"));
        annotated.push(Annotated { image, size: [file.image_width, file.image_height], regions });
    }
    Ok((annotated, classes.into_iter().collect()))
}

fn region(shape: &Shape) -> Option<Region> {
    if shape.points.iter().flatten().any(|number| !number.is_finite()) {
        return None;
    }
    match (shape.kind.as_str(), &shape.points[..]) {
        ("polygon", points) if points.len() >= 3 => Some(Region::Rings(vec![points.to_vec()])),
        ("rectangle", &[[left, top], [right, bottom]]) => Some(Region::Rings(vec![vec![
            [left, top],
            [right, top],
            [right, bottom],
            [left, bottom],
        ]])),
        _ => None,
    }
}
