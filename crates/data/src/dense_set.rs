//! A set of pictures with masks: pairs of files, a split, a class table, and where it comes from.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use crate::class_table::ClassTable;
use crate::error::DataError;
use crate::image::RgbImage;
use crate::mask::{IGNORE, IndexMask, MaskFormat};

/// Training or validation. Test splits are not here, but for the parts that papers compare on, which are `Val`: see [`crate::Protocol`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// What the weights see.
    Train,
    /// What choices are made on.
    Val,
}

/// Where a set comes from; a model card quotes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Short name, also the folder's.
    pub name: String,
    /// Ground sample distance of the pictures, where it is known and one for all.
    pub metres_per_px: Option<f32>,
    /// Licence as stated by the source.
    pub licence: String,
    /// Who is to be credited.
    pub credit: String,
    /// The licence allows research only, or is not stated.
    pub research_only: bool,
}

/// One picture and its mask, of one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// File name without its extension; unique in the set.
    pub id: String,
    /// `[H, W, 3]`.
    pub image: RgbImage,
    /// `[H, W]`; [`IGNORE`] everywhere for a picture without a mask.
    pub mask: IndexMask,
}

/// Files of one sample.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) split: Split,
    pub(crate) id: String,
    pub(crate) image: PathBuf,
    pub(crate) mask: PathBuf,
    pub(crate) format: MaskFormat,
}

/// Where a sample comes from, and the decoded sample once somebody asked for it.
#[derive(Debug)]
struct Entry {
    id: String,
    image: PathBuf,
    label: Label,
    decoded: OnceLock<Arc<Sample>>,
}

/// Where the indices of a sample come from.
#[derive(Debug)]
enum Label {
    /// A mask in a file.
    File(PathBuf, MaskFormat),
    /// One index for every pixel.
    Everywhere(u8),
}

/// Decoded samples of one set stay in memory up to this many bytes; those beyond it are decoded each time they are asked for.
const KEPT_BYTES: u64 = 4 << 30;

/// A set on disk. Opening lists files; a sample is decoded and checked when first asked for, and stays decoded in memory as long as there
/// is room: see [`DenseSet::keeping`].
#[derive(Debug)]
pub struct DenseSet {
    provenance: Provenance,
    classes: ClassTable,
    train: Vec<Entry>,
    val: Vec<Entry>,
    keep_bytes: u64,
    kept_bytes: AtomicU64,
}

impl DenseSet {
    /// Pairs `root/images/*` with `root/masks/<same stem>.png`. `split_of` gets each stem and its place among all stems in sorted order.
    pub fn open(
        root: &Path,
        provenance: Provenance,
        classes: ClassTable,
        split_of: impl Fn(&str, usize) -> Split,
    ) -> Result<Self, DataError> {
        let pictures = files_by_stem(&root.join("images"))?;
        let masks = files_by_stem(&root.join("masks"))?;
        let count = pictures.len();
        let stems: BTreeSet<&str> = pictures.iter().map(|(stem, _)| stem.as_str()).collect();
        if let Some((stem, mask)) = masks.iter().find(|(stem, _)| !stems.contains(stem.as_str())) {
            let path = root.join("images").join(format!("{stem}.jpg"));
            return Err(DataError::Unpaired { path, other: mask.clone(), pictures: count, masks: masks.len() });
        }
        let mut set = Self::empty(provenance, classes);
        for (index, (id, image)) in pictures.into_iter().enumerate() {
            let mask = root.join("masks").join(format!("{id}.png"));
            if !mask.is_file() {
                return Err(DataError::Unpaired { path: mask, other: image, pictures: count, masks: masks.len() });
            }
            let split = split_of(&id, index);
            set.push(split, Entry { id, image, label: Label::File(mask, MaskFormat::Index), decoded: OnceLock::new() });
        }
        Ok(set)
    }

    /// Pairs of files, each sample under a name of its own.
    pub(crate) fn of_pairs(
        provenance: Provenance,
        classes: ClassTable,
        pairs: impl IntoIterator<Item = Pair>,
    ) -> Result<Self, DataError> {
        let mut set = Self::empty(provenance, classes);
        let mut ids = BTreeSet::new();
        for Pair { split, id, image, mask, format } in pairs {
            if !ids.insert(id.clone()) {
                return Err(DataError::malformed(&image, "one picture a name in the whole set", format!("{id} twice")));
            }
            set.push(split, Entry { id, image, label: Label::File(mask, format), decoded: OnceLock::new() });
        }
        Ok(set)
    }

    /// Pictures without masks, `(split, id, file)`. They teach what a picture looks like and say nothing about classes.
    pub fn of_pictures(provenance: Provenance, pictures: impl IntoIterator<Item = (Split, String, PathBuf)>) -> Self {
        let pictures = pictures.into_iter().map(|(split, id, image)| (split, id, image, IGNORE));
        Self::of_scenes(provenance, ClassTable::unlabelled(), pictures)
    }

