//! The runtime's frame path, one labelled picture after the other.

use std::path::Path;

use rszs_data::Sample;
use rszs_edge::engine::TileEngine;
use rszs_edge::queries::QuerySet;
use rszs_edge::segment::{Keep, Segmentation, Segmenter};
use rszs_edge::source::{Frame, ImageReader, Input};
use rszs_hot::TileLayout;

use crate::error::Error;

/// Reads and segments files with the runtime's own code. Keeps its buffers.
#[derive(Debug)]
pub struct Pipeline {
    reader: ImageReader,
    frame: Frame,
    segmenter: Segmenter,
    found: Segmentation,
}

impl Pipeline {
    /// For an engine with tiles as in `layout`, `batch` at a time.
    pub fn new(layout: TileLayout, batch: usize) -> Self {
        Self {
            reader: ImageReader::new(),
            frame: Frame::default(),
            segmenter: Segmenter::new(layout, batch),
            found: Segmentation::default(),
        }
    }

    /// Reads the picture of `sample` from `path`, which the runtime's decoder must see in the size of its mask.
    pub fn read(&mut self, path: &Path, sample: &Sample) -> Result<(), Error> {
        self.reader.read(&Input::File(path.to_owned()), &mut self.frame)?;
        let (wide, high) = (self.frame.width_px, self.frame.height_px);
        let (mask_wide, mask_high) = (sample.mask.width, sample.mask.height);
        if (wide as usize, high as usize) != (mask_wide, mask_high) {
            return Err(Error::Sizes { path: path.to_owned(), mask_wide, mask_high, wide, high });
        }
        Ok(())
    }

    /// Segments the picture that was read last; `path` is what errors name.
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
}
