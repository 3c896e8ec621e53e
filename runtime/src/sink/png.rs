//! PNG files, written for speed: an aerial frame has millions of pixels and the next one is
//! waiting.

use png::{BitDepth, ColorType, Compression, Encoder, EncodingError, Filter};
use rszs_hot::INVALID_CLASS;

/// Colours that a palette file can have.
const PALETTE_COLOURS: usize = 256;

/// Colours and names of the classes, class 1 first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Palette {
    /// Red, green, blue.
    pub colours: Vec<[u8; 3]>,
    /// What people call them.
    pub names: Vec<String>,
}

/// Keyword of the text in a mask file that names its classes, one line each: `1 flood`.
pub const CLASSES_KEYWORD: &str = "Classes";

/// Classes `[H, W]` as a palette file: a pixel's byte is its class, 0 and 255 (no image) are
/// transparent. The names go along as text.
pub fn encode_palette(
    classes: &[u8],
    width_px: u32,
    height_px: u32,
    palette: &Palette,
) -> Result<Vec<u8>, EncodingError> {
    encode(classes, width_px, height_px, ColorType::Indexed, Filter::NoFilter, Some(palette))
}

/// Scores `[H, W]` as a grey file.
pub fn encode_grey(scores: &[u8], width_px: u32, height_px: u32) -> Result<Vec<u8>, EncodingError> {
    encode(scores, width_px, height_px, ColorType::Grayscale, Filter::Sub, None)
}

/// Scores `[H, W]` with a byte of opacity each, `[H, W, 2]`.
pub fn encode_grey_alpha(
    scores: &[u8],
    width_px: u32,
    height_px: u32,
) -> Result<Vec<u8>, EncodingError> {
    encode(scores, width_px, height_px, ColorType::GrayscaleAlpha, Filter::Sub, None)
}

/// Pixels `[H, W, 4]` as a colour file with transparency.
pub fn encode_rgba(rgba: &[u8], width_px: u32, height_px: u32) -> Result<Vec<u8>, EncodingError> {
    encode(rgba, width_px, height_px, ColorType::Rgba, Filter::Sub, None)
}

/// Pixels `[H, W, 3]` as a colour file.
pub fn encode_rgb(rgb: &[u8], width_px: u32, height_px: u32) -> Result<Vec<u8>, EncodingError> {
    encode(rgb, width_px, height_px, ColorType::Rgb, Filter::Sub, None)
}

fn encode(
    pixels: &[u8],
    width_px: u32,
    height_px: u32,
    colour: ColorType,
    filter: Filter,
    palette: Option<&Palette>,
) -> Result<Vec<u8>, EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, width_px, height_px);
    encoder.set_color(colour);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Fast);
    encoder.set_filter(filter);
    if let Some(palette) = palette {
        let names =
            (1..).zip(&palette.names).map(|(class, name): (usize, _)| format!("{class} {name}"));
        encoder.add_itxt_chunk(CLASSES_KEYWORD.to_owned(), names.collect::<Vec<_>>().join("\n"))?;
        let mut colours = [&[0; 3], palette.colours.as_flattened()].concat();
        let mut opacity = vec![0];
        if pixels.contains(&INVALID_CLASS) {
            colours.resize(PALETTE_COLOURS * 3, 0);
            opacity.resize(PALETTE_COLOURS, u8::MAX);
            opacity[usize::from(INVALID_CLASS)] = 0;
        }
        encoder.set_trns(opacity);
        encoder.set_palette(colours);
    }
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn decode(bytes: &[u8]) -> (png::Info<'static>, Vec<u8>) {
        let mut decoder = png::Decoder::new(Cursor::new(bytes));
        decoder.set_transformations(png::Transformations::IDENTITY);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        (reader.info().clone(), pixels)
    }

    #[test]
    fn a_mask_file_holds_its_classes_and_colours() {
        let classes = [0, 1, 2, 2, 1, 0];
        let palette = Palette {
            colours: vec![[1, 2, 3], [4, 5, 6]],
            names: vec!["flood".to_owned(), "Gebäude".to_owned()],
        };
        let (info, pixels) = decode(&encode_palette(&classes, 3, 2, &palette).unwrap());
        assert_eq!(pixels, classes);
        assert_eq!(info.palette.unwrap().as_ref(), [0, 0, 0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(info.trns.unwrap().as_ref(), [0]);
        assert_eq!(info.utf8_text[0].get_text().unwrap(), "1 flood\n2 Gebäude");
        assert_eq!((info.color_type, info.bit_depth), (ColorType::Indexed, BitDepth::Eight));
    }

    #[test]
    fn no_image_is_255_and_transparent() {
        let palette = Palette { colours: vec![[1, 2, 3]], names: vec!["flood".to_owned()] };
        let (info, pixels) = decode(&encode_palette(&[0, 1, 255, 255], 2, 2, &palette).unwrap());
        assert_eq!(pixels, [0, 1, 255, 255]);
        let opacity = info.trns.unwrap();
        assert_eq!((opacity[0], opacity[1], opacity[255]), (0, 255, 0));
        assert_eq!(info.palette.unwrap().len(), 768);
    }

    #[test]
    fn a_score_file_holds_its_scores() {
        let (info, pixels) = decode(&encode_grey(&[0, 128, 255, 7], 2, 2).unwrap());
        assert_eq!(pixels, [0, 128, 255, 7]);
        assert_eq!(info.color_type, ColorType::Grayscale);
    }
}
