//! A set of one's own from images with regions: `images/`, `masks/`, `classes.txt`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use rszs_data::{DataError, IndexMask};

use super::region::Region;
use crate::TrainError;
use crate::run::{make_folder, write_atomically};

/// An image and what is marked in it.
#[derive(Debug)]
pub(super) struct Annotated {
    pub(super) image: PathBuf,
    /// Width and height that the annotations say.
    pub(super) size: [usize; 2],
    /// The class of each region by name.
    pub(super) regions: Vec<(String, Region)>,
}

/// What was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) images: usize,
    /// Names by index, from 1 on.
    pub(super) classes: Vec<String>,
}

/// Writes the set. `classes` by index from 1 on; pixels of no region are 0, which is no query.
/// Small regions lie over large ones.
pub(super) fn write(
    out: &Path,
    annotated: &[Annotated],
    classes: Vec<String>,
) -> Result<Written, TrainError> {
    let from = annotated.first().map_or(out, |first| &first.image);
    if annotated.is_empty() || classes.is_empty() || classes.len() > 254 {
        let found = format!("{} images, {} classes", annotated.len(), classes.len());
        return Err(malformed(from, "images with regions of 1 to 254 classes", found));
    }
    if let Some(unfit) = classes
        .iter()
        .find(|name| name.contains([',', '#', '\n']) || name.trim().is_empty() || *name == "-")
    {
        return Err(malformed(
            from,
            "names of classes without comma, # and line break",
            format!("\"{unfit}\""),
        ));
    }
    let places: BTreeMap<&str, u8> =
        classes.iter().zip(1..).map(|(name, index)| (name.as_str(), index)).collect();
    let (images, masks) = (out.join("images"), out.join("masks"));
    make_folder(&images)?;
    make_folder(&masks)?;
    let mut stems: BTreeMap<String, &Path> = BTreeMap::new();
    for Annotated { image, size: [width, height], regions } in annotated {
        let stem = image.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(other) = stems.insert(stem.clone(), image) {
            return Err(malformed(
                image,
                "images of different names",
                format!("{} too", other.display()),
            ));
        }
        let found = image::image_dimensions(image)
            .map_err(|error| malformed(image, "an image", error.to_string()))?;
        if [found.0 as usize, found.1 as usize] != [*width, *height] {
            let expected = format!("{width} × {height} px, as its annotations say");
            return Err(malformed(image, expected, format!("{} × {} px", found.0, found.1)));
        }
        let mut mask = IndexMask::filled(*width, *height, 0);
        let mut regions: Vec<&(String, Region)> = regions.iter().collect();
        regions.sort_by(|(_, a), (_, b)| b.area().total_cmp(&a.area()));
        for (class, region) in regions {
            if !region.draw(&mut mask, places.get(class.as_str()).copied().unwrap_or_default()) {
                return Err(malformed(
                    image,
                    format!("runs of {class} that fill {width} × {height} px"),
                    "others",
                ));
            }
        }
        mask.write_png(&masks.join(format!("{stem}.png")))?;
        let copy = images.join(image.file_name().unwrap_or_default());
        write_atomically(&copy, &fs::read(image).map_err(TrainError::file(image))?)?;
    }
    let mut text = "0 -\n".to_owned();
    classes
        .iter()
        .zip(1..)
        .try_for_each(|(name, index)| writeln!(text, "{index} {name}"))
        .unwrap_or_default();
    write_atomically(&out.join("classes.txt"), text.as_bytes())?;
    Ok(Written { images: annotated.len(), classes })
}

pub(super) fn malformed(
    path: &Path,
    expected: impl Into<String>,
    found: impl Into<String>,
) -> TrainError {
    DataError::Malformed { path: path.to_owned(), expected: expected.into(), found: found.into() }
        .into()
}
