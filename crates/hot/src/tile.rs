//! Where the tiles of an image lie.

use core::fmt;

use crate::LOGIT_STRIDE_PX;

/// Longest image side a grid accepts. Sums of coordinates over an image of this side still fit in
/// 64 bits.
pub const MAX_SIDE_PX: u32 = 1 << 20;

/// Side, overlap and stride of the tiles of one engine, in pixels of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TileLayout {
    /// Side of the square tile; a multiple of `stride_px`.
    pub tile_px: u32,
    /// What neighbours share at least; a multiple of `stride_px`, below `tile_px`.
    pub overlap_px: u32,
    /// Pixels between two logits.
    pub stride_px: u32,
}

impl TileLayout {
    /// Tiles of an engine that sees images as they are.
    pub fn of_engine(tile_px: u32, overlap_px: u32) -> Self {
        Self { tile_px, overlap_px, stride_px: LOGIT_STRIDE_PX }
    }

    /// The same engine seeing the image `reduction` times smaller: everything covers more of the
    /// image's pixels.
    ///
    /// The decision knows the reductions 1, 2, 4 and 8.
    #[must_use]
    pub fn reduced(self, reduction: u32) -> Self {
        let times = |px: u32| px.saturating_mul(reduction);
        Self {
            tile_px: times(self.tile_px),
            overlap_px: times(self.overlap_px),
            stride_px: times(self.stride_px),
        }
    }

    /// How much smaller than the image the engine sees it.
    pub fn reduction(&self) -> u32 {
        (self.stride_px / LOGIT_STRIDE_PX).max(1)
    }

    /// Side of what the engine is given.
    pub fn engine_px(&self) -> u32 {
        self.tile_px / self.reduction()
    }
}

/// Upper left corner of a tile. Both coordinates are multiples of the stride and lie inside the
/// image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tile {
    /// Column of the first pixel.
    pub x_px: u32,
    /// Row of the first pixel.
    pub y_px: u32,
}

/// A layout or an image that cannot be tiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TileError {
    /// The image has no pixel, or a side above [`MAX_SIDE_PX`].
    ImageSize {
        /// Width found.
        width_px: u32,
        /// Height found.
        height_px: u32,
    },
    /// The tile side, overlap and stride do not fit together.
    Layout(TileLayout),
    /// A buffer does not have the length that the sizes given with it ask for.
    BufferLength {
        /// Which buffer.
        buffer: &'static str,
        /// Bytes it must have.
        expected: usize,
        /// Bytes it has.
        found: usize,
    },
}

impl fmt::Display for TileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ImageSize { width_px, height_px } => {
                write!(
                    f,
                    "image: expected sides of 1 to {MAX_SIDE_PX} px, found {width_px}x{height_px}; \
                     cut it first"
                )
            }
            Self::Layout(TileLayout { tile_px, overlap_px, stride_px }) => write!(
                f,
                "tile layout: expected tile and overlap as multiples of the stride and overlap \
                 below tile, \
                 found tile {tile_px} px, overlap {overlap_px} px, stride {stride_px} px"
            ),
            Self::BufferLength { buffer, expected, found } => {
                write!(f, "{buffer}: expected {expected} bytes, found {found}")
            }
        }
    }
}

impl core::error::Error for TileError {}

/// One direction of a grid, in units of the stride.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Axis {
    /// Logits along the whole image.
    pub(crate) length: usize,
    /// Logits along one tile.
    pub(crate) tile: usize,
    /// Logits that neighbours share at least.
    pub(crate) overlap: usize,
    /// How many tiles.
    pub(crate) count: usize,
}

impl Axis {
    fn new(length: usize, tile: usize, overlap: usize) -> Self {
        let count = 1 + length.saturating_sub(tile).div_ceil(tile - overlap);
        Self { length, tile, overlap, count }
    }

    /// First logit of the tile `index`: a regular step, except that the last tile ends at the edge.
    pub(crate) fn origin(&self, index: usize) -> usize {
        (index * (self.tile - self.overlap)).min(self.length.saturating_sub(self.tile))
    }

