//! Masks in COCO's text form.

use rszs_hot::{RleError, RunEncoder, RunSink, transpose_mask, words_per_row, write_coco_counts};

/// Runs on the heap: a mask of checkerboards has as many as pixels, and JSON has room for them.
struct Runs(Vec<u32>);

impl RunSink for Runs {
    fn push_run(&mut self, run: u32) -> Result<(), RleError> {
        self.0.push(run);
        Ok(())
    }
}

/// COCO's compressed run lengths of `mask: [H, words_per_row(W)]`, counted down the columns as COCO
/// does.
pub(crate) fn coco_run_lengths(
    mask: &[u64],
    width_px: u32,
    height_px: u32,
) -> Result<String, RleError> {
    let words_high = words_per_row(height_px);
    let mut columns = vec![0; words_high * width_px as usize];
    transpose_mask(mask, width_px, height_px, &mut columns);
    let mut runs = Runs(Vec::new());
    let mut encoder = RunEncoder::new();
    for column in columns.chunks_exact(words_high) {
        encoder.push_row(column, height_px, &mut runs)?;
    }
    encoder.finish(&mut runs)?;
    let mut counts = String::new();
    write_coco_counts(&runs.0, &mut counts)?;
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_go_down_the_columns() {
        // Two rows of three pixels: .X. / .XX - down the columns: 2 off, 2 on, 1 off, 1 on.
        let mask = [0b010, 0b110];
        assert_eq!(coco_run_lengths(&mask, 3, 2).unwrap(), "221O");
    }
}
