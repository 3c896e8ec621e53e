//! Pixels are those of libjpeg-turbo through Pillow, whatever the kind of file. The files are made
//! by `golden/make.py`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::PathBuf;

use rszs_jpeg::{Colour, Decoder, JpegError, find_start};

const KINDS: [&str; 11] = [
    "s444",
    "s422",
    "s420",
    "s440",
    "s400",
    "progressive",
    "one_scan_each",
    "restarts",
    "restarts_progressive",
    "cmyk",
    "ycck",
];

fn golden(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    fs::read(folder.join(name)).unwrap()
}

fn decoded(jpeg: &[u8]) -> Result<Vec<u8>, JpegError> {
    let mut pixels = Vec::new();
    Decoder::open(jpeg)?.read_rgb(&mut pixels)?;
    Ok(pixels)
}

#[test]
fn pixels_are_within_two_levels_of_libjpeg_turbo() {
    for kind in KINDS {
        let pixels = decoded(&golden(&format!("{kind}.jpg"))).unwrap();
        let expected = golden(&format!("{kind}.rgb"));
        assert_eq!(pixels.len(), expected.len(), "{kind}");
        let apart = pixels.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(apart <= 2, "{kind}: {apart} levels");
    }
}

#[test]
fn the_header_says_what_is_there() {
    for (kind, colour) in [("s400", Colour::Grey), ("s420", Colour::Rgb), ("ycck", Colour::Cmyk)] {
        let jpeg = golden(&format!("{kind}.jpg"));
        let decoder = Decoder::open(&jpeg).unwrap();
        assert_eq!((decoder.size_px(), decoder.colour()), ((45, 35), colour), "{kind}");
    }
}

/// Whether tables or a scan begin at byte `at` of `jpeg` or one byte before.
fn is_between_scans(jpeg: &[u8], at: usize) -> bool {
    let begins = |at: usize| matches!(jpeg[at..], [0xff, 0xc4 | 0xda, ..]);
    begins(at) || at > 0 && begins(at - 1)
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    for kind in ["s420", "progressive", "one_scan_each", "restarts"] {
        let jpeg = golden(&format!("{kind}.jpg"));
        for length in 0..jpeg.len() {
            assert!(decoded(&jpeg[..length]).is_err(), "{kind}: cut after {length} bytes");
            let closed = [&jpeg[..length], &[0xff, 0xd9]].concat();
            // The last byte of the data may be without a bit of use, and the end marker follows.
            let is_whole = length + 2 >= jpeg.len();
            // A progressive file without its last scans is one of less detail.
            let is_coarser = kind == "progressive" && is_between_scans(&jpeg, length);
            assert!(
                is_whole || is_coarser || decoded(&closed).is_err(),
                "{kind}: closed after {length} bytes"
            );
        }
    }
}

#[test]
fn a_hole_in_the_data_is_an_error() {
    let mut jpeg = golden("s444.jpg");
    let half = jpeg.len() / 2;
    jpeg[half..half + 300].fill(0);
    assert!(matches!(decoded(&jpeg), Err(JpegError::Damaged(_))));
}

#[test]
fn a_code_that_no_table_has_is_an_error() {
    let mut jpeg = golden("s444.jpg");
    let half = jpeg.len() / 2;
    jpeg[half..half + 8].copy_from_slice(&[0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0]);
    assert!(matches!(decoded(&jpeg), Err(JpegError::Damaged(_))));
}

#[test]
fn bytes_before_and_behind_the_image_do_no_harm() {
    let jpeg = golden("s420.jpg");
    let plain = decoded(&jpeg).unwrap();
    assert_eq!(decoded(&[&jpeg, &b"trailer\xff\xd8\xff"[..]].concat()).unwrap(), plain);
    assert_eq!(decoded(&[&jpeg[..2], &[0; 9], &jpeg[2..]].concat()).unwrap(), plain);
    let late = [&b"some header"[..], &jpeg[..]].concat();
    assert_eq!(decoded(&late[find_start(&late).unwrap()..]).unwrap(), plain);
}

#[test]
fn bytes_between_the_parts_of_an_image_are_an_error() {
    let jpeg = golden("s420.jpg");
    let tables = jpeg.windows(2).position(|pair| pair == [0xff, 0xc4]).unwrap();
    let inside = [&jpeg[..tables], &[7; 5], &jpeg[tables..]].concat();
    assert!(
        matches!(decoded(&inside), Err(JpegError::Damaged(text)) if text.contains("extraneous"))
    );
}

#[test]
fn kinds_that_are_not_decoded_are_named() {
    let mut jpeg = golden("s444.jpg");
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg[frame + 4] = 12;
    assert!(matches!(decoded(&jpeg), Err(JpegError::Unsupported(text)) if text.contains("12")));
    jpeg[frame + 1] = 0xc3;
    assert!(matches!(decoded(&jpeg), Err(JpegError::Unsupported(text)) if text.contains("c3")));
}

#[test]
fn an_image_of_endless_scans_is_refused() {
    let jpeg = golden("progressive.jpg");
    let first = jpeg.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap();
    let next = |from: usize| {
        let is_marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7);
        from + 2 + jpeg[from + 2..].windows(2).position(is_marker).unwrap()
    };
    let scan = &jpeg[first..next(first)];
    let endless = [&jpeg[..first], &scan.repeat(600), &[0xff, 0xd9]].concat();
    assert!(decoded(&endless).is_err());
}
