//! Colours that stand for indices: how several sets write their masks.

use std::path::Path;

use crate::error::DataError;
use crate::image::RgbImage;
use crate::mask::IndexMask;

/// `(index, colour)`, each colour once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette(pub &'static [(u8, [u8; 3])]);

impl Palette {
    /// Reads an image in which every pixel has exactly one of the colours. One that was resampled,
    /// or went through JPEG, is refused at its first other colour: the nearest one would be a
    /// guess.
    pub fn read(&self, path: &Path) -> Result<IndexMask, DataError> {
        self.indices(&RgbImage::read(path)?, path)
    }

    /// The same for colours of which every channel is 0 or 255, in files that were compressed: from
    /// 128 on, a channel is full. This is what `DeepGlobe` asks its readers to do.
    pub fn read_binary(&self, path: &Path) -> Result<IndexMask, DataError> {
        let mut image = RgbImage::read(path)?;
        image.pixels.iter_mut().for_each(|channel| *channel = if *channel < 128 { 0 } else { 255 });
        self.indices(&image, path)
    }

    fn indices(&self, image: &RgbImage, path: &Path) -> Result<IndexMask, DataError> {
        let mut ids = Vec::with_capacity(image.width * image.height);
        // Neighbours mostly have one colour.
        let mut last = self.0[0];
        for pixel in image.pixels.as_chunks::<3>().0 {
            if *pixel != last.1 {
                last = *self.0.iter().find(|(_, colour)| colour == pixel).ok_or_else(|| {
                    DataError::UnknownColour {
                        path: path.to_path_buf(),
                        known: self
                            .0
                            .iter()
                            .map(|&(_, colour)| triple(colour))
                            .collect::<Vec<_>>()
                            .join(" "),
                        colour: triple(*pixel),
                        x: ids.len() % image.width,
                        y: ids.len() / image.width,
                    }
                })?;
            }
            ids.push(last.0);
        }
        Ok(IndexMask { width: image.width, height: image.height, ids })
    }

    /// The image of a mask. Panics at an index without a colour.
    pub fn paint(&self, mask: &IndexMask) -> RgbImage {
        let colour = |id: &u8| {
            self.0.iter().find(|(known, _)| known == id).expect("an index of the palette").1
        };
        RgbImage {
            width: mask.width,
            height: mask.height,
            pixels: mask.ids.iter().flat_map(colour).collect(),
        }
    }
}

fn triple([red, green, blue]: [u8; 3]) -> String {
    format!("({red}, {green}, {blue})")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PALETTE: Palette = Palette(&[(0, [255, 255, 255]), (3, [0, 0, 255]), (255, [0, 0, 0])]);

    #[test]
    fn colours_become_their_indices_and_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mask.png");
        let mask = IndexMask { width: 3, height: 2, ids: vec![0, 3, 3, 255, 0, 3] };
        PALETTE.paint(&mask).write_png(&path).unwrap();
        assert_eq!(PALETTE.read(&path).unwrap(), mask);
    }

    #[test]
    fn channels_near_nothing_and_near_full_are_read_as_such_where_the_set_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mask.png");
        let pixels = vec![254, 130, 128, 127, 3, 251, 0, 1, 0];
        RgbImage { width: 3, height: 1, pixels }.write_png(&path).unwrap();
        assert_eq!(PALETTE.read_binary(&path).unwrap().ids, [0, 3, 255]);
        assert!(matches!(PALETTE.read(&path), Err(DataError::UnknownColour { x: 0, .. })));
    }

    #[test]
    fn another_colour_is_named_with_its_pixel() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mask.png");
        let mut image = PALETTE.paint(&IndexMask::filled(4, 3, 3));
        image.set_pixel(2, 1, [0, 1, 255]);
        image.write_png(&path).unwrap();
        assert_eq!(
            PALETTE.read(&path).unwrap_err().to_string(),
            format!(
                "{}: expected the colours (255, 255, 255) (0, 0, 255) (0, 0, 0), found (0, 1, 255) \
                 at x 2, y 1 \
                 (another set's mask, or a resampled or lossy copy?)",
                path.display()
            )
        );
    }
}
