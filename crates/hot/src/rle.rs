//! Masks as run lengths.
//!
//! Runs alternate, background first; a mask that starts inside has a first run of 0. **Pixels are
//! counted row by row**, because rows stream. COCO counts down the columns: transpose the mask
//! first ([`transpose_mask`](crate::transpose_mask)), then a reader of COCO files with
//! `size: [H, W]` gets the mask upright.

use core::fmt;

use crate::mask::words_per_row;

/// Runs or text that do not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RleError {
    /// The place for runs, text or mask words is full.
    Full,
    /// A run exceeds what 32 bits count.
    RunTooLong,
    /// A row has not the words of its width, or the runs do not add up to the mask.
    Length {
        /// What it must be.
        expected: u64,
        /// What it is.
        found: u64,
    },
    /// A byte of the text is not of the COCO alphabet, or the text ends within a number.
    Text {
        /// Position of the byte.
        position: usize,
    },
}

impl fmt::Display for RleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str(
                "run lengths: expected no more than the capacity; raise it or coarsen the mask",
            ),
            Self::RunTooLong => {
                write!(f, "run lengths: expected runs up to {} pixels; cut the image", u32::MAX)
            }
            Self::Length { expected, found } => {
                write!(f, "run lengths: expected {expected} pixels, found {found}")
            }
            Self::Text { position } => {
                write!(
                    f,
                    "COCO counts, byte {position}: expected characters from '0' to 'o' that end a \
                     number"
                )
            }
        }
    }
}

impl core::error::Error for RleError {}

/// Where finished runs go.
pub trait RunSink {
    /// Takes the next run, or says that it has no room.
    fn push_run(&mut self, run: u32) -> Result<(), RleError>;
}

impl RunSink for heapless::VecView<u32> {
    fn push_run(&mut self, run: u32) -> Result<(), RleError> {
        self.push(run).map_err(|_| RleError::Full)
    }
}

impl<const CAPACITY: usize> RunSink for heapless::Vec<u32, CAPACITY> {
    fn push_run(&mut self, run: u32) -> Result<(), RleError> {
        const { assert!(CAPACITY > 0, "a mask has at least one run") };
        self.push(run).map_err(|_| RleError::Full)
    }
}

/// Encodes a mask row by row.
#[derive(Debug, Clone, Default)]
pub struct RunEncoder {
    inside: bool,
    run: u32,
}

impl RunEncoder {
    /// At the first pixel of a mask.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one row of [`words_per_row`](crate::words_per_row) words. Words that are all background
    /// or all inside cost one step.
    pub fn push_row(
        &mut self,
        row: &[u64],
        width_px: u32,
        sink: &mut (impl RunSink + ?Sized),
    ) -> Result<(), RleError> {
        let words = words_per_row(width_px);
        if row.len() != words {
            return Err(RleError::Length { expected: words as u64, found: row.len() as u64 });
        }
        let mut left = width_px;
        for word in row {
            let pixels = left.min(u64::BITS);
            self.push_word(*word, pixels, sink)?;
            left -= pixels;
        }
        Ok(())
    }

    fn push_word(
        &mut self,
        word: u64,
        pixels: u32,
        sink: &mut (impl RunSink + ?Sized),
    ) -> Result<(), RleError> {
        let mut left = pixels;
        let mut differs = if self.inside { !word } else { word };
        loop {
            let same = differs.trailing_zeros().min(left);
            self.run = self.run.checked_add(same).ok_or(RleError::RunTooLong)?;
            left -= same;
            if left == 0 {
                return Ok(());
            }
            sink.push_run(self.run)?;
            self.run = 0;
            self.inside = !self.inside;
            differs = !(differs >> same);
        }
    }

    /// Ends the mask with its last run.
    pub fn finish(self, sink: &mut (impl RunSink + ?Sized)) -> Result<(), RleError> {
        sink.push_run(self.run)
    }
}

