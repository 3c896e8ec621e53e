//! How frames are segmented on a device.

use rszs_hot::{Decision, MAX_QUERIES, TileLayout};

use super::{EngineShape, FrameError, FrameRule};

/// Everything that stays the same from frame to frame.
#[derive(Debug, Clone, Copy)]
pub struct FrameSettings<'a> {
    /// Tiles over a frame.
    pub layout: TileLayout,
    /// Most tiles of one call of the engine.
    pub batch: usize,
    /// How a pixel gets its class and its masks.
    pub decision: Decision,
    /// How many of the rules are queries; the rest are support words.
    pub queries: usize,
    /// The queries first. R of them.
    pub rules: &'a [FrameRule],
    /// K.
    pub engine_rows: usize,
    /// `[K, D]`; nothing for a folded model.
    pub embeddings: Option<&'a [f32]>,
}

impl FrameSettings<'_> {
    /// What the engine is asked for.
    pub(super) fn shape(&self) -> EngineShape {
        EngineShape {
            batch: self.batch,
            tile_px: self.layout.engine_px() as usize,
            rows: self.engine_rows,
            width: self
                .embeddings
                .map_or(0, |embeddings| embeddings.len() / self.engine_rows.max(1)),
        }
    }

    /// Refuses what a kernel would read or write past an end with.
    pub(super) fn check(&self) -> Result<(), FrameError> {
        let refuse = |what, expected: &str, found: String| {
            Err(FrameError::Settings { what, expected: expected.to_owned(), found })
        };
        if self.batch == 0 {
            return refuse("batch", "at least one tile", "0".to_owned());
        }
        if !matches!(self.layout.stride_px, 4 | 8 | 16 | 32) {
            return refuse("stride", "4, 8, 16 or 32 px", format!("{} px", self.layout.stride_px));
        }
        let rules = self.rules.len();
        let fits = (1..=MAX_QUERIES).contains(&self.queries)
            && match self.decision {
                Decision::Multilabel => rules == self.queries,
                Decision::Exclusive => rules >= self.queries,
            };
        if !fits {
            let found = format!("{} of {rules} rules", self.queries);
            return refuse(
                "queries",
                "1 to 255 queries, and support words only where they compete",
                found,
            );
        }
        if let Some(row) =
            self.rules.iter().map(|rule| rule.engine_row).find(|row| *row >= self.engine_rows)
        {
            return refuse(
                "rules",
                "rows of the engine",
                format!("row {row} of {}", self.engine_rows),
            );
        }
        let embeddings = self.embeddings.map_or(0, <[f32]>::len);
        if self.embeddings.is_some()
            && (embeddings == 0 || !embeddings.is_multiple_of(self.engine_rows))
        {
            return refuse(
                "embeddings",
                "the same number for each row of the engine",
                format!("{embeddings} in all"),
            );
        }
        Ok(())
    }
}
