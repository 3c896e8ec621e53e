//! The runtime's frame path, one labelled image after the other.

use std::path::Path;

use rszs_data::Sample;
use rszs_edge::queries::QuerySet;
use rszs_edge::segment::{
    Composer, Keep, ScoredTiles, SegmentError, Segmentation, Segmenter, TileRunner,
};
use rszs_edge::source::{Frame, ImageReader, Input};
use rszs_engine::TileEngine;
use rszs_hot::{TileGrid, TileLayout};

use crate::error::Error;

/// Reads and segments files with the runtime's own code. Keeps its buffers.
#[derive(Debug)]
pub struct Pipeline {
    reader: ImageReader,
    frame: Frame,
    segmenter: Segmenter,
    found: Segmentation,
    layout: TileLayout,
    batch: usize,
    runner: TileRunner,
    scored: ScoredTiles,
    composers: Vec<Composer>,
    results: Vec<Segmentation>,
}

impl Pipeline {
    /// For an engine with tiles as in `layout`, `batch` at a time.
    pub fn new(layout: TileLayout, batch: usize) -> Self {
        Self {
            reader: ImageReader::new(),
            frame: Frame::default(),
            segmenter: Segmenter::new(layout, batch),
            found: Segmentation::default(),
            layout,
            batch: batch.max(1),
            runner: TileRunner::default(),
            scored: ScoredTiles::default(),
            composers: Vec::new(),
            results: Vec::new(),
        }
    }

    /// Reads the image of `sample` from `path`, which the runtime's decoder must see in the size
    /// of its mask.
    pub fn read(&mut self, path: &Path, sample: &Sample) -> Result<(), Error> {
        self.reader.read(&Input::File(path.to_owned()), &mut self.frame)?;
        let (wide, high) = (self.frame.width_px, self.frame.height_px);
        let (mask_wide, mask_high) = (sample.mask.width, sample.mask.height);
        if (wide as usize, high as usize) != (mask_wide, mask_high) {
            return Err(Error::Sizes { path: path.to_owned(), mask_wide, mask_high, wide, high });
        }
        Ok(())
    }

    /// Segments the image that was read last; `path` is what errors name.
    pub fn segment(
        &mut self,
        path: &Path,
        queries: &QuerySet,
        keep: Keep,
        engine: &mut impl TileEngine,
    ) -> Result<&Segmentation, Error> {
        let result = self.segmenter.segment(&self.frame, queries, engine, keep, &mut self.found);
        result.map_err(|source| Error::Segment { path: path.to_owned(), source })?;
        Ok(&self.found)
    }

    /// Segments the image that was read last, once for each of `variants`: the same queries,
    /// decided in other ways. The engine runs once.
    pub fn segment_each(
        &mut self,
        path: &Path,
        variants: &[QuerySet],
        keep: Keep,
        engine: &mut impl TileEngine,
    ) -> Result<&[Segmentation], Error> {
        self.segment_variants(variants, keep, engine)
            .map_err(|source| Error::Segment { path: path.to_owned(), source })?;
        Ok(&self.results)
    }

    fn segment_variants(
        &mut self,
        variants: &[QuerySet],
        keep: Keep,
        engine: &mut impl TileEngine,
    ) -> Result<(), SegmentError> {
        let Self { frame, layout, batch, runner, scored, composers, results, .. } = self;
        composers.resize_with(variants.len(), Composer::default);
        results.resize_with(variants.len(), Segmentation::default);
        let grid = TileGrid::new(frame.width_px, frame.height_px, *layout)?;
        let places = variants.iter().zip(composers).zip(results);
        let compositions = places.map(|((queries, composer), into)| {
            composer.begin(&grid, &frame.valid, queries, keep, into)
        });
        let mut compositions = compositions.collect::<Result<Vec<_>, _>>()?;
        for first in (0..grid.len()).step_by(*batch) {
            let tiles = first..grid.len().min(first + *batch);
            runner.run(frame, &grid, tiles, &variants[0], engine, scored)?;
            compositions.iter_mut().try_for_each(|composition| composition.add(scored))?;
        }
        compositions.into_iter().try_for_each(|composition| composition.finish().map(drop))
    }
}
