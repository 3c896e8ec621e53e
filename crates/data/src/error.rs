//! What can be wrong with data on disk. Every message: the file first, what was expected, what was
//! found, what to do.

use std::path::PathBuf;

/// An unusable image, mask, table or array.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The file or folder cannot be opened, listed, read or written.
    #[error("{path}: {source} (expected {expected})")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the caller needed it to be.
        expected: &'static str,
        /// What the operating system answered.
        source: std::io::Error,
    },
    /// A file of a set that is being made could not be written: no room, or no permission.
    #[error(
        "{path}: {source}; the files written before are whole: make room or make the folder \
         writable, then give the same \
         command again"
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system answered.
        source: std::io::Error,
    },
    /// The first bytes belong to no image format that this crate reads.
    #[error(
        "{path}: expected a PNG, JPEG, TIFF, WebP or BMP image, found a file that begins with \
         {found} \
         (a damaged download, or another kind of file under an image's name?)"
    )]
    NotAImage {
        /// The file.
        path: PathBuf,
        /// Its first bytes, in hexadecimal, or "nothing" for an empty file.
        found: String,
    },
    /// The format is known and the content is broken.
    #[error(
        "{path}: expected a readable {format} image, found {found} (copy the file again from its \
         source)"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The format the first bytes announce.
        format: &'static str,
        /// What the decoder says.
        found: String,
    },
    /// The image would not fit the limits of [`crate::ImageLimits`].
    #[error(
        "{path}: expected at most {side_px} pixels a side and {allocation_bytes} bytes decoded, \
         found {width}x{height} and {found_bytes} bytes (cut it into tiles or raise the limit)"
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Largest width or height allowed.
        side_px: u32,
        /// Largest decoded size allowed.
        allocation_bytes: u64,
        /// Width in the file's header.
        width: u32,
        /// Height in the file's header.
        height: u32,
        /// Decoded size that the header announces.
        found_bytes: u64,
    },
    /// A mask that is not one byte, one class index, per pixel.
    #[error(
        "{path}: expected an 8-bit gray or palette PNG, or an 8-bit gray TIFF, whose bytes are \
         class indices, \
         found {found} (convert it)"
    )]
    NotAMask {
        /// The file.
        path: PathBuf,
        /// Colour type and depth of the file.
        found: String,
    },
    /// A mask whose size is not its image's.
    #[error(
        "{mask}: expected {image_width}x{image_height}, the size of {image}, found \
         {mask_width}x{mask_height} \
         (they must be the same image at the same scale)"
    )]
    SizesDiffer {
        /// The mask file.
        mask: PathBuf,
        /// The image file.
        image: PathBuf,
        /// Width of the image.
        image_width: usize,
        /// Height of the image.
        image_height: usize,
        /// Width of the mask.
        mask_width: usize,
        /// Height of the mask.
        mask_height: usize,
    },
    /// A mask value that the set's class table lacks.
    #[error(
        "{path}: expected class indices {known}, found {value} at x {x}, y {y} (another set's \
         mask, or a resampled one?)"
    )]
    UnknownClass {
        /// The mask file.
        path: PathBuf,
        /// The indices of the class table.
        known: String,
        /// The value found.
        value: u8,
        /// Column of the first such pixel.
        x: usize,
        /// Row of the first such pixel.
        y: usize,
    },
    /// A pixel of a mask in a colour that stands for nothing.
    #[error(
        "{path}: expected the colours {known}, found {colour} at x {x}, y {y} \
         (another set's mask, or a resampled or lossy copy?)"
    )]
    UnknownColour {
        /// The mask file.
        path: PathBuf,
        /// The colours of the palette.
        known: String,
        /// The colour found.
        colour: String,
        /// Column of the first such pixel.
        x: usize,
        /// Row of the first such pixel.
        y: usize,
    },
    /// An image without its mask, or a mask without its image.
    #[error(
        "{path}: expected this file beside {other}, found none among {images} images and \
         {masks} masks \
         (incomplete copy of the set?)"
    )]
    Unpaired {
        /// The missing file.
        path: PathBuf,
        /// The file that needs it.
        other: PathBuf,
        /// How many images there are.
        images: usize,
        /// How many masks there are.
        masks: usize,
    },
    /// A listed image that is not there.
    #[error("{path}: expected this file beside {list}, found none (incomplete copy of the set?)")]
    Missing {
        /// The missing file.
        path: PathBuf,
        /// The file that names it.
        list: PathBuf,
    },
    /// A published set whose folders are not where its publisher puts them.
    #[error(
        "{root}: expected {expected}; found no folder {missing} (unpack the set as it is published)"
    )]
    Layout {
        /// The folder of the set.
        root: PathBuf,
        /// Patterns of the images and masks, of each layout that is read.
        expected: String,
        /// The first folder that the nearest of these layouts lacks.
        missing: &'static str,
    },
    /// A name that is no set of this crate.
    #[error(
        "{path}: expected one of the sets {known}, or a folder with a classes.txt, found neither \
         (another data.root, or a slip of the pen?)"
    )]
    UnknownSet {
        /// The name asked for, in the data folder.
        path: PathBuf,
        /// The names there are.
        known: String,
    },
    /// A folder, split or table with nothing in it.
    #[error("{path}: expected {expected}, found none")]
    Empty {
        /// The folder or file.
        path: PathBuf,
        /// What should be there.
        expected: String,
    },
    /// A text, JSON, array or archive file that says something else than its format allows.
    #[error("{path}: expected {expected}, found {found}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the format asks for, and where.
        expected: String,
        /// What is there.
        found: String,
    },
}

impl DataError {
    /// For `map_err` on an operation of the operating system.
    pub(crate) fn io(
        path: &std::path::Path,
        expected: &'static str,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, expected, source }
    }

    /// A file whose content breaks its format.
    pub(crate) fn malformed(
        path: &std::path::Path,
        expected: impl std::fmt::Display,
        found: impl std::fmt::Display,
    ) -> Self {
        Self::Malformed {
            path: path.to_path_buf(),
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }
}
