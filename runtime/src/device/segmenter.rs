//! Frames to segmentations on a device.

use rszs_cuda::Device;
use rszs_cuda::frame::{
    Absence, DeviceEngine, FrameError, FrameKeep, FramePath, FrameResults, FrameRule, FrameSettings,
};
use rszs_hot::{BlendError, TileLayout};

use crate::queries::QuerySet;
use crate::segment::{
    FrameSegmenter, Keep, SegmentError, SegmentTimes, Segmentation, absent_logit, note_presence,
};
use crate::source::Frame;

/// Segments frames on one device, two under way at a time.
#[derive(Debug)]
pub struct DeviceSegmenter<E> {
    path: FramePath<E>,
    queries: QuerySet,
    keep: Keep,
}

impl<E: DeviceEngine> DeviceSegmenter<E> {
    /// For tiles as in `layout`, at most `batch` in one call of `engine`, which computes on
    /// `device`.
    pub fn new(
        device: &Device,
        engine: E,
        layout: TileLayout,
        batch: usize,
        queries: &QuerySet,
        keep: Keep,
    ) -> Result<Self, FrameError> {
        let rules = rules(queries);
        let settings = FrameSettings {
            layout,
            batch: batch.max(1),
            decision: queries.decision(),
            queries: queries.queries().len(),
            rules: &rules,
            engine_rows: queries.engine_rows(),
            embeddings: queries.embeddings(),
        };
        Ok(Self {
            path: FramePath::new(device, engine, &settings)?,
            queries: queries.clone(),
            keep,
        })
    }
}

impl<E> DeviceSegmenter<E> {
    /// What to keep of the frames to come. Those under way have to be collected before.
    pub fn set_keep(&mut self, keep: Keep) {
        self.keep = keep;
    }
}

impl<E: DeviceEngine> FrameSegmenter for DeviceSegmenter<E> {
    fn submit(&mut self, frame: &Frame) -> Result<(), SegmentError> {
        let keep = FrameKeep { masks: self.keep.masks, logits: self.keep.scores };
        Ok(self.path.submit(&frame.rgb, frame.width_px, frame.height_px, keep)?)
    }

    fn has_room(&self) -> bool {
        self.path.has_room()
    }

    fn is_done(&self) -> Result<bool, SegmentError> {
        Ok(self.path.is_done()?)
    }

    fn collect(&mut self, into: &mut Segmentation) -> Result<SegmentTimes, SegmentError> {
        let results = self.path.collect()?;
        into.resize(&results.grid, &self.queries, self.keep);
        take_presence(&results, &self.queries, &mut into.presence)?;
        into.classes.copy_from_slice(results.classes);
        into.masks.copy_from_slice(results.masks);
        into.logits.copy_from_slice(results.logits);
        into.regions
            .iter_mut()
            .zip(results.regions())
            .for_each(|(region, counted)| *region = counted);
        let times = results.times;
        Ok(SegmentTimes {
            tile: times.upload,
            engine: times.batches,
            decide: times.decide,
            ..SegmentTimes::default()
        })
    }
}

fn rules(queries: &QuerySet) -> Vec<FrameRule> {
    let rules = queries.rules().iter().zip(queries.rows()).enumerate();
    let rule = |(index, (rule, row)): (usize, (&rszs_hot::QueryRule, &usize))| {
        let query = queries.queries().get(index);
        let absence = query.and_then(|query| {
            Some(Absence {
                least_presence: query.presence_threshold?,
                highest_logit: absent_logit(query),
            })
        });
        FrameRule { rule: *rule, engine_row: *row, absence }
    };
    rules.map(rule).collect()
}

/// Looks at the tiles in order, as the composer does, and tells of the first that cannot be used.
fn take_presence(
    results: &FrameResults<'_>,
    queries: &QuerySet,
    highest: &mut [f32],
) -> Result<(), SegmentError> {
    for (tile, presence) in results.presence.chunks_exact(queries.engine_rows()).enumerate() {
        note_presence(queries, tile, presence, highest)?;
        if let Some(bad) = results.bad_logit.filter(|bad| bad.tile == tile) {
            return Err(BlendError::NotFinite { tile, query: bad.rule }.into());
        }
    }
    Ok(())
}
