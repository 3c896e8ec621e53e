//! Files that real users meet, where they are: `shared/cases` beside the folder of the project.
//! What is right about each is in its README.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests; the lint knows functions marked as such alone"
)]

use std::path::PathBuf;
use std::process::ExitCode;

use rszs_edge::source::{Frame, ImageReader, Input, SourceError};
use rszs_tests::harness::{self, Need};
use rszs_tests::tests;

/// Pixels of the collar that several files share.
const COLLAR_PX: u64 = 55_796;

/// Mean red, green and blue of `sc_nonint420.jpg`.
const NONINTERLEAVED_MEANS: [f64; 3] = [115.21, 116.9, 100.61];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/cases")
}

fn read(name: &str) -> Result<Frame, SourceError> {
    let mut frame = Frame::default();
    ImageReader::new().read(&Input::File(folder().join(name)), &mut frame).map(|_| frame)
}

fn raster(name: &str) -> Frame {
    read(&format!("rasters/{name}.tif")).unwrap_or_else(|error| panic!("{error}"))
}

fn refusal(name: &str) -> String {
    read(name).map(|_| ()).unwrap_err().to_string()
}

fn collars_alpha_and_masks_are_no_image() {
    let collar = raster("collar_black_nodata0");
    for name in ["collar_black_nodata0", "collar_white_nodata255", "alpha_grey", "cog_jpeg_mask"] {
        let frame = raster(name);
        assert_eq!(frame.valid.invalid_px(), COLLAR_PX, "{name}");
        assert_eq!(frame.valid, collar.valid, "{name}");
    }
    // What is fed to the network does not depend on how the collar is stored.
    assert!(collar.rgb == raster("collar_white_nodata255").rgb);
    assert!(collar.rgb == raster("alpha_grey").rgb);
}

fn what_is_no_number_and_a_stated_value_are_no_image() {
    let [nan, stated] = ["float_nan", "float_nodata_-9999"].map(raster);
    assert_eq!(nan.valid.invalid_px(), COLLAR_PX);
    assert_eq!(nan.valid, stated.valid);
    assert_eq!(nan.reading.stretch, stated.reading.stretch, "of valid pixels alone");
    assert!(nan.rgb == stated.rgb);
}

fn more_than_eight_bits_are_stretched_by_what_most_pixels_are() {
    for name in ["s2_11bit_onehotpixel", "s2_11bit_nodata65535"] {
        let frame = raster(name);
        let limits = frame.reading.stretch.unwrap();
        assert!(
            limits.iter().all(|one| one.low < 300.0 && one.high < 2500.0),
            "{name}: {limits:?}"
        );
        let mean =
            frame.rgb.iter().map(|&byte| u64::from(byte)).sum::<u64>() as usize / frame.rgb.len();
        assert!((40..200).contains(&mean), "{name}: {mean}");
    }
    assert!(raster("s2_11bit_onehotpixel").valid.is_everywhere());
    assert!(!raster("s2_11bit_nodata65535").valid.is_everywhere());
    for name in ["int16", "nbits12"] {
        let frame = raster(name);
        assert!(frame.reading.stretch.is_some(), "{name}");
        assert!(frame.rgb.iter().any(|&byte| byte > 200), "{name}");
    }
}

fn bands_are_those_that_are_named_and_asked_for_where_none_is() {
    assert_eq!(raster("planet_bgrn_ci").reading.bands, Some([3, 2, 1]));
    assert!(raster("planet_bgrn_ci").valid.is_everywhere(), "the fourth band is no alpha");
    let message = refusal("rasters/planet_bgrn.tif");
    assert!(message.contains("found 4 without such names") && message.contains("--bands 3,2,1"));
}

fn palettes_planes_and_compressions_are_read() {
    let [zstd, lerc, planes] = ["comp_ZSTD", "comp_LERC", "planar_tiled"].map(raster);
    assert!(zstd.rgb == lerc.rgb && zstd.rgb == planes.rgb);
    let webp = raster("comp_WEBP");
    let apart: usize =
        webp.rgb.iter().zip(&zstd.rgb).map(|(a, b)| usize::from(a.abs_diff(*b))).sum();
    assert!(apart / webp.rgb.len() < 8, "{}", apart / webp.rgb.len());
    let palette = raster("palette");
    assert!(palette.rgb.chunks_exact(3).any(|pixel| pixel[0] != pixel[2]), "colours");
}

fn the_largest_page_is_the_image_and_a_preview_is_not() {
    let frame = raster("thumb_first_multipage");
    assert_eq!((frame.width_px, frame.height_px), (480, 296));
    assert_eq!(frame.reading.page, Some(2));
    let message = refusal("rasters/own_preview.DNG");
    assert!(message.contains("DNG"), "{message}");
}

fn damaged_jpeg_is_refused() {
    for name in ["cut_plus_eoi", "zeros_mid", "jpg_65535x3000"] {
        let message = refusal(&format!("pictures/{name}.jpg"));
        assert!(message.contains(name) && message.contains("copy the file again"), "{message}");
    }
}

fn one_scan_a_component_is_read() {
    let frame = read("pictures/sc_nonint420.jpg").unwrap();
    // Rows of pixels by Pillow: `Image.open(path).convert("RGB").tobytes()`, mean of each channel.
    let mean = |channel: usize| {
        let values = frame.rgb.iter().skip(channel).step_by(3).map(|&byte| f64::from(byte));
        values.sum::<f64>() / (frame.rgb.len() / 3) as f64
    };
    for (channel, expected) in NONINTERLEAVED_MEANS.into_iter().enumerate() {
        assert!((mean(channel) - expected).abs() < 0.5, "{channel}: {}", mean(channel));
    }
}

fn a_profile_that_unpacks_to_gigabytes_takes_bounded_memory() {
    let peak = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let before = peak();
    let read = read("pictures/png_iccp_bomb.png");
    let grown = peak() - before;
    assert!(grown < 100_000, "{grown} kB for 10 x 10 pixels ({:?})", read.map(|_| ()));
}

fn main() -> ExitCode {
    let missing = || format!("needs {}", folder().display());
    let need = Need::unless((!folder().is_dir()).then(missing));
    harness::run(tests![
        need;
        collars_alpha_and_masks_are_no_image,
        what_is_no_number_and_a_stated_value_are_no_image,
        more_than_eight_bits_are_stretched_by_what_most_pixels_are,
        bands_are_those_that_are_named_and_asked_for_where_none_is,
        palettes_planes_and_compressions_are_read,
        the_largest_page_is_the_image_and_a_preview_is_not,
        damaged_jpeg_is_refused,
        one_scan_a_component_is_read,
        a_profile_that_unpacks_to_gigabytes_takes_bounded_memory,
    ])
}
