//! TIFF files: photographs, orthophotos, satellite images.
//!
//! Which pixels hold an image is GDAL's rule: the mask of the file, else its nodata value, else its
//! alpha band; blocks that are not stored hold none. Which bands are shown is what the file says of
//! their colours.

use image::metadata::Orientation;
use tiff_reader::{
    ColorModel, ExtraSample, Ifd, OpenOptions, PhotometricInterpretation, TiffError, TiffFile,
};

use super::limits::{MAX_DECODER_BYTES, MAX_PIXELS};
use super::raster::{Raster, Samples};

const NEW_SUBFILE_TYPE: u16 = 254;
const ORIENTATION: u16 = 274;
const GDAL_METADATA: u16 = 42112;
const GDAL_NODATA: u16 = 42113;
const DNG_VERSION: u16 = 50706;

/// Bits of `NewSubfileType`.
const REDUCED: u32 = 1;
const MASK: u32 = 4;

/// `SampleFormat`.
const SIGNED: u16 = 2;
const FLOAT: u16 = 3;

/// A page of a TIFF file.
pub(super) struct Page {
    file: TiffFile,
    index: usize,
}

/// Why a file gives no image.
#[derive(Debug)]
pub(super) enum TiffFault {
    TooManyPixels(u32, u32),
    /// Of a kind that is not read here: what it is.
    Kind(String),
    /// Which bands are red, green and blue has to be asked.
    Bands(usize),
    /// It ends before its image does.
    Truncated,
    Damaged(String),
}

impl From<TiffError> for TiffFault {
    fn from(error: TiffError) -> Self {
        match error {
            TiffError::Truncated { .. } | TiffError::OffsetOutOfBounds { .. } => Self::Truncated,
            TiffError::UnsupportedCompression(_)
            | TiffError::UnsupportedPredictor(_)
            | TiffError::UnsupportedPlanarConfiguration(_)
            | TiffError::UnsupportedBitsPerSample(_)
            | TiffError::UnsupportedSampleFormat(_)
            | TiffError::UnsupportedVersion(_) => Self::Kind(error.to_string()),
            other => Self::Damaged(other.to_string()),
        }
    }
}

impl Page {
    /// The largest page of the file that is neither a reduced copy nor a mask.
    pub(super) fn open(bytes: Vec<u8>) -> Result<Self, TiffFault> {
        let options =
            OpenOptions { decode_output_bytes: MAX_DECODER_BYTES as usize, ..Default::default() };
        let file = TiffFile::from_bytes_with_options(bytes, options)?;
        if file.ifds().iter().any(|ifd| ifd.tag(DNG_VERSION).is_some()) {
            return Err(TiffFault::Kind("a DNG raw photograph".to_owned()));
        }
        let Some(index) = largest_page(&file) else {
            return Err(TiffFault::Damaged("no page with an image".to_owned()));
        };
        let ifd = file.ifd(index)?;
        let (width, height) = (ifd.width(), ifd.height());
        if pixels(ifd) > MAX_PIXELS || width.max(height) > rszs_hot::MAX_SIDE_PX {
            return Err(TiffFault::TooManyPixels(width, height));
        }
        if pixels(ifd) == 0 {
            return Err(TiffFault::Damaged("an image without pixels".to_owned()));
        }
        Ok(Self { file, index })
    }

    /// Its number, counted from 1, where the file has several.
    pub(super) fn number(&self) -> Option<usize> {
        let is_page = |ifd: &&Ifd| subfile_type(ifd) & (REDUCED | MASK) == 0;
        (self.file.ifds().iter().filter(is_page).count() > 1).then_some(self.index + 1)
    }

