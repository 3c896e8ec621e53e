//! A set of images with masks: pairs of files, a split, a class table, and where it comes from.

mod label;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use self::label::Label;
use crate::boxes::{self, BOXES_FILE, BoxPaint};
use crate::class_table::ClassTable;
use crate::error::DataError;
use crate::image::RgbImage;
use crate::mask::{IGNORE, IndexMask, MaskFormat};
use crate::place::place_of;

/// Training or validation. Test splits are not here, but for the parts that papers compare on,
/// which are `Val`: see [`crate::Protocol`].
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
    /// Ground sample distance of the images, where it is known and one for all.
    pub metres_per_px: Option<f32>,
    /// Licence as stated by the source.
    pub licence: String,
    /// Who is to be credited.
    pub credit: String,
    /// The licence allows research only, or is not stated.
    pub research_only: bool,
}

/// One image and its mask, of one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// File name without its extension; unique in the set.
    pub id: String,
    /// `[H, W, 3]`.
    pub image: RgbImage,
    /// `[H, W]`; [`IGNORE`] everywhere for an image without a mask.
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

impl Label {
    /// The one index of every pixel, but that of an image without a label.
    fn everywhere(&self) -> Option<u8> {
        match *self {
            Self::Everywhere(id) => (id != IGNORE).then_some(id),
            _ => None,
        }
    }
}

/// Decoded samples of one set stay in memory up to this many bytes; those beyond it are decoded
/// each time they are asked for.
const KEPT_BYTES: u64 = 4 << 30;

/// A set on disk. Opening lists files; a sample is decoded and checked when first asked for, and
/// stays decoded in memory as long as there is room: see [`DenseSet::keeping`].
#[derive(Debug)]
pub struct DenseSet {
    provenance: Provenance,
    classes: ClassTable,
    /// A list that is about several samples.
    list: Option<Arc<Path>>,
    train: Vec<Entry>,
    val: Vec<Entry>,
    keep_bytes: u64,
    kept_bytes: AtomicU64,
}

