//! Where the files of a published set are: patterns for images and masks, as its publishers
//! unpack it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Pair, Provenance, Split};
use crate::error::DataError;
use crate::mask::MaskFormat;

/// The split of an image by its name; `None` leaves it out.
pub(crate) type SplitOf = fn(&str) -> Option<Split>;

/// Every image of a part trains.
pub(crate) const TRAIN: SplitOf = |_| Some(Split::Train);
/// Every image of a part is held out.
pub(crate) const VAL: SplitOf = |_| Some(Split::Val);

/// Images in one folder, or in several, and their masks in another. In all patterns the star is
/// the name that an image and its mask share: `val/val-org-img/*.jpg` and
/// `val/val-label-img/*_lab.png`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) images: &'static [&'static str],
    pub(crate) masks: &'static str,
    pub(crate) split: SplitOf,
}

/// One way in which a set is published: all its parts, and how their masks are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) parts: &'static [Part],
    pub(crate) format: MaskFormat,
}

impl Layout {
    /// Folders below the set's own, in the order of the parts.
    fn folders(&self) -> impl Iterator<Item = &'static str> {
        let patterns = |part: &'static Part| part.images.iter().chain([&part.masks]);
        self.parts.iter().flat_map(patterns).map(|pattern| Pattern::new(pattern).folder)
    }

    fn describe(&self) -> String {
        let part = |part: &Part| format!("{} with {}", part.images.join(" and "), part.masks);
        self.parts.iter().map(part).collect::<Vec<_>>().join(", ")
    }
}

/// Opens the set in `root` by the first of `layouts` whose folders are all there.
pub(crate) fn open(
    root: &Path,
    provenance: Provenance,
    classes: ClassTable,
    layouts: &[Layout],
) -> Result<DenseSet, DataError> {
    let absent = |layout: &Layout| layout.folders().find(|folder| !root.join(folder).is_dir());
    let Some(layout) = layouts.iter().find(|layout| absent(layout).is_none()) else {
        let nearest = layouts
            .iter()
            .min_by_key(|layout| layout.folders().filter(|f| !root.join(f).is_dir()).count());
        return Err(DataError::Layout {
            root: root.to_path_buf(),
            expected: layouts.iter().map(Layout::describe).collect::<Vec<_>>().join("; or "),
            missing: nearest.and_then(absent).unwrap_or_default(),
        });
    };
    let mut pairs = Vec::new();
    for part in layout.parts {
        let images = images(root, part)?;
        let masks = Pattern::new(part.masks).files(root)?;
        let unpaired = |path: PathBuf, other: &PathBuf| DataError::Unpaired {
            path,
            other: other.clone(),
            images: images.len(),
            masks: masks.len(),
        };
        if let Some((name, mask)) = masks.iter().find(|(name, _)| !images.contains_key(*name)) {
            return Err(unpaired(Pattern::new(part.images[0]).file(root, name), mask));
        }
        for (name, image) in &images {
            let Some(mask) = masks.get(name) else {
                return Err(unpaired(Pattern::new(part.masks).file(root, name), image));
            };
            if let Some(split) = (part.split)(name) {
                let (id, image, mask) = (name.clone(), image.clone(), mask.clone());
                pairs.push(Pair { split, id, image, mask, format: layout.format });
            }
        }
    }
    DenseSet::of_pairs(provenance, classes, pairs)
}

/// The images of a part by name.
fn images(root: &Path, part: &Part) -> Result<BTreeMap<String, PathBuf>, DataError> {
    let mut images = BTreeMap::new();
    for pattern in part.images {
        for (name, path) in Pattern::new(pattern).files(root)? {
            if let Some(other) = images.insert(name, path.clone()) {
                return Err(DataError::malformed(
                    &path,
                    "one image a name",
                    format!("{} as well", other.display()),
                ));
            }
        }
    }
    Ok(images)
}

/// `folder/prefix*suffix`.
struct Pattern {
    folder: &'static str,
    prefix: &'static str,
    suffix: &'static str,
}

impl Pattern {
    fn new(pattern: &'static str) -> Self {
        let parts = pattern
            .split_once('*')
            .and_then(|(start, suffix)| Some((start.rsplit_once('/')?, suffix)));
        let ((folder, prefix), suffix) = parts.expect("a pattern is folder/prefix*suffix");
        Self { folder, prefix, suffix }
    }

    fn file(&self, root: &Path, name: &str) -> PathBuf {
        root.join(self.folder).join(format!("{}{name}{}", self.prefix, self.suffix))
    }

    /// The files that match, by name. Others are left out: world files, notes, hidden files.
    fn files(&self, root: &Path) -> Result<BTreeMap<String, PathBuf>, DataError> {
        let folder = root.join(self.folder);
        let expected = "a folder of the set";
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(&folder).map_err(DataError::io(&folder, expected))? {
            let path = entry.map_err(DataError::io(&folder, expected))?.path();
            let file_name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let name =
                file_name.strip_prefix(self.prefix).and_then(|rest| rest.strip_suffix(self.suffix));
            if let Some(name) = name.filter(|_| !file_name.starts_with('.')) {
                files.insert(name.to_owned(), path);
            }
        }
        if files.is_empty() {
            let expected = format!("files named {}*{}", self.prefix, self.suffix);
            return Err(DataError::Empty { path: folder, expected });
        }
        Ok(files)
    }
}