    /// How the image is to be turned.
    pub(super) fn orientation(&self) -> Orientation {
        let tag = self.file.ifd(self.index).ok().and_then(|ifd| ifd.tag(ORIENTATION));
        let value = tag.and_then(|tag| tag.value.as_u16()).and_then(|value| value.try_into().ok());
        value.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms)
    }

    /// Its samples. `typed` bands, counted from 1, go before those that the file names.
    pub(super) fn read(&self, typed: Option<[usize; 3]>) -> Result<Raster, TiffFault> {
        let ifd = self.file.ifd(self.index)?;
        let model = ifd.color_model()?;
        let is_converted = matches!(
            model,
            ColorModel::Palette { .. }
                | ColorModel::YCbCr { .. }
                | ColorModel::Cmyk { .. }
                | ColorModel::CieLab { .. }
                | ColorModel::Grayscale { white_is_zero: true, .. }
        );
        let (layout, bytes) = if is_converted {
            (ifd.decoded_raster_layout()?, self.file.read_decoded_image_bytes(self.index)?)
        } else {
            (ifd.raster_layout()?, self.file.read_image_bytes(self.index)?)
        };
        let bands = layout.samples_per_pixel;
        let extra = extra_samples(&model);
        let shown = shown_bands(ifd, bands, extra, typed)?;
        let samples = samples(&bytes, layout.sample_format, usize::from(layout.bits_per_sample))?;
        let pixels = layout.width * layout.height;
        if samples.len() != pixels * bands {
            return Err(TiffFault::Truncated);
        }
        let valid = self.valid(ifd, &samples, bands, shown, extra)?;
        let (width_px, height_px) = (ifd.width(), ifd.height());
        Ok(Raster { width_px, height_px, samples, bands, shown, valid })
    }

    /// A flag a pixel; nothing where nothing says that a pixel holds no image.
    fn valid(
        &self,
        ifd: &Ifd,
        samples: &Samples,
        bands: usize,
        shown: [usize; 3],
        extra: &[ExtraSample],
    ) -> Result<Option<Vec<bool>>, TiffFault> {
        let is_alpha = |&place: &usize| {
            matches!(extra[place], ExtraSample::AssociatedAlpha | ExtraSample::UnassociatedAlpha)
                && colour_of(ifd, bands - extra.len() + place).is_none_or(|name| name == "Alpha")
        };
        let alpha = (0..extra.len()).find(is_alpha);
        let mask = self.file.ifds().iter().position(|other| {
            subfile_type(other) & (REDUCED | MASK) == MASK
                && (other.width(), other.height()) == (ifd.width(), ifd.height())
        });
        let mut valid = if let Some(mask) = mask {
            Some(self.file.read_image_bytes(mask)?.iter().map(|&flag| flag != 0).collect())
        } else if let Some(nodata) = nodata(ifd, samples) {
            #[expect(clippy::float_cmp, reason = "nodata is one exact value")]
            Some(samples.flags(bands, |pixel| shown.iter().any(|&band| pixel(band) != nodata)))
        } else if let Some(alpha) = alpha {
            let alpha = bands - extra.len() + alpha;
            Some(samples.flags(bands, |pixel| pixel(alpha) > 0.0))
        } else {
            None
        };
        drop_missing_blocks(ifd, &mut valid);
        Ok(valid)
    }
}

/// The page that is segmented: the largest that is neither a reduced copy nor a mask, the first of
/// equals.
pub(crate) fn largest_page(file: &TiffFile) -> Option<usize> {
    let is_page = |(_, ifd): &(usize, &Ifd)| subfile_type(ifd) & (REDUCED | MASK) == 0;
    let pages = file.ifds().iter().enumerate().filter(is_page);
    Some(pages.rev().max_by_key(|(_, ifd)| pixels(ifd))?.0)
}

fn pixels(ifd: &Ifd) -> u64 {
    u64::from(ifd.width()) * u64::from(ifd.height())
}

fn subfile_type(ifd: &Ifd) -> u32 {
    ifd.tag(NEW_SUBFILE_TYPE).and_then(|tag| tag.value.as_u32()).unwrap_or(0)
}

