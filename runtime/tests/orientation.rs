//! How a camera was held: each of EXIF's eight orientations, in JPEG and in WebP.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::{Rgb, RgbImage};
use rszs_edge::source::{Frame, ImageReader, Input};

const WIDE: u32 = 48;
const HIGH: u32 = 32;

fn stored() -> RgbImage {
    RgbImage::from_fn(WIDE, HIGH, |x, y| Rgb([(x * 5) as u8, (y * 7) as u8, 90]))
}

/// Where the pixel shown at `x`, `y` is stored. Source: EXIF 2.3, table of tag 274.
fn stored_at(orientation: u8, x: u32, y: u32) -> (u32, u32) {
    let (right, bottom) = (WIDE - 1, HIGH - 1);
    match orientation {
        1 => (x, y),
        2 => (right - x, y),
        3 => (right - x, bottom - y),
        4 => (x, bottom - y),
        5 => (y, x),
        6 => (y, bottom - x),
        7 => (right - y, bottom - x),
        _ => (right - y, x),
    }
}

/// EXIF data with that orientation and nothing else.
fn exif(orientation: u8) -> Vec<u8> {
    let entry = [0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0];
    [b"II*\0\x08\0\0\0\x01\0", &entry[..], &[0; 4]].concat()
}

fn jpeg(orientation: u8) -> Vec<u8> {
    let mut plain = Vec::new();
    JpegEncoder::new_with_quality(&mut plain, 100).encode_image(&stored()).unwrap();
    let exif = [&b"Exif\0\0"[..], &exif(orientation)].concat();
    let length = (exif.len() as u16 + 2).to_be_bytes();
    [&plain[..2], &[0xff, 0xe1], &length, &exif, &plain[2..]].concat()
}

/// Source: WebP Container Specification, extended file format.
fn webp(exif: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    WebPEncoder::new_lossless(&mut plain)
        .encode(stored().as_raw(), WIDE, HIGH, image::ExtendedColorType::Rgb8)
        .unwrap();
    let chunk = |name: &[u8], data: &[u8]| {
        let padding = vec![0; data.len() % 2];
        [name, &(data.len() as u32).to_le_bytes(), data, &padding].concat()
    };
    let has_exif = 8;
    let (wide, high) = (WIDE as u8 - 1, HIGH as u8 - 1);
    let header = chunk(b"VP8X", &[has_exif, 0, 0, 0, wide, 0, 0, high, 0, 0]);
    let body = [b"WEBP", &header[..], &plain[12..], &chunk(b"EXIF", exif)].concat();
    chunk(b"RIFF", &body)
}

fn assert_upright(name: &str, bytes: &[u8], orientation: u8, most_apart: u8) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let mut frame = Frame::default();
    ImageReader::new().read(&Input::File(path), &mut frame).unwrap();
    let is_turned = orientation >= 5;
    let (wide, high) = if is_turned { (HIGH, WIDE) } else { (WIDE, HIGH) };
    assert_eq!((frame.width_px, frame.height_px), (wide, high), "{name} {orientation}");
    for (at, shown) in (0..).zip(frame.rgb.chunks_exact(3)) {
        let (x, y) = stored_at(orientation, at % wide, at / wide);
        let apart = (0..3).map(|c| shown[c].abs_diff(stored().get_pixel(x, y)[c])).max().unwrap();
        assert!(apart <= most_apart, "{name} {orientation}: {apart} levels at {at}");
    }
}

#[test]
fn jpeg_is_turned_upright() {
    for orientation in 1..=8 {
        assert_upright("a.jpg", &jpeg(orientation), orientation, 6);
    }
}

#[test]
fn webp_is_turned_upright_also_with_the_name_of_jpegs_marker_before_its_exif() {
    for orientation in 1..=8 {
        assert_upright("a.webp", &webp(&exif(orientation)), orientation, 0);
        let named = [&b"Exif\0\0"[..], &exif(orientation)].concat();
        assert_upright("a.webp", &webp(&named), orientation, 0);
    }
}

#[test]
fn an_orientation_that_is_none_leaves_the_image_as_it_is() {
    assert_upright("a.jpg", &jpeg(77), 1, 6);
}
