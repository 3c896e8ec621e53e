//! `manifest.json`: what the bundle holds and what its model expects.

use crate::file_map::files_named_once;
use crate::sha256::shortened;
use crate::{FileName, Name, Precision, Sha256, Template};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The parsed manifest. A value read by [`Manifest::parse`] has passed every check that needs no
/// other file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this form, [`Manifest::SCHEMA`].
    pub schema: u32,
    /// Name of the model, e.g. `nano`.
    pub name: String,
    /// Grows with each release of this name; a device can refuse to go back.
    pub counter: u64,
    /// Every file but the manifest and its signature.
    #[serde(deserialize_with = "files_named_once")]
    pub files: BTreeMap<FileName, FileEntry>,
    /// What every model file of this bundle expects and gives.
    pub engine: EngineContract,
    /// The vocabulary baked into the model, in the order of its outputs; the model then has no
    /// `queries` input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folded: Option<Vec<Name>>,
    /// Ground sampling distance of the training images in metres per pixel, smallest and largest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training_gsd_m: Option<[f64; 2]>,
    /// What the text tower expects and gives; with it go `text.fp32.onnx` and `tokenizer.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TextContract>,
    /// The resolved configuration of the network; nothing here reads it.
    pub network: serde_json::Value,
    /// Licence of the weights, as an SPDX expression where there is one.
    pub licence: String,
    /// Where the weights come from: data, program, seed, commit.
    pub provenance: String,
}

/// Size and digest of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Exact size.
    pub bytes: u64,
    /// Digest of the content.
    pub sha256: Sha256,
}

/// The interface of every `model.*.onnx`, the same for every engine:
/// inputs `tiles: uint8 [N, H, W, 3]` and, unless folded, `queries: f32 [K, D]`;
/// outputs `logits: f32 [N, K, H/4, W/4]` and `presence: f32 [N, K]`, a cosine in [-1, 1].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineContract {
    /// H and W.
    pub tile_px: u32,
    /// By how much neighbouring tiles overlap.
    pub overlap_px: u32,
    /// Pixels per logit in each direction; always [`EngineContract::STRIDE_PX`].
    pub logits_stride_px: u32,
    /// D, the width of a query embedding.
    pub joint_width: u32,
    /// Largest K the model accepts, if there is a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_queries: Option<u32>,
}

/// The interface of `text.fp32.onnx`: inputs `tokens: int32 [K, context]` and
/// `end: f32 [K, context]`, one-hot at the end-of-text token; output `embeddings: f32 [K, D]`,
/// L2-normalised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextContract {
    /// Tokens per text.
    pub context: u32,
    /// A name is put into each of these; the embedding is the normalised mean. At least one.
    pub templates: Vec<Template>,
}

/// A manifest that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// No JSON, a missing or unknown field, a wrong type.
    #[error("expected a manifest of schema {schema}, found: {0}", schema = Manifest::SCHEMA)]
    Json(#[from] serde_json::Error),
    /// Written for another version of this program.
    #[error("schema: expected {expected}, found {found} (bundle and program of different \
        versions?)", expected = Manifest::SCHEMA)]
    Schema {
        /// The version in the file.
        found: u64,
    },
    /// A value outside its range.
    #[error("{field}: expected {expected}, found {found}")]
    Field {
        /// Path of the field.
        field: &'static str,
        /// What is allowed.
        expected: String,
        /// What is there.
        found: String,
    },
}

/// More bytes than this are no manifest.
pub(crate) const LIMIT_MANIFEST_BYTES: u64 = 1 << 20;

impl Manifest {
    /// The version this program reads and writes.
    pub const SCHEMA: u32 = 1;

