//! Copies one tile's pixels out of an image.

use crate::tile::{Tile, TileError};

/// Bytes of one RGB pixel.
const PIXEL_BYTES: usize = 3;

/// Copies the pixels of `tile` from `image_rgb: [H, W, 3]` to `out: [tile_px, tile_px, 3]`.
///
/// What hangs over the right or lower edge repeats the last column or row. Rows are copied whole: the floor is reading and writing
/// every byte of the tile once.
pub fn fill_tile(
    image_rgb: &[u8],
    width_px: u32,
    height_px: u32,
    tile: Tile,
    tile_px: u32,
    out: &mut [u8],
) -> Result<(), TileError> {
    if tile.x_px >= width_px || tile.y_px >= height_px || tile_px == 0 {
        return Err(TileError::ImageSize { width_px, height_px });
    }
    let row_bytes = width_px as usize * PIXEL_BYTES;
    let tile_row_bytes = tile_px as usize * PIXEL_BYTES;
    expect_length("image_rgb", row_bytes.checked_mul(height_px as usize), image_rgb)?;
    expect_length("tile", tile_row_bytes.checked_mul(tile_px as usize), out)?;

    let rows_inside = ((height_px - tile.y_px) as usize).min(tile_px as usize);
    let left = tile.x_px as usize * PIXEL_BYTES;
    let inside_bytes = (row_bytes - left).min(tile_row_bytes);
    let (inside, below) = out.split_at_mut(rows_inside * tile_row_bytes);
    let image_rows = image_rgb.chunks_exact(row_bytes).skip(tile.y_px as usize);
    for (tile_row, image_row) in inside.chunks_exact_mut(tile_row_bytes).zip(image_rows) {
        let (copied, right) = tile_row.split_at_mut(inside_bytes);
        copied.copy_from_slice(&image_row[left..left + inside_bytes]);
        let edge = &image_row[row_bytes - PIXEL_BYTES..];
        right.chunks_exact_mut(PIXEL_BYTES).for_each(|pixel| pixel.copy_from_slice(edge));
    }
    let last = &inside[inside.len() - tile_row_bytes..];
    below.chunks_exact_mut(tile_row_bytes).for_each(|tile_row| tile_row.copy_from_slice(last));
    Ok(())
}

fn expect_length(buffer: &'static str, expected: Option<usize>, found: &[u8]) -> Result<(), TileError> {
    if expected == Some(found.len()) {
        return Ok(());
    }
    Err(TileError::BufferLength { buffer, expected: expected.unwrap_or(usize::MAX), found: found.len() })
}
