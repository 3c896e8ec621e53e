//! From published files to a checkpoint that training starts from, and what is refused on the way.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use rszs_data::fixtures;
use rszs_train::checkpoint::Checkpoint;
use rszs_train::checkpoint::TOKENIZER;
use rszs_train::import::{ImportOptions, Published, WordSource, import};
use rszs_train::run::Run;
use rszs_train::train::{TrainOptions, WEIGHTS, train};
use rszs_train::{PositionRule, RunConfig, interpolate_positions};
use tch::{Device, Tensor};
use zip::write::SimpleFileOptions;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/published").join(name)
}

/// A network around the models of `write_published.py`, with `changes`.
fn config(changes: &[&str]) -> RunConfig {
    let published = [
        // Published towers have patches, not a stem.
        "network.preset = 'b16'",
        "network.joint_width = 24",
        "network.vlm = { input_px = 16, patch_px = 4, width = 8, layers = 2 }",
        "network.vlm_taps = [0, 0]",
        "network.rsi = { input_px = 16, patch_px = 4, width = 8, layers = 2 }",
        "network.text.width = 8",
    ];
    let changes =
        support::TINY.iter().chain(&published).chain(changes).map(|&change| change.to_owned());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/nano.toml");
    RunConfig::read(&path, &changes.collect::<Vec<_>>()).unwrap()
}

fn options(folder: &Path, clip: &Path, dino: &Path) -> ImportOptions {
    let tokenizer = folder.join("merges.json");
    fs::write(&tokenizer, r#"{"merges": []}"#).unwrap();
    let words = WordSource::Clip { weights: clip.to_owned(), tokenizer };
    let (dino, output) = (Some(dino.to_owned()), folder.join("imported/weights.safetensors"));
    ImportOptions { words, stem: None, dino, output, allow_pickle: true }
}

/// What the import of the two files says, without the path of the file it speaks of.
fn refusal(clip: &Path, dino: &Path, path: &Path) -> String {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path(), clip, dino);
    let message = import(config(&[]).network(), &options).unwrap_err().to_string();
    assert!(!options.output.exists());
    message.strip_prefix(&format!("{}: ", path.display())).unwrap_or(&message).to_owned()
}

/// A PyTorch archive with this pickle in it.
fn archive(path: &Path, pickle: &[u8]) {
    let mut zip = zip::ZipWriter::new(File::create(path).unwrap());
    zip.start_file("archive/data.pkl", SimpleFileOptions::default()).unwrap();
    zip.write_all(pickle).unwrap();
    zip.finish().unwrap();
}

#[test]
fn training_starts_from_imported_weights() {
    support::single_thread();
    let folder = tempfile::tempdir().unwrap();
    fixtures::flood_area(folder.path()).unwrap();
    let root = format!("data.root = '{}'", folder.path().display());
    let config = config(&[
        &root,
        "train.augment.tile_px = 64",
        "train.batch_size = 2",
        "train.evaluate_every_steps = 0",
        "train.sources = \
         [{ set = \"flood_area\", weight = 1.0, scale_min = 1.0, scale_max = 2.0, oblique = true \
         }]",
        "train.schedule = { peak = 1e-5, floor_fraction = 1.0, warmup_steps = 1, steps = 1 }",
    ]);
    let options = options(folder.path(), &golden("openai_clip.pt"), &golden("gsnet_rsib.pth"));
    import(config.network(), &options).unwrap();
    let imported = Checkpoint::read(&options.output).unwrap();
    assert_eq!(imported.origin.stage, "import");
    assert!(options.output.with_file_name(TOKENIZER).is_file());

    let run = folder.path().join("run");
    let from = TrainOptions { from: options.output, exclude_queries: Vec::new() };
    train(&config, &from, &mut Run::open(&run).unwrap(), Device::Cpu).unwrap();
    let trained = Checkpoint::read(&run.join(WEIGHTS)).unwrap();
    for (name, before) in &imported.tensors {
        let moved = (before - &trained.tensors[name]).abs().max().double_value(&[]);
        // One step of AdamW moves a weight by about the learning rate.
        assert!(moved < 1e-4, "{name}: {moved}");
    }
}

#[test]
fn position_tables_come_to_the_networks_grid_each_by_its_own_rule() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path(), &golden("open_clip.pt"), &golden("dino.pth"));
    let changes =
        ["network.tile_px = 128", "network.vlm.input_px = 32", "network.rsi.input_px = 32"];
    import(config(&changes).network(), &options).unwrap();
    let imported = Checkpoint::read(&options.output).unwrap();
    for (stream, file, table, rule) in [
        ("vlm", &golden("open_clip.pt"), "visual.positional_embedding", PositionRule::Size),
        ("rsi", options.dino.as_ref().unwrap(), "pos_embed", PositionRule::DinoFactor),
    ] {
        let published = Published::read(file, true).unwrap().tensors[table].reshape([17, 8]);
        let expected = interpolate_positions(&published, 4, 8, rule).unwrap();
        assert!(imported.tensors[&format!("{stream}.positions")] == expected, "{stream}");
    }
}

