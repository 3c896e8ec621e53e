//! Cutting the large images of a set into tiles, so that training need not decode 6000 by 6000
//! pixels for a crop of 512.
//!
//! What is written is a folder set: see [`crate::folder`]. Tiles stand side by side from the
//! upper left; the last of a row and of a column is moved back to end with the image. An image
//! smaller than a tile stays whole. These are the places where mmsegmentation's converter for
//! Potsdam cuts, and the names of its files.

use std::num::NonZeroUsize;
use std::path::Path;

use super::workers::in_parallel;
use super::{Prepared, claim, make_folder, write};
use crate::dense_set::{DenseSet, Provenance, Split};
use crate::error::DataError;
use crate::folder::{self, CLASSES_FILE, VAL};
use crate::image::{self, Place, RgbImage};
use crate::mask::{IGNORE, IndexMask};

/// Cuts every image and mask of `set` into tiles of `side_px` below `output`, with so many
/// threads. `progress` hears how many images are done, and of how many.
///
/// `classes.txt` comes last, without which the folder is no set. Indices that the set's evaluation
/// leaves out become [`IGNORE`]. Refused are a folder that holds anything else, and a set whose
/// words overlap, which `classes.txt` cannot say.
pub fn tiles(
    set: DenseSet,
    output: &Path,
    side_px: NonZeroUsize,
    threads: NonZeroUsize,
    progress: impl FnMut(usize, usize),
) -> Result<Prepared, DataError> {
    let set = set.keeping(0);
    let side_px = side_px.get();
    let classes = folder::to_text(set.classes()).ok_or_else(|| {
        let expected = "a set in which every word is one index and a negative for all others";
        DataError::malformed(Path::new(set.name()), expected, "words that overlap")
    })?;
    let name = format!("{} in tiles of {side_px} px", set.name());
    claim(output, &Provenance { name, ..set.provenance().clone() })?;
    ["images", "masks"].iter().try_for_each(|folder| make_folder(&output.join(folder)))?;
    let ignored: Vec<bool> = (0..=255).map(|id| set.classes().ignores(id)).collect();
    let images: Vec<(Split, usize, &str)> = [Split::Train, Split::Val]
        .into_iter()
        .flat_map(|split| set.ids(split).enumerate().map(move |(index, id)| (split, index, id)))
        .collect();
    let cut = |image: usize| {
        let (split, index, id) = images[image];
        let (width, height) = image::dimensions(set.image_path(split, index))?;
        let tiles: Vec<Tile> =
            places(width, height, side_px).map(|place| Tile::new(id, place)).collect();
        let missing: Vec<&Tile> = tiles.iter().filter(|tile| !tile.is_written(output)).collect();
        if !missing.is_empty() {
            let sample = set.sample(split, index)?;
            let mut mask = sample.mask.clone();
            mask.ids.iter_mut().filter(|id| ignored[usize::from(**id)]).for_each(|id| *id = IGNORE);
            missing.iter().try_for_each(|tile| tile.write(output, &sample.image, &mask))?;
        }
        let counts = Prepared { written: missing.len(), kept: tiles.len() - missing.len() };
        let names: Vec<String> = tiles.into_iter().map(|tile| tile.name).collect();
        Ok((counts, names))
    };
    let done = in_parallel(threads, images.len(), cut, progress)?;
    let (mut prepared, mut val) = (Prepared::default(), String::new());
    for ((split, ..), (counts, names)) in images.iter().zip(done) {
        prepared += counts;
        if *split == Split::Val {
            val.extend(names.iter().flat_map(|name| [name.as_str(), "\n"]));
        }
    }
    write(&output.join(VAL), val.as_bytes())?;
    write(&output.join(CLASSES_FILE), classes.as_bytes())?;
    Ok(prepared)
}

/// The places of the tiles of an image, row by row.
fn places(width: usize, height: usize, side_px: usize) -> impl Iterator<Item = Place> {
    let starts = move |length: usize| {
        (0..length).step_by(side_px).map(move |at| at.min(length.saturating_sub(side_px)))
    };
    let end = move |start: usize, length: usize| (start + side_px).min(length);
    starts(height).flat_map(move |top| {
        starts(width).map(move |left| [left, top, end(left, width), end(top, height)])
    })
}

