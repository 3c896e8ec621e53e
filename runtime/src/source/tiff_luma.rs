//! TIFF files whose samples are luma and chroma: what map servers and photogrammetry write where
//! JPEG is inside.
//!
//! The `image` crate refuses them; the `tiff` crate gives their samples as they are, with chroma
//! already at full size. Source: TIFF 6.0, section 21; the equations are those of JFIF 1.02, which
//! are its default coefficients.

use std::io::Cursor;

use image::error::DecodingError;
use image::metadata::Orientation;
use image::{ImageError, ImageFormat};
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

use super::limits::MAX_DECODER_BYTES;

/// A TIFF file of luma and chroma, its header read.
pub(super) struct LumaTiff<'a> {
    decoder: Decoder<Cursor<&'a [u8]>>,
    /// W, H.
    pub(super) dimensions: (u32, u32),
}

impl<'a> LumaTiff<'a> {
    /// Nothing if `bytes` are no TIFF file of 8-bit luma and chroma: another decoder knows more
    /// about them.
    pub(super) fn open(bytes: &'a [u8]) -> Option<Self> {
        let mut limits = Limits::default();
        limits.decoding_buffer_size = MAX_DECODER_BYTES as usize;
        let mut decoder = Decoder::new(Cursor::new(bytes)).ok()?.with_limits(limits);
        let is_luma = matches!(decoder.colortype(), Ok(ColorType::YCbCr(8)));
        let dimensions = decoder.dimensions().ok()?;
        is_luma.then_some(Self { decoder, dimensions })
    }

    /// How the image is to be turned.
    pub(super) fn orientation(&mut self) -> Orientation {
        let tag = self.decoder.find_tag_unsigned::<u8>(Tag::Orientation).ok().flatten();
        tag.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms)
    }

    /// `[H, W, 3]`, red, green, blue.
    pub(super) fn read(mut self) -> Result<Vec<u8>, ImageError> {
        let DecodingResult::U8(mut pixels) = self.decoder.read_image().map_err(image_error)? else {
            return Err(image_error(TiffError::IntSizeError));
        };
        let (pixels_rgb, _) = pixels.as_chunks_mut::<3>();
        for pixel in pixels_rgb {
            *pixel = rgb(*pixel);
        }
        Ok(pixels)
    }
}

/// Luma and chroma to red, green, blue, in steps of 2⁻¹⁶.
fn rgb([luma, blue, red]: [u8; 3]) -> [u8; 3] {
    const HALF: i32 = 1 << 15;
    let luma = (i32::from(luma) << 16) + HALF;
    let (blue, red) = (i32::from(blue) - 128, i32::from(red) - 128);
    let parts = [luma + 91_881 * red, luma - 22_554 * blue - 46_802 * red, luma + 116_130 * blue];
    parts.map(|part| (part >> 16).clamp(0, 255) as u8)
}

fn image_error(error: TiffError) -> ImageError {
    match error {
        TiffError::IoError(error) => ImageError::IoError(error),
        other => ImageError::Decoding(DecodingError::new(ImageFormat::Tiff.into(), other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_stays_grey_and_the_primaries_are_those_of_jfif() {
        assert_eq!([0, 77, 255].map(|luma| rgb([luma, 128, 128])), [[0; 3], [77; 3], [255; 3]]);
        assert_eq!(rgb([76, 85, 255]), [254, 0, 0], "red");
        assert_eq!(rgb([29, 255, 107]), [0, 0, 254], "blue");
    }
}