/// Draws runs, counted row by row, into `mask: [H, words_per_row(width_px)]`; H follows from its
/// length.
pub fn decode_runs(runs: &[u32], width_px: u32, mask: &mut [u64]) -> Result<(), RleError> {
    let words = words_per_row(width_px).max(1);
    let width = u64::from(width_px);
    let expected = (mask.len() / words) as u64 * width;
    let found = runs.iter().map(|run| u64::from(*run)).sum();
    if expected != found || !mask.len().is_multiple_of(words) {
        return Err(RleError::Length { expected, found });
    }
    mask.fill(0);
    let mut start = 0;
    for (index, run) in runs.iter().enumerate() {
        let end = start + u64::from(*run);
        let is_inside = index % 2 == 1;
        while is_inside && start < end {
            let (row, x) = (start / width, start % width);
            let row_end = (x + end - start).min(width);
            set_bits(&mut mask[row as usize * words..][..words], x as usize, row_end as usize);
            start += row_end - x;
        }
        start = end;
    }
    Ok(())
}

/// Sets the bits of `row` from `start` to before `end`.
fn set_bits(row: &mut [u64], start: usize, end: usize) {
    const BITS: usize = u64::BITS as usize;
    for (index, word) in row.iter_mut().enumerate().take(end.div_ceil(BITS)).skip(start / BITS) {
        let first = start.saturating_sub(index * BITS);
        let past = (end - index * BITS).min(BITS);
        *word |= (u64::MAX >> (BITS - (past - first))) << first;
    }
}

/// Lowest character of COCO's alphabet; a character carries six bits above it.
const ALPHABET_START: u8 = b'0';
/// Of these six bits, five are part of the number.
const DIGIT_BITS: u32 = 5;
const DIGIT: i64 = 0x1f;
/// The sign of the number, in its last digit.
const SIGN: i64 = 0x10;
/// More digits follow.
const MORE: i64 = 0x20;

/// Writes runs in COCO's compressed text: differences to the run before last, five bits a
/// character, lowest first. Source: pycocotools, `common/maskApi.c`, `rleToString`.
pub fn write_coco_counts(runs: &[u32], out: &mut impl fmt::Write) -> Result<(), RleError> {
    for (index, run) in runs.iter().enumerate() {
        let reference = if index > 2 { runs[index - 2] } else { 0 };
        let mut left = i64::from(*run) - i64::from(reference);
        loop {
            let digit = left & DIGIT;
            left >>= DIGIT_BITS;
            let sign_extension = if digit & SIGN == 0 { 0 } else { -1 };
            let is_last = left == sign_extension;
            let character = ALPHABET_START + (digit | if is_last { 0 } else { MORE }) as u8;
            out.write_char(char::from(character)).map_err(|_| RleError::Full)?;
            if is_last {
                break;
            }
        }
    }
    Ok(())
}

/// Reads COCO's compressed text. Source: pycocotools, `common/maskApi.c`, `rleFrString`.
pub fn read_coco_counts(text: &str, sink: &mut (impl RunSink + ?Sized)) -> Result<(), RleError> {
    /// A difference of two 32-bit runs has at most 34 bits with its sign.
    const MOST_DIGITS: u32 = 7;
    let mut before = [0, 0];
    let (mut index, mut digits, mut number) = (0, 0, 0_i64);
    for (position, byte) in text.bytes().enumerate() {
        let error = RleError::Text { position };
        let bits = i64::from(byte.checked_sub(ALPHABET_START).ok_or(error)?);
        if bits >= 2 * MORE || digits == MOST_DIGITS {
            return Err(error);
        }
        number |= (bits & DIGIT) << (DIGIT_BITS * digits);
        digits += 1;
        if bits & MORE != 0 {
            continue;
        }
        if bits & SIGN != 0 {
            number |= -1 << (DIGIT_BITS * digits);
        }
        let reference = if index > 2 { before[0] } else { 0 };
        let run = u32::try_from(number + i64::from(reference)).map_err(|_| error)?;
        sink.push_run(run)?;
        before = [before[1], run];
        (index, digits, number) = (index + 1, 0, 0);
    }
    if digits == 0 { Ok(()) } else { Err(RleError::Text { position: text.len() }) }
}