/// A tile of one image.
struct Tile {
    /// Of its files, without the extension.
    name: String,
    place: Place,
}

impl Tile {
    fn new(id: &str, place: Place) -> Self {
        let [left, top, right, bottom] = place;
        Self { name: format!("{id}_{left}_{top}_{right}_{bottom}"), place }
    }

    /// Its image and its mask.
    fn paths(&self, output: &Path) -> [std::path::PathBuf; 2] {
        ["images", "masks"].map(|folder| output.join(folder).join(format!("{}.png", self.name)))
    }

    fn is_written(&self, output: &Path) -> bool {
        self.paths(output).iter().all(|path| path.is_file())
    }

    fn write(&self, output: &Path, image: &RgbImage, mask: &IndexMask) -> Result<(), DataError> {
        let [image_file, mask_file] = self.paths(output);
        write(&image_file, &image.cut(self.place).to_png(&image_file)?)?;
        write(&mask_file, &mask.cut(self.place).to_png(&mask_file)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;
    use crate::sets::{dubai, potsdam};

    const SIDE_PX: NonZeroUsize = NonZeroUsize::new(8).unwrap();
    const THREADS: NonZeroUsize = NonZeroUsize::new(2).unwrap();

    /// A fake Potsdam of 16 by 12 pixels an image, and a folder for its tiles.
    fn potsdam() -> (tempfile::TempDir, std::path::PathBuf, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let root = fixtures::potsdam(folder.path()).unwrap();
        let output = folder.path().join("potsdam_8");
        (folder, root, output)
    }

    fn cut(root: &Path, output: &Path, side_px: usize) -> Result<Prepared, DataError> {
        tiles(potsdam::open(root).unwrap(), output, side_px.try_into().unwrap(), THREADS, |_, _| {})
    }

    #[test]
    fn tiles_say_what_the_images_say() {
        let (_folder, root, output) = potsdam();
        assert_eq!(cut(&root, &output, 8).unwrap(), Prepared { written: 12, kept: 0 });
        let (images, tiles) = (potsdam::open(&root).unwrap(), folder::open(&output).unwrap());
        assert_eq!((tiles.len(Split::Train), tiles.len(Split::Val)), (8, 4));
        let names = ["7_13_0_0_8_8", "7_13_0_4_8_12", "7_13_8_0_16_8", "7_13_8_4_16_12"];
        assert_eq!(tiles.ids(Split::Val).collect::<Vec<_>>(), names);
        let image = images.sample(Split::Val, 0).unwrap();
        let tile = tiles.sample(Split::Val, 3).unwrap();
        for (x, y) in (0..8).flat_map(|x| (0..8).map(move |y| (x, y))) {
            assert_eq!(tile.image.pixel(x, y), image.image.pixel(x + 8, y + 4));
            for concept in images.classes().concepts() {
                let of_square = tiles.classes().concept(&concept.name).unwrap().targets();
                let [in_tile, in_image] =
                    [tile.mask.id(x, y), image.mask.id(x + 8, y + 4)].map(usize::from);
                assert_eq!(
                    of_square[in_tile],
                    concept.targets()[in_image],
                    "{} at {x}, {y}",
                    concept.name
                );
            }
        }
        assert!(!tile.mask.ids.contains(&5), "clutter counts nowhere");
    }

    #[test]
    fn the_provenance_goes_with_the_squares() {
        let (_folder, root, output) = potsdam();
        cut(&root, &output, 8).unwrap();
        let (images, tiles) = (potsdam::open(&root).unwrap(), folder::open(&output).unwrap());
        let expected = Provenance { name: "potsdam_8".to_owned(), ..images.provenance().clone() };
        assert_eq!(*tiles.provenance(), expected);
    }

    #[test]
    fn a_second_call_writes_what_is_missing_and_nothing_else() {
        let (_folder, root, output) = potsdam();
        cut(&root, &output, 8).unwrap();
        let path = output.join("masks/6_9_8_0_16_8.png");
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(cut(&root, &output, 8).unwrap(), Prepared { written: 0, kept: 12 });
        std::fs::remove_file(&path).unwrap();
        assert_eq!(cut(&root, &output, 8).unwrap(), Prepared { written: 1, kept: 11 });
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
        let hidden = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.unwrap().file_name().to_string_lossy().starts_with('.')
        };
        assert!(!output.join("masks").read_dir().unwrap().any(hidden), "a partial file is left");
    }

    #[test]
    fn what_was_interrupted_is_no_set_until_it_is_taken_up() {
        let (_folder, root, output) = potsdam();
        let mask = root.join("5_Labels_all_noBoundary/top_potsdam_6_9_label_noBoundary.tif");
        let whole = std::fs::read(&mask).unwrap();
        std::fs::write(&mask, &whole[..whole.len() / 2]).unwrap();
        assert!(matches!(cut(&root, &output, 8), Err(DataError::Damaged { .. })));
        assert!(folder::open(&output).unwrap_err().to_string().contains("classes.txt"));
        std::fs::write(&mask, whole).unwrap();
        // Of the other two images all tiles may be there or only those before the error.
        let Prepared { written, kept } = cut(&root, &output, 8).unwrap();
        assert!(written + kept == 12 && written >= 4, "{written} written, {kept} kept");
        assert!(folder::open(&output).is_ok());
    }

    #[test]
    fn progress_counts_images() {
        let (_folder, root, output) = potsdam();
        let mut heard = Vec::new();
        tiles(potsdam::open(&root).unwrap(), &output, SIDE_PX, THREADS, |done, total| {
            heard.push((done, total));
        })
        .unwrap();
        assert_eq!(heard, [(1, 3), (2, 3), (3, 3)]);
    }

    #[test]
    fn a_folder_of_other_squares_is_refused() {
        let (_folder, root, output) = potsdam();
        cut(&root, &output, 8).unwrap();
        let expected = format!(
            "{}: expected Potsdam in tiles of 4 px, found Potsdam in tiles of 8 px (choose \
             another folder)",
            output.join("provenance.json").display()
        );
        assert_eq!(cut(&root, &output, 4).unwrap_err().to_string(), expected);
    }

    #[test]
    fn a_folder_of_something_else_is_refused_and_left_alone() {
        let (folder, root, _) = potsdam();
        let own = fixtures::folder(folder.path()).unwrap();
        let classes = std::fs::read(own.join("classes.txt")).unwrap();
        let expected = format!(
            "{}: expected an empty folder, or one with provenance.json that says Potsdam in \
             tiles of 8 px, \
             found other files (choose another folder)",
            own.display()
        );
        assert_eq!(cut(&root, &own, 8).unwrap_err().to_string(), expected);
        assert_eq!(std::fs::read(own.join("classes.txt")).unwrap(), classes);
        assert!(!own.join("provenance.json").exists());
    }

    #[test]
    fn a_set_whose_words_overlap_is_refused_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let set = dubai::open(&fixtures::dubai(folder.path()).unwrap()).unwrap();
        let output = folder.path().join("tiles");
        assert_eq!(
            tiles(set, &output, SIDE_PX, THREADS, |_, _| {}).unwrap_err().to_string(),
            "dubai: expected a set in which every word is one index and a negative for all others, \
             found words that overlap"
        );
        assert!(!output.exists());
    }

    #[test]
    fn squares_cover_an_image_and_stay_inside() {
        for (width, height, side_px, count) in
            [(6000, 6000, 512, 144), (4000, 3000, 1024, 12), (16, 12, 8, 4), (5, 7, 8, 1)]
        {
            let mut covered = vec![false; width * height];
            let tiles: Vec<Place> = places(width, height, side_px).collect();
            assert_eq!(tiles.len(), count);
            for [left, top, right, bottom] in tiles {
                assert_eq!((right - left, bottom - top), (side_px.min(width), side_px.min(height)));
                (top..bottom).for_each(|y| covered[y * width..][left..right].fill(true));
            }
            assert!(
                covered.into_iter().all(|covered| covered),
                "{width}x{height} in tiles of {side_px}"
            );
        }
    }
}
