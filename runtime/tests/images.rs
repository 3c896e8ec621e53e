//! Images as the field brings them: read as everybody else sees them, or refused with a reason
//! that helps.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::PathBuf;

use image::codecs::jpeg::JpegEncoder;
use image::{ImageBuffer, Luma, Pixel, PixelWithColorType, Rgb, RgbImage};
use rszs_edge::source::{Frame, ImageReader, Input, SourceError};
use tempfile::TempDir;

const WIDTH_PX: u16 = 48;
const HEIGHT_PX: u16 = 32;

fn image() -> RgbImage {
    RgbImage::from_fn(WIDTH_PX.into(), HEIGHT_PX.into(), |x, y| {
        Rgb([(x * 5) as u8, (y * 7) as u8, 90])
    })
}

fn read(path: PathBuf) -> Result<Frame, SourceError> {
    let mut frame = Frame::default();
    ImageReader::new().read(&Input::File(path), &mut frame).map(|_| frame)
}

fn read_bytes(name: &str, bytes: &[u8]) -> Result<Frame, SourceError> {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(name), bytes).unwrap();
    read(folder.path().join(name))
}

fn read_pixels<P>(
    name: &str,
    pixels: &ImageBuffer<P, Vec<P::Subpixel>>,
) -> Result<Frame, SourceError>
where
    P: Pixel + PixelWithColorType,
    [P::Subpixel]: image::EncodableLayout,
{
    let folder = TempDir::new().unwrap();
    pixels.save(folder.path().join(name)).unwrap();
    read(folder.path().join(name))
}

/// A TIFF file with the tags `(tag, type, count, value)` and one strip of `data` behind them.
fn tiff(tags: &[(u16, u16, u32, u32)], data: &[u8]) -> Vec<u8> {
    let strip = 8 + 2 + 12 * tags.len() as u32 + 4;
    let mut bytes =
        [&b"II*\0"[..], &8_u32.to_le_bytes(), &(tags.len() as u16).to_le_bytes()].concat();
    for &(tag, kind, count, value) in tags {
        let value = if tag == STRIP_OFFSETS { strip } else { value };
        bytes.extend(
            [
                &tag.to_le_bytes()[..],
                &kind.to_le_bytes(),
                &count.to_le_bytes(),
                &value.to_le_bytes(),
            ]
            .concat(),
        );
    }
    [&bytes, &[0; 4][..], data].concat()
}

const STRIP_OFFSETS: u16 = 273;

/// Tags of a strip of 8-bit pixels. The bits of three samples do not fit into a tag, so one value
/// stands for all.
fn tags(
    compression: u32,
    photometric: u32,
    samples: u32,
    orientation: u32,
    bytes: usize,
) -> Vec<(u16, u16, u32, u32)> {
    let (short, long) = (3, 4);
    vec![
        (256, short, 1, WIDTH_PX.into()),
        (257, short, 1, HEIGHT_PX.into()),
        (258, short, 1, 8),
        (259, short, 1, compression),
        (262, short, 1, photometric),
        (STRIP_OFFSETS, long, 1, 0),
        (274, short, 1, orientation),
        (277, short, 1, samples),
        (278, short, 1, HEIGHT_PX.into()),
        (279, long, 1, bytes as u32),
    ]
}

const JPEG: u32 = 7;
const LUMA_AND_CHROMA: u32 = 6;

#[test]
fn a_tiff_with_jpeg_inside_has_the_pixels_of_that_jpeg() {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 95).encode_image(&image()).unwrap();
    let expected = image::load_from_memory(&jpeg).unwrap().into_rgb8();
    let frame = read_bytes("map.tif", &tiff(&tags(JPEG, LUMA_AND_CHROMA, 3, 1, jpeg.len()), &jpeg))
        .unwrap();
    assert_eq!((frame.width_px, frame.height_px), expected.dimensions());
    let apart = frame.rgb.iter().zip(expected.as_raw()).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(apart <= Some(2), "two ways of rounding are at most 2 apart, found {apart:?}");
}

