//! The tags of EXIF (JEITA CP-3451) that say where a camera was and what it sees.

use exif::{Exif as Fields, In, Rational, Reader, Tag, Value};

/// What of EXIF is used here. What is not there, or is no number, is nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Exif {
    pub(super) make: Option<String>,
    pub(super) model: Option<String>,
    /// The camera's firmware, or the program that wrote the file after it.
    pub(super) software: Option<String>,
    /// As the camera wrote it: `2016:06:23 16:32:06`, in its own time.
    pub(super) time: Option<String>,
    /// 1 to 8.
    pub(super) orientation: Option<u32>,
    /// Width and height of the image that the camera wrote.
    pub(super) size_px: Option<[u32; 2]>,
    /// Width and height of the first image of a TIFF file.
    pub(super) tiff_size_px: Option<[u32; 2]>,
    pub(super) latitude_deg: Option<f64>,
    pub(super) longitude_deg: Option<f64>,
    /// `GPSHPositioningError`.
    pub(super) position_error_m: Option<f64>,
    pub(super) focal_length_mm: Option<f64>,
    /// `FocalLengthIn35mmFilm`.
    pub(super) focal_length_35mm: Option<f64>,
    pub(super) digital_zoom: Option<f64>,
    /// Size of a pixel on the sensor, by `FocalPlaneXResolution`.
    pub(super) pixel_pitch_mm: Option<f64>,
}

impl Exif {
    /// The tags of the TIFF file `bytes`, and the XMP packet in it.
    pub(super) fn parse(bytes: Vec<u8>) -> (Self, Option<Vec<u8>>) {
        let read = Reader::new().continue_on_error(true).read_raw(bytes);
        match read.or_else(|error| error.distill_partial_result(|_| {})) {
            Ok(fields) => (Self::of(&fields), xmp(&fields)),
            Err(_) => (Self::default(), None),
        }
    }

    fn of(fields: &Fields) -> Self {
        let size =
            |width, height| whole(fields, width).zip(whole(fields, height)).map(<[u32; 2]>::from);
        Self {
            make: text(fields, Tag::Make),
            model: text(fields, Tag::Model),
            software: text(fields, Tag::Software),
            time: text(fields, Tag::DateTimeOriginal).or_else(|| text(fields, Tag::DateTime)),
            orientation: whole(fields, Tag::Orientation),
            size_px: size(Tag::PixelXDimension, Tag::PixelYDimension),
            tiff_size_px: size(Tag::ImageWidth, Tag::ImageLength),
            latitude_deg: angle(fields, Tag::GPSLatitude, Tag::GPSLatitudeRef, b'S'),
            longitude_deg: angle(fields, Tag::GPSLongitude, Tag::GPSLongitudeRef, b'W'),
            position_error_m: number(fields, Tag::GPSHPositioningError),
            focal_length_mm: positive(fields, Tag::FocalLength),
            focal_length_35mm: positive(fields, Tag::FocalLengthIn35mmFilm),
            digital_zoom: positive(fields, Tag::DigitalZoomRatio),
            pixel_pitch_mm: pixel_pitch(fields),
        }
    }
}

/// Tag 700 of TIFF, in which TIFF files have their XMP packet (XMP specification, part 3).
fn xmp(fields: &Fields) -> Option<Vec<u8>> {
    let tag = Tag(exif::Context::Tiff, 700);
    match &fields.get_field(tag, In::PRIMARY)?.value {
        Value::Byte(bytes) | Value::Undefined(bytes, _) => Some(bytes.clone()),
        _ => None,
    }
}

/// The first text of a tag: makers fill their name up with zeros, which reads as more texts.
fn text(fields: &Fields, tag: Tag) -> Option<String> {
    let Value::Ascii(texts) = &fields.get_field(tag, In::PRIMARY)?.value else { return None };
    let text = String::from_utf8_lossy(texts.first()?).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

fn whole(fields: &Fields, tag: Tag) -> Option<u32> {
    fields.get_field(tag, In::PRIMARY)?.value.get_uint(0)
}

fn number(fields: &Fields, tag: Tag) -> Option<f64> {
    let value = match &fields.get_field(tag, In::PRIMARY)?.value {
        Value::Rational(values) => values.first()?.to_f64(),
        Value::SRational(values) => values.first()?.to_f64(),
        other => f64::from(other.get_uint(0)?),
    };
    value.is_finite().then_some(value)
}

fn positive(fields: &Fields, tag: Tag) -> Option<f64> {
    number(fields, tag).filter(|&value| value > 0.0)
}

/// Degrees, minutes and seconds of `tag`, with the sign of `reference`. Without a reference the
/// hemisphere is not known.
fn angle(fields: &Fields, tag: Tag, reference: Tag, negative: u8) -> Option<f64> {
    let Value::Rational(parts) = &fields.get_field(tag, In::PRIMARY)?.value else { return None };
    let [degrees, minutes, seconds] = parts.as_slice() else { return None };
    let part = |part: &Rational| if part.num == 0 { 0.0 } else { part.to_f64() };
    let value = part(degrees) + part(minutes) / 60.0 + part(seconds) / 3600.0;
    let is_negative = text(fields, reference)?.as_bytes().first()?.eq_ignore_ascii_case(&negative);
    let value = if is_negative { -value } else { value };
    value.is_finite().then_some(value)
}

fn pixel_pitch(fields: &Fields) -> Option<f64> {
    let unit_mm = match whole(fields, Tag::FocalPlaneResolutionUnit).unwrap_or(2) {
        2 => 25.4,
        3 => 10.0,
        4 => 1.0,
        5 => 1e-3,
        _ => return None,
    };
    positive(fields, Tag::FocalPlaneXResolution).map(|pixels| unit_mm / pixels)
}
