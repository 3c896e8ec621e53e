//! Whether samples of more than 8 bits use their range.
//!
//! Satellites and radars store 10 to 14 bits in 16, and reflectances or bytes as floats. Reduced to
//! 8 bits such an image is black or white, and its mask would say "nothing found" wrongly.

use image::{DynamicImage, ImageBuffer, Pixel, Primitive};

/// Part of its range that an image must reach: 14 bits in 16 do not.
const LEAST_PART: f32 = 0.25;

/// How many times the range an image may reach: reflectances of bright things exceed 1.
const MOST_PART: f32 = 2.0;

/// Samples that would be seen as black or white.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "expected samples that use their range, 0 to {full}, found {largest} as the largest: the \
     image would be seen {seen}; stretch it to 8 bits first, for example with gdal_translate -ot \
     Byte -scale 0 {largest} 0 255"
)]
pub struct BadRange {
    /// Largest sample.
    pub largest: f32,
    /// What stands for white.
    pub full: f32,
    /// Black or white.
    pub seen: &'static str,
}

/// Refuses samples of more than 8 bits that use too small a part of their range, or far more than
/// it. An image of nothing but 0 is black and may be.
pub(super) fn check_range(image: &DynamicImage) -> Result<(), BadRange> {
    let sixteen = f32::from(u16::MAX);
    let (largest, full) = match image {
        DynamicImage::ImageLuma16(image) => (largest(image), sixteen),
        DynamicImage::ImageLumaA16(image) => (largest(image), sixteen),
        DynamicImage::ImageRgb16(image) => (largest(image), sixteen),
        DynamicImage::ImageRgba16(image) => (largest(image), sixteen),
        DynamicImage::ImageRgb32F(image) => (largest(image), 1.0),
        DynamicImage::ImageRgba32F(image) => (largest(image), 1.0),
        // Eight bits are what the network sees.
        _ => return Ok(()),
    };
    let seen = match largest / full {
        part if part > 0.0 && part < LEAST_PART => "black",
        part if part > MOST_PART => "white",
        _ => return Ok(()),
    };
    Err(BadRange { largest, full, seen })
}

/// The largest sample, transparency aside.
fn largest<P>(image: &ImageBuffer<P, Vec<P::Subpixel>>) -> f32
where
    P: Pixel<Subpixel: Primitive + Into<f32>>,
{
    let colours = usize::from(P::CHANNEL_COUNT - u8::from(P::HAS_ALPHA));
    let pixels = image.as_raw().chunks_exact(usize::from(P::CHANNEL_COUNT));
    pixels
        .flat_map(|pixel| &pixel[..colours])
        .fold(0.0, |largest, sample| largest.max((*sample).into()))
}