fn extra_samples(model: &ColorModel) -> &[ExtraSample] {
    match model {
        ColorModel::Grayscale { extra_samples, .. }
        | ColorModel::Palette { extra_samples, .. }
        | ColorModel::Rgb { extra_samples }
        | ColorModel::Cmyk { extra_samples }
        | ColorModel::Separated { extra_samples, .. }
        | ColorModel::YCbCr { extra_samples, .. }
        | ColorModel::CieLab { extra_samples } => extra_samples,
        ColorModel::TransparencyMask => &[],
    }
}

/// Red, green and blue among `bands` bands, counted from 0.
fn shown_bands(
    ifd: &Ifd,
    bands: usize,
    extra: &[ExtraSample],
    typed: Option<[usize; 3]>,
) -> Result<[usize; 3], TiffFault> {
    if let Some(typed) = typed {
        return if typed.iter().all(|band| (1..=bands).contains(band)) {
            Ok(typed.map(|band| band - 1))
        } else {
            Err(TiffFault::Bands(bands))
        };
    }
    if let Some(named) = named_bands(ifd).filter(|named| named.iter().all(|&band| band < bands)) {
        return Ok(named);
    }
    let colours = bands.saturating_sub(extra.len());
    let is_colour = !matches!(
        ifd.photometric_interpretation_enum(),
        Some(PhotometricInterpretation::MinIsBlack | PhotometricInterpretation::MinIsWhite) | None
    );
    // A band that is called neither colour nor alpha beside one of grey may be another colour.
    let is_unclear = extra
        .iter()
        .any(|one| !matches!(one, ExtraSample::AssociatedAlpha | ExtraSample::UnassociatedAlpha));
    match colours {
        1 if !is_unclear => Ok([0; 3]),
        3 if is_colour => Ok([0, 1, 2]),
        _ => Err(TiffFault::Bands(bands)),
    }
}

/// The bands that GDAL's metadata call red, green and blue, counted from 0.
fn named_bands(ifd: &Ifd) -> Option<[usize; 3]> {
    let bands = usize::from(ifd.samples_per_pixel());
    let band_of = |colour: &str| (0..bands).find(|&band| colour_of(ifd, band) == Some(colour));
    Some([band_of("Red")?, band_of("Green")?, band_of("Blue")?])
}

