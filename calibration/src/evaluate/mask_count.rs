//! Counting masks against labels.

use rszs_data::DenseSet;
use rszs_edge::queries::Words;
use rszs_edge::segment::Keep;
use rszs_engine::TileEngine;
use rszs_hot::{Decision, words_per_row};
use rszs_metrics::{ConfusionMatrix, IGNORE};

use crate::arguments::MeasureArguments;
use crate::deployed::pipeline::Pipeline;
use crate::error::Error;
use crate::label_mapping::{LabelMapping, one_per_concept, query_set};
use crate::sets::chosen;

/// Masks of one set against its labels.
#[derive(Debug, Clone)]
pub struct MaskCount {
    /// Images.
    pub images: u64,
    /// One per mapping: absent and present, at the bundle's thresholds.
    pub queries: Vec<ConfusionMatrix>,
    /// The same of each image alone.
    pub each: Vec<ImageCount>,
    /// The classes of a set with several, when a pixel gets one of them.
    pub exclusive: Option<ExclusiveCount>,
}

/// Masks of one image against its labels.
#[derive(Debug, Clone)]
pub struct ImageCount {
    /// Number of the image in the split.
    pub index: usize,
    /// One per mapping.
    pub queries: Vec<ConfusionMatrix>,
}

/// One class a pixel: the queries of a set against each other and against the support words.
#[derive(Debug, Clone)]
pub struct ExclusiveCount {
    /// The classes.
    pub classes: Vec<LabelMapping>,
    /// Between them.
    pub matrix: ConfusionMatrix,
}

/// Runs the images of `set` through `pipeline` and counts the masks that the runtime would write.
/// `step` is called for each image and may stop the run.
pub fn count_masks(
    set: &DenseSet,
    mappings: &[LabelMapping],
    words: Words<'_>,
    arguments: &MeasureArguments,
    pipeline: &mut Pipeline,
    engine: &mut impl TileEngine,
    mut step: impl FnMut() -> Result<(), Error>,
) -> Result<MaskCount, Error> {
    let split = arguments.split.split();
    let multilabel = query_set(mappings, Decision::Multilabel, words)?;
    let classes = one_per_concept(mappings);
    let exclusive_queries =
        (classes.len() > 1).then(|| query_set(&classes, Decision::Exclusive, words)).transpose()?;
    let matrix = |classes| ConfusionMatrix::new(classes).expect("a run has 1 to 254 queries");
    let mut queries = vec![matrix(2); mappings.len()];
    let mut each = Vec::new();
    let mut exclusive = matrix(classes.len().max(1));
    let (mut truth, mut predicted) = (Vec::new(), Vec::new());
    let indices = chosen(set, split, arguments.limit);
    let images = indices.len() as u64;
    for index in indices {
        let path = set.image_path(split, index);
        let failed = |source| Error::Count { path: path.to_owned(), source };
        let sample = set.sample(split, index)?;
        pipeline.read(path, &sample)?;
        let found =
            pipeline.segment(path, &multilabel, Keep { masks: true, scores: false }, engine)?;
        let mut image = ImageCount { index, queries: Vec::with_capacity(mappings.len()) };
        for (query, (mapping, sum)) in mappings.iter().zip(&mut queries).enumerate() {
            truth.clear();
            truth.extend(sample.mask.ids.iter().map(|id| mapping.targets[usize::from(*id)]));
            unpack(found.mask(query), sample.mask.width, &mut predicted);
            let mut count = matrix(2);
            count.add(&truth, &predicted).map_err(failed)?;
            sum.merge(&count).map_err(failed)?;
            image.queries.push(count);
        }
        each.push(image);
        if let Some(queries) = &exclusive_queries {
            let found = pipeline.segment(path, queries, Keep::default(), engine)?;
            let class_of = class_of(&classes);
            truth.clear();
            truth.extend(sample.mask.ids.iter().map(|id| class_of[usize::from(*id)]));
            predicted.clear();
            // 0, none of them, becomes 255, which is no class of the matrix and so an error.
            predicted.extend(found.classes.iter().map(|class| class.wrapping_sub(1)));
            exclusive.add(&truth, &predicted).map_err(failed)?;
        }
        step()?;
    }
    let exclusive = exclusive_queries.map(|_| ExclusiveCount { classes, matrix: exclusive });
    Ok(MaskCount { images, queries, each, exclusive })
}

/// By index of the set's masks: the class whose concept it shows.
fn class_of(classes: &[LabelMapping]) -> [u8; 256] {
    let mut class_of = [IGNORE; 256];
    for (id, class) in class_of.iter_mut().enumerate() {
        let shows = classes.iter().position(|mapping| mapping.targets[id] == rszs_data::POSITIVE);
        *class = shows.map_or(IGNORE, |class| class as u8);
    }
    class_of
}

/// Bits of a mask, `[H, words_per_row(W)]`, as bytes `[H, W]`.
pub(super) fn unpack(mask: &[u64], wide: usize, out: &mut Vec<u8>) {
    out.clear();
    for row in mask.chunks_exact(words_per_row(wide as u32)) {
        out.extend((0..wide).map(|x| (row[x / 64] >> (x % 64) & 1) as u8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_bit_of_a_row_is_its_first_pixel() {
        let mut bytes = vec![7];
        unpack(&[0b101, 0b10, 0, 1], 66, &mut bytes);
        assert_eq!(bytes.len(), 132);
        let set: Vec<usize> = (0..bytes.len()).filter(|index| bytes[*index] == 1).collect();
        assert_eq!(set, [0, 2, 65, 66 + 64]);
    }
}