impl DenseSet {
    /// Pairs `root/images/*` with `root/masks/<same stem>.png`. `split_of` gets each stem and its
    /// place among all stems in sorted order.
    pub fn open(
        root: &Path,
        provenance: Provenance,
        classes: ClassTable,
        split_of: impl Fn(&str, usize) -> Split,
    ) -> Result<Self, DataError> {
        let images = files_by_stem(&root.join("images"))?;
        let masks = files_by_stem(&root.join("masks"))?;
        let count = images.len();
        let stems: BTreeSet<&str> = images.iter().map(|(stem, _)| stem.as_str()).collect();
        if let Some((stem, mask)) = masks.iter().find(|(stem, _)| !stems.contains(stem.as_str())) {
            let path = root.join("images").join(format!("{stem}.jpg"));
            return Err(DataError::Unpaired {
                path,
                other: mask.clone(),
                images: count,
                masks: masks.len(),
            });
        }
        let mut set = Self::empty(provenance, classes);
        for (index, (id, image)) in images.into_iter().enumerate() {
            let mask = root.join("masks").join(format!("{id}.png"));
            if !mask.is_file() {
                return Err(DataError::Unpaired {
                    path: mask,
                    other: image,
                    images: count,
                    masks: masks.len(),
                });
            }
            let split = split_of(&id, index);
            set.push(
                split,
                Entry {
                    id,
                    image,
                    label: Label::File(mask, MaskFormat::Index),
                    decoded: OnceLock::new(),
                },
            );
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
                return Err(DataError::malformed(
                    &image,
                    "one image a name in the whole set",
                    format!("{id} twice"),
                ));
            }
            set.push(
                split,
                Entry { id, image, label: Label::File(mask, format), decoded: OnceLock::new() },
            );
        }
        Ok(set)
    }

    /// Images without masks, `(split, id, file)`. They teach what an image looks like and say
    /// nothing about classes.
    pub fn of_images(
        provenance: Provenance,
        images: impl IntoIterator<Item = (Split, String, PathBuf)>,
    ) -> Self {
        let images = images.into_iter().map(|(split, id, image)| (split, id, image, IGNORE));
        Self::of_scenes(provenance, ClassTable::unlabelled(), images)
    }

    /// Images that show one thing from edge to edge, `(split, id, file, index of every pixel)`.
    pub fn of_scenes(
        provenance: Provenance,
        classes: ClassTable,
        images: impl IntoIterator<Item = (Split, String, PathBuf, u8)>,
    ) -> Self {
        let mut set = Self::empty(provenance, classes);
        for (split, id, image, index) in images {
            assert!(set.classes.allows(index), "{id}: index {index} is no class of {}", set.name());
            set.push(
                split,
                Entry { id, image, label: Label::Everywhere(index), decoded: OnceLock::new() },
            );
        }
        set
    }

    /// Pairs `root/images/*` with the lines of `root/boxes.jsonl`, whose names `names` gives an
    /// index. `paint_of` and `split_of` get each stem.
    pub(crate) fn of_boxes(
        root: &Path,
        provenance: Provenance,
        classes: ClassTable,
        names: &[(&str, u8)],
        paint_of: impl Fn(&str) -> BoxPaint,
        split_of: impl Fn(&str) -> Split,
    ) -> Result<Self, DataError> {
        let list: Arc<Path> = root.join(BOXES_FILE).into();
        let folder = root.join("images");
        let mut lines = BTreeMap::new();
        for line in boxes::read(&list, names)? {
            if let Some(twice) = lines.insert(folder.join(&line.file), line) {
                return Err(DataError::malformed(
                    &list,
                    "one line an image",
                    format!("{} twice", twice.file),
                ));
            }
        }
        let mut set = Self::empty(provenance, classes);
        for (id, image) in files_by_stem(&folder)? {
            let Some(line) = lines.remove(&image) else {
                let found = format!("none for {} (add one, or remove the image)", image.display());
                return Err(DataError::malformed(&list, "one line an image", found));
            };
            let label = Label::Boxes(Arc::clone(&list), line, paint_of(&id));
            set.push(split_of(&id), Entry { id, image, label, decoded: OnceLock::new() });
        }
        if let Some((image, line)) = lines.pop_first() {
            let found = format!("{} in {} alone", line.file, list.display());
            return Err(DataError::malformed(
                &image,
                "the image of a line",
                format!("{found} (copy it again)"),
            ));
        }
        set.list = Some(list);
        Ok(set)
    }

    fn empty(provenance: Provenance, classes: ClassTable) -> Self {
        let (train, val) = (Vec::new(), Vec::new());
        Self {
            provenance,
            classes,
            list: None,
            train,
            val,
            keep_bytes: KEPT_BYTES,
            kept_bytes: AtomicU64::new(0),
        }
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

    /// The part of this set whose names begin with `prefix`, as a set `name`. Refuses a part
    /// without any sample.
    pub(crate) fn beginning_with(mut self, prefix: &str, name: &str) -> Result<Self, DataError> {
        self.train.retain(|entry| entry.id.starts_with(prefix));
        self.val.retain(|entry| entry.id.starts_with(prefix));
        if self.train.is_empty() && self.val.is_empty() {
            let expected = format!("images of {} whose names begin with {prefix}", self.name());
            return Err(DataError::Empty { path: name.into(), expected });
        }
        name.clone_into(&mut self.provenance.name);
        Ok(self)
    }

    /// This set with room for `bytes` of decoded samples; 4 GiB without it. A sample is 4 bytes a
    /// pixel.
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

    /// The samples of `split` by the place that they show, places in sorted order: what comes
    /// before the first `_` of a name, or the name without the digits at its end.
    pub fn places(&self, split: Split) -> BTreeMap<&str, Vec<usize>> {
        let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, id) in self.ids(split).enumerate() {
            places.entry(place_of(id)).or_default().push(index);
        }
        places
    }

    /// What a sample shows from edge to edge, where its label says that.
    pub fn scene(&self, split: Split, index: usize) -> Option<&str> {
        self.classes.class_name(self.entries(split)[index].label.everywhere()?)
    }

    /// The names that [`DenseSet::scene`] gives training samples.
    pub fn scenes(&self) -> impl Iterator<Item = &str> {
        let shown: BTreeSet<u8> =
            self.train.iter().filter_map(|entry| entry.label.everywhere()).collect();
        shown.into_iter().filter_map(|id| self.classes.class_name(id))
    }

    /// The indices in the mask of a sample, where its file holds indices and can be read.
    pub(crate) fn stored_indices(&self, split: Split, index: usize) -> Option<BTreeSet<u8>> {
        match &self.entries(split)[index].label {
            Label::File(path, MaskFormat::Index) => {
                IndexMask::read(path).ok().map(|mask| mask.present())
            }
            Label::File(..) | Label::Everywhere(_) | Label::Boxes(..) => None,
        }
    }

    /// The image file of a sample.
    pub fn image_path(&self, split: Split, index: usize) -> &Path {
        &self.entries(split)[index].image
    }

    /// Every file of the set, images, masks and lists of both splits.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let entries = self.train.iter().chain(&self.val);
        let files = entries
            .flat_map(|entry| std::iter::once(entry.image.as_path()).chain(entry.label.file()));
        files.chain(self.list.as_deref())
    }

    /// Sample `index` of `split`. Both files are checked: readable, of one size, no index that the
    /// class table lacks.
    pub fn sample(&self, split: Split, index: usize) -> Result<Arc<Sample>, DataError> {
        let entries = self.entries(split);
        assert!(
            index < entries.len(),
            "{} has {} {split:?} samples, asked for {index}",
            self.name(),
            entries.len()
        );
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
        // Two threads may decode the same file at the same time; both results are equal, one of
        // them stays, and both are counted.
        Ok(Arc::clone(entry.decoded.get_or_init(|| sample)))
    }

    fn decode(&self, entry: &Entry) -> Result<Sample, DataError> {
        let image = RgbImage::read(&entry.image)?;
        let mask = entry.label.mask(&image, &entry.image)?;
        if let Some(at) = mask.ids.iter().position(|&id| !self.classes.allows(id)) {
            let known: Vec<String> =
                self.classes.classes().iter().map(|class| class.id.to_string()).collect();
            return Err(DataError::UnknownClass {
                path: entry.label.file().unwrap_or(&entry.image).to_path_buf(),
                known: format!("{} or {IGNORE}", known.join(", ")),
                value: mask.ids[at],
                x: at % mask.width,
                y: at / mask.width,
            });
        }
        Ok(Sample { id: entry.id.clone(), image, mask })
    }
}

/// The files of a folder by stem, in sorted order. Hidden files are left out; anything else that is
/// not a file is left out too.
fn files_by_stem(folder: &Path) -> Result<Vec<(String, PathBuf)>, DataError> {
    let expected = "a folder of images";
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
        return Err(DataError::Empty {
            path: folder.to_path_buf(),
            expected: "at least one file".to_owned(),
        });
    }
    files.sort();
    if let Some(pair) = files.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(DataError::malformed(
            &pair[1].1,
            "one file a name",
            format!("{} as well", pair[0].1.display()),
        ));
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
