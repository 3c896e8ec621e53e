//! JPEG files, strictly: what other decoders fill with grey is an error.

use image::metadata::Orientation;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::Frame;
use super::decode::{DecodeError, check_size};

/// Decodes `bytes` into `frame`, which is not turned upright yet.
pub(super) fn decode_jpeg(bytes: &[u8], frame: &mut Frame) -> Result<Orientation, DecodeError> {
    // No limit on the sides here: they are checked below, where the error can name them.
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let damaged = |error: zune_jpeg::errors::DecodeErrors| {
        DecodeError::Damaged(format!("{error:?}").split_whitespace().collect::<Vec<_>>().join(" "))
    };
    decoder.decode_headers().map_err(damaged)?;
    let Some(info) = decoder.info() else {
        return Err(DecodeError::Damaged("no size".to_owned()));
    };
    let (width, height) = (u32::from(info.width), u32::from(info.height));
    check_size((width, height))?;
    frame.rgb.resize(width as usize * height as usize * 3, 0);
    decoder.decode_into(&mut frame.rgb).map_err(damaged)?;
    (frame.width_px, frame.height_px) = (width, height);
    let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    Ok(orientation.unwrap_or(Orientation::NoTransforms))
}
