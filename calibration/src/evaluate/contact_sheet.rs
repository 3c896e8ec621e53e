//! Sheets to look at: for a set and a query the best, the median and the worst image, each as
//! image, labels and mask.

use std::fs;
use std::path::Path;

use image::imageops::{FilterType, resize};
use image::{ImageBuffer, Rgb, RgbImage};
use rszs_data::{DenseSet, POSITIVE, Sample, UNLABELLED};
use rszs_edge::queries::Words;
use rszs_edge::segment::Keep;
use rszs_engine::TileEngine;
use rszs_hot::Decision;

use crate::arguments::MeasureArguments;
use crate::deployed::pipeline::Pipeline;
use crate::error::Error;
use crate::evaluate::mask_count::{MaskCount, unpack};
use crate::label_mapping::{LabelMapping, query_set};

/// Longer side of an image on a sheet.
const SIDE_PX: u32 = 480;
/// Between images.
const GAP_PX: u32 = 6;
/// An image shows a query that covers at least this share of it: the `IoU` of a few pixels says
/// little.
const LEAST_SHARE: f64 = 0.005;

/// What a pixel of a sheet is.
const RIGHT: [u8; 3] = [0, 200, 80];
const WRONG: [u8; 3] = [230, 40, 40];
const MISSED: [u8; 3] = [40, 110, 255];
const UNKNOWN: [u8; 3] = [0, 0, 0];

/// Writes `FOLDER/SET-QUERY.png` for every labelled one of `mappings` that some image shows.
/// Labels are green. In masks, green is right, red is wrong and blue is missed; what the set does
/// not label is dark.
pub fn write_contact_sheets(
    folder: &Path,
    (set, mappings): (&DenseSet, &[LabelMapping]),
    count: &MaskCount,
    words: Words<'_>,
    arguments: &MeasureArguments,
    pipeline: &mut Pipeline,
    engine: &mut impl TileEngine,
) -> Result<(), Error> {
    let sheet_error = |path: &Path| {
        let path = path.to_owned();
        move |source: image::ImageError| Error::Sheet { path, source }
    };
    fs::create_dir_all(folder)
        .map_err(|error| sheet_error(folder)(image::ImageError::IoError(error)))?;
    let split = arguments.split.split();
    for (query, mapping) in mappings.iter().enumerate().filter(|(_, one)| one.is_labelled()) {
        let queries = query_set(std::slice::from_ref(mapping), Decision::Multilabel, words)?;
        let mut rows = Vec::new();
        for index in best_median_worst(count, query) {
            let (path, sample) = (set.image_path(split, index), set.sample(split, index)?);
            pipeline.read(path, &sample)?;
            let keep = Keep { masks: true, scores: false };
            let found = pipeline.segment(path, &queries, keep, engine)?;
            let mut mask = Vec::new();
            unpack(found.mask(0), sample.mask.width, &mut mask);
            rows.push(panels(&sample, &mapping.targets, &mask).map(|panel| smaller(&panel)));
        }
        if rows.is_empty() {
            continue;
        }
        let name = format!("{}-{}.png", set.name(), mapping.name).replace([' ', '/'], "_");
        let path = folder.join(name);
        sheet(&rows).save(&path).map_err(sheet_error(&path))?;
    }
    Ok(())
}

/// Numbers of three images, or of fewer where fewer show the query.
fn best_median_worst(count: &MaskCount, query: usize) -> Vec<usize> {
    let mut ranked: Vec<(f64, usize)> = count
        .each
        .iter()
        .filter_map(|image| {
            let matrix = &image.queries[query];
            let absent = matrix.pixels(0, 0) + matrix.pixels(0, 1);
            let present = matrix.pixels(1, 0) + matrix.pixels(1, 1);
            let shows = present as f64 >= LEAST_SHARE * (absent + present) as f64;
            matrix.iou(1).filter(|_| shows).map(|iou| (iou, image.index))
        })
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let last = ranked.len().saturating_sub(1);
    let mut places = vec![0, last / 2, last];
    places.dedup();
    places.into_iter().filter_map(|place| Some(ranked.get(place)?.1)).collect()
}

