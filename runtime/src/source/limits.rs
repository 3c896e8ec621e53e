//! How large an input may be.

/// Most bytes of a file: four bytes for each of the most pixels, and room for metadata.
pub const MAX_FILE_BYTES: u64 = 1 << 30;

/// Most pixels of an image. The largest aerial cameras have 150 million.
pub const MAX_PIXELS: u64 = 200_000_000;

/// Most bytes a decoder may hold: the most pixels at four 16-bit samples.
pub(super) const MAX_DECODER_BYTES: u64 = MAX_PIXELS * 8;

/// Most bytes of what an image brings beside its pixels, unpacked: colour profiles have a few
/// million at most.
pub(super) const MAX_METADATA_BYTES: u64 = 16 << 20;
