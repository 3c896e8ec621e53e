//! What is shipped: one directory that holds a model, its vocabulary and the proof that it still
//! works.
//!
//! ```text
//! manifest.json              schema, name, counter, size and SHA-256 of each other file, contract
//! manifest.json.sha256       its digest, as `sha256sum` writes it: shows damage, proves nothing
//! manifest.json.minisig      optional Ed25519 signature over manifest.json, as of `minisign`
//! model.fp32.onnx            and/or model.fp16.onnx, model.int8.onnx
//! text.fp32.onnx             optional, with tokenizer.json: free words work on the device
//! vocabulary.json            names, synonyms, thresholds, colours, one row each
//! vocabulary.safetensors     one embedding a row
//! golden/golden.safetensors  inputs and expected outputs
//! MODEL_CARD.md
//! ```
//!
//! [`Bundle::open`] reads every file once, through a handle on the directory, and checks names,
//! sizes, hashes and signature before anything is parsed; [`BundleWriter`] writes beside the target
//! and exchanges in one step. Engines are built on the device and never part of a bundle. Unix
//! only: it needs handles on directories. A bundle as one archive file is not implemented.
//!
//! Letters: N images, K queries, D joint width, H W pixels.

mod bundle;
mod content;
mod contract;
mod directory;
mod entry;
mod error;
mod exchange;
mod file_map;
mod file_name;
mod float_bytes;
mod golden;
mod golden_file;
mod manifest;
mod name;
mod onnx;
mod onnx_error;
mod onnx_tensor;
mod onnx_value;
mod precision;
mod protobuf;
mod score;
mod sha256;
mod signature;
mod template;
mod verify;
mod vocabulary;
mod vocabulary_error;
mod vocabulary_files;
mod write;

pub use bundle::{Bundle, SignatureState};
pub use entry::{Calibration, CurvePoint, Entry, ThresholdSource};
pub use error::{BundleError, EntryKind, SizeExpectation};
pub use file_name::FileName;
pub use golden::{Deviation, Golden, GoldenError, GoldenShape, Tolerance};
pub use manifest::{EngineContract, FileEntry, Manifest, ManifestError, TextContract};
pub use name::{Name, NameError, normalised};
pub use onnx::OnnxSummary;
pub use onnx_error::OnnxError;
pub use onnx_value::ValueSummary;
pub use precision::Precision;
pub use score::{PresenceThreshold, ScoreError, Temperature, Threshold};
pub use sha256::Sha256;
pub use signature::{PublicKey, SignatureError};
pub use template::Template;
pub use verify::VerifyOptions;
pub use vocabulary::{Row, UnknownName, Vocabulary};
pub use vocabulary_error::VocabularyError;
pub use write::{BundleWriter, WriteError};
