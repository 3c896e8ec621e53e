//! Images for people: what the model saw, what it should have found, what it found.

use std::path::Path;

use rszs_data::{Concept, DenseSet, POSITIVE, RgbImage, Sample, UNLABELLED};

use crate::TrainError;

/// Colours of queries, in turn.
const COLOURS: [[u8; 3]; 6] = [
    [30, 144, 255],
    [222, 184, 135],
    [128, 128, 128],
    [255, 69, 0],
    [50, 205, 50],
    [238, 130, 238],
];

/// Writes [`overlay`] as `FOLDER/ID.png`.
pub(crate) fn write_overlay(
    folder: &Path,
    sample: &Sample,
    set: &DenseSet,
    scores: &[Vec<u8>],
) -> Result<(), TrainError> {
    let path = folder.join(format!("{}.png", sample.id));
    // A sample of nested folders has them in its name.
    let folder = path.parent().unwrap_or(folder);
    std::fs::create_dir_all(folder).map_err(TrainError::file(folder))?;
    overlay(sample, set, scores).write_png(&path)?;
    Ok(())
}

/// Image, truth and scores side by side. Truth is dark where the set does not say.
pub(crate) fn overlay(sample: &Sample, set: &DenseSet, scores: &[Vec<u8>]) -> RgbImage {
    let (width, height) = (sample.image.width, sample.image.height);
    let mut sheet = RgbImage::filled(width * 3, height, [0, 0, 0]);
    let targets: Vec<[u8; 256]> = set.classes().concepts().iter().map(Concept::targets).collect();
    for y in 0..height {
        for x in 0..width {
            let pixel = y * width + x;
            let colour = sample.image.pixel(x, y);
            sheet.set_pixel(x, y, colour);
            sheet.set_pixel(width + x, y, truth_colour(colour, sample.mask.ids[pixel], &targets));
            sheet.set_pixel(
                2 * width + x,
                y,
                score_colour(colour, scores.iter().map(|scores| scores[pixel]), targets.len()),
            );
        }
    }
    sheet
}

fn truth_colour(colour: [u8; 3], id: u8, targets: &[[u8; 256]]) -> [u8; 3] {
    let answer = |target: &[u8; 256]| target[usize::from(id)];
    if let Some(query) = targets.iter().position(|target| answer(target) == POSITIVE) {
        return mix(colour, COLOURS[query % COLOURS.len()], 0.6);
    }
    if targets.iter().all(|target| answer(target) == UNLABELLED) {
        mix(colour, [0, 0, 0], 0.7)
    } else {
        colour
    }
}

/// The query with the highest score, as strong as its score; nothing where one beyond the first
/// `queries` has it, which only competes.
fn score_colour(colour: [u8; 3], scores: impl Iterator<Item = u8>, queries: usize) -> [u8; 3] {
    let best =
        scores.enumerate().max_by_key(|&(_, score)| score).filter(|&(query, _)| query < queries);
    best.map_or(colour, |(query, score)| {
        mix(colour, COLOURS[query % COLOURS.len()], 0.7 * f32::from(score) / 255.0)
    })
}

fn mix(a: [u8; 3], b: [u8; 3], share: f32) -> [u8; 3] {
    std::array::from_fn(|c| {
        (f32::from(a[c]) * (1.0 - share) + f32::from(b[c]) * share).round() as u8
    })
}
