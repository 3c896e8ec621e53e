//! Rows of blended logits, as the decision reads them.

use core::fmt;

/// A view of blended logits `[K, rows, W4]`: the whole image, or the band of rows that a streaming
/// caller holds.
#[derive(Debug, Clone, Copy)]
pub struct LogitRows<'a> {
    logits: &'a [f32],
    queries: usize,
    rows: usize,
    wide: usize,
    first_row: usize,
}

/// A slice of logits whose length is not `queries * rows * wide`, or one of these is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogitRowsError {
    /// K.
    pub queries: usize,
    /// Rows held.
    pub rows: usize,
    /// W4.
    pub wide: usize,
    /// Length of the slice.
    pub found: usize,
}

impl fmt::Display for LogitRowsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { queries, rows, wide, found } = self;
        write!(
            f,
            "logits: expected [{queries}, {rows}, {wide}] values, each at least 1, found {found}"
        )
    }
}

impl core::error::Error for LogitRowsError {}

impl<'a> LogitRows<'a> {
    /// Views `logits: [queries, rows, wide]`; its first row is the row `first_row` of the image.
    pub fn new(
        logits: &'a [f32],
        queries: usize,
        rows: usize,
        wide: usize,
        first_row: usize,
    ) -> Result<Self, LogitRowsError> {
        let expected = queries.checked_mul(rows).and_then(|planes| planes.checked_mul(wide));
        if expected != Some(logits.len()) || logits.is_empty() {
            return Err(LogitRowsError { queries, rows, wide, found: logits.len() });
        }
        Ok(Self { logits, queries, rows, wide, first_row })
    }

    /// A band whose length its owner has checked.
    pub(crate) fn of_band(
        logits: &'a [f32],
        queries: usize,
        rows: usize,
        wide: usize,
        first_row: usize,
    ) -> Self {
        debug_assert_eq!(logits.len(), queries * rows * wide);
        Self { logits, queries, rows, wide, first_row }
    }

    /// K.
    pub fn queries(&self) -> usize {
        self.queries
    }

    /// W4.
    pub fn wide(&self) -> usize {
        self.wide
    }

    /// The rows of the image that are here.
    pub fn row_range(&self) -> core::ops::Range<usize> {
        self.first_row..self.first_row + self.rows
    }

    /// Logits `[W4]` of one query in one row of the image, if that row is here.
    pub fn row(&self, query: usize, row: usize) -> Option<&'a [f32]> {
        let inside = row
            .checked_sub(self.first_row)
            .filter(|inside| *inside < self.rows && query < self.queries)?;
        let start = (query * self.rows + inside) * self.wide;
        self.logits.get(start..start + self.wide)
    }
}
