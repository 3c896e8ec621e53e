//! From a file to RGB bytes.

use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use image::error::UnsupportedErrorKind;
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, Limits, RgbImage};

use super::jpeg_end::has_end_of_image;
use super::limits::{MAX_DECODER_BYTES, MAX_FILE_BYTES, MAX_PIXELS};
use super::sample_range::{BadRange, check_range};
use super::tiff_luma::LumaTiff;
use super::{Input, SourceError};

/// First bytes of a TIFF file with 64-bit offsets, which `image` decodes but does not guess.
const BIG_TIFF: [&[u8]; 2] = [b"II+\0", b"MM\0+"];

const SCENE: &[u8] = include_bytes!("../../assets/scene.jpg");

/// One image, upright.
#[derive(Debug, Default)]
pub struct Frame {
    /// `[H, W, 3]`, red, green, blue.
    pub rgb: Vec<u8>,
    /// W.
    pub width_px: u32,
    /// H.
    pub height_px: u32,
}

/// Reads images one after the other, reusing its buffers.
#[derive(Debug, Default)]
pub struct ImageReader {
    bytes: Vec<u8>,
}

impl ImageReader {
    /// Without buffers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads and decodes `input` into `frame`, upright. Returns the time it took.
    pub fn read(&mut self, input: &Input, frame: &mut Frame) -> Result<Duration, SourceError> {
        let start = Instant::now();
        match input {
            Input::Scene => decode(SCENE, input.path(), frame)?,
            Input::File(path) => {
                self.load(path)?;
                decode(&self.bytes, path, frame)?;
            }
        }
        Ok(start.elapsed())
    }

    fn load(&mut self, path: &Path) -> Result<(), SourceError> {
        let unreadable = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound if path.is_symlink() => SourceError::NotAFile {
                path: path.to_owned(),
                found: "a link to a file that is not there",
            },
            io::ErrorKind::NotFound => SourceError::Missing(path.to_owned()),
            _ => SourceError::Unreadable { path: path.to_owned(), source: source.into() },
        };
        // Asked before opening: to open a pipe waits for its writer.
        let metadata = fs::metadata(path).map_err(unreadable)?;
        if !metadata.is_file() {
            let found = if metadata.is_dir() { "a folder" } else { "a device or a pipe" };
            return Err(SourceError::NotAFile { path: path.to_owned(), found });
        }
        let too_large = |found| SourceError::FileTooLarge { path: path.to_owned(), found };
        if metadata.len() > MAX_FILE_BYTES {
            return Err(too_large(metadata.len()));
        }
        self.bytes.clear();
        self.bytes.reserve(metadata.len() as usize + 1);
        let file = File::open(path).map_err(unreadable)?;
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut self.bytes).map_err(unreadable)?;
        let found = self.bytes.len() as u64;
        if found > MAX_FILE_BYTES { Err(too_large(found)) } else { Ok(()) }
    }
}

fn decode(bytes: &[u8], path: &Path, frame: &mut Frame) -> Result<(), SourceError> {
    let format = sniff(bytes, path)?;
    if format == ImageFormat::Jpeg && !has_end_of_image(bytes) {
        return Err(truncated(bytes, path, format));
    }
    decode_as(format, bytes, frame).map_err(|error| match error {
        DecodeError::TooManyPixels(width, height) => {
            SourceError::TooManyPixels { path: path.to_owned(), width, height }
        }
        DecodeError::Image(ImageError::IoError(error))
            if error.kind() == io::ErrorKind::UnexpectedEof =>
        {
            truncated(bytes, path, format)
        }
        DecodeError::Range(range) => SourceError::Range { path: path.to_owned(), range },
        DecodeError::Image(ImageError::Unsupported(error)) => SourceError::Unsupported {
            path: path.to_owned(),
            format: format_name(format),
            reason: match error.kind() {
                UnsupportedErrorKind::GenericFeature(feature) => feature,
                UnsupportedErrorKind::Color(colour) => format!("pixels of type {colour:?}"),
                kind => format!("{kind:?}"),
            },
        },
        DecodeError::Image(error) => SourceError::Damaged {
            path: path.to_owned(),
            format: format_name(format),
            reason: one_line(&error),
        },
    })
}

