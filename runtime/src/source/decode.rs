//! From a file to RGB bytes.

use std::fs::{self, File};
use std::io::{self, Cursor, IsTerminal, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use image::error::UnsupportedErrorKind;
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, Limits, RgbImage};

use rszs_jpeg::{Colour, Decoder, JpegError};

use super::fill::fill_invalid;
use super::limits::{MAX_DECODER_BYTES, MAX_FILE_BYTES, MAX_METADATA_BYTES, MAX_PIXELS};
use super::raster::{Raster, Samples};
use super::sniff::{format_name, sniff};
use super::tiff::{Page, TiffFault};
use super::{Input, ReadOptions, Reading, SourceError, Validity};

const SCENE: &[u8] = include_bytes!("../../assets/scene.jpg");

/// Where a PNG file says how wide it is. Source: PNG, third edition, 11.2.1.
const PNG_WIDTH: std::ops::Range<usize> = 16..20;

/// Four rows of four 16-bit samples.
const PNG_BYTES_PER_COLUMN: u64 = 32;

/// One image, upright.
#[derive(Debug, Default)]
pub struct Frame {
    /// `[H, W, 3]`, red, green, blue. Where no image is, something that looks like its neighbours.
    pub rgb: Vec<u8>,
    /// W.
    pub width_px: u32,
    /// H.
    pub height_px: u32,
    /// Which pixels hold an image.
    pub valid: Validity,
    /// What was chosen to read it.
    pub reading: Reading,
    /// Whether it comes from a JPEG file, which has lost detail already.
    pub is_jpeg: bool,
}

/// Reads images one after the other, reusing its buffers.
#[derive(Debug, Default)]
pub struct ImageReader {
    bytes: Vec<u8>,
    options: ReadOptions,
}

