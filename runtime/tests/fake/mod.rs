//! An engine small enough to check by hand: a logit is the mean colour of its 4×4 pixels times the
//! query's embedding.
//!
//! Nothing outside a block of pixels matters, so tiling must not change the result.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use rszs_bundle::{Entry, Name, Vocabulary};
use rszs_edge::queries::{QuerySet, Words, parse_queries};
use rszs_edge::source::Frame;
use rszs_engine::{EngineError, TileBatch, TileEngine, TileScores};
use rszs_hot::{Decision, TileLayout};

/// Tiles of 32 pixels that share 8.
pub(crate) const LAYOUT: TileLayout = TileLayout { tile_px: 32, overlap_px: 8, stride_px: 4 };

/// D: red, green, blue.
const WIDTH: usize = 3;

#[derive(Debug, Clone, Copy)]
pub(crate) struct ColourEngine;

impl TileEngine for ColourEngine {
    fn run(&mut self, batch: TileBatch<'_>, scores: TileScores<'_>) -> Result<(), EngineError> {
        let TileBatch { tiles, tile_px, embeddings, rows, .. } = batch;
        let embeddings = embeddings.unwrap();
        let side = tile_px / 4;
        let planes = scores.logits.chunks_exact_mut(side * side).zip(scores.presence);
        for (index, (plane, presence)) in planes.enumerate() {
            let tile =
                &tiles[index / rows * tile_px * tile_px * WIDTH..][..tile_px * tile_px * WIDTH];
            let embedding = &embeddings[index % rows * WIDTH..][..WIDTH];
            for (place, logit) in plane.iter_mut().enumerate() {
                *logit = block_logit(tile, tile_px, place % side * 4, place / side * 4, embedding);
            }
            *presence = plane.iter().sum::<f32>() / 1e6;
        }
        Ok(())
    }
}

/// Mean over 4×4 pixels of `(colour - 128) / 16 * embedding`.
pub(crate) fn block_logit(
    rgb: &[u8],
    width_px: usize,
    x: usize,
    y: usize,
    embedding: &[f32],
) -> f32 {
    let mut sum = 0.0;
    for (row, column) in (0..16).map(|pixel| (y + pixel / 4, x + pixel % 4)) {
        let pixel = &rgb[(row * width_px + column) * 3..][..3];
        sum += pixel
            .iter()
            .zip(embedding)
            .map(|(part, weight)| (f32::from(*part) - 128.0) / 16.0 * weight)
            .sum::<f32>();
    }
    sum / 16.0
}

/// `red`, `green`, `blue`, and the support word `grey`.
pub(crate) fn vocabulary() -> Vocabulary {
    let even = 1.0 / 3.0_f32.sqrt();
    let rows = [
        ("red", [1.0, 0.0, 0.0]),
        ("green", [0.0, 1.0, 0.0]),
        ("blue", [0.0, 0.0, 1.0]),
        ("grey", [even; 3]),
    ];
    let entries = rows.iter().map(|(name, _)| {
        let mut entry = Entry::new(Name::new(*name).unwrap(), "plain", [1, 2, 3]);
        entry.support = *name == "grey";
        entry
    });
    let embeddings = rows.iter().flat_map(|(_, embedding)| *embedding).collect();
    Vocabulary::new(entries.collect(), embeddings, WIDTH).unwrap()
}

pub(crate) fn queries(typed: &str, decision: Decision) -> QuerySet {
    let vocabulary = vocabulary();
    let words = Words { vocabulary: &vocabulary, folded: None, max_queries: None };
    QuerySet::resolve(&parse_queries(typed).unwrap(), decision, words, || Ok(None)).unwrap()
}

/// Blobs of colour, the same for every run.
pub(crate) fn frame(width_px: u32, height_px: u32) -> Frame {
    let mut rgb = Vec::new();
    for y in 0..height_px {
        for x in 0..width_px {
            let wave = |step: u32| (((x * step + y * 3) % 97) * 255 / 96) as u8;
            rgb.extend([wave(1), wave(2), wave(5)]);
        }
    }
    Frame { rgb, width_px, height_px, ..Frame::default() }
}
