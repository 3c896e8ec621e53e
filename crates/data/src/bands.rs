//! TIFF files with more bands than an image has colours: aerial surveys deliver red, green, blue,
//! near infrared and elevation in one file.

use std::io::{Cursor, Read, Seek};
use std::path::Path;

use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::{ColorType, TiffResult};

use crate::error::DataError;
use crate::image::{ImageLimits, RgbImage};

/// Red, green and blue, which come first.
const COLOURS: usize = 3;

/// Reads the first three of the bands of a TIFF that names no colours; none if it is an image that
/// the `image` crate reads. Samples have 8 bits, interleaved or one plane a band.
pub(crate) fn decode(
    encoded: &[u8],
    path: &Path,
    limits: ImageLimits,
) -> Result<Option<RgbImage>, DataError> {
    let damaged =
        |found: String| DataError::Damaged { path: path.to_path_buf(), format: "TIFF", found };
    let Some((mut decoder, bands, bits)) =
        open(Cursor::new(encoded), limits).map_err(|error| damaged(error.to_string()))?
    else {
        return Ok(None);
    };
    if bits != 8 || bands < COLOURS {
        let expected = "three or more bands of 8 bits, the first three red, green and blue";
        return Err(DataError::malformed(path, expected, format!("{bands} of {bits} bits")));
    }
    let (width, height) = decoder.dimensions().map_err(|error| damaged(error.to_string()))?;
    limits.expect(path, (width, height), u64::from(width) * u64::from(height) * bands as u64)?;
    let mut samples = DecodingResult::U8(Vec::new());
    let layout =
        decoder.read_image_to_buffer(&mut samples).map_err(|error| damaged(error.to_string()))?;
    let DecodingResult::U8(samples) = samples else {
        return Err(DataError::malformed(path, "samples that are unsigned bytes", "signed ones"));
    };
    let pixels = if layout.planes == 1 {
        samples.chunks_exact(bands).flat_map(|pixel| &pixel[..COLOURS]).copied().collect()
    } else {
        let plane = samples.len() / bands;
        (0..plane)
            .flat_map(|at| (0..COLOURS).map(move |band| band * plane + at))
            .map(|at| samples[at])
            .collect()
    };
    Ok(Some(RgbImage { width: width as usize, height: height as usize, pixels }))
}

/// Width and height of such a file, from its header; none if it is an image that the `image` crate
/// reads.
pub(crate) fn dimensions(file: impl Read + Seek) -> TiffResult<Option<(usize, usize)>> {
    let Some((mut decoder, ..)) = open(file, ImageLimits::default())? else { return Ok(None) };
    decoder.dimensions().map(|(width, height)| Some((width as usize, height as usize)))
}

/// A decoder, how many bands there are and their bits, if the file names no colours.
fn open<R: Read + Seek>(
    file: R,
    limits: ImageLimits,
) -> TiffResult<Option<(Decoder<R>, usize, u8)>> {
    let mut allowed = Limits::default();
    allowed.decoding_buffer_size = limits.allocation_bytes as usize;
    allowed.intermediate_buffer_size = limits.allocation_bytes as usize;
    let mut decoder = Decoder::new(file)?.with_limits(allowed);
    Ok(match decoder.colortype()? {
        ColorType::Multiband { bit_depth, num_samples } => {
            Some((decoder, usize::from(num_samples), bit_depth))
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::five_bands;
    use crate::mask::IndexMask;

    /// Band `band` at `(x, y)`, as `tests/golden/bands.py` has it.
    fn sample(band: usize, x: usize, y: usize) -> u8 {
        [x * 10 + 1, y * 10 + 2, x * 5 + y * 3 + 3, 200 - x * 9, y * 20 + 5][band] as u8
    }

    fn assert_colours(image: &RgbImage, writer: &str) {
        assert_eq!((image.width, image.height), (8, 6), "{writer}");
        for (x, y) in (0..6).flat_map(|y| (0..8).map(move |x| (x, y))) {
            assert_eq!(
                image.pixel(x, y),
                [0, 1, 2].map(|band| sample(band, x, y)),
                "{writer}, ({x}, {y})"
            );
        }
    }

    #[test]
    fn the_first_three_of_five_bands_are_the_colours() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("IMG_062613.tif");
        let samples: Vec<u8> =
            (0..6 * 8 * 5).map(|at| sample(at % 5, at / 5 % 8, at / 40)).collect();
        five_bands::write(&path, 8, 6, &samples).unwrap();
        assert_colours(&RgbImage::read(&path).unwrap(), "tiff");
        assert_eq!(crate::image::dimensions(&path).unwrap(), (8, 6));
    }

    #[test]
    fn files_that_gdal_wrote_show_the_same() {
        let golden: [(&str, &[u8]); 4] = [
            ("interleaved", include_bytes!("../tests/golden/interleaved.tif")),
            ("a plane a band", include_bytes!("../tests/golden/planes.tif")),
            ("LZW, differences", include_bytes!("../tests/golden/lzw.tif")),
            (
                "named as colours and two extra samples",
                include_bytes!("../tests/golden/rgb_and_two.tif"),
            ),
        ];
        for (writer, encoded) in golden {
            let image =
                RgbImage::decode(encoded, Path::new(writer), ImageLimits::default()).unwrap();
            assert_colours(&image, writer);
        }
    }

    #[test]
    fn two_bands_are_no_image_and_five_no_mask() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("two.tif");
        std::fs::write(&path, include_bytes!("../tests/golden/two_bands.tif")).unwrap();
        let message = RgbImage::read(&path).unwrap_err().to_string();
        assert!(
            message.ends_with("the first three red, green and blue, found 2 of 8 bits"),
            "{message}"
        );
        std::fs::write(&path, include_bytes!("../tests/golden/interleaved.tif")).unwrap();
        assert!(matches!(IndexMask::read(&path), Err(DataError::NotAMask { .. })));
    }

    #[test]
    fn a_file_cut_short_or_over_the_limits_is_refused() {
        let encoded = include_bytes!("../tests/golden/interleaved.tif");
        let read =
            |bytes: &[u8], limits| RgbImage::decode(bytes, Path::new("a.tif"), limits).unwrap_err();
        let limits = ImageLimits::default();
        assert!(matches!(read(&encoded[..encoded.len() - 20], limits), DataError::Damaged { .. }));
        let limits = ImageLimits { allocation_bytes: 239, ..limits };
        assert!(matches!(read(encoded, limits), DataError::TooLarge { found_bytes: 240, .. }));
    }
}