    /// Reads and checks `manifest.json`.
    pub fn parse(json: &[u8]) -> Result<Self, ManifestError> {
        #[derive(Deserialize)]
        struct Versioned {
            schema: u64,
        }
        let Versioned { schema } = serde_json::from_slice(json)?;
        if schema != u64::from(Self::SCHEMA) {
            return Err(ManifestError::Schema { found: schema });
        }
        let manifest: Self = serde_json::from_slice(json)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Checks this manifest and writes it as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, ManifestError> {
        self.check()?;
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        Ok(json)
    }

    /// Precisions of the model files, widest first.
    pub fn precisions(&self) -> impl Iterator<Item = Precision> {
        Precision::ALL
            .into_iter()
            .filter(|&precision| self.files.contains_key(&FileName::Model(precision)))
    }

    fn check(&self) -> Result<(), ManifestError> {
        require("schema", self.schema == Self::SCHEMA, Self::SCHEMA, self.schema)?;
        check_line("name", &self.name)?;
        check_line("licence", &self.licence)?;
        check_line("provenance", &self.provenance)?;
        self.engine.check()?;
        if let Some([low, high]) = self.training_gsd_m {
            let is_range = 0.0 < low && low <= high && high <= 1000.0;
            require(
                "training_gsd_m",
                is_range,
                "[low, high] with 0 < low <= high <= 1000",
                format!("[{low}, {high}]"),
            )?;
        }
        if let Some(text) = &self.text {
            require("text.context", (2..=4096).contains(&text.context), "2 to 4096", text.context)?;
            require(
                "text.templates",
                (1..=1000).contains(&text.templates.len()),
                "1 to 1000",
                text.templates.len(),
            )?;
        }
        if let Some(folded) = &self.folded {
            require("folded", !folded.is_empty(), "at least one name", 0)?;
            require(
                "text",
                self.text.is_none(),
                "nothing beside `folded`: no query is encoded",
                "a text contract",
            )?;
        }
        self.check_files()
    }

    fn check_files(&self) -> Result<(), ManifestError> {
        let has = |name| self.files.contains_key(&name);
        for needed in [
            FileName::VocabularyRows,
            FileName::VocabularyEmbeddings,
            FileName::Golden,
            FileName::ModelCard,
        ] {
            require("files", has(needed), format!("{needed} among them"), "none of that name")?;
        }
        require(
            "files",
            self.precisions().next().is_some(),
            "at least one model.<precision>.onnx",
            "none",
        )?;
        for (name, part) in [(FileName::Text, "text tower"), (FileName::Tokenizer, "tokenizer")] {
            let expected =
                if self.text.is_some() { "as `text` says" } else { "as there is no `text`" };
            let (present, absent) = (format!("a {part} ({name})"), format!("no {part} ({name})"));
            let (wanted, other) =
                if self.text.is_some() { (present, absent) } else { (absent, present) };
            require(
                "files",
                has(name) == self.text.is_some(),
                format!("{wanted}, {expected}"),
                other,
            )?;
        }
        for (name, entry) in &self.files {
            let fits = (1..=name.limit_bytes()).contains(&entry.bytes);
            require(
                "files",
                fits,
                format!("{name} of 1 to {} bytes", name.limit_bytes()),
                entry.bytes,
            )?;
        }
        Ok(())
    }
}

impl EngineContract {
    /// The stride of the logits that everything after the engine is written for.
    pub const STRIDE_PX: u32 = 4;

    fn check(&self) -> Result<(), ManifestError> {
        let tile = self.tile_px;
        let stride = Self::STRIDE_PX;
        let is_tile = (stride..=8192).contains(&tile) && tile.is_multiple_of(stride);
        require("engine.tile_px", is_tile, format!("a multiple of {stride} up to 8192"), tile)?;
        require(
            "engine.overlap_px",
            self.overlap_px < tile,
            format!("less than tile_px, {tile}"),
            self.overlap_px,
        )?;
        require(
            "engine.logits_stride_px",
            self.logits_stride_px == stride,
            stride,
            self.logits_stride_px,
        )?;
        require(
            "engine.joint_width",
            (1..=65_536).contains(&self.joint_width),
            "1 to 65536",
            self.joint_width,
        )?;
        require("engine.max_queries", self.max_queries != Some(0), "1 or more, or nothing", 0)
    }
}

fn require(
    field: &'static str,
    holds: bool,
    expected: impl fmt::Display,
    found: impl fmt::Display,
) -> Result<(), ManifestError> {
    let error =
        || ManifestError::Field { field, expected: expected.to_string(), found: found.to_string() };
    if holds { Ok(()) } else { Err(error()) }
}

fn check_line(field: &'static str, text: &str) -> Result<(), ManifestError> {
    let is_line =
        !text.trim().is_empty() && text.len() <= 10_000 && !text.contains(char::is_control);
    require(field, is_line, "one line of text", format!("{:?}", shortened(text)))
}
