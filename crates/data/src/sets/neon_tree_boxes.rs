//! Trees at three sites of NEON, the American ecological observatory: 54 orthophotos at 0.1 m with
//! boxes of crowns.

use std::path::Path;

use crate::boxes::{BoxPaint, Core};
use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Provenance, Split};
use crate::error::DataError;
use crate::words::{BARE_GROUND, BUILDING, FLOOD, ROAD, TREE, VEGETATION, WATER};

/// Two images name no class; their boxes are crowns as well.
const NAMES: [(&str, u8); 2] = [("Tree", 1), ("", 1)];
const PAINT: BoxPaint = BoxPaint { core: Core::Ellipse(0.85), border_px: 16 };
/// HARV is closed forest with boxes around some of its crowns: what is outside them is ignored.
const FOREST: BoxPaint = BoxPaint { border_px: usize::MAX, ..PAINT };

/// Opens the folder `neon_tree_boxes`. Site OSBS is validation; HARV and SJER train.
pub fn open(root: &Path) -> Result<DenseSet, DataError> {
    let split = |id: &str| if id.starts_with("OSBS_") { Split::Val } else { Split::Train };
    let paint = |id: &str| if id.starts_with("HARV_") { FOREST } else { PAINT };
    DenseSet::of_boxes(root, provenance(), classes(), &NAMES, paint, split)
}

/// "tree" is labelled, and a tree is vegetation. What is no tree may be grass, about which nothing
/// is said.
pub fn classes() -> ClassTable {
    ClassTable::exclusive(&[(0, "other"), (1, "tree")], &[(1, TREE)])
        .labelling(VEGETATION, &[1], &[])
        .ruling_out(FLOOD, &[0, 1])
        .ruling_out(WATER, &[1])
        .ruling_out(BARE_GROUND, &[1])
        .ruling_out(ROAD, &[1])
        .ruling_out(BUILDING, &[1])
}

fn provenance() -> Provenance {
    Provenance {
        name: "neon_tree_boxes".to_owned(),
        metres_per_px: Some(0.1),
        licence: "boxes MIT, imagery CC0".to_owned(),
        credit: "NEON (National Ecological Observatory Network); Weecology, NeonTreeEvaluation"
            .to_owned(),
        research_only: false,
    }
}