    /// Pictures that show one thing from edge to edge, `(split, id, file, index of every pixel)`.
    pub fn of_scenes(
        provenance: Provenance,
        classes: ClassTable,
        pictures: impl IntoIterator<Item = (Split, String, PathBuf, u8)>,
    ) -> Self {
        let mut set = Self::empty(provenance, classes);
        for (split, id, image, index) in pictures {
            assert!(set.classes.allows(index), "{id}: index {index} is no class of {}", set.name());
            set.push(split, Entry { id, image, label: Label::Everywhere(index), decoded: OnceLock::new() });
        }
        set
    }

    fn empty(provenance: Provenance, classes: ClassTable) -> Self {
        let (train, val) = (Vec::new(), Vec::new());
        Self { provenance, classes, train, val, keep_bytes: KEPT_BYTES, kept_bytes: AtomicU64::new(0) }
    }

    fn push(&mut self, split: Split, entry: Entry) {
        match split {
            Split::Train => self.train.push(entry),
            Split::Val => self.val.push(entry),
        }
    }

    fn entries(&self, split: Split) -> &[Entry] {
        match split {
            Split::Train => &self.train,
            Split::Val => &self.val,
        }
    }

    /// Short name.
    pub fn name(&self) -> &str {
        &self.provenance.name
    }

    /// Source, licence, credit.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// What the indices of its masks mean.
    pub fn classes(&self) -> &ClassTable {
        &self.classes
    }

    /// This set as if `queries` had never been labelled: see [`ClassTable::without`].
    #[must_use]
    pub fn without(mut self, queries: &[&str]) -> Self {
        self.classes = self.classes.without(queries);
        self
    }

    /// The part of this set whose names begin with `prefix`, as a set `name`. Refuses a part without any sample.
    pub(crate) fn beginning_with(mut self, prefix: &str, name: &str) -> Result<Self, DataError> {
        self.train.retain(|entry| entry.id.starts_with(prefix));
        self.val.retain(|entry| entry.id.starts_with(prefix));
        if self.train.is_empty() && self.val.is_empty() {
            let expected = format!("pictures of {} whose names begin with {prefix}", self.name());
            return Err(DataError::Empty { path: name.into(), expected });
        }
        name.clone_into(&mut self.provenance.name);
        Ok(self)
    }

    /// This set with room for `bytes` of decoded samples; 4 GiB without it. A sample is 4 bytes a pixel.
    #[must_use]
    pub fn keeping(mut self, bytes: u64) -> Self {
        self.keep_bytes = bytes;
        self
    }

    /// How many samples `split` has.
    pub fn len(&self, split: Split) -> usize {
        self.entries(split).len()
    }

    /// Whether `split` has no sample.
    pub fn is_empty(&self, split: Split) -> bool {
        self.entries(split).is_empty()
    }

    /// Names of the samples of `split`, in the order of their indices.
    pub fn ids(&self, split: Split) -> impl Iterator<Item = &str> {
        self.entries(split).iter().map(|entry| entry.id.as_str())
    }

    /// The indices in the mask of a sample, where its file holds indices and can be read.
    pub(crate) fn stored_indices(&self, split: Split, index: usize) -> Option<BTreeSet<u8>> {
        match &self.entries(split)[index].label {
            Label::File(path, MaskFormat::Index) => IndexMask::read(path).ok().map(|mask| mask.present()),
            Label::File(..) | Label::Everywhere(_) => None,
        }
    }

    /// The picture file of a sample.
    pub fn image_path(&self, split: Split, index: usize) -> &Path {
        &self.entries(split)[index].image
    }

    /// Every file of the set, pictures and masks of both splits.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.train.iter().chain(&self.val).flat_map(|entry| {
            let mask = match &entry.label {
                Label::File(path, _) => Some(path.as_path()),
                Label::Everywhere(_) => None,
            };
            std::iter::once(entry.image.as_path()).chain(mask)
        })
    }

    /// Sample `index` of `split`. Both files are checked: readable, of one size, no index that the class table lacks.
    pub fn sample(&self, split: Split, index: usize) -> Result<Arc<Sample>, DataError> {
        let entries = self.entries(split);
        assert!(index < entries.len(), "{} has {} {split:?} samples, asked for {index}", self.name(), entries.len());
        let entry = &entries[index];
        if let Some(sample) = entry.decoded.get() {
            return Ok(Arc::clone(sample));
        }
        let sample = Arc::new(self.decode(entry)?);
        let bytes = (sample.image.pixels.len() + sample.mask.ids.len()) as u64;
        if self.kept_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > self.keep_bytes {
            self.kept_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Ok(sample);
        }
        // Two threads may decode the same file at the same time; both results are equal, one of them stays, and both are counted.
        Ok(Arc::clone(entry.decoded.get_or_init(|| sample)))
    }

    fn decode(&self, entry: &Entry) -> Result<Sample, DataError> {
        let image = RgbImage::read(&entry.image)?;
        let (path, format) = match &entry.label {
            Label::File(path, format) => (path, format),
            &Label::Everywhere(index) => {
                let mask = IndexMask::filled(image.width, image.height, index);
                return Ok(Sample { id: entry.id.clone(), image, mask });
            }
        };
        let mask = format.read(path)?;
        if (mask.width, mask.height) != (image.width, image.height) {
            return Err(DataError::SizesDiffer {
                mask: path.clone(),
                image: entry.image.clone(),
                image_width: image.width,
                image_height: image.height,
                mask_width: mask.width,
                mask_height: mask.height,
            });
        }
        if let Some(at) = mask.ids.iter().position(|&id| !self.classes.allows(id)) {
            let known: Vec<String> = self.classes.classes().iter().map(|class| class.id.to_string()).collect();
            return Err(DataError::UnknownClass {
                path: path.clone(),
                known: format!("{} or {IGNORE}", known.join(", ")),
                value: mask.ids[at],
                x: at % mask.width,
                y: at / mask.width,
            });
        }
        Ok(Sample { id: entry.id.clone(), image, mask })
    }
}

