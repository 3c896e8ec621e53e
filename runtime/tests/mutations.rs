//! Files that were damaged at random, by a generator that starts from the same number in every run:
//! read or refused, never a panic.
//!
//! `RSZS_MUTATIONS=100000 cargo test -p rszs-edge --test mutations` tries more.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use rszs_edge::source::{Frame, ImageReader, Input, SourceError};

/// Mutants of each seed in an ordinary run.
const MUTANTS: u64 = 150;

/// Knuth's MMIX generator: what it gives does not depend on a library's version.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end.max(1)
    }
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// One file of each format that is read, small enough that mutations hit headers.
fn seeds() -> Vec<(String, Vec<u8>)> {
    let colour = |x: u32, y: u32| [(x * 9) as u8, (y * 11) as u8, (x ^ y) as u8];
    let rgb = DynamicImage::from(RgbImage::from_fn(24, 20, |x, y| Rgb(colour(x, y))));
    let rgba = DynamicImage::from(RgbaImage::from_fn(24, 20, |x, y| {
        let [red, green, blue] = colour(x, y);
        Rgba([red, green, blue, if x < 5 { 0 } else { 255 }])
    }));
    let deep = DynamicImage::from(rgb.to_rgb16());
    let mut seeds = Vec::new();
    for (name, image, format) in [
        ("a.jpg", &rgb, ImageFormat::Jpeg),
        ("a.png", &rgba, ImageFormat::Png),
        ("deep.png", &deep, ImageFormat::Png),
        ("a.tif", &rgb, ImageFormat::Tiff),
        ("deep.tif", &deep, ImageFormat::Tiff),
        ("a.webp", &rgba, ImageFormat::WebP),
        ("a.bmp", &rgb, ImageFormat::Bmp),
    ] {
        seeds.push((name.to_owned(), encoded(image, format)));
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/jpeg/tests/golden");
    for name in ["progressive.jpg", "one_scan_each.jpg", "restarts.jpg", "cmyk.jpg"] {
        seeds.push((name.to_owned(), fs::read(golden.join(name)).unwrap()));
    }
    seeds
}

/// Up to four changes: a byte, a run of zeros, a cut, a part twice.
fn mutate(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len());
        let length = numbers.below(16.min(bytes.len() - at).max(1));
        match numbers.below(5) {
            0 | 1 => bytes[at] = numbers.below(256) as u8,
            2 => bytes[at..at + length].fill(0),
            3 => bytes.truncate(at.max(1)),
            _ => {
                let part = bytes[at..at + length].to_vec();
                bytes.splice(at..at, part);
            }
        }
    }
}

#[test]
fn damaged_files_are_read_or_refused_by_name() {
    let typed = std::env::var("RSZS_MUTATIONS").ok();
    let mutants = typed.map_or(MUTANTS, |typed| typed.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut panicked = Vec::new();
    for (name, seed) in seeds() {
        let path = folder.path().join(&name);
        let (mut reader, mut frame) = (ImageReader::new(), Frame::default());
        let mut refused = 0;
        for number in 0..mutants {
            let mut bytes = seed.clone();
            mutate(&mut bytes, &mut Numbers(number));
            fs::write(&path, &bytes).unwrap();
            match reader.read(&Input::File(path.clone()), &mut frame) {
                Ok(_) => {
                    let pixels = frame.width_px as usize * frame.height_px as usize;
                    assert_eq!(frame.rgb.len(), pixels * 3, "{name} {number}");
                }
                Err(SourceError::Panicked(_)) => panicked.push(format!("{name} {number}")),
                Err(error) => {
                    refused += 1;
                    assert!(error.to_string().contains(&name), "{error}");
                }
            }
        }
        assert!(refused > mutants / 10, "{name}: {refused} of {mutants} refused");
    }
    assert!(panicked.is_empty(), "{panicked:?}");
}
