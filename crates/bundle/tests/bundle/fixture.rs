//! A complete bundle of a few kilobytes, honest or forged.

use crate::onnx_bytes::{good_model, good_text};
use rszs_bundle::{
    Bundle, BundleError, BundleWriter, EngineContract, Entry, Golden, GoldenShape, Manifest, Name,
    Precision, Sha256, Template, TextContract, Tolerance, VerifyOptions, Vocabulary,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use tempfile::TempDir;

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

pub(crate) fn vocabulary() -> Vocabulary {
    let mut building = Entry::new(name("building"), "aerial", [200, 30, 30]);
    building.synonyms = vec![name("house"), name("rooftop")];
    let flood = Entry::new(name("flood water"), "aerial", [30, 30, 200]);
    let mut ground = Entry::new(name("bare ground"), "aerial", [120, 90, 60]);
    ground.support = true;
    let embeddings = vec![1.0, 0.0, 0.0, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
    Vocabulary::new(vec![building, flood, ground], embeddings, 4).expect("a vocabulary")
}

pub(crate) fn golden() -> Golden {
    Golden {
        shape: GoldenShape { images: 1, queries: 2, tile_px: 8, joint_width: 4 },
        tiles: (0..192).collect(),
        queries: Some(vec![1.0, 0.0, 0.0, 0.0, 0.6, 0.8, 0.0, 0.0]),
        logits: vec![2.0, -1.0, 0.5, 0.0, -3.0, 1.0, 1.5, 0.25],
        presence: vec![0.5, -0.5],
        tolerance: Tolerance { fp32: 0.001, fp16: 0.01, int8: 0.5 },
    }
}

pub(crate) fn manifest() -> Manifest {
    Manifest {
        schema: Manifest::SCHEMA,
        name: "toy".to_owned(),
        counter: 7,
        files: [].into(),
        engine: EngineContract {
            tile_px: 8,
            overlap_px: 2,
            logits_stride_px: 4,
            joint_width: 4,
            max_queries: None,
        },
        folded: None,
        training_gsd_m: Some([0.05, 0.5]),
        text: Some(TextContract {
            context: 6,
            templates: vec![Template::new("a photo of {}").expect("a template")],
        }),
        network: serde_json::json!({ "preset": "toy" }),
        licence: "MIT OR Apache-2.0".to_owned(),
        provenance: "made by a test".to_owned(),
    }
}

pub(crate) fn writer() -> BundleWriter {
    BundleWriter::new(manifest())
        .model(Precision::Fp32, good_model())
        .text(good_text(), br#"{"merges": ["a b"]}"#.to_vec())
        .vocabulary(&vocabulary())
        .and_then(|writer| writer.golden(&golden()))
        .expect("vocabulary and golden set are valid")
        .model_card("# toy\n")
}

/// A folder that holds nothing but the honest bundle `toy`.
pub(crate) struct Fixture {
    folder: TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        // Written and synced once for all tests, copied from memory for each.
        static FILES: LazyLock<BTreeMap<String, Vec<u8>>> = LazyLock::new(|| {
            let folder = TempDir::new().expect("a temporary folder");
            writer().write(&folder.path().join("toy")).expect("the honest bundle is written");
            let read = |file: &String| {
                fs::read(folder.path().join("toy").join(file)).expect("the file is there")
            };
            files_below(&folder.path().join("toy"))
                .into_iter()
                .map(|file| (file.clone(), read(&file)))
                .collect()
        });
        let fixture = Self { folder: TempDir::new().expect("a temporary folder") };
        fs::create_dir_all(fixture.path().join("golden")).expect("a folder");
        for (file, bytes) in &*FILES {
            fs::write(fixture.path().join(file), bytes).expect("the file is written");
        }
        fixture
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("toy")
    }

    pub(crate) fn open(&self) -> Result<Bundle, BundleError> {
        Bundle::open(&self.path(), &VerifyOptions::default())
    }

    /// The message with which the bundle is refused, its folder left out.
    pub(crate) fn refusal(&self) -> String {
        let error = self.open().expect_err("the bundle is refused");
        let folder = format!("{}/", self.folder.path().display());
        let message = error.to_string();
        assert!(message.starts_with(&folder), "path first: {message}");
        assert!(!message.contains('\n'), "one line: {message}");
        message.replace(&folder, "")
    }

    /// Changes `file` as a fault or an outsider would: the manifest still says what was.
    pub(crate) fn damage(&self, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.path().join(file);
        let mut bytes = fs::read(&path).expect("the file is there");
        change(&mut bytes);
        fs::write(&path, bytes).expect("the file is written");
    }

    /// Replaces `file` as the author would: size and digest in the manifest follow.
    pub(crate) fn forge(&self, file: &str, bytes: &[u8]) {
        fs::write(self.path().join(file), bytes).expect("the file is written");
        self.forge_manifest(|manifest| {
            let entry = serde_json::json!({ "bytes": bytes.len(), "sha256": Sha256::of(bytes) });
            manifest["files"][file] = entry;
        });
    }

    /// Changes the manifest as the author would.
    pub(crate) fn forge_manifest(&self, change: impl FnOnce(&mut serde_json::Value)) {
        self.damage("manifest.json", |bytes| {
            let mut manifest = serde_json::from_slice(bytes).expect("the manifest is JSON");
            change(&mut manifest);
            *bytes = serde_json::to_vec_pretty(&manifest).expect("JSON");
        });
        self.forge_digest();
    }

    /// Makes the digest beside the manifest follow it, as the author would.
    pub(crate) fn forge_digest(&self) {
        let manifest = fs::read(self.path().join("manifest.json")).expect("the manifest is there");
        let line = format!("{}  manifest.json\n", Sha256::of(&manifest));
        fs::write(self.path().join("manifest.json.sha256"), line).expect("the digest is written");
    }
}

/// Paths of all files below `folder`, sorted.
pub(crate) fn files_below(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            let inside = files_below(&path);
            files.extend(
                inside
                    .iter()
                    .map(|file| format!("{}/{file}", path.file_name().expect("a name").display())),
            );
        } else {
            files.push(path.file_name().expect("a name").display().to_string());
        }
    }
    files.sort();
    files
}
