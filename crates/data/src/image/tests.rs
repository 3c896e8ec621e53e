use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn gradient(width: usize, height: usize) -> RgbImage {
    let mut image = RgbImage::filled(width, height, [0; 3]);
    for y in 0..height {
        for x in 0..width {
            image.set_pixel(x, y, [(x * 7) as u8, (y * 5) as u8, ((x + y) * 3) as u8]);
        }
    }
    image
}

#[test]
fn a_written_png_reads_back_unchanged() {
    let folder = folder();
    let path = folder.path().join("a.png");
    let image = gradient(31, 17);
    image.write_png(&path).unwrap();
    assert_eq!(RgbImage::read(&path).unwrap(), image);
}

#[test]
fn the_content_decides_the_format_and_the_name_does_not() {
    let folder = folder();
    let path = folder.path().join("really_a_png.jpg");
    gradient(8, 8).write_png(&path).unwrap();
    assert_eq!(RgbImage::read(&path).unwrap(), gradient(8, 8));
}

#[test]
fn a_text_file_under_an_image_name_is_refused_by_its_first_bytes() {
    let folder = folder();
    let path = folder.path().join("page.png");
    std::fs::write(&path, "<html>").unwrap();
    let message = RgbImage::read(&path).unwrap_err().to_string();
    assert!(message.starts_with(path.to_str().unwrap()), "{message}");
    assert!(message.contains("3c 68 74 6d 6c 3e"), "{message}");
}

#[test]
fn an_empty_and_a_missing_file_are_two_different_errors() {
    let folder = folder();
    let path = folder.path().join("empty.png");
    std::fs::write(&path, "").unwrap();
    assert!(RgbImage::read(&path).unwrap_err().to_string().contains("it is empty"));
    let missing = folder.path().join("missing.png");
    assert!(matches!(RgbImage::read(&missing).unwrap_err(), DataError::Io { .. }));
}

#[test]
fn a_file_cut_short_anywhere_is_refused_in_every_format() {
    let folder = folder();
    let path = folder.path().join("image");
    for write in
        [RgbImage::write_png as fn(&RgbImage, &Path) -> _, |image, path| image.write_jpeg(path, 80)]
    {
        write(&gradient(64, 48), &path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for kept in [whole.len() / 4, whole.len() / 2, whole.len() * 3 / 4, whole.len() - 8] {
            let result = RgbImage::decode(&whole[..kept], &path, ImageLimits::default());
            assert!(
                matches!(result, Err(DataError::Damaged { .. })),
                "{kept} of {} bytes",
                whole.len()
            );
        }
    }
}

#[test]
fn bytes_after_the_end_of_a_jpeg_do_not_matter() {
    let folder = folder();
    let path = folder.path().join("image.jpg");
    gradient(16, 16).write_jpeg(&path, 80).unwrap();
    let mut encoded = std::fs::read(&path).unwrap();
    encoded.extend_from_slice(b"appended by a camera");
    assert!(RgbImage::decode(&encoded, &path, ImageLimits::default()).is_ok());
}

#[test]
fn an_image_over_the_limits_is_refused_before_it_is_decoded() {
    let folder = folder();
    let path = folder.path().join("wide.png");
    RgbImage::filled(300, 2, [9; 3]).write_png(&path).unwrap();
    for limits in [
        ImageLimits { side_px: 299, ..ImageLimits::default() },
        ImageLimits { allocation_bytes: 1_799, ..ImageLimits::default() },
    ] {
        assert!(matches!(
            RgbImage::read_within(&path, limits),
            Err(DataError::TooLarge { width: 300, .. })
        ));
    }
}

#[test]
fn extreme_shapes_are_read() {
    let folder = folder();
    let path = folder.path().join("shape.png");
    for (width, height) in [(1, 1), (1, 20_000), (20_000, 1)] {
        RgbImage::filled(width, height, [1, 2, 3]).write_png(&path).unwrap();
        let image = RgbImage::read(&path).unwrap();
        assert_eq!((image.width, image.height, image.pixel(0, 0)), (width, height, [1, 2, 3]));
    }
}

#[test]
fn gray_alpha_sixteen_bit_and_palette_become_rgb() {
    let folder = folder();
    let path = folder.path().join("image.png");
    let cases = [
        (
            DynamicImage::ImageLuma8(image::GrayImage::from_pixel(2, 2, image::Luma([77]))),
            [77, 77, 77],
        ),
        (
            DynamicImage::ImageRgba8(image::RgbaImage::from_pixel(2, 2, image::Rgba([1, 2, 3, 0]))),
            [1, 2, 3],
        ),
        (
            DynamicImage::ImageRgb16(image::ImageBuffer::from_pixel(
                2,
                2,
                image::Rgb([65_535, 32_896, 257]),
            )),
            [255, 128, 1],
        ),
    ];
    for (image, expected) in cases {
        image.save(&path).unwrap();
        assert_eq!(RgbImage::read(&path).unwrap().pixel(1, 1), expected);
    }
    crate::mask::IndexMask { width: 2, height: 1, ids: vec![0, 1] }
        .write_palette_png(&path, &[[10, 20, 30], [40, 50, 60]])
        .unwrap();
    assert_eq!(RgbImage::read(&path).unwrap().pixels, [10, 20, 30, 40, 50, 60]);
}

#[test]
fn exif_orientation_turns_the_image() {
    let folder = folder();
    let path = folder.path().join("turned.jpg");
    // EXIF orientation 6: the top of the scene is at the right of the stored image.
    let mut stored = RgbImage::filled(32, 16, [0; 3]);
    (0..16).for_each(|y| (16..32).for_each(|x| stored.set_pixel(x, y, [255; 3])));
    stored.write_jpeg(&path, 95).unwrap();
    let mut encoded = std::fs::read(&path).unwrap();
    let tiff = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let mut segment = vec![0xff, 0xe1];
    segment.extend_from_slice(&(tiff.len() as u16 + 2).to_be_bytes());
    segment.extend_from_slice(tiff);
    encoded.splice(2..2, segment);
    let image = RgbImage::decode(&encoded, &path, ImageLimits::default()).unwrap();
    assert_eq!((image.width, image.height), (16, 32));
    std::fs::write(&path, &encoded).unwrap();
    assert_eq!(dimensions(&path).unwrap(), (16, 32));
    assert!(image.pixel(8, 4)[0] < 20 && image.pixel(8, 28)[0] > 235);
}