/// The files of a folder by stem, in sorted order. Hidden files are left out; anything else that is not a file is left out too.
fn files_by_stem(folder: &Path) -> Result<Vec<(String, PathBuf)>, DataError> {
    let expected = "a folder of pictures";
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(DataError::io(folder, expected))? {
        let path = entry.map_err(DataError::io(folder, expected))?.path();
        let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else {
            return Err(DataError::malformed(&path, "a file name in UTF-8", "another encoding"));
        };
        if path.is_file() && !stem.starts_with('.') {
            files.push((stem.to_owned(), path));
        }
    }
    if files.is_empty() {
        return Err(DataError::Empty { path: folder.to_path_buf(), expected: "at least one file".to_owned() });
    }
    files.sort();
    if let Some(pair) = files.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(DataError::malformed(&pair[1].1, "one file a name", format!("{} as well", pair[0].1.display())));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    fn open(root: &Path) -> Result<DenseSet, DataError> {
        crate::sets::flood_area::open(root)
    }

    #[test]
    fn a_sample_is_decoded_once_and_shared() {
        let folder = tempfile::tempdir().unwrap();
        let set = open(&fixtures::flood_area(folder.path()).unwrap()).unwrap();
        let first = set.sample(Split::Val, 0).unwrap();
        assert!(Arc::ptr_eq(&first, &set.sample(Split::Val, 0).unwrap()));
    }

    #[test]
    fn a_sample_for_which_there_is_no_room_is_decoded_again() {
        let folder = tempfile::tempdir().unwrap();
        let root = fixtures::flood_area(folder.path()).unwrap();
        let one = 16 * 12 * 4;
        let set = open(&root).unwrap().keeping(one);
        let [first, second] = [0, 1].map(|index| set.sample(Split::Val, index).unwrap());
        assert!(Arc::ptr_eq(&first, &set.sample(Split::Val, 0).unwrap()));
        assert!(!Arc::ptr_eq(&second, &set.sample(Split::Val, 1).unwrap()));
        assert_eq!(second, set.sample(Split::Val, 1).unwrap());
    }

    #[test]
    fn a_picture_without_its_mask_and_a_mask_without_its_picture_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = fixtures::flood_area(folder.path()).unwrap();
        std::fs::rename(root.join("masks/003.png"), root.join("masks/999.png")).unwrap();
        assert!(open(&root).unwrap_err().to_string().contains("999.jpg: expected this file beside"));
        std::fs::remove_file(root.join("masks/999.png")).unwrap();
        assert!(open(&root).unwrap_err().to_string().contains("003.png: expected this file beside"));
    }

    #[test]
    fn a_mask_of_another_size_is_refused_with_both_sizes() {
        let folder = tempfile::tempdir().unwrap();
        let root = fixtures::flood_area(folder.path()).unwrap();
        IndexMask::filled(5, 7, 0).write_png(&root.join("masks/000.png")).unwrap();
        let message = open(&root).unwrap().sample(Split::Val, 0).unwrap_err().to_string();
        assert!(message.contains("found 5x7"), "{message}");
    }

    #[test]
    fn an_index_outside_the_table_is_named_with_its_pixel() {
        let folder = tempfile::tempdir().unwrap();
        let root = fixtures::flood_area(folder.path()).unwrap();
        let path = root.join("masks/000.png");
        let mut mask = IndexMask::read(&path).unwrap();
        mask.ids[2 * mask.width + 3] = 77;
        mask.write_png(&path).unwrap();
        let message = open(&root).unwrap().sample(Split::Val, 0).unwrap_err().to_string();
        assert!(message.contains("expected class indices 0, 1 or 255, found 77 at x 3, y 2"), "{message}");
    }

    #[test]
    fn a_missing_and_an_empty_folder_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(open(folder.path()), Err(DataError::Io { .. })));
        std::fs::create_dir(folder.path().join("images")).unwrap();
        assert!(matches!(open(folder.path()), Err(DataError::Empty { .. })));
    }
}
