//! `nyc_maps` from pairs of a photo and a map: what the colours of the map say becomes the mask.
//!
//! A pair is one image, the photo in its left half and the map of the same place in its right. The
//! map is drawn in few colours, but lossy compression and lettering blur them: a median of 3 pixels
//! comes before the colours are looked at, and a median of 5 pixels of the labels after.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::workers::in_parallel;
use super::{Prepared, make_folder, write};
use crate::error::DataError;
use crate::image::RgbImage;
use crate::mask::IndexMask;

const JPEG_QUALITY: u8 = 95;
/// Digits of a number in a name.
const DIGITS: usize = 4;

/// Writes `images/train_0001.jpg` and `masks/train_0001.png` below `output` for the pair `1.jpg` of
/// the folder `pairs`, and so on, with so many threads. `progress` hears how many pairs are done,
/// and of how many.
pub fn nyc_maps(
    pairs: &Path,
    output: &Path,
    threads: NonZeroUsize,
    progress: impl FnMut(usize, usize),
) -> Result<Prepared, DataError> {
    let pairs = numbered(pairs)?;
    ["images", "masks"].iter().try_for_each(|folder| make_folder(&output.join(folder)))?;
    let convert = |index: usize| {
        let (number, path) = &pairs[index];
        let name = format!("train_{number:0DIGITS$}");
        let image = output.join("images").join(format!("{name}.jpg"));
        let mask = output.join("masks").join(format!("{name}.png"));
        if image.is_file() && mask.is_file() {
            return Ok(Prepared { written: 0, kept: 1 });
        }
        let [photo, map] = halves(path)?;
        write(&image, &photo.to_jpeg(&image, JPEG_QUALITY)?)?;
        write(&mask, &mask_of(&map).to_png(&mask)?)?;
        Ok(Prepared { written: 1, kept: 0 })
    };
    let mut prepared = Prepared::default();
    in_parallel(threads, pairs.len(), convert, progress)?
        .into_iter()
        .for_each(|done| prepared += done);
    Ok(prepared)
}

/// The JPEG files of `folder` whose names are numbers, by number. Other files are passed over.
fn numbered(folder: &Path) -> Result<Vec<(u32, PathBuf)>, DataError> {
    let expected = "a folder of pairs: 1.jpg, 2.jpg, …";
    let mut pairs = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(DataError::io(folder, expected))? {
        let path = entry.map_err(DataError::io(folder, expected))?.path();
        let number =
            path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        if let Some(number) = number
            && path.extension().is_some_and(|extension| extension == "jpg")
        {
            pairs.push((number, path));
        }
    }
    if pairs.is_empty() {
        return Err(DataError::Empty { path: folder.to_path_buf(), expected: expected.to_owned() });
    }
    pairs.sort_unstable();
    Ok(pairs)
}

/// The photo and the map of a pair.
fn halves(path: &Path) -> Result<[RgbImage; 2], DataError> {
    let pair = RgbImage::read(path)?;
    let (width, height) = (pair.width, pair.height);
    if width != 2 * height {
        let found = format!("{width}x{height} (another kind of pair?)");
        return Err(DataError::malformed(
            path,
            "a square photo and a square map side by side",
            found,
        ));
    }
    Ok([pair.cut([0, 0, height, height]), pair.cut([height, 0, width, height])])
}

/// The indices of a map, as [`crate::sets::nyc_maps::classes`] names them.
fn mask_of(map: &RgbImage) -> IndexMask {
    let (width, height) = (map.width, map.height);
    let channels: [Vec<u8>; 3] = std::array::from_fn(|channel| {
        let samples: Vec<u8> = map.pixels.iter().skip(channel).step_by(3).copied().collect();
        median::<3>(&samples, width, height)
    });
    let ids: Vec<u8> =
        (0..width * height).map(|at| index_of(std::array::from_fn(|c| channels[c][at]))).collect();
    IndexMask { width, height, ids: median::<5>(&ids, width, height) }
}

