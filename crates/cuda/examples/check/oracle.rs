//! The same frame through `rszs_hot` on the host.

use rszs_cuda::frame::{FrameResults, FrameRule, FrameSettings};
use rszs_hot::{
    BlendError, BlendWeights, Blender, DecideBuffers, Decider, QueryRule, RegionStatistics,
    TileGrid, fill_tile, words_per_row,
};

/// What a frame must give.
#[derive(Debug, PartialEq)]
pub(crate) struct Expected {
    pub(crate) classes: Vec<u8>,
    pub(crate) masks: Vec<u64>,
    pub(crate) regions: Vec<RegionStatistics>,
    /// Bits, so that nothing is equal by being near.
    pub(crate) presence: Vec<u32>,
    pub(crate) logits: Vec<u32>,
}

/// What a frame gave.
pub(crate) fn found(results: &FrameResults<'_>) -> Expected {
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect();
    Expected {
        classes: results.classes.to_vec(),
        masks: results.masks.to_vec(),
        regions: results.regions().collect(),
        presence: bits(results.presence),
        logits: bits(results.logits),
    }
}

/// Segments a frame. `score` gives logits `[K, T4, T4]` and presences `[K]` of a tile by its number
/// and pixels.
pub(crate) fn expected(
    rgb: &[u8],
    size: (u32, u32),
    settings: &FrameSettings<'_>,
    mut score: impl FnMut(usize, &[u8], &mut [f32], &mut [f32]),
) -> Result<Expected, BlendError> {
    let grid = TileGrid::new(size.0, size.1, settings.layout).expect("settings that fit the frame");
    let rules: Vec<QueryRule> = settings.rules.iter().map(|rule| rule.rule).collect();
    let (rows, plane) = (settings.engine_rows, grid.logits_per_side() * grid.logits_per_side());
    let mut weights = vec![0.0; grid.weights_len()];
    let weights = BlendWeights::compute(&grid, &mut weights).expect("settings that fit the frame");
    let mut accumulator = vec![0.0; grid.logits_len(rules.len())];
    let mut blender = Blender::new(weights, rules.len(), &mut accumulator)?;
    let mut presences = Vec::new();
    for (index, tile) in grid.iter().enumerate() {
        let tile_px = grid.layout().engine_px();
        let mut pixels = vec![0; (tile_px * tile_px * 3) as usize];
        fill_tile(rgb, size.0, size.1, tile, tile_px, grid.layout().reduction(), &mut pixels)
            .expect("settings that fit the frame");
        let (mut logits, mut presence) = (vec![0.0; rows * plane], vec![0.0; rows]);
        score(index, &pixels, &mut logits, &mut presence);
        let gathered: Vec<f32> =
            settings.rules.iter().flat_map(|rule| read(rule, &logits, &presence, plane)).collect();
        blender.add(index, &gathered)?;
        presences.extend(presence.iter().map(|presence| presence.to_bits()));
    }

    let (wide, high, words) = (size.0 as usize, size.1 as usize, words_per_row(size.0));
    let mut classes = vec![0; wide];
    let mut mask_rows = vec![0; settings.queries * words];
    let mut regions = vec![RegionStatistics::default(); settings.queries];
    let buffers =
        DecideBuffers { classes: &mut classes, masks: &mut mask_rows, regions: &mut regions };
    let mut decider = Decider::new(&grid, settings.decision, settings.queries, &rules, buffers)
        .expect("settings that fit the frame");
    let (mut all_classes, mut all_masks) = (Vec::new(), vec![0; settings.queries * high * words]);
    for y_px in 0..size.1 {
        let row = decider.decide(y_px, &blender.rows()).expect("settings that fit the frame");
        all_classes.extend_from_slice(row.classes);
        for query in 0..settings.queries {
            all_masks[(query * high + y_px as usize) * words..][..words]
                .copy_from_slice(row.mask(query));
        }
    }
    let logits = accumulator.iter().map(|logit| logit.to_bits()).collect();
    Ok(Expected { classes: all_classes, masks: all_masks, regions, presence: presences, logits })
}

/// The logits of one rule in one tile.
fn read(rule: &FrameRule, logits: &[f32], presence: &[f32], plane: usize) -> Vec<f32> {
    let absent = rule.absence.filter(|absence| presence[rule.engine_row] < absence.least_presence);
    let logits = logits[rule.engine_row * plane..][..plane].iter();
    logits.map(|logit| absent.map_or(*logit, |absence| logit.min(absence.highest_logit))).collect()
}