#[test]
fn a_tiff_with_jpeg_inside_is_turned_upright() {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 95).encode_image(&image()).unwrap();
    let turned_right = 6;
    let frame = read_bytes(
        "map.tif",
        &tiff(&tags(JPEG, LUMA_AND_CHROMA, 3, turned_right, jpeg.len()), &jpeg),
    )
    .unwrap();
    assert_eq!((frame.width_px, frame.height_px), (HEIGHT_PX.into(), WIDTH_PX.into()));
}

#[test]
fn sixteen_bits_and_floats_are_stretched_and_say_so() {
    let twelve = ImageBuffer::from_fn(32, 32, |x, y| Luma([(x * 131 + y) as u16]));
    for name in ["radar.png", "radar.tif"] {
        let frame = read_pixels(name, &twelve).unwrap();
        let limits = frame.reading.stretch.unwrap()[0];
        assert!(limits.low < 131.0 && limits.high > 3900.0, "{name}: {limits:?}");
        assert!(frame.rgb[0] == 0 && frame.rgb[31 * 3] > 250, "{name}");
    }
    // One hot pixel decides nothing.
    let mut hot = twelve.clone();
    hot.put_pixel(3, 3, Luma([u16::MAX]));
    let limits = read_pixels("hot.tif", &hot).unwrap().reading.stretch.unwrap()[0];
    assert!(limits.high < 4100.0, "{limits:?}");
    let nothing = ImageBuffer::from_pixel(32, 32, Luma([0_u16]));
    assert_eq!(read_pixels("night.png", &nothing).unwrap().rgb[0], 0, "black is what it is");
    let floats = ImageBuffer::from_fn(32, 32, |x, _| Rgb([x as f32 * 8.0, 0.5, 0.0]));
    let frame = read_pixels("floats.tif", &floats).unwrap();
    assert_eq!((frame.rgb[0], frame.rgb[31 * 3], frame.rgb[1]), (0, 255, 0));
}

#[test]
fn what_is_transparent_is_no_image_and_looks_like_its_neighbours() {
    let pixels = ImageBuffer::from_fn(32, 32, |x, y| {
        image::Rgba([200, 10, 10, if x < 8 { 0 } else { (y * 8) as u8 | 1 }])
    });
    for name in ["cut.png", "cut.webp"] {
        let frame = read_pixels(name, &pixels).unwrap();
        assert_eq!(frame.valid.invalid_px(), 8 * 32, "{name}");
        assert!(!frame.valid.is_valid(7, 9) && frame.valid.is_valid(8, 9), "{name}");
        assert_eq!(frame.rgb[..3], [200, 10, 10], "{name}: filled from the right");
    }
}

#[test]
fn what_is_not_read_says_what_it_is_and_is_not_called_damaged() {
    let (jpeg_2000, rgb) = (34_712, 2);
    let message = read_bytes("z.tif", &tiff(&tags(jpeg_2000, rgb, 3, 1, 16), &[0; 16]))
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("34712") && message.ends_with("convert it to 8-bit RGB first"),
        "{message}"
    );
    assert!(!message.contains("copy the file again"), "{message}");
}

#[test]
fn a_tiff_with_long_offsets_is_a_tiff() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("big.tif");
    let file = fs::File::create(&path).unwrap();
    let mut encoder = tiff::encoder::TiffEncoder::new_big(file).unwrap();
    let image = image();
    encoder
        .write_image::<tiff::encoder::colortype::RGB8>(
            image.width(),
            image.height(),
            image.as_raw(),
        )
        .unwrap();
    assert_eq!(read(path).unwrap().rgb, image.into_raw());
}

#[test]
fn empty_files_and_links_to_nothing_say_so() {
    let message = read_bytes("a.jpg", b"").unwrap_err().to_string();
    assert!(message.ends_with("found an empty file; copy it again"), "{message}");
    let folder = TempDir::new().unwrap();
    let link = folder.path().join("link.jpg");
    std::os::unix::fs::symlink("nowhere.jpg", &link).unwrap();
    let message = read(link).unwrap_err().to_string();
    assert!(message.contains("found a link to a file that is not there"), "{message}");
}