/// What GDAL's metadata call a band: `<Item name="COLORINTERP" sample="2" role="colorinterp">Red`.
fn colour_of(ifd: &Ifd, band: usize) -> Option<&str> {
    let text = ifd.tag(GDAL_METADATA)?.value.as_str()?;
    let sample = format!(r#"sample="{band}""#);
    text.split("<Item ").skip(1).find_map(|item| {
        let (attributes, rest) = item.split_once('>')?;
        let is_colour = attributes.contains(r#"role="colorinterp""#);
        (is_colour && attributes.contains(&sample)).then(|| rest.split('<').next())?.map(str::trim)
    })
}

/// The value that stands for no image, as a sample of this type; nothing where none can be it.
fn nodata(ifd: &Ifd, samples: &Samples) -> Option<f32> {
    let text = ifd.tag(GDAL_NODATA)?.value.as_str()?.trim_matches(['\0', ' ']).to_owned();
    let value: f64 = text.parse().ok()?;
    let is_possible = match samples {
        Samples::U8(_) => value.fract() == 0.0 && (0.0..=255.0).contains(&value),
        Samples::U16(_) => value.fract() == 0.0 && (0.0..=65_535.0).contains(&value),
        // What is not a number is dropped anyhow.
        Samples::F32(_) => !value.is_nan(),
    };
    is_possible.then_some(value as f32)
}

/// Blocks of which nothing is stored hold no image.
fn drop_missing_blocks(ifd: &Ifd, valid: &mut Option<Vec<bool>>) {
    let counts = if ifd.is_tiled() { ifd.tile_byte_counts() } else { ifd.strip_byte_counts() };
    let Some(counts) = counts.filter(|counts| counts.contains(&0)) else { return };
    let (wide, high) = (ifd.width() as usize, ifd.height() as usize);
    let (block_wide, block_high) = match (ifd.tile_width(), ifd.tile_height()) {
        (Some(width), Some(height)) if ifd.is_tiled() => (width as usize, height as usize),
        _ => (wide, (ifd.rows_per_strip() as usize).min(high)),
    };
    let across = wide.div_ceil(block_wide.max(1));
    let flags = valid.get_or_insert_with(|| vec![true; wide * high]);
    // Planes follow each other; a block that one plane lacks is missing.
    let in_plane = across * high.div_ceil(block_high.max(1));
    for block in counts.iter().enumerate().filter(|(_, count)| **count == 0) {
        let place = block.0 % in_plane.max(1);
        let (left, top) = (place % across * block_wide, place / across * block_high);
        for y in top..(top + block_high).min(high) {
            flags[y * wide + left..y * wide + (left + block_wide).min(wide)].fill(false);
        }
    }
}

fn samples(bytes: &[u8], format: u16, bits: usize) -> Result<Samples, TiffFault> {
    let four = || bytes.chunks_exact(4).map(|b| [b[0], b[1], b[2], b[3]]);
    let two = || bytes.chunks_exact(2).map(|b| [b[0], b[1]]);
    let eight = || bytes.chunks_exact(8).map(|b| b.try_into().unwrap_or([0; 8]));
    Ok(match (format, bits) {
        (SIGNED, 1..=8) => Samples::F32(bytes.iter().map(|&b| f32::from(b as i8)).collect()),
        (SIGNED, 9..=16) => Samples::F32(two().map(|b| f32::from(i16::from_ne_bytes(b))).collect()),
        (SIGNED, 17..=32) => Samples::F32(four().map(|b| i32::from_ne_bytes(b) as f32).collect()),
        (FLOAT, 32) => Samples::F32(four().map(f32::from_ne_bytes).collect()),
        (FLOAT, 64) => Samples::F32(eight().map(|b| f64::from_ne_bytes(b) as f32).collect()),
        (SIGNED | FLOAT, _) => {
            return Err(TiffFault::Kind(format!("samples of {bits} bits, sample format {format}")));
        }
        // One bit or a few a sample: black and white, or a scale.
        (_, 1..=7) => {
            let most = (1_u16 << bits) - 1;
            let byte = |&value: &u8| (u16::from(value) * 255 / most) as u8;
            Samples::U8(bytes.iter().map(byte).collect())
        }
        (_, 8) => Samples::U8(bytes.to_vec()),
        (_, 9..=16) => Samples::U16(two().map(u16::from_ne_bytes).collect()),
        (_, 17..=32) => Samples::F32(four().map(|b| u32::from_ne_bytes(b) as f32).collect()),
        _ => return Err(TiffFault::Kind(format!("samples of {bits} bits"))),
    })
}

impl Samples {
    fn len(&self) -> usize {
        match self {
            Self::U8(values) => values.len(),
            Self::U16(values) => values.len(),
            Self::F32(values) => values.len(),
        }
    }

    /// What `is_valid` says of each pixel, whose bands it may look at.
    pub(super) fn flags(
        &self,
        bands: usize,
        is_valid: impl Fn(&dyn Fn(usize) -> f32) -> bool,
    ) -> Vec<bool> {
        fn each<T: Copy + Into<f32>>(
            values: &[T],
            bands: usize,
            is_valid: impl Fn(&dyn Fn(usize) -> f32) -> bool,
        ) -> Vec<bool> {
            values.chunks_exact(bands).map(|pixel| is_valid(&|band| pixel[band].into())).collect()
        }
        match self {
            Self::U8(values) => each(values, bands, is_valid),
            Self::U16(values) => each(values, bands, is_valid),
            Self::F32(values) => each(values, bands, is_valid),
        }
    }
}
