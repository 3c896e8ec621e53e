//! Images as bytes in memory, read within limits and written.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read, Seek};
use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageEncoder, ImageFormat, ImageReader};

use crate::bands;
use crate::error::DataError;

/// What a reader refuses before it allocates. A header of a few bytes can announce an image of
/// many gigabytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageLimits {
    /// Largest width and largest height.
    pub side_px: u32,
    /// Largest file, and largest decoded image.
    pub allocation_bytes: u64,
}

impl ImageLimits {
    /// Refuses an image of these sides that takes `found_bytes` decoded, if either is beyond the
    /// limits.
    pub(crate) fn expect(
        self,
        path: &Path,
        (width, height): (u32, u32),
        found_bytes: u64,
    ) -> Result<(), DataError> {
        if width <= self.side_px && height <= self.side_px && found_bytes <= self.allocation_bytes {
            return Ok(());
        }
        Err(DataError::TooLarge {
            path: path.to_path_buf(),
            side_px: self.side_px,
            allocation_bytes: self.allocation_bytes,
            width,
            height,
            found_bytes,
        })
    }
}

impl Default for ImageLimits {
    fn default() -> Self {
        Self { side_px: 65_536, allocation_bytes: 1 << 30 }
    }
}

/// An image. `pixels: [H, W, 3]`, red, green, blue, 8 bits each.
#[derive(Clone, PartialEq, Eq)]
pub struct RgbImage {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Row after row, three bytes a pixel.
    pub pixels: Vec<u8>,
}

impl std::fmt::Debug for RgbImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RgbImage({}x{})", self.width, self.height)
    }
}

impl RgbImage {
    /// An image of one colour.
    pub fn filled(width: usize, height: usize, colour: [u8; 3]) -> Self {
        Self { width, height, pixels: colour.repeat(width * height) }
    }

    /// The colour at column `x`, row `y`. Panics outside the image.
    pub fn pixel(&self, x: usize, y: usize) -> [u8; 3] {
        let at = (y * self.width + x) * 3;
        [self.pixels[at], self.pixels[at + 1], self.pixels[at + 2]]
    }

    /// Sets the colour at column `x`, row `y`. Panics outside the image.
    pub fn set_pixel(&mut self, x: usize, y: usize, colour: [u8; 3]) {
        let at = (y * self.width + x) * 3;
        self.pixels[at..at + 3].copy_from_slice(&colour);
    }

    /// Reads PNG, JPEG, TIFF, WebP or BMP with the default [`ImageLimits`].
    ///
    /// The format is the one the first bytes announce, whatever the file is called. The EXIF
    /// orientation is applied. Gray and palettes become colours; 16 bits are scaled to 8 (65,535
    /// becomes 255); alpha is dropped, so a transparent pixel keeps the colour stored under it. Of
    /// a TIFF with more bands the first three are the colours.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        Self::read_within(path, ImageLimits::default())
    }

    /// [`RgbImage::read`] with other limits.
    pub fn read_within(path: &Path, limits: ImageLimits) -> Result<Self, DataError> {
        Self::decode(&read_file(path, limits)?, path, limits)
    }

    /// [`RgbImage::read_within`] of bytes already in memory; `path` is only what errors name.
    pub fn decode(encoded: &[u8], path: &Path, limits: ImageLimits) -> Result<Self, DataError> {
        if sniff(encoded) == Some(ImageFormat::Tiff)
            && let Some(image) = bands::decode(encoded, path, limits)?
        {
            return Ok(image);
        }
        let rgb = decode_as_stored(encoded, path, limits)?.into_rgb8();
        Ok(Self {
            width: rgb.width() as usize,
            height: rgb.height() as usize,
            pixels: rgb.into_raw(),
        })
    }

    /// The piece at `place`. Panics if it reaches outside.
    pub(crate) fn cut(&self, place: Place) -> Self {
        let pixels = cut(&self.pixels, self.width, 3, place);
        Self { width: place[2] - place[0], height: place[3] - place[1], pixels }
    }

    /// Writes a PNG.
    pub fn write_png(&self, path: &Path) -> Result<(), DataError> {
        std::fs::write(path, self.to_png(path)?)
            .map_err(DataError::io(path, "a file that can be written"))
    }

    /// The bytes of a PNG that will be called `path`.
    pub(crate) fn to_png(&self, path: &Path) -> Result<Vec<u8>, DataError> {
        let mut encoded = Vec::new();
        self.encode(image::codecs::png::PngEncoder::new(&mut encoded), path)?;
        Ok(encoded)
    }

    /// Writes a JPEG of `quality` 1 to 100.
    pub fn write_jpeg(&self, path: &Path, quality: u8) -> Result<(), DataError> {
        let encoded = self.to_jpeg(path, quality)?;
        std::fs::write(path, encoded).map_err(DataError::io(path, "a file that can be written"))
    }

    /// The bytes of a JPEG of `quality` 1 to 100 that will be called `path`.
    pub(crate) fn to_jpeg(&self, path: &Path, quality: u8) -> Result<Vec<u8>, DataError> {
        let mut encoded = Vec::new();
        self.encode(
            image::codecs::jpeg::JpegEncoder::new_with_quality(&mut encoded, quality),
            path,
        )?;
        Ok(encoded)
    }

    fn encode(&self, encoder: impl ImageEncoder, path: &Path) -> Result<(), DataError> {
        encoder
            .write_image(
                &self.pixels,
                self.width as u32,
                self.height as u32,
                image::ExtendedColorType::Rgb8,
            )
            .map_err(|error| DataError::malformed(path, "an image the format can hold", error))
    }
}

/// Left, top, right and bottom edges, the last two exclusive.
pub(crate) type Place = [usize; 4];

