//! Why tiles cannot be blended.

use core::fmt;

/// A tile, a buffer or a band that does not fit the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlendError {
    /// A buffer has the wrong number of values.
    Length {
        /// Which buffer.
        buffer: &'static str,
        /// Values it must have.
        expected: usize,
        /// Values it has.
        found: usize,
    },
    /// The band cannot hold one row of tiles, or is higher than the image.
    BandRows {
        /// Least rows of logits.
        least: usize,
        /// H4.
        most: usize,
        /// Rows asked for.
        found: usize,
    },
    /// The tile number is not in the grid, or its rows are not in the band.
    TileOutside {
        /// The tile number.
        tile: usize,
        /// First row of logits that the band holds.
        first_row: usize,
    },
    /// A logit is infinite or not a number; nothing of the tile was added.
    NotFinite {
        /// The tile number.
        tile: usize,
        /// Which query.
        query: usize,
    },
}

impl fmt::Display for BlendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { buffer, expected, found } => {
                write!(f, "{buffer}: expected {expected} values, found {found}")
            }
            Self::BandRows { least, most, found } => {
                write!(
                    f,
                    "band: expected {least} to {most} rows of logits and at least one query, found \
                     {found}"
                )
            }
            Self::TileOutside { tile, first_row } => {
                write!(
                    f,
                    "tile {tile}: expected a tile of the grid within the band that starts at row \
                     {first_row}"
                )
            }
            Self::NotFinite { tile, query } => {
                write!(
                    f,
                    "tile {tile}, query {query}: expected finite logits (an overflow in half \
                     precision?)"
                )
            }
        }
    }
}

impl core::error::Error for BlendError {}