/// The index that a colour of the map stands for. Later rules win.
fn index_of(colour: [u8; 3]) -> u8 {
    const LAND: [[i32; 3]; 2] = [[235, 230, 221], [230, 228, 222]];
    const BUILDING: [i32; 3] = [243, 241, 235];
    let [r, g, b] = colour.map(i32::from);
    let distance = |to: [i32; 3]| (r - to[0]).abs() + (g - to[1]).abs() + (b - to[2]).abs();
    let mut id = 0;
    if distance(BUILDING) <= 14 && LAND.iter().all(|&land| distance(BUILDING) < distance(land)) {
        id = 1;
    }
    if (208..=233).contains(&r) && r.max(g).max(b) - r.min(g).min(b) <= 5 {
        id = 7;
    }
    if r >= 249 && g >= 249 && b >= 246 {
        id = 2;
    }
    if r - b > 28 && r >= 225 && (205..r).contains(&g) {
        id = 6;
    }
    if r > 230 && b < 150 && (121..225).contains(&g) && r - b > 80 {
        id = 3;
    }
    if g - b > 22 && g >= r - 2 && g > 150 {
        id = 4;
    }
    if b - r > 25 && b > 200 {
        id = 5;
    }
    id
}

/// The median of the `SIDE` by `SIDE` samples around each; at the edges the image is mirrored.
fn median<const SIDE: usize>(samples: &[u8], width: usize, height: usize) -> Vec<u8> {
    const { assert!(SIDE % 2 == 1) }
    let mirrored = |at: usize, offset: usize, length: usize| {
        let at = (at + offset) as isize - (SIDE / 2) as isize;
        let last = length as isize - 1;
        let at = if at < 0 {
            -at - 1
        } else if at > last {
            2 * last + 1 - at
        } else {
            at
        };
        at.clamp(0, last) as usize
    };
    let mut window = Vec::with_capacity(SIDE * SIDE);
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let middle = |(x, y)| {
        window.clear();
        for row in (0..SIDE).map(|offset| mirrored(y, offset, height)) {
            window
                .extend((0..SIDE).map(|offset| samples[row * width + mirrored(x, offset, width)]));
        }
        *window.select_nth_unstable(SIDE * SIDE / 2).1
    };
    places.map(middle).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dense_set::Split;
    use crate::{fixtures, sets};

    const THREADS: NonZeroUsize = NonZeroUsize::new(2).unwrap();

    #[test]
    fn pairs_become_a_set_and_a_second_call_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let pairs = fixtures::nyc_pairs(folder.path()).unwrap();
        let output = folder.path().join("nyc_maps");
        let prepare = || nyc_maps(&pairs, &output, THREADS, |_, _| {}).unwrap();
        assert_eq!(prepare(), Prepared { written: 2, kept: 0 });
        assert_eq!(prepare(), Prepared { written: 0, kept: 2 });
        let set = sets::nyc_maps::open(&output).unwrap();
        assert!(set.ids(Split::Train).eq(["train_0002", "train_0010"]));
        let sample = set.sample(Split::Train, 0).unwrap();
        assert_eq!((sample.image.width, sample.mask.id(6, 1), sample.mask.id(6, 10)), (12, 2, 0));
    }

    #[test]
    fn each_colour_of_the_map_has_its_index() {
        let colours = [
            ([235, 230, 221], 0),
            ([243, 241, 235], 1),
            ([255, 255, 255], 2),
            ([250, 200, 110], 3),
            ([200, 223, 170], 4),
            ([163, 204, 255], 5),
            ([235, 219, 190], 6),
            ([220, 220, 220], 7),
        ];
        for (colour, id) in colours {
            assert_eq!(index_of(colour), id, "{colour:?}");
        }
    }

    #[test]
    fn a_median_removes_one_pixel_and_keeps_an_edge() {
        let mut samples = [0, 0, 9, 9, 9].repeat(5);
        samples[2 * 5] = 7;
        assert_eq!(median::<3>(&samples, 5, 5), [0, 0, 9, 9, 9].repeat(5));
    }

    #[test]
    fn what_is_no_pair_is_refused_with_its_size() {
        let folder = tempfile::tempdir().unwrap();
        RgbImage::filled(12, 12, [0; 3]).write_jpeg(&folder.path().join("1.jpg"), 90).unwrap();
        let message = nyc_maps(folder.path(), &folder.path().join("out"), THREADS, |_, _| {})
            .unwrap_err()
            .to_string();
        assert!(
            message.contains(
                "1.jpg: expected a square photo and a square map side by side, found 12x12"
            ),
            "{message}"
        );
    }
}