/// The samples at `place`, `channels` a pixel, of rows of `width` pixels.
pub(crate) fn cut(
    samples: &[u8],
    width: usize,
    channels: usize,
    [left, top, right, bottom]: Place,
) -> Vec<u8> {
    let row = |y: usize| &samples[(y * width + left) * channels..][..(right - left) * channels];
    (top..bottom).flat_map(row).copied().collect()
}

/// Width and height of the image that [`RgbImage::read`] makes of a file, from its header.
pub(crate) fn dimensions(path: &Path) -> Result<(usize, usize), DataError> {
    let expected = "an image file";
    let mut file = BufReader::new(File::open(path).map_err(DataError::io(path, expected))?);
    let start = file.fill_buf().map_err(DataError::io(path, expected))?;
    let format = sniff(start).ok_or_else(|| DataError::NotAImage {
        path: path.to_path_buf(),
        found: first_bytes(start),
    })?;
    let damaged = |error: image::ImageError| DataError::Damaged {
        path: path.to_path_buf(),
        format: format_name(format),
        found: error.to_string(),
    };
    if format == ImageFormat::Tiff {
        // What is no TIFF after all is named below.
        if let Ok(Some(dimensions)) = bands::dimensions(&mut file) {
            return Ok(dimensions);
        }
        file.rewind().map_err(DataError::io(path, expected))?;
    }
    let mut decoder = ImageReader::with_format(file, format).into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    let mut corner = DynamicImage::new_luma8(2, 1);
    corner.apply_orientation(decoder.orientation().map_err(damaged)?);
    let is_turned = corner.height() == 2;
    let (width, height) = if is_turned { (height, width) } else { (width, height) };
    Ok((width as usize, height as usize))
}

/// The bytes of a file, as many of them as the limits allow: what is larger is cut and does not
/// decode.
pub(crate) fn read_file(path: &Path, limits: ImageLimits) -> Result<Vec<u8>, DataError> {
    let expected = "an image file";
    let file = File::open(path).map_err(DataError::io(path, expected))?;
    let mut encoded = Vec::new();
    BufReader::new(file)
        .take(limits.allocation_bytes)
        .read_to_end(&mut encoded)
        .map_err(DataError::io(path, expected))?;
    Ok(encoded)
}

/// [`RgbImage::decode`] before its samples become three bytes a pixel.
pub(crate) fn decode_as_stored(
    encoded: &[u8],
    path: &Path,
    limits: ImageLimits,
) -> Result<DynamicImage, DataError> {
    let format = sniff(encoded).ok_or_else(|| DataError::NotAImage {
        path: path.to_path_buf(),
        found: first_bytes(encoded),
    })?;
    let name = format_name(format);
    let damaged =
        |found: String| DataError::Damaged { path: path.to_path_buf(), format: name, found };
    // The JPEG decoder fills what is missing with gray; a training crop or a flood map must not
    // hold made-up pixels.
    if format == ImageFormat::Jpeg && !jpeg_is_complete(encoded) {
        return Err(damaged(format!(
            "{} bytes without an end-of-image marker: it is cut short",
            encoded.len()
        )));
    }
    let mut decoder = ImageReader::with_format(Cursor::new(encoded), format)
        .into_decoder()
        .map_err(|error| damaged(error.to_string()))?;
    let (width, height) = decoder.dimensions();
    let found_bytes = decoder.total_bytes();
    limits.expect(path, (width, height), found_bytes)?;
    let mut decoder_limits = image::Limits::default();
    decoder_limits.max_image_width = Some(limits.side_px);
    decoder_limits.max_image_height = Some(limits.side_px);
    decoder_limits.max_alloc = Some(limits.allocation_bytes);
    decoder.set_limits(decoder_limits).map_err(|error| damaged(error.to_string()))?;
    let orientation = decoder.orientation().map_err(|error| damaged(error.to_string()))?;
    let mut image =
        DynamicImage::from_decoder(decoder).map_err(|error| damaged(error.to_string()))?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// The formats this crate reads, by their first bytes.
fn sniff(encoded: &[u8]) -> Option<ImageFormat> {
    let format = image::guess_format(encoded).ok()?;
    let read = [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::Tiff,
        ImageFormat::WebP,
        ImageFormat::Bmp,
    ];
    read.contains(&format).then_some(format)
}

fn format_name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Png => "PNG",
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Tiff => "TIFF",
        ImageFormat::WebP => "WebP",
        _ => "BMP",
    }
}

/// The first eight bytes in hexadecimal.
pub(crate) fn first_bytes(encoded: &[u8]) -> String {
    if encoded.is_empty() {
        return "nothing: it is empty".to_owned();
    }
    encoded.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// Whether the marker segments of a JPEG lead to an end-of-image marker (ITU-T T.81, annex B).
/// Bytes after that marker, which cameras append, do not matter.
fn jpeg_is_complete(encoded: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xda;
    const END_OF_IMAGE: u8 = 0xd9;
    let mut at = 2;
    let mut in_scan = false;
    while at + 1 < encoded.len() {
        if in_scan {
            let Some(step) = encoded[at..].iter().position(|&byte| byte == 0xff) else {
                return false;
            };
            at += step;
            if at + 1 >= encoded.len() {
                return false;
            }
        } else if encoded[at] != 0xff {
            return false;
        }
        match encoded[at + 1] {
            END_OF_IMAGE => return true,
            0xff => at += 1, // a fill byte
            // A stuffed zero or a restart marker inside a scan; markers without a length anywhere.
            0x00 | 0x01 | 0xd0..=0xd8 => at += 2,
            marker => {
                let Some(length) = encoded.get(at + 2..at + 4) else { return false };
                in_scan = marker == START_OF_SCAN;
                at += 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
            }
        }
    }
    false
}

#[cfg(test)]
mod tests;
