//! Masks: one class index a pixel.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use image::{DynamicImage, ImageFormat};

use crate::bands;
use crate::error::DataError;
use crate::image::{ImageLimits, Place, cut, decode_as_stored, first_bytes, read_file};
use crate::palette::Palette;

/// The index of a pixel nobody labelled. It counts neither in a loss nor in a score.
pub const IGNORE: u8 = 255;

/// How the pixels of a mask file say their index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaskFormat {
    /// The stored byte is the index: [`IndexMask::read`].
    Index,
    /// The stored byte stands for it, `(byte, index)`.
    Renumbered(&'static [(u8, u8)]),
    /// A colour stands for it: [`Palette::read`].
    Colour(Palette),
    /// A colour of nothing and full channels alone stands for it: [`Palette::read_binary`].
    BinaryColour(Palette),
}

impl MaskFormat {
    /// Reads a mask file.
    pub fn read(&self, path: &Path) -> Result<IndexMask, DataError> {
        match self {
            Self::Index => IndexMask::read(path),
            Self::Renumbered(numbers) => IndexMask::read(path)?.renumbered(numbers, path),
            Self::Colour(palette) => palette.read(path),
            Self::BinaryColour(palette) => palette.read_binary(path),
        }
    }
}

/// A mask. `ids: [H, W]`, the index of a class in the set's [`crate::ClassTable`], or [`IGNORE`].
#[derive(Clone, PartialEq, Eq)]
pub struct IndexMask {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Row after row, one byte a pixel.
    pub ids: Vec<u8>,
}

impl std::fmt::Debug for IndexMask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IndexMask({}x{})", self.width, self.height)
    }
}

impl IndexMask {
    /// A mask of one class.
    pub fn filled(width: usize, height: usize, id: u8) -> Self {
        Self { width, height, ids: vec![id; width * height] }
    }

    /// The index at column `x`, row `y`. Panics outside the mask.
    pub fn id(&self, x: usize, y: usize) -> u8 {
        self.ids[y * self.width + x]
    }

    /// The indices that occur.
    pub fn present(&self) -> BTreeSet<u8> {
        let mut seen = [false; 256];
        self.ids.iter().for_each(|&id| seen[usize::from(id)] = true);
        (0..=255).filter(|&id| seen[usize::from(id)]).collect()
    }

    /// Reads an 8-bit gray or palette PNG, or an 8-bit gray TIFF. The stored bytes are the indices;
    /// a palette's colours are not looked at.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let limits = ImageLimits::default();
        let damaged = |error: png::DecodingError| DataError::Damaged {
            path: path.to_path_buf(),
            format: "PNG",
            found: error.to_string(),
        };
        let file = File::open(path).map_err(DataError::io(path, "a mask file"))?;
        let mut reader = BufReader::new(file);
        let start =
            std::io::BufRead::fill_buf(&mut reader).map_err(DataError::io(path, "a mask file"))?;
        if image::guess_format(start).is_ok_and(|format| format == ImageFormat::Tiff) {
            return Self::read_tiff(path, limits);
        }
        if !start.starts_with(b"\x89PNG\r\n\x1a\n") {
            return Err(DataError::NotAMask {
                path: path.to_path_buf(),
                found: format!("a file that begins with {}", first_bytes(start)),
            });
        }
        let allocation = png::Limits { bytes: limits.allocation_bytes as usize };
        let mut source = png::Decoder::new_with_limits(reader, allocation);
        source.set_transformations(png::Transformations::IDENTITY);
        let mut png = source.read_info().map_err(damaged)?;
        let info = png.info();
        let (width, height) = (info.width, info.height);
        let (colour, depth) = (info.color_type, info.bit_depth);
        let found_bytes = u64::from(width) * u64::from(height);
        limits.expect(path, (width, height), found_bytes)?;
        if depth != png::BitDepth::Eight
            || !matches!(colour, png::ColorType::Grayscale | png::ColorType::Indexed)
        {
            return Err(DataError::NotAMask {
                path: path.to_path_buf(),
                found: format!("{colour:?} with {} bits a sample", depth as u8),
            });
        }
        let (width, height) = (width as usize, height as usize);
        let mut ids = vec![0; width * height];
        png.next_frame(&mut ids).map_err(damaged)?;
        Ok(Self { width, height, ids })
    }

    /// Every byte as the index that `numbers` gives it, `(byte, index)`.
    fn renumbered(mut self, numbers: &[(u8, u8)], path: &Path) -> Result<Self, DataError> {
        for (at, id) in self.ids.iter_mut().enumerate() {
            let number = numbers.iter().find(|(stored, _)| stored == id);
            *id = number.map(|&(_, index)| index).ok_or_else(|| DataError::UnknownClass {
                path: path.to_path_buf(),
                known: numbers
                    .iter()
                    .map(|(stored, _)| stored.to_string())
                    .collect::<Vec<_>>()
                    .join(", "),
                value: *id,
                x: at % self.width,
                y: at / self.width,
            })?;
        }
        Ok(self)
    }

    fn read_tiff(path: &Path, limits: ImageLimits) -> Result<Self, DataError> {
        let encoded = read_file(path, limits)?;
        if bands::decode(&encoded, path, limits)?.is_some() {
            return Err(DataError::NotAMask {
                path: path.to_path_buf(),
                found: "a TIFF of several bands".to_owned(),
            });
        }
        match decode_as_stored(&encoded, path, limits)? {
            DynamicImage::ImageLuma8(gray) => Ok(Self {
                width: gray.width() as usize,
                height: gray.height() as usize,
                ids: gray.into_raw(),
            }),
            other => Err(DataError::NotAMask {
                path: path.to_path_buf(),
                found: format!("a TIFF of {:?}", other.color()),
            }),
        }
    }

    /// The piece at `place`. Panics if it reaches outside.
    pub(crate) fn cut(&self, place: Place) -> Self {
        let ids = cut(&self.ids, self.width, 1, place);
        Self { width: place[2] - place[0], height: place[3] - place[1], ids }
    }

    /// Writes an 8-bit gray PNG whose bytes are the indices.
    pub fn write_png(&self, path: &Path) -> Result<(), DataError> {
        write(path, &self.to_png(path)?)
    }

    /// The bytes of the file that [`write_png`](Self::write_png) writes to `path`.
    pub(crate) fn to_png(&self, path: &Path) -> Result<Vec<u8>, DataError> {
        self.encode(path, png::ColorType::Grayscale, None)
    }

    /// Writes an 8-bit palette PNG whose bytes are the indices and whose colour for index i is
    /// `palette[i]`. An index beyond the palette makes the file unreadable for other programs; give
    /// a colour to every index.
    pub fn write_palette_png(&self, path: &Path, palette: &[[u8; 3]]) -> Result<(), DataError> {
        write(path, &self.encode(path, png::ColorType::Indexed, Some(palette.as_flattened()))?)
    }

    fn encode(
        &self,
        path: &Path,
        colour: png::ColorType,
        palette: Option<&[u8]>,
    ) -> Result<Vec<u8>, DataError> {
        let refused = |error: png::EncodingError| {
            DataError::malformed(path, "a mask that a PNG can hold", error)
        };
        let mut encoded = Vec::new();
        let mut header = png::Encoder::new(&mut encoded, self.width as u32, self.height as u32);
        header.set_color(colour);
        header.set_depth(png::BitDepth::Eight);
        if let Some(palette) = palette {
            header.set_palette(palette);
        }
        let mut writer = header.write_header().map_err(refused)?;
        writer.write_image_data(&self.ids).map_err(refused)?;
        writer.finish().map_err(refused)?;
        Ok(encoded)
    }
}