/// Image, labels, mask.
fn panels(sample: &Sample, targets: &[u8; 256], mask: &[u8]) -> [RgbImage; 3] {
    let (width, height) = (sample.image.width as u32, sample.image.height as u32);
    let draw = |colour_of: &dyn Fn(u8, u8) -> Option<[u8; 3]>| {
        ImageBuffer::from_fn(width, height, |x, y| {
            let (x, y) = (x as usize, y as usize);
            let pixel = y * sample.image.width + x;
            let target = targets[usize::from(sample.mask.ids[pixel])];
            let colour = sample.image.pixel(x, y);
            Rgb(colour_of(target, mask[pixel]).map_or(colour, |over| mix(colour, over)))
        })
    };
    let unknown = |target: u8| (target == UNLABELLED).then_some(UNKNOWN);
    [
        draw(&|_, _| None),
        draw(&|target, _| if target == POSITIVE { Some(RIGHT) } else { unknown(target) }),
        draw(&|target, found| match (target == POSITIVE, found == 1) {
            (true, true) => Some(RIGHT),
            (true, false) => Some(MISSED),
            (false, true) if target != UNLABELLED => Some(WRONG),
            (false, _) => unknown(target),
        }),
    ]
}

fn mix(a: [u8; 3], b: [u8; 3]) -> [u8; 3] {
    std::array::from_fn(|c| a[c].midpoint(b[c]))
}

fn smaller(image: &RgbImage) -> RgbImage {
    let longer = image.width().max(image.height());
    let side = |length: u32| (length * SIDE_PX / longer.max(SIDE_PX)).max(1);
    resize(image, side(image.width()), side(image.height()), FilterType::Triangle)
}

/// Rows below each other on white.
fn sheet(rows: &[[RgbImage; 3]]) -> RgbImage {
    let widest = rows.iter().map(|row| row[0].width()).max().unwrap_or(1);
    let height: u32 = rows.iter().map(|row| row[0].height() + GAP_PX).sum();
    let mut sheet = ImageBuffer::from_pixel(3 * (widest + GAP_PX), height, Rgb([255; 3]));
    let mut top = 0;
    for row in rows {
        for (column, panel) in row.iter().enumerate() {
            let left = column as u32 * (widest + GAP_PX);
            image::imageops::replace(&mut sheet, panel, i64::from(left), i64::from(top));
        }
        top += row[0].height() + GAP_PX;
    }
    sheet
}

#[cfg(test)]
mod tests {
    use rszs_data::{IndexMask, RgbImage as Image};
    use rszs_metrics::ConfusionMatrix;

    use super::*;
    use crate::evaluate::mask_count::ImageCount;

    fn image(index: usize, present: usize, right: usize) -> ImageCount {
        let mut matrix = ConfusionMatrix::new(2).unwrap();
        let truth: Vec<u8> = (0..1000).map(|at| u8::from(at < present)).collect();
        let found: Vec<u8> = (0..1000).map(|at| u8::from(at < right)).collect();
        matrix.add(&truth, &found).unwrap();
        ImageCount { index, queries: vec![matrix] }
    }

    #[test]
    fn the_best_the_median_and_the_worst_are_of_images_that_show_the_query() {
        // Image 9 shows three pixels of a thousand.
        let each = vec![image(4, 100, 50), image(9, 3, 0), image(5, 100, 100), image(6, 100, 10)];
        let count = MaskCount { images: 4, queries: Vec::new(), each, exclusive: None };
        assert_eq!(best_median_worst(&count, 0), [5, 4, 6]);
    }

    #[test]
    fn a_mask_is_green_red_and_blue() {
        let mut mask = IndexMask::filled(4, 1, 0);
        mask.ids = vec![1, 1, 0, 255];
        let sample = Sample { id: "a".to_owned(), image: Image::filled(4, 1, [100; 3]), mask };
        let mut targets = [UNLABELLED; 256];
        (targets[0], targets[1]) = (0, POSITIVE);
        let [_, _, found] = panels(&sample, &targets, &[1, 0, 1, 1]);
        let expected = [RIGHT, MISSED, WRONG, UNKNOWN].map(|colour| mix([100; 3], colour));
        assert!(found.pixels().map(|pixel| pixel.0).eq(expected));
    }
}
