//! ISPRS Potsdam: a German city from above at 5 cm, six classes. As its publisher gives it out, and
//! cut into small tiles as GSNet evaluates it.

use std::path::Path;

use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Provenance, Split};
use crate::error::DataError;
use crate::folder::{CLASSES_FILE, PROVENANCE};
use crate::layout::{self, Layout, Part, SplitOf, TRAIN, VAL};
use crate::mask::{IGNORE, MaskFormat};
use crate::palette::Palette;
use crate::protocol::Protocol;

/// GSNet's evaluation; SegEarth-OV scores clutter as a sixth class, so the numbers of the two do
/// not compare. "impervious surface" is novel here, as "pavement" is only a part of it; in
/// [`crate::sets::flair`] it is base. Both are arguable.
pub const PROTOCOL: Protocol = Protocol {
    prompts: &["impervious surface", "building", "low vegetation", "tree", "car"],
    ignored: Some((5, "clutter")),
    base: &[("building", "buildings"), ("tree", "tree"), ("car", "vehicle")],
};

/// The colours of ISPRS. Black is the outline of objects, in the masks "without boundary" alone.
pub(crate) const PALETTE: Palette = Palette(&[
    (0, [255, 255, 255]),
    (1, [0, 0, 255]),
    (2, [0, 255, 255]),
    (3, [0, 255, 0]),
    (4, [255, 255, 0]),
    (5, [255, 0, 0]),
    (IGNORE, [0, 0, 0]),
]);

/// The tiles that ISPRS kept for its contest, which is the usual validation split.
const VAL_TILES: [&str; 14] = [
    "2_13", "2_14", "3_13", "3_14", "4_13", "4_14", "4_15", "5_13", "5_14", "5_15", "6_13", "6_14",
    "6_15", "7_13",
];
/// Its masks have colours of no class.
const BROKEN_TILE: &str = "4_12";

const BY_TILE: SplitOf = |tile| match tile {
    BROKEN_TILE => None,
    tile if VAL_TILES.contains(&tile) => Some(Split::Val),
    _ => Some(Split::Train),
};

const TILES: [Layout; 2] = [
    Layout {
        parts: &[Part {
            images: &["2_Ortho_RGB/top_potsdam_*_RGB.tif"],
            masks: "5_Labels_all_noBoundary/top_potsdam_*_label_noBoundary.tif",
            split: BY_TILE,
        }],
        format: MaskFormat::Colour(PALETTE),
    },
    Layout {
        parts: &[Part {
            images: &["2_Ortho_RGB/top_potsdam_*_RGB.tif"],
            masks: "5_Labels_all/top_potsdam_*_label.tif",
            split: BY_TILE,
        }],
        format: MaskFormat::Colour(PALETTE),
    },
];

/// A small tile has its tile's name and its place: `2_13_5488_0_6000_512`.
const BY_SMALL_TILE: SplitOf = |name| match name.match_indices('_').nth(1) {
    Some((end, _)) => BY_TILE(&name[..end]),
    None => None,
};

const SMALL_TILES: [Layout; 3] = [
    Layout {
        parts: &[
            Part { images: &["img_dir/train/*.png"], masks: "ann_dir/train/*.png", split: TRAIN },
            Part { images: &["img_dir/val/*.png"], masks: "ann_dir/val/*.png", split: VAL },
        ],
        format: MaskFormat::Index,
    },
    Layout {
        parts: &[Part { images: &["img_dir/val/*.png"], masks: "ann_dir/val/*.png", split: VAL }],
        format: MaskFormat::Index,
    },
    Layout {
        parts: &[Part { images: &["images/*.png"], masks: "masks/*.png", split: BY_SMALL_TILE }],
        format: MaskFormat::Index,
    },
];

/// Opens the folder `Potsdam`: tiles of 6000 by 6000 pixels, TIFF, masks in colours. 23 tiles
/// train, 14 are validation, and one, `4_12`, is left out. Masks without boundary are preferred
/// where both kinds are there.
pub fn open(root: &Path) -> Result<DenseSet, DataError> {
    layout::open(root, provenance("Potsdam"), classes(), &TILES)
}

/// Opens the folder `PotsdamSplit`: tiles of 512 pixels, masks of indices 0 to 5, as GSNet's code
/// names its folders or as [`crate::prepare::tiles`] cuts them.
///
/// mmsegmentation's converter, which cuts these small tiles, writes 1 to 6 and 0 for an outline.
/// Subtract 1 from its masks first, 0 becoming 255: a 6 is refused, but a mask without clutter
/// would be read as other classes.
pub fn open_split(root: &Path) -> Result<DenseSet, DataError> {
    if root.join(PROVENANCE).is_file() && !root.join(CLASSES_FILE).is_file() {
        let found =
            "some of them (rszs-train prepare tiles was interrupted: give its command again)";
        return Err(DataError::malformed(root, "the small tiles of all tiles", found));
    }
    layout::open(root, provenance("PotsdamSplit"), classes(), &SMALL_TILES)
}

/// The 5 prompts of [`PROTOCOL`].
pub fn classes() -> ClassTable {
    PROTOCOL.classes()
}

fn provenance(name: &str) -> Provenance {
    Provenance {
        name: name.to_owned(),
        metres_per_px: Some(0.05),
        licence: "not stated; a benchmark for research".to_owned(),
        credit: "ISPRS 2D Semantic Labeling Contest, Potsdam".to_owned(),
        research_only: true,
    }
}
