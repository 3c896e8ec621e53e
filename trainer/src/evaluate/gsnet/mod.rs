//! The protocol of `GSNet` and `CAT-Seg`: five views of a squashed image.
//!
//! Their sizes are of a network with tiles of 384 px; a network with tiles of T keeps their
//! proportions:
//!
//! | | 384 | T | 256 | 512 |
//! |---|---|---|---|---|
//! | stride of the windows | 256 | 0.667 T, rounded down | 170 | 341 |
//! | side of the square | 640 | T + stride | 426 | 853 |
//! | longest side before squashing | 2560 | 4 squares | 1704 | 3412 |
//!
//! 1. The shorter side becomes that of the square, averaged where it shrinks (detectron2's
//!    `ResizeShortestEdge`).
//! 2. Bilinear without averaging: to the square, aspect ratio lost, of which 2 x 2 windows of T are
//!    cut; and to T, the whole image.
//! 3. Logits grow to T x T, then become scores. Windows are averaged where they overlap; so are,
//!    half and half, their square and the whole image's scores.
//! 4. Scores come back to the size of the image; a pixel's query is the one with the largest
//!    score.
//!
//! One difference: views are rounded to bytes, which is what this network takes; there they stay
//! floats.
//!
//! `tests/golden/gsnet.py` has the same steps in PyTorch; a test compares.
//!
//! Source: `inference_sliding_window` in `cat_seg/cat_seg_model.py` of cvlab-kaist/CAT-Seg; `GSNet`
//! (yecy749/GSNet) has the same steps.

use image::imageops::FilterType;
use rszs_data::RgbImage;
use rszs_hot::LOGIT_STRIDE_PX;

use super::bilinear::resize;
use super::prediction::Prediction;
use crate::TrainError;

/// Windows and the whole image.
const VIEWS: usize = 5;

/// Sizes of the five views.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sizes {
    tile_px: usize,
    stride_px: usize,
}

/// Views, forward passes of at most `batch_size` of them, averages, decision.
///
/// `logits` is the network: bytes of `[N, T, T, 3]` -> `[N, K, T/4, T/4]`.
pub(super) fn predict(
    image: &RgbImage,
    tile_px: usize,
    batch_size: usize,
    queries: usize,
    logits: impl Fn(&[u8]) -> Result<Vec<f32>, TrainError>,
) -> Result<Prediction, TrainError> {
    let sizes = Sizes::of(tile_px);
    let mut all_logits = Vec::new();
    for batch in sizes.views(image).chunks(batch_size * tile_px * tile_px * 3) {
        all_logits.extend(logits(batch)?);
    }
    let per_query = (tile_px / LOGIT_STRIDE_PX as usize).pow(2);
    let size = [image.width, image.height];
    let mut largest = vec![f32::NEG_INFINITY; image.width * image.height];
    let mut prediction = Prediction { scores: Vec::new(), exclusive: vec![0; largest.len()] };
    for query in 0..queries {
        let views: [&[f32]; VIEWS] = std::array::from_fn(|view| {
            &all_logits[(view * queries + query) * per_query..][..per_query]
        });
        let scores = resize(&sizes.square_scores(views), sizes.square(), size);
        for ((largest, winner), &score) in
            largest.iter_mut().zip(&mut prediction.exclusive).zip(&scores)
        {
            if score > *largest {
                (*largest, *winner) = (score, 1 + query as u8);
            }
        }
        prediction.scores.push(scores.iter().map(|score| (score * 255.0).round() as u8).collect());
    }
    Ok(prediction)
}

impl Sizes {
    fn of(tile_px: usize) -> Self {
        // Overlap 0.333, as in the source.
        Self { tile_px, stride_px: tile_px * 667 / 1000 }
    }

    fn square_px(self) -> usize {
        self.tile_px + self.stride_px
    }

    fn square(self) -> [usize; 2] {
        [self.square_px(); 2]
    }

    /// Upper left corner of each window, `[x, y]`.
    fn corners(self) -> [[usize; 2]; VIEWS - 1] {
        let far = self.stride_px;
        [[0, 0], [far, 0], [0, far], [far, far]]
    }

    /// `[5, T, T, 3]`: the windows row by row, then the whole image.
    fn views(self, image: &RgbImage) -> Vec<u8> {
        let image = self.shorter_side_resized(image);
        let square = squashed(&image, self.square_px());
        let mut bytes = Vec::with_capacity(VIEWS * self.tile_px * self.tile_px * 3);
        for [x, y] in self.corners() {
            for row in y..y + self.tile_px {
                bytes.extend_from_slice(
                    &square.pixels[(row * square.width + x) * 3..][..self.tile_px * 3],
                );
            }
        }
        bytes.extend(squashed(&image, self.tile_px).pixels);
        bytes
    }

    /// The image with the square's side as its shorter one, and no side above four of it.
    fn shorter_side_resized(self, image: &RgbImage) -> RgbImage {
        let (short, long) = (image.width.min(image.height), image.width.max(image.height));
        let square = self.square_px() as f64;
        let scale = (square / short as f64).min(4.0 * square / long as f64);
        let [width, height] =
            [image.width, image.height].map(|side| ((side as f64 * scale).round() as u32).max(1));
        let pixels = image::RgbImage::from_raw(
            image.width as u32,
            image.height as u32,
            image.pixels.clone(),
        )
        .expect("an image has three bytes a pixel");
        let resized = image::imageops::resize(&pixels, width, height, FilterType::Triangle);
        RgbImage { width: width as usize, height: height as usize, pixels: resized.into_raw() }
    }

    /// Logits `[T/4, T/4]` of one query in each view -> its scores over the square.
    fn square_scores(self, views: [&[f32]; VIEWS]) -> Vec<f32> {
        let side = self.square_px();
        let (mut sums, mut windows_here) = (vec![0.0_f32; side * side], vec![0.0_f32; side * side]);
        for ([x, y], logits) in self.corners().into_iter().zip(views) {
            for (row, scores) in self.view_scores(logits).chunks_exact(self.tile_px).enumerate() {
                let start = (y + row) * side + x;
                for (at, score) in (start..).zip(scores) {
                    sums[at] += score;
                    windows_here[at] += 1.0;
                }
            }
        }
        let whole = resize(&self.view_scores(views[VIEWS - 1]), [self.tile_px; 2], self.square());
        let parts = sums.iter().zip(&windows_here).map(|(sum, count)| sum / count);
        parts.zip(whole).map(|(windows, whole)| f32::midpoint(windows, whole)).collect()
    }

    /// `[T/4, T/4]` logits -> `[T, T]` scores.
    fn view_scores(self, logits: &[f32]) -> Vec<f32> {
        let side = self.tile_px / LOGIT_STRIDE_PX as usize;
        let grown = resize(logits, [side; 2], [self.tile_px; 2]);
        grown.into_iter().map(|logit| 1.0 / (1.0 + (-logit).exp())).collect()
    }
}

/// The image as a square of `side_px`, whatever its shape.
fn squashed(image: &RgbImage, side_px: usize) -> RgbImage {
    let mut square = RgbImage::filled(side_px, side_px, [0; 3]);
    for channel in 0..3 {
        let plane: Vec<f32> =
            image.pixels.iter().skip(channel).step_by(3).map(|&value| f32::from(value)).collect();
        let resized = resize(&plane, [image.width, image.height], [side_px; 2]);
        for (value, resized) in square.pixels.iter_mut().skip(channel).step_by(3).zip(resized) {
            *value = resized.round() as u8;
        }
    }
    square
}

#[cfg(test)]
mod tests;