impl ImageReader {
    /// Without buffers yet; files are read as they say.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with choices that were typed.
    pub fn with_options(options: ReadOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// Reads and decodes `input` into `frame`, upright. Returns the time it took.
    pub fn read(&mut self, input: &Input, frame: &mut Frame) -> Result<Duration, SourceError> {
        let start = Instant::now();
        let path = input.path();
        match input {
            Input::Scene => self.bytes = SCENE.to_vec(),
            Input::Stdin => self.load_stdin()?,
            Input::File(path) => self.load(path)?,
        }
        (frame.valid, frame.reading) = (Validity::everywhere(), Reading::default());
        let Self { bytes, options } = self;
        // A decoder that panics costs this image alone.
        let decoded = catch_unwind(AssertUnwindSafe(|| decode(bytes, path, *options, frame)));
        decoded.unwrap_or_else(|_| Err(SourceError::Panicked(path.to_owned())))?;
        fill_invalid(frame);
        Ok(start.elapsed())
    }

    fn load_stdin(&mut self) -> Result<(), SourceError> {
        let name = || Input::Stdin.name().into();
        let stdin = io::stdin();
        if stdin.is_terminal() {
            return Err(SourceError::NotAFile { path: name(), found: "a terminal" });
        }
        self.bytes.clear();
        let read = stdin.lock().take(MAX_FILE_BYTES + 1).read_to_end(&mut self.bytes);
        read.map_err(|source| SourceError::Unreadable { path: name(), source: source.into() })?;
        let found = self.bytes.len() as u64;
        let too_large = SourceError::FileTooLarge { path: name(), found };
        if found > MAX_FILE_BYTES { Err(too_large) } else { Ok(()) }
    }

    fn load(&mut self, path: &Path) -> Result<(), SourceError> {
        let unreadable = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound if path.is_symlink() => SourceError::NotAFile {
                path: path.to_owned(),
                found: "a link to a file that is not there",
            },
            io::ErrorKind::NotFound => match path.to_str().filter(|path| path.contains("://")) {
                Some(address) => SourceError::Address(address.to_owned()),
                None => SourceError::Missing(path.to_owned()),
            },
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

fn decode(
    bytes: &mut Vec<u8>,
    path: &Path,
    options: ReadOptions,
    frame: &mut Frame,
) -> Result<(), SourceError> {
    let (format, start) = sniff(bytes, path)?;
    let length = bytes.len();
    frame.is_jpeg = format == ImageFormat::Jpeg;
    let decoded = match format {
        ImageFormat::Tiff => decode_tiff(std::mem::take(bytes), options, frame),
        ImageFormat::Jpeg => decode_jpeg(&bytes[start..], options, frame),
        _ => decode_as(format, bytes, options, frame),
    };
    decoded.map_err(|error| match error {
        DecodeError::TooManyPixels(width, height) => {
            SourceError::TooManyPixels { path: path.to_owned(), width, height }
        }
        DecodeError::Truncated => truncated(length, path, format),
        DecodeError::Image(ImageError::IoError(error))
            if error.kind() == io::ErrorKind::UnexpectedEof =>
        {
            truncated(length, path, format)
        }
        DecodeError::Bands(found) => SourceError::Bands { path: path.to_owned(), found },
        DecodeError::Kind(reason) => {
            SourceError::Unsupported { path: path.to_owned(), format: format_name(format), reason }
        }
        DecodeError::Image(ImageError::Unsupported(error)) => SourceError::Unsupported {
            path: path.to_owned(),
            format: format_name(format),
            reason: match error.kind() {
                UnsupportedErrorKind::GenericFeature(feature) => feature,
                UnsupportedErrorKind::Color(colour) => format!("pixels of type {colour:?}"),
                kind => format!("{kind:?}"),
            },
        },
        DecodeError::Damaged(reason) => {
            SourceError::Damaged { path: path.to_owned(), format: format_name(format), reason }
        }
        DecodeError::Image(error) => SourceError::Damaged {
            path: path.to_owned(),
            format: format_name(format),
            reason: one_line(&error),
        },
    })
}

enum DecodeError {
    TooManyPixels(u32, u32),
    Truncated,
    Bands(usize),
    Kind(String),
    Damaged(String),
    Image(ImageError),
}

impl From<ImageError> for DecodeError {
    fn from(error: ImageError) -> Self {
        Self::Image(error)
    }
}

impl From<JpegError> for DecodeError {
    fn from(error: JpegError) -> Self {
        match error {
            JpegError::EndsEarly => Self::Truncated,
            JpegError::Unsupported(kind) => Self::Kind(kind),
            JpegError::Damaged(reason) => Self::Damaged(reason),
        }
    }
}

impl From<TiffFault> for DecodeError {
    fn from(fault: TiffFault) -> Self {
        match fault {
            TiffFault::TooManyPixels(width, height) => Self::TooManyPixels(width, height),
            TiffFault::Kind(kind) => Self::Kind(kind),
            TiffFault::Bands(found) => Self::Bands(found),
            TiffFault::Truncated => Self::Truncated,
            TiffFault::Damaged(reason) => Self::Damaged(reason),
        }
    }
}

fn decode_tiff(bytes: Vec<u8>, options: ReadOptions, frame: &mut Frame) -> Result<(), DecodeError> {
    let page = Page::open(bytes)?;
    page.read(options.bands)?.into_frame(frame, options.stretch);
    frame.reading.page = page.number();
    turn_upright(frame, page.orientation());
    Ok(())
}

fn decode_jpeg(bytes: &[u8], options: ReadOptions, frame: &mut Frame) -> Result<(), DecodeError> {
    let decoder = Decoder::open(bytes)?;
    let (width_px, height_px) = decoder.size_px();
    check_size((width_px, height_px))?;
    let orientation = decoder.exif().map_or(Orientation::NoTransforms, orientation);
    if options.bands.is_none() && options.stretch.is_none() {
        decoder.read_rgb(&mut frame.rgb)?;
        (frame.width_px, frame.height_px) = (width_px, height_px);
    } else {
        let is_grey = decoder.colour() == Colour::Grey;
        let mut samples = Vec::new();
        if is_grey {
            decoder.read_grey(&mut samples)?;
        } else {
            decoder.read_rgb(&mut samples)?;
        }
        let bands = if is_grey { 1 } else { 3 };
        let shown = shown_bands(options.bands, bands, !is_grey)?;
        let samples = Samples::U8(samples);
        Raster { width_px, height_px, samples, bands, shown, valid: None }
            .into_frame(frame, options.stretch);
    }
    turn_upright(frame, orientation);
    Ok(())
}

/// How EXIF data says that an image was held. In WebP files some programs put the name of JPEG's
/// marker before it.
fn orientation(exif: &[u8]) -> Orientation {
    let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    Orientation::from_exif_chunk(exif).unwrap_or(Orientation::NoTransforms)
}

/// Which of `bands` are red, green and blue, counted from 0: as typed, else the first three or the
/// first one.
fn shown_bands(
    typed: Option<[usize; 3]>,
    bands: usize,
    has_colour: bool,
) -> Result<[usize; 3], DecodeError> {
    match typed {
        Some(typed) if typed.iter().all(|band| (1..=bands).contains(band)) => {
            Ok(typed.map(|band| band - 1))
        }
        Some(_) => Err(DecodeError::Bands(bands)),
        None if has_colour => Ok([0, 1, 2]),
        None => Ok([0; 3]),
    }
}

fn decode_as(
    format: ImageFormat,
    bytes: &[u8],
    options: ReadOptions,
    frame: &mut Frame,
) -> Result<(), DecodeError> {
    let mut reader = image::ImageReader::with_format(Cursor::new(bytes), format);
    // No limit on the sides here: they are checked below, where the error can name them.
    reader.limits(decoder_limits(format, bytes));
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    check_size((width, height))?;
    let orientation =
        decoder.exif_metadata()?.map_or(Orientation::NoTransforms, |exif| orientation(&exif));
    let pixels = width as usize * height as usize;
    let is_plain = options.bands.is_none() && options.stretch.is_none();
    if decoder.color_type() == ColorType::Rgb8 && is_plain {
        frame.rgb.resize(pixels * 3, 0);
        decoder.read_image(&mut frame.rgb)?;
        (frame.width_px, frame.height_px) = (width, height);
    } else {
        let image = DynamicImage::from_decoder(decoder)?;
        raster(image, options.bands)?.into_frame(frame, options.stretch);
    }
    turn_upright(frame, orientation);
    Ok(())
}

/// The samples of an image that is not three bytes a pixel. A pixel whose alpha is 0 holds no
/// image.
fn raster(image: DynamicImage, typed: Option<[usize; 3]>) -> Result<Raster, DecodeError> {
    let colour = image.color();
    let (width_px, height_px) = (image.width(), image.height());
    let bands = usize::from(colour.channel_count());
    let shown = shown_bands(typed, bands, colour.has_color())?;
    let samples = match image {
        DynamicImage::ImageLuma8(image) => Samples::U8(image.into_raw()),
        DynamicImage::ImageLumaA8(image) => Samples::U8(image.into_raw()),
        DynamicImage::ImageRgb8(image) => Samples::U8(image.into_raw()),
        DynamicImage::ImageRgba8(image) => Samples::U8(image.into_raw()),
        DynamicImage::ImageLuma16(image) => Samples::U16(image.into_raw()),
        DynamicImage::ImageLumaA16(image) => Samples::U16(image.into_raw()),
        DynamicImage::ImageRgb16(image) => Samples::U16(image.into_raw()),
        DynamicImage::ImageRgba16(image) => Samples::U16(image.into_raw()),
        DynamicImage::ImageRgb32F(image) => Samples::F32(image.into_raw()),
        DynamicImage::ImageRgba32F(image) => Samples::F32(image.into_raw()),
        other => return Err(DecodeError::Kind(format!("pixels of type {:?}", other.color()))),
    };
    let alpha = bands - 1;
    let valid = colour.has_alpha().then(|| samples.flags(bands, |pixel| pixel(alpha) > 0.0));
    Ok(Raster { width_px, height_px, samples, bands, shown, valid })
}

fn check_size((width, height): (u32, u32)) -> Result<(), DecodeError> {
    let is_too_large = u64::from(width) * u64::from(height) > MAX_PIXELS
        || width.max(height) > rszs_hot::MAX_SIDE_PX;
    if is_too_large { Err(DecodeError::TooManyPixels(width, height)) } else { Ok(()) }
}

/// A PNG decoder needs a few rows beside what it gives; what else it unpacks, a colour profile, is
/// bounded, however large the image.
fn decoder_limits(format: ImageFormat, bytes: &[u8]) -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(match (format, bytes.get(PNG_WIDTH)) {
        (ImageFormat::Png, Some(&[a, b, c, d])) => {
            MAX_METADATA_BYTES + u64::from(u32::from_be_bytes([a, b, c, d])) * PNG_BYTES_PER_COLUMN
        }
        _ => MAX_DECODER_BYTES,
    });
    limits
}

fn turn_upright(frame: &mut Frame, orientation: Orientation) {
    if orientation == Orientation::NoTransforms {
        return;
    }
    let (wide, high) = (frame.width_px, frame.height_px);
    if !frame.valid.is_everywhere() {
        let flag = |x, y| image::Luma([u8::from(frame.valid.is_valid(x, y))]);
        let mut flags = DynamicImage::ImageLuma8(image::GrayImage::from_fn(wide, high, flag));
        flags.apply_orientation(orientation);
        let turned: Vec<bool> = flags.as_bytes().iter().map(|&flag| flag == 1).collect();
        frame.valid = Validity::of(&turned, flags.width());
    }
    let rgb = std::mem::take(&mut frame.rgb);
    if let Some(image) = RgbImage::from_raw(wide, high, rgb) {
        let mut image = DynamicImage::ImageRgb8(image);
        image.apply_orientation(orientation);
        (frame.width_px, frame.height_px) = (image.width(), image.height());
        frame.rgb = image.into_rgb8().into_raw();
    }
}

fn truncated(bytes: usize, path: &Path, format: ImageFormat) -> SourceError {
    SourceError::Truncated { path: path.to_owned(), format: format_name(format), bytes }
}

fn one_line(error: &ImageError) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
