//! The tiles that the deployed pipeline hands to its engine.

use rszs_data::{DenseSet, Split};
use rszs_edge::queries::Words;
use rszs_edge::segment::Keep;
use rszs_engine::{EngineError, TileBatch, TileEngine, TileScores};
use rszs_hot::Decision;

use crate::deployed::Deployed;
use crate::deployed::pipeline::Pipeline;
use crate::error::Error;
use crate::label_mapping::{LabelMapping, query_set};
use crate::sets::{LabelledSet, chosen};

/// Images of a set that tiles are taken from; more places, not more tiles of one.
const IMAGES: u32 = 16;

/// Takes the place of an engine and keeps what it is given. Its scores are all zero.
#[derive(Debug, Default)]
struct TileRecorder {
    tiles: Vec<Vec<u8>>,
}

impl TileEngine for TileRecorder {
    fn run(&mut self, batch: TileBatch<'_>, scores: TileScores<'_>) -> Result<(), EngineError> {
        self.tiles.extend(
            batch.tiles.chunks_exact(batch.tile_px * batch.tile_px * 3).map(<[u8]>::to_vec),
        );
        scores.logits.fill(0.0);
        scores.presence.fill(0.0);
        Ok(())
    }
}

/// `count` tiles of the training images of `set`, evenly spread, each `[H, W, 3]`; none if it has
/// no such images.
pub fn training_tiles(
    set: &DenseSet,
    mappings: &[LabelMapping],
    words: Words<'_>,
    pipeline: &mut Pipeline,
    count: usize,
) -> Result<Vec<Vec<u8>>, Error> {
    let queries = query_set(mappings, Decision::Multilabel, words)?;
    let mut recorder = TileRecorder::default();
    for index in chosen(set, Split::Train, Some(IMAGES)) {
        let path = set.image_path(Split::Train, index);
        let sample = set.sample(Split::Train, index)?;
        pipeline.read(path, &sample)?;
        pipeline.segment(path, &queries, Keep::default(), &mut recorder)?;
    }
    let all = recorder.tiles.len();
    let kept = (0..count.min(all)).map(|index| index * all / count.min(all));
    Ok(kept.map(|index| std::mem::take(&mut recorder.tiles[index])).collect())
}

/// [`training_tiles`] of all `sets`: at least one tile.
pub fn tiles_of_sets(
    sets: &[LabelledSet],
    deployed: &mut Deployed,
    count: usize,
) -> Result<Vec<Vec<u8>>, Error> {
    let mut tiles = Vec::new();
    for (set, mappings) in sets {
        let words = Words::from(&deployed.bundle);
        tiles.extend(training_tiles(set, mappings, words, &mut deployed.pipeline, count)?);
    }
    if tiles.is_empty() {
        let names: Vec<&str> = sets.iter().map(|(set, _)| set.name()).collect();
        return Err(Error::NothingToObserve { sets: names.join(", ") });
    }
    Ok(tiles)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;
    use crate::label_mapping::mappings;

    #[test]
    fn tiles_are_those_of_training_images_spread_over_all_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let set = fake::set(folder.path(), 1);
        let vocabulary = fake::vocabulary(&["flood", "building"]);
        let stated = mappings(set.classes(), &vocabulary);
        let tiles = |count| {
            let mut pipeline = Pipeline::new(fake::LAYOUT, 1);
            training_tiles(&set, &stated, fake::words(&vocabulary), &mut pipeline, count).unwrap()
        };
        let all = tiles(1000);
        assert!(all.len() >= set.len(Split::Train) * 4, "{}", all.len());
        assert!(all.iter().all(|tile| tile.len() == 16 * 16 * 3));
        let two = tiles(2);
        assert_eq!([&two[0], &two[1]], [&all[0], &all[all.len() / 2]]);
    }
}
