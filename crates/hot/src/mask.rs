//! Masks as bits: one row is `words_per_row(width)` words of 64 pixels, the lowest bit first; bits
//! past the width are 0.

/// Words of one mask row.
pub const fn words_per_row(width_px: u32) -> usize {
    width_px.div_ceil(u64::BITS) as usize
}

/// Packs 64 bytes of 0 or 1 into a word, the first byte as the lowest bit: eight at a time by one
/// multiplication.
#[inline]
pub(crate) fn pack(inside: &[u8; 64]) -> u64 {
    // The byte i is the bit 8 i of its word; the product puts it at the bit 56 + i, and no two
    // terms meet below.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (eights, _) = inside.as_chunks::<8>();
    eights.iter().rev().fold(0, |word, eight| {
        (word << 8) | (u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56)
    })
}

/// Transposes a whole mask: `mask` is `height_px` rows, `out` becomes `width_px` rows of
/// `words_per_row(height_px)` words.
///
/// COCO counts runs down the columns: encode the transposed mask row by row to get them. 64x64 bits
/// are turned at a time, so every word is read once and written once.
///
/// Panics when a slice does not have the length its sizes ask for.
pub fn transpose_mask(mask: &[u64], width_px: u32, height_px: u32, out: &mut [u64]) {
    let (words_wide, words_high) = (words_per_row(width_px), words_per_row(height_px));
    assert_eq!(
        mask.len(),
        words_wide * height_px as usize,
        "mask words of {width_px}x{height_px} px"
    );
    assert_eq!(
        out.len(),
        words_high * width_px as usize,
        "transposed mask words of {width_px}x{height_px} px"
    );
    for block_row in 0..words_high {
        for block_column in 0..words_wide {
            let mut block = [0; 64];
            let rows = mask.chunks_exact(words_wide).skip(block_row * 64);
            block.iter_mut().zip(rows).for_each(|(word, row)| *word = row[block_column]);
            transpose_block(&mut block);
            let columns = out.chunks_exact_mut(words_high).skip(block_column * 64);
            columns.zip(block).for_each(|(column, word)| column[block_row] = word);
        }
    }
}

/// Swaps ever smaller off-diagonal squares. Source: Warren, Hacker's Delight, section 7-3, with the
/// lowest bit as column 0.
fn transpose_block(block: &mut [u64; 64]) {
    let mut side = 32;
    let mut low_half = u64::MAX >> 32;
    while side > 0 {
        let mut row = 0;
        while row < 64 {
            let swapped = ((block[row] >> side) ^ block[row | side]) & low_half;
            block[row] ^= swapped << side;
            block[row | side] ^= swapped;
            row = ((row | side) + 1) & !side;
        }
        side /= 2;
        low_half ^= low_half << side;
    }
}
