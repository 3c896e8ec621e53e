//! What tests of this package share.
#![allow(dead_code, reason = "not every test that shares this needs all of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

pub(crate) mod plan;
pub(crate) mod runner;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rszs_bundle::{Bundle, VerifyOptions};
use rszs_graph::Tensor;

/// The workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The default bundle.
pub(crate) fn shipped() -> Bundle {
    Bundle::open(&root().join("bundles/nano"), &VerifyOptions::default()).unwrap()
}

/// The inputs of a bundle's golden set, by name.
pub(crate) fn golden_feeds(bundle: &Bundle) -> BTreeMap<String, Tensor> {
    let golden = bundle.golden();
    let (shape, side) = (golden.shape, golden.shape.tile_px);
    let tiles = Tensor::from_bytes([shape.images, side, side, 3], &golden.tiles);
    let queries = Tensor::new([shape.queries, shape.joint_width], golden.queries.clone().unwrap());
    [("tiles".to_owned(), tiles), ("queries".to_owned(), queries)].into()
}