    /// Logits of a tile that lie on the image: all of them unless the image is smaller than a tile.
    pub(crate) fn visible(&self) -> usize {
        self.tile.min(self.length)
    }
}

/// Square tiles that cover an image, numbered row by row from the upper left corner.
///
/// The grid works on the image extended to a multiple of the stride. The last column and the last
/// row are moved back so that they end at that edge. An image smaller than a tile gets one tile,
/// which hangs over ([`fill_tile`](crate::fill_tile) replicates edges).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TileGrid {
    width_px: u32,
    height_px: u32,
    layout: TileLayout,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
}

impl TileGrid {
    /// Lays tiles over an image of `width_px` x `height_px`.
    pub fn new(width_px: u32, height_px: u32, layout: TileLayout) -> Result<Self, TileError> {
        if ![width_px, height_px].iter().all(|side| (1..=MAX_SIDE_PX).contains(side)) {
            return Err(TileError::ImageSize { width_px, height_px });
        }
        let TileLayout { tile_px, overlap_px, stride_px } = layout;
        let fits = stride_px > 0
            && (1..=MAX_SIDE_PX).contains(&tile_px)
            && overlap_px < tile_px
            && tile_px % stride_px == 0
            && overlap_px % stride_px == 0;
        if !fits {
            return Err(TileError::Layout(layout));
        }
        let axis = |side_px: u32| {
            let logits = |px: u32| px.div_ceil(stride_px) as usize;
            Axis::new(logits(side_px), logits(tile_px), logits(overlap_px))
        };
        Ok(Self { width_px, height_px, layout, x: axis(width_px), y: axis(height_px) })
    }

    /// Width of the image.
    pub fn width_px(&self) -> u32 {
        self.width_px
    }

    /// Height of the image.
    pub fn height_px(&self) -> u32 {
        self.height_px
    }

    /// The layout the grid was made with.
    pub fn layout(&self) -> TileLayout {
        self.layout
    }

    /// Tiles side by side.
    pub fn columns(&self) -> usize {
        self.x.count
    }

    /// Tiles one above the other.
    pub fn rows(&self) -> usize {
        self.y.count
    }

    /// Number of tiles.
    #[expect(clippy::len_without_is_empty, reason = "a grid has at least one tile")]
    pub fn len(&self) -> usize {
        self.x.count * self.y.count
    }

    /// The tile number `index`, counted row by row.
    ///
    /// Panics like a slice when `index` is not below [`len`](Self::len).
    pub fn tile(&self, index: usize) -> Tile {
        assert!(index < self.len(), "tile {index} of a grid of {}", self.len());
        let stride_px = self.layout.stride_px;
        Tile {
            x_px: self.x.origin(index % self.x.count) as u32 * stride_px,
            y_px: self.y.origin(index / self.x.count) as u32 * stride_px,
        }
    }

    /// All tiles in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Tile> + use<> {
        let grid = *self;
        (0..grid.len()).map(move |index| grid.tile(index))
    }

    /// W4: logits along a row of the blended image.
    pub fn logits_wide(&self) -> usize {
        self.x.length
    }

    /// H4: logits along a column of the blended image.
    pub fn logits_high(&self) -> usize {
        self.y.length
    }

    /// T4: logits along the side of a tile.
    pub fn logits_per_side(&self) -> usize {
        self.x.tile
    }

    /// Rows of logits, counted from the top, that no tile touches once the first `tile_rows` rows
    /// of tiles were added.
    pub fn final_logit_rows(&self, tile_rows: usize) -> usize {
        if tile_rows < self.y.count { self.y.origin(tile_rows) } else { self.y.length }
    }

    /// Length of the accumulator `[K, H4, W4]` for `queries` = K.
    pub fn logits_len(&self, queries: usize) -> usize {
        queries * self.y.length * self.x.length
    }

    /// Length of what [`BlendWeights::compute`](crate::BlendWeights::compute) fills.
    pub fn weights_len(&self) -> usize {
        (self.x.count + self.y.count) * self.x.tile
    }
}
