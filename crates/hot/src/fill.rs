//! Copies one tile's pixels out of an image, as they are or smaller.

use crate::tile::{Tile, TileError};

/// Bytes of one RGB pixel.
const PIXEL_BYTES: usize = 3;

/// Copies the pixels of `tile` from `image_rgb: [H, W, 3]` to `out: [tile_px, tile_px, 3]`, each
/// the mean of `reduction` × `reduction` pixels of the image.
///
/// What hangs over the right or lower edge repeats the last column or row. At a reduction of 1 rows
/// are copied whole: the floor is reading and writing every byte of the tile once.
pub fn fill_tile(
    image_rgb: &[u8],
    width_px: u32,
    height_px: u32,
    tile: Tile,
    tile_px: u32,
    reduction: u32,
    out: &mut [u8],
) -> Result<(), TileError> {
    if tile.x_px >= width_px || tile.y_px >= height_px || tile_px == 0 || reduction == 0 {
        return Err(TileError::ImageSize { width_px, height_px });
    }
    let row_bytes = width_px as usize * PIXEL_BYTES;
    let tile_row_bytes = tile_px as usize * PIXEL_BYTES;
    expect_length("image_rgb", row_bytes.checked_mul(height_px as usize), image_rgb)?;
    expect_length("tile", tile_row_bytes.checked_mul(tile_px as usize), out)?;
    let image_rows = &image_rgb[tile.y_px as usize * row_bytes..];
    let left = tile.x_px as usize * PIXEL_BYTES;

    let rows_inside = ((height_px - tile.y_px).div_ceil(reduction) as usize).min(tile_px as usize);
    let (inside, below) = out.split_at_mut(rows_inside * tile_row_bytes);
    let tile_rows = inside.chunks_exact_mut(tile_row_bytes);
    if reduction == 1 {
        tile_rows
            .zip(image_rows.chunks_exact(row_bytes))
            .for_each(|(tile_row, image_row)| copy_row(image_row, left, tile_row));
    } else {
        let bands = image_rows.chunks(row_bytes * reduction as usize);
        tile_rows
            .zip(bands)
            .for_each(|(tile_row, band)| reduce_band(band, row_bytes, left, reduction, tile_row));
    }
    let last = &inside[inside.len() - tile_row_bytes..];
    below.chunks_exact_mut(tile_row_bytes).for_each(|tile_row| tile_row.copy_from_slice(last));
    Ok(())
}

/// `image_row` from byte `left` on, its last pixel repeated.
fn copy_row(image_row: &[u8], left: usize, tile_row: &mut [u8]) {
    let inside_bytes = (image_row.len() - left).min(tile_row.len());
    let (copied, right) = tile_row.split_at_mut(inside_bytes);
    copied.copy_from_slice(&image_row[left..left + inside_bytes]);
    let edge = &image_row[image_row.len() - PIXEL_BYTES..];
    right.chunks_exact_mut(PIXEL_BYTES).for_each(|pixel| pixel.copy_from_slice(edge));
}

/// One row of means over a band of up to `reduction` rows of the image. The band and its pixels are
/// fewer at the edges of the image; a mean is over those that are there.
fn reduce_band(band: &[u8], row_bytes: usize, left: usize, reduction: u32, tile_row: &mut [u8]) {
    let cell_bytes = reduction as usize * PIXEL_BYTES;
    let cells = (row_bytes - left).div_ceil(cell_bytes).min(tile_row.len() / PIXEL_BYTES);
    let (inside, right) = tile_row.split_at_mut(cells * PIXEL_BYTES);
    for (cell, pixel) in inside.as_chunks_mut::<PIXEL_BYTES>().0.iter_mut().enumerate() {
        let start = left + cell * cell_bytes;
        let end = (start + cell_bytes).min(row_bytes);
        let mut sums = [0_u32; PIXEL_BYTES];
        for row in band.chunks_exact(row_bytes) {
            for source in row[start..end].as_chunks::<PIXEL_BYTES>().0 {
                sums.iter_mut().zip(source).for_each(|(sum, byte)| *sum += u32::from(*byte));
            }
        }
        let count = ((end - start) / PIXEL_BYTES * (band.len() / row_bytes)) as u32;
        *pixel = sums.map(|sum| ((sum + count / 2) / count) as u8);
    }
    let (pixels, _) = inside.as_chunks::<PIXEL_BYTES>();
    if let Some(edge) = pixels.last() {
        right.chunks_exact_mut(PIXEL_BYTES).for_each(|pixel| pixel.copy_from_slice(edge));
    }
}

fn expect_length(
    buffer: &'static str,
    expected: Option<usize>,
    found: &[u8],
) -> Result<(), TileError> {
    if expected == Some(found.len()) {
        return Ok(());
    }
    Err(TileError::BufferLength {
        buffer,
        expected: expected.unwrap_or(usize::MAX),
        found: found.len(),
    })
}
