//! Masks of two values, as most programs write them, as masks of class indices.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use image::{ColorType, DynamicImage, ImageFormat, ImageReader};
use rszs_data::DataError;

use crate::TrainError;
use crate::run::{make_folder, write_atomically};

/// Writes each mask of `from` into `to` under its name: what is not 0 becomes `index`. Returns how
/// many were written.
pub(super) fn convert(from: &Path, to: &Path, index: u8) -> Result<usize, TrainError> {
    let masks = masks_in(from)?;
    if masks.is_empty() {
        return Err(refuse(from, "masks: *.png", "none"));
    }
    make_folder(to)?;
    for path in &masks {
        let (size, values) = read(path)?;
        let indices: Vec<u8> =
            values.iter().map(|&value| if value == 0 { 0 } else { index }).collect();
        let mut png = std::io::Cursor::new(Vec::new());
        let encoder = image::codecs::png::PngEncoder::new(&mut png);
        image::ImageEncoder::write_image(
            encoder,
            &indices,
            size[0],
            size[1],
            image::ExtendedColorType::L8,
        )
        .map_err(|error| refuse(path, "a mask that can be written", error.to_string()))?;
        write_atomically(&to.join(path.file_name().unwrap_or_default()), png.get_ref())?;
    }
    Ok(masks.len())
}

/// In order of their names.
fn masks_in(folder: &Path) -> Result<Vec<PathBuf>, TrainError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(TrainError::file(folder))? {
        let path = entry.map_err(TrainError::file(folder))?.path();
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")) {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

/// Width and height, and a byte a pixel: 0 and one other value.
fn read(path: &Path) -> Result<([u32; 2], Vec<u8>), TrainError> {
    let bytes = fs::read(path).map_err(TrainError::file(path))?;
    let decoded = ImageReader::with_format(std::io::Cursor::new(bytes), ImageFormat::Png).decode();
    let image = decoded.map_err(|error| refuse(path, "a PNG", error.to_string()))?;
    let expected =
        "a mask of black and one other shade of grey: 0 and 255, 0 and 1, or one bit a pixel";
    let size = [image.width(), image.height()];
    let values = match image {
        DynamicImage::ImageLuma8(grey) => grey.into_raw(),
        other if is_grey(&other) => other.to_luma8().into_raw(),
        other => return Err(refuse(path, expected, format!("colours ({:?})", other.color()))),
    };
    let found: BTreeSet<u8> = values.iter().copied().collect();
    if found.iter().filter(|&&value| value != 0).count() > 1 {
        let few: Vec<String> = found.iter().take(8).map(u8::to_string).collect();
        let more = if found.len() > few.len() { ", …" } else { "" };
        return Err(refuse(path, expected, format!("the values {}{more}", few.join(", "))));
    }
    Ok((size, values))
}

/// Whether three equal channels, or grey with opacity, say no more than grey.
fn is_grey(image: &DynamicImage) -> bool {
    match image.color() {
        ColorType::L8 | ColorType::La8 => true,
        ColorType::Rgb8 | ColorType::Rgba8 => image
            .to_rgb8()
            .pixels()
            .all(|pixel| pixel.0[0] == pixel.0[1] && pixel.0[1] == pixel.0[2]),
        _ => false,
    }
}

fn refuse(path: &Path, expected: &str, found: impl Into<String>) -> TrainError {
    DataError::Malformed {
        path: path.to_owned(),
        expected: expected.to_owned(),
        found: found.into(),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rszs_data::IndexMask;

    /// A PNG of two pixels in a row with these stored bytes.
    fn png(path: &Path, depth: png::BitDepth, bytes: &[u8]) {
        let mut encoder = png::Encoder::new(fs::File::create(path).unwrap(), 2, 1);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(depth);
        encoder.write_header().unwrap().write_image_data(bytes).unwrap();
    }

    #[test]
    fn bytes_of_255_of_1_and_bits_become_the_index() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir(&from).unwrap();
        png(&from.join("a.png"), png::BitDepth::Eight, &[0, 255]);
        png(&from.join("b.png"), png::BitDepth::Eight, &[1, 0]);
        png(&from.join("c.png"), png::BitDepth::One, &[0b0100_0000]);
        fs::write(from.join("notes.txt"), "not a mask").unwrap();
        assert_eq!(convert(&from, &to, 3).unwrap(), 3);
        let ids = ["a", "b", "c"]
            .map(|name| IndexMask::read(&to.join(name).with_extension("png")).unwrap().ids);
        assert_eq!(ids, [[0, 3], [3, 0], [0, 3]]);
    }

    #[test]
    fn a_mask_of_more_than_two_values_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        png(&folder.path().join("a.png"), png::BitDepth::Eight, &[1, 2]);
        let message = convert(folder.path(), &folder.path().join("to"), 1).unwrap_err().to_string();
        assert!(
            message.contains("a.png: expected a mask of black and one other shade of grey"),
            "{message}"
        );
        assert!(message.contains("found the values 1, 2"), "{message}");
    }
}