/// The format of the content, which must agree with the name where the name says one.
fn sniff(bytes: &[u8], path: &Path) -> Result<ImageFormat, SourceError> {
    if bytes.is_empty() {
        return Err(SourceError::Empty(path.to_owned()));
    }
    let found = image::guess_format(bytes).ok().filter(ImageFormat::reading_enabled);
    let found = found.or_else(|| {
        BIG_TIFF.iter().any(|start| bytes.starts_with(start)).then_some(ImageFormat::Tiff)
    });
    let Some(found) = found else {
        return Err(SourceError::NotAnImage { path: path.to_owned(), found: first_bytes(bytes) });
    };
    match ImageFormat::from_path(path) {
        Ok(named) if named != found => Err(SourceError::Mislabelled {
            path: path.to_owned(),
            expected: format_name(named),
            found: format_name(found),
        }),
        _ => Ok(found),
    }
}

enum DecodeError {
    TooManyPixels(u32, u32),
    Range(BadRange),
    Image(ImageError),
}

impl From<ImageError> for DecodeError {
    fn from(error: ImageError) -> Self {
        Self::Image(error)
    }
}

impl From<BadRange> for DecodeError {
    fn from(range: BadRange) -> Self {
        Self::Range(range)
    }
}

fn decode_as(format: ImageFormat, bytes: &[u8], frame: &mut Frame) -> Result<(), DecodeError> {
    if let (ImageFormat::Tiff, Some(mut tiff)) = (format, LumaTiff::open(bytes)) {
        check_size(tiff.dimensions)?;
        let orientation = tiff.orientation();
        (frame.width_px, frame.height_px) = tiff.dimensions;
        frame.rgb = tiff.read()?;
        turn_upright(frame, orientation);
        return Ok(());
    }
    let mut reader = image::ImageReader::with_format(Cursor::new(bytes), format);
    // No limit on the sides here: they are checked below, where the error can name them.
    reader.limits(decoder_limits());
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    check_size((width, height))?;
    let orientation = decoder.orientation()?;
    let pixels = width as usize * height as usize;
    if decoder.color_type() == ColorType::Rgb8 {
        frame.rgb.resize(pixels * 3, 0);
        decoder.read_image(&mut frame.rgb)?;
    } else {
        let image = DynamicImage::from_decoder(decoder)?;
        check_range(&image)?;
        frame.rgb = image.into_rgb8().into_raw();
    }
    (frame.width_px, frame.height_px) = (width, height);
    turn_upright(frame, orientation);
    Ok(())
}

fn check_size((width, height): (u32, u32)) -> Result<(), DecodeError> {
    let is_too_large = u64::from(width) * u64::from(height) > MAX_PIXELS
        || width.max(height) > rszs_hot::MAX_SIDE_PX;
    if is_too_large { Err(DecodeError::TooManyPixels(width, height)) } else { Ok(()) }
}

fn decoder_limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    limits
}

fn turn_upright(frame: &mut Frame, orientation: Orientation) {
    if orientation == Orientation::NoTransforms {
        return;
    }
    let rgb = std::mem::take(&mut frame.rgb);
    if let Some(image) = RgbImage::from_raw(frame.width_px, frame.height_px, rgb) {
        let mut image = DynamicImage::ImageRgb8(image);
        image.apply_orientation(orientation);
        (frame.width_px, frame.height_px) = (image.width(), image.height());
        frame.rgb = image.into_rgb8().into_raw();
    }
}

fn truncated(bytes: &[u8], path: &Path, format: ImageFormat) -> SourceError {
    SourceError::Truncated {
        path: path.to_owned(),
        format: format_name(format),
        bytes: bytes.len(),
    }
}

fn format_name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Png => "PNG",
        ImageFormat::Tiff => "TIFF",
        ImageFormat::WebP => "WebP",
        ImageFormat::Bmp => "BMP",
        ImageFormat::Gif => "GIF",
        _ => "another format's",
    }
}

fn first_bytes(bytes: &[u8]) -> String {
    format!("a file that starts with {}", bytes[..bytes.len().min(8)].escape_ascii())
}

fn one_line(error: &ImageError) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
