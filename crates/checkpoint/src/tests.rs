use std::fs;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};

use super::*;

fn origin() -> Origin {
    Origin {
        config: "{}".to_owned(),
        stage: "train".to_owned(),
        step: 7,
        seed: 3,
        command: "rszs-train".to_owned(),
        git: "unknown".to_owned(),
        data: Some("5eed".to_owned()),
    }
}

fn write(path: &Path, values: &[f32]) {
    let origin = origin();
    let mut writer = Writer::new(&origin);
    writer.add("vlm.a", vec![2], values);
    writer.add("rsi.b", vec![1, 3], &[0.0; 3]);
    writer.write(path).unwrap();
}

/// A file with the metadata of an earlier version, without hashes.
fn write_without_hash(path: &Path, leave_out: &str) {
    let bytes = 1.5_f32.to_le_bytes();
    let view = TensorView::new(Dtype::F32, vec![1], &bytes).unwrap();
    let mut metadata = origin().to_metadata();
    metadata.remove(leave_out);
    fs::write(path, safetensors::serialize([("vlm.a", view)], Some(metadata)).unwrap()).unwrap();
}

#[test]
fn a_checkpoint_survives_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run/weights.safetensors");
    write(&path, &[1.0, -2.5]);
    let checkpoint = Checkpoint::read(&path).unwrap();
    assert_eq!(checkpoint.origin, origin());
    let tensors = [
        ("rsi.b".to_owned(), Tensor::zeros([1, 3])),
        ("vlm.a".to_owned(), Tensor::new([2], vec![1.0, -2.5])),
    ];
    assert_eq!(checkpoint.tensors, tensors.into());
}

#[test]
fn a_flipped_byte_is_refused_with_file_and_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    write(&path, &[1.0, -2.5]);
    let mut bytes = fs::read(&path).unwrap();
    // The last bytes of the file are the values of the last tensor.
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = Checkpoint::read(&path).unwrap_err();
    assert!(
        matches!(&error, CheckpointError::Damaged { tensor: Some(name), .. } if name == "vlm.a"),
        "{error}"
    );
    let start = format!("{}: vlm.a: expected values with the SHA-256 ", path.display());
    assert!(error.to_string().starts_with(&start), "{error}");
}

#[test]
fn every_flipped_byte_of_names_and_values_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    write(&path, &[1.0, -2.5]);
    let whole = fs::read(&path).unwrap();
    let name = whole.windows(5).rposition(|bytes| bytes == b"rsi.b").unwrap();
    // The last place of the name is the header; metadata comes before.
    for at in (name..name + 5).chain(whole.len() - 20..whole.len()) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        Checkpoint::read(&path).unwrap_err();
    }
}

#[test]
fn a_file_of_an_earlier_version_without_hashes_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    write_without_hash(&path, "data");
    let checkpoint = Checkpoint::read(&path).unwrap();
    assert_eq!(checkpoint.origin.data, None);
    assert_eq!(checkpoint.tensors["vlm.a"], Tensor::new([1], vec![1.5]));
}

#[test]
fn missing_metadata_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    write_without_hash(&path, "step");
    let message = Checkpoint::read(&path).unwrap_err().to_string();
    assert!(
        message.contains("expected metadata `step` with a whole number, found none"),
        "{message}"
    );
}

#[test]
fn a_truncated_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    write(&path, &[1.0, -2.5]);
    let bytes = fs::read(&path).unwrap();
    for length in [0, 4, 100, bytes.len() - 1] {
        fs::write(&path, &bytes[..length]).unwrap();
        assert!(
            matches!(Checkpoint::read(&path), Err(CheckpointError::Format { .. })),
            "{length} bytes"
        );
    }
}

#[test]
fn a_value_that_is_not_a_number_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    write(&path, &[0.0, f32::NAN]);
    let error = Checkpoint::read(&path).unwrap().expect_finite(&path).unwrap_err().to_string();
    assert!(
        error.ends_with("vlm.a: expected finite numbers, found NaN at 1 (did training diverge?)"),
        "{error}"
    );
}
