//! For tests: a vocabulary, a set, and an engine that says what the images' colours say.

use std::path::Path;

use rszs_bundle::{Entry, Name, Vocabulary};
use rszs_data::{DenseSet, IndexMask, RgbImage, Rng, Split, folder};
use rszs_edge::queries::Words;
use rszs_engine::{EngineError, TileBatch, TileEngine, TileScores};
use rszs_hot::TileLayout;

/// Tiles so small that every image has several.
pub(crate) const LAYOUT: TileLayout = TileLayout { tile_px: 16, overlap_px: 4, stride_px: 4 };

/// Names, each with a direction of its own.
pub(crate) fn vocabulary(names: &[&str]) -> Vocabulary {
    let width = names.len();
    let entries = names
        .iter()
        .map(|name| Entry::new(Name::new(*name).unwrap(), "plain", [1, 2, 3]))
        .collect();
    let embeddings =
        (0..width * width).map(|at| if at % width == at / width { 1.0 } else { 0.0 }).collect();
    Vocabulary::new(entries, embeddings, width).unwrap()
}

/// An open vocabulary.
pub(crate) fn words(vocabulary: &Vocabulary) -> Words<'_> {
    Words { vocabulary, folded: None, max_queries: None }
}

/// The first query's logit is in the red of each 4 by 4 pixels, the second's in the green: 128 is
/// 0, 16 more is 1 more.
#[derive(Debug)]
pub(crate) struct ColourEngine;

impl TileEngine for ColourEngine {
    fn run(&mut self, batch: TileBatch<'_>, scores: TileScores<'_>) -> Result<(), EngineError> {
        let side = batch.tile_px / 4;
        let embeddings = batch.embeddings.unwrap();
        let width = embeddings.len() / batch.rows;
        let tiles = batch.tiles.chunks_exact(batch.tile_px * batch.tile_px * 3);
        for (tile, logits) in tiles.zip(scores.logits.chunks_exact_mut(batch.rows * side * side)) {
            for (row, plane) in logits.chunks_exact_mut(side * side).enumerate() {
                let channel = embeddings[row * width..][..width]
                    .iter()
                    .position(|value| *value > 0.5)
                    .unwrap();
                for (at, logit) in plane.iter_mut().enumerate() {
                    let pixel = (at / side * 4) * batch.tile_px + at % side * 4;
                    *logit = (f32::from(tile[pixel * 3 + channel]) - 128.0) / 16.0;
                }
            }
        }
        scores.presence.fill(0.5);
        Ok(())
    }
}

/// Eight images of 40 by 28 pixels with the classes flood and building, half of them for
/// validation. Red is high where flood is and green where building is, more or less.
pub(crate) fn set(root: &Path, seed: u64) -> DenseSet {
    let root = root.join(format!("own_{seed}"));
    for sub in ["images", "masks"] {
        std::fs::create_dir_all(root.join(sub)).unwrap();
    }
    let mut rng = Rng::new(seed);
    for number in 0..8 {
        let (wide, high) = (40, 28);
        let mut image = RgbImage::filled(wide, high, [0, 0, 0]);
        let mut mask = IndexMask::filled(wide, high, 0);
        for (y, x) in (0..high).step_by(4).flat_map(|y| (0..wide).step_by(4).map(move |x| (y, x))) {
            let class = rng.below(3) as u8;
            let mut level = |is_there: bool| (if is_there { 90 } else { 50 } + rng.below(90)) as u8;
            let colour = [level(class == 1), level(class == 2), 0];
            for (y, x) in (y..y + 4).flat_map(|y| (x..x + 4).map(move |x| (y, x))) {
                image.set_pixel(x, y, colour);
                mask.ids[y * wide + x] = if x == 0 { 255 } else { class };
            }
        }
        image.write_png(&root.join(format!("images/{number}.png"))).unwrap();
        mask.write_png(&root.join(format!("masks/{number}.png"))).unwrap();
    }
    std::fs::write(root.join("classes.txt"), "0 -\n1 flood\n2 building\n").unwrap();
    std::fs::write(root.join("val.txt"), "0\n2\n4\n6\n").unwrap();
    folder::open(&root).unwrap()
}

/// As [`set`], but of blue images without flood or building, as red and green as those are there.
pub(crate) fn dry_set(root: &Path) -> DenseSet {
    let wet = set(root, 9);
    let root = root.join("own_9");
    for number in 0..8 {
        let split = if number % 2 == 0 { Split::Val } else { Split::Train };
        let mut sample = (*wet.sample(split, number / 2).unwrap()).clone();
        sample.image.pixels.iter_mut().skip(2).step_by(3).for_each(|blue| *blue = 200);
        sample.mask.ids.fill(0);
        sample.image.write_png(&root.join(format!("images/{number}.png"))).unwrap();
        sample.mask.write_png(&root.join(format!("masks/{number}.png"))).unwrap();
    }
    folder::open(&root).unwrap()
}
