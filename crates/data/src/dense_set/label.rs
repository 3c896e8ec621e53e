//! Where the mask of a sample comes from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::boxes::{BoxPaint, ImageBoxes};
use crate::error::DataError;
use crate::image::RgbImage;
use crate::mask::{IndexMask, MaskFormat};

/// What the indices of a sample are read or made from.
#[derive(Debug)]
pub(super) enum Label {
    /// A mask in a file.
    File(PathBuf, MaskFormat),
    /// One index for every pixel.
    Everywhere(u8),
    /// Boxes, painted when the sample is decoded; the path is the list that has them.
    Boxes(Arc<Path>, ImageBoxes, BoxPaint),
}

impl Label {
    /// The mask file, where this sample has one of its own.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path, _) => Some(path),
            Self::Everywhere(_) | Self::Boxes(..) => None,
        }
    }

    /// The mask of `image`, of its size, and the file to name where its indices are wrong.
    pub(super) fn mask(&self, image: &RgbImage, image_path: &Path) -> Result<IndexMask, DataError> {
        let (path, mask) = match self {
            Self::Everywhere(index) => {
                return Ok(IndexMask::filled(image.width, image.height, *index));
            }
            Self::File(path, format) => (path.as_path(), format.read(path)?),
            Self::Boxes(list, boxes, paint) => (&**list, paint.mask(boxes)),
        };
        if (mask.width, mask.height) != (image.width, image.height) {
            return Err(DataError::SizesDiffer {
                mask: path.to_path_buf(),
                image: image_path.to_path_buf(),
                image_width: image.width,
                image_height: image.height,
                mask_width: mask.width,
                mask_height: mask.height,
            });
        }
        Ok(mask)
    }
}