fn write(path: &Path, encoded: &[u8]) -> Result<(), DataError> {
    std::fs::write(path, encoded).map_err(DataError::io(path, "a file that can be written"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::RgbImage;

    fn mask() -> IndexMask {
        IndexMask { width: 3, height: 2, ids: vec![0, 1, 2, 3, 255, 1] }
    }

    #[test]
    fn the_indices_of_a_palette_png_come_out_and_its_colours_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mask.png");
        mask().write_palette_png(&path, &[[200, 100, 50]; 256]).unwrap();
        assert_eq!(IndexMask::read(&path).unwrap(), mask());
        mask().write_png(&path).unwrap();
        assert_eq!(IndexMask::read(&path).unwrap(), mask());
    }

    #[test]
    fn a_colour_image_and_a_jpeg_are_no_masks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mask.png");
        let image = RgbImage::filled(4, 4, [1, 2, 3]);
        image.write_png(&path).unwrap();
        let message = IndexMask::read(&path).unwrap_err().to_string();
        assert!(message.contains("found Rgb with 8 bits a sample"), "{message}");
        image.write_jpeg(&path, 90).unwrap();
        let message = IndexMask::read(&path).unwrap_err().to_string();
        assert!(message.contains("begins with ff d8"), "{message}");
    }

    #[test]
    fn the_bytes_of_a_gray_tiff_are_indices_and_colours_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mask.tif");
        let write = |bytes: &[u8], colour| {
            image::save_buffer_with_format(&path, bytes, 3, 2, colour, ImageFormat::Tiff).unwrap();
        };
        write(&mask().ids, image::ExtendedColorType::L8);
        assert_eq!(IndexMask::read(&path).unwrap(), mask());
        write(&[7; 18], image::ExtendedColorType::Rgb8);
        let message = IndexMask::read(&path).unwrap_err().to_string();
        assert!(message.contains("found a TIFF of Rgb8"), "{message}");
    }

    #[test]
    fn bytes_that_stand_for_indices_are_renumbered_and_another_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mask.png");
        mask().write_png(&path).unwrap();
        let read = |numbers| MaskFormat::Renumbered(numbers).read(&path);
        assert_eq!(
            read(&[(0, 7), (1, 0), (2, 1), (3, 1), (255, 255)]).unwrap().ids,
            [7, 0, 1, 1, 255, 0]
        );
        let message = read(&[(0, 0), (1, 1), (255, 255)]).unwrap_err().to_string();
        assert!(
            message.contains("expected class indices 0, 1, 255, found 2 at x 2, y 0"),
            "{message}"
        );
    }

    #[test]
    fn a_mask_cut_short_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mask.png");
        IndexMask::filled(64, 64, 1).write_png(&path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 20]).unwrap();
        assert!(matches!(IndexMask::read(&path), Err(DataError::Damaged { .. })));
    }

    #[test]
    fn present_lists_each_index_once() {
        assert_eq!(mask().present().into_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 255]);
    }
}