#[test]
fn every_tensor_that_does_not_fit_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.safetensors");
    let mut tensors = Published::read(&golden("open_clip.pt"), true).unwrap().tensors;
    for missing in ["visual.proj", "transformer.resblocks.0.attn.in_proj_weight"] {
        assert!(tensors.remove(missing).is_some());
    }
    tensors.insert("visual.head.weight".to_owned(), Tensor::from_slice(&[1.0_f32]));
    let patches = tensors.get_mut("visual.conv1.weight").unwrap();
    *patches = patches.narrow(2, 0, 2);
    let table = tensors.get_mut("visual.positional_embedding").unwrap();
    *table = table.narrow(0, 0, 16);
    let named: Vec<_> = tensors.iter().map(|(name, tensor)| (name, tensor.contiguous())).collect();
    Tensor::write_safetensors(&named, &path).unwrap();
    assert_eq!(
        refusal(&path, &golden("dino.pth"), &path),
        "expected exactly the tensors of OpenAI's and open_clip's CLIP, found \
         2 missing: transformer.resblocks.0.attn.in_proj_weight, visual.proj; \
         1 unexpected: visual.head.weight; \
         2 of another shape: visual.conv1.weight: expected [8, 3, 4, 4], found [8, 3, 2, 4], \
         visual.positional_embedding: expected [17, 8], found [16, 8]; \
         another file, or other sizes under [network]?"
    );
}

#[test]
fn weights_of_another_model_are_refused() {
    let path = golden("dino.pth");
    assert_eq!(
        refusal(&path, &path, &path),
        "expected visual.conv1.weight (OpenAI's and open_clip's CLIP) or \
         vision_model.embeddings.class_embedding \
         (Hugging Face's CLIPModel), found 30 tensors, among them blocks.0.attn.proj.bias; weights \
         of another model?"
    );
}

#[test]
fn a_pickle_is_read_only_where_that_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let archive = golden("openai_clip.pt");
    let options = ImportOptions {
        allow_pickle: false,
        dino: None,
        ..options(folder.path(), &archive, &archive)
    };
    assert_eq!(
        import(config(&[]).network(), &options).unwrap_err().to_string(),
        format!(
            "{}: expected safetensors, found a PyTorch archive with a pickle; --allow-pickle reads \
             the tensors in it and \
             runs nothing",
            archive.display()
        )
    );
}

#[test]
fn a_pickle_that_wants_a_shell_gets_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.pt");
    let touched = folder.path().join("touched");
    // os.system("touch …"), as Python pickles it on Linux.
    let command = format!("touch {}", touched.display());
    let mut pickle = b"\x80\x02cposix\nsystem\nq\x00X".to_vec();
    pickle.extend(u32::try_from(command.len()).unwrap().to_le_bytes());
    pickle.extend(command.as_bytes());
    pickle.extend(b"q\x01\x85q\x02Rq\x03.");
    archive(&path, &pickle);
    assert_eq!(
        refusal(&path, &golden("dino.pth"), &path),
        "archive/data.pkl, byte 2: expected only what holds tensors, found posix.system; nothing \
         of it was run, and no \
         other program should open it"
    );
    assert!(!touched.exists());
}

#[test]
fn a_cut_archive_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.pt");
    let bytes = fs::read(golden("openai_clip.pt")).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let message = refusal(&path, &golden("dino.pth"), &path);
    assert!(message.starts_with("expected a PyTorch archive, found "), "{message}");
}

#[test]
fn a_tensor_outside_its_storage_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.pt");
    // {"a": a view of 4 numbers of data/0, which has 2}.
    let mut pickle =
        b"\x80\x02}X\x01\0\0\0actorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n".to_vec();
    pickle.extend(b"X\x01\0\0\x000X\x03\0\0\0cpuK\x02tQK\x00K\x04\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtRs.");
    let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
    for (name, bytes) in [("archive/data.pkl", &pickle[..]), ("archive/data/0", &[0; 8])] {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
    assert_eq!(
        refusal(&path, &golden("dino.pth"), &path),
        "expected a inside storage 0 with its 2 numbers of Float, found size [4], strides [1] from \
         0 on as Float; the file is \
         damaged or not one of weights"
    );
}
