//! COCO's instances as a set: one JSON file for all images.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::annotated::{Annotated, malformed};
use super::region::Region;
use crate::TrainError;

#[derive(Deserialize)]
struct File {
    images: Vec<Image>,
    annotations: Vec<Annotation>,
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Image {
    id: u64,
    file_name: String,
    width: usize,
    height: usize,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: u64,
    category_id: u64,
    segmentation: Segmentation,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Segmentation {
    Polygons(Vec<Vec<f64>>),
    Runs { counts: Counts },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Counts {
    Plain(Vec<usize>),
    Packed(String),
}

#[derive(Deserialize)]
struct Category {
    id: u64,
    name: String,
}

/// Images of `folder` as `path` annotates them, and the names of the classes in the order of their
/// ids.
pub(super) fn read(
    path: &Path,
    folder: &Path,
) -> Result<(Vec<Annotated>, Vec<String>), TrainError> {
    let bytes = std::fs::read(path).map_err(TrainError::file(path))?;
    let expected =
        "images, annotations with segmentation, and categories, as COCO's instances have them";
    let file: File = serde_json::from_slice(&bytes)
        .map_err(|error| malformed(path, expected, error.to_string()))?;
    let categories: BTreeMap<u64, String> =
        file.categories.into_iter().map(|category| (category.id, category.name)).collect();
    let mut annotated: BTreeMap<u64, Annotated> = BTreeMap::new();
    for Image { id, file_name, width, height } in file.images {
        let image =
            Annotated { image: folder.join(file_name), size: [width, height], regions: Vec::new() };
        annotated.insert(id, image);
    }
    for Annotation { image_id, category_id, segmentation } in file.annotations {
        let class = categories.get(&category_id).ok_or_else(|| {
            malformed(
                path,
                "a category of each annotation's category_id",
                format!("none with id {category_id}"),
            )
        })?;
        let image = annotated.get_mut(&image_id).ok_or_else(|| {
            malformed(
                path,
                "an image of each annotation's image_id",
                format!("none with id {image_id}"),
            )
        })?;
        let found = format!("another segmentation of {class} in image {image_id}");
        let regions = regions(segmentation)
            .ok_or_else(|| malformed(path, "polygons of x, y, … or runs", found))?;
        image.regions.extend(regions.into_iter().map(|region| (class.clone(), region)));
    }
    Ok((annotated.into_values().collect(), categories.into_values().collect()))
}

/// Each polygon of an instance by itself: where two of them overlap is inside.
fn regions(segmentation: Segmentation) -> Option<Vec<Region>> {
    let runs = match segmentation {
        Segmentation::Polygons(polygons) => {
            let region = |polygon: &Vec<f64>| match polygon.as_chunks::<2>() {
                (points, [])
                    if points.len() >= 3 && polygon.iter().all(|number| number.is_finite()) =>
                {
                    Some(Region::Rings(vec![points.to_vec()]))
                }
                _ => None,
            };
            return polygons.iter().map(region).collect();
        }
        Segmentation::Runs { counts: Counts::Plain(runs) } => runs,
        Segmentation::Runs { counts: Counts::Packed(text) } => unpack(&text)?,
    };
    Some(vec![Region::Runs(runs)])
}

/// Runs in COCO's text: five bits a character from 48 on, the sixth says that more follow; from the
/// fourth run on the difference to the one two before. Source: `rleFrString` in cocoapi
/// `common/maskApi.c`.
fn unpack(text: &str) -> Option<Vec<usize>> {
    let mut runs: Vec<i64> = Vec::new();
    let mut bytes = text.bytes();
    while let Some(first) = bytes.next() {
        let (mut value, mut shift, mut byte) = (0_i64, 0_u32, first);
        loop {
            let bits = i64::from(byte.checked_sub(48).filter(|&bits| bits < 64)?);
            value |= (bits & 0x1f).checked_shl(shift).filter(|_| shift < 60)?;
            shift += 5;
            if bits & 0x20 == 0 {
                if bits & 0x10 != 0 {
                    value |= -1_i64 << shift;
                }
                break;
            }
            byte = bytes.next()?;
        }
        if runs.len() > 2 {
            value = value.checked_add(runs[runs.len() - 2])?;
        }
        runs.push(value);
    }
    runs.into_iter().map(|run| usize::try_from(run).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_runs_are_unpacked_with_their_signs_and_differences() {
        // By hand, as rleToString packs them: 3 - 2 is 1, 3 - 7 is -4; 100 takes two characters.
        assert_eq!(unpack("5271L").unwrap(), [5, 2, 7, 3, 3]);
        assert_eq!(unpack("T3").unwrap(), [100]);
    }

    #[test]
    fn text_that_is_no_runs_is_none() {
        for text in ["\u{1f}", "o", "N", "\u{7f}\u{7f}"] {
            assert!(unpack(text).is_none(), "{text:?}");
        }
    }
}
