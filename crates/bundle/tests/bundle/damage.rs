//! Faults of disks, copies and radio links: the manifest says one thing and the files another.

use crate::fixture::{Fixture, files_below};
use std::fs;

/// Every file that the manifest lists.
fn listed_files(fixture: &Fixture) -> Vec<String> {
    files_below(&fixture.path())
        .into_iter()
        .filter(|file| !file.starts_with("manifest.json"))
        .collect()
}

#[test]
fn a_flipped_bit_anywhere_in_the_manifest_is_refused() {
    let fixture = Fixture::new();
    let length = fs::read(fixture.path().join("manifest.json")).unwrap().len();
    for position in 0..length {
        let flip = |bytes: &mut Vec<u8>| bytes[position] ^= 1 << (position % 8);
        fixture.damage("manifest.json", flip);
        let message = fixture.refusal();
        assert!(message.starts_with("toy/manifest.json: expected SHA-256 "), "{message}");
        fixture.damage("manifest.json", flip);
    }
    assert!(fixture.open().is_ok());
}

#[test]
fn a_digest_that_is_none_or_missing_is_refused() {
    let fixture = Fixture::new();
    fixture.damage("manifest.json.sha256", |bytes| bytes[70] ^= 1);
    let message = fixture.refusal();
    assert!(
        message.starts_with("toy/manifest.json.sha256: expected the line that sha256sum writes"),
        "{message}"
    );
    fs::remove_file(fixture.path().join("manifest.json.sha256")).unwrap();
    assert_eq!(
        fixture.refusal(),
        "toy/manifest.json.sha256: expected the file, found none (copy the bundle again)"
    );
}

#[test]
fn a_flipped_bit_at_any_byte_of_any_file_is_refused_and_the_file_named() {
    let fixture = Fixture::new();
    for file in listed_files(&fixture) {
        let length = fs::read(fixture.path().join(&file)).unwrap().len();
        for position in (0..length).step_by(7).chain([length - 1]) {
            let flip = |bytes: &mut Vec<u8>| bytes[position] ^= 1 << (position % 8);
            fixture.damage(&file, flip);
            let message = fixture.refusal();
            assert!(message.starts_with(&format!("toy/{file}: expected SHA-256 ")), "{message}");
            fixture.damage(&file, flip);
        }
    }
    assert!(fixture.open().is_ok());
}

#[test]
fn a_file_cut_short_is_refused() {
    for file in listed_files(&Fixture::new()) {
        let fixture = Fixture::new();
        fixture.damage(&file, |bytes| bytes.truncate(bytes.len() - 1));
        let message = fixture.refusal();
        assert!(
            message.starts_with(&format!("toy/{file}: expected "))
                && message.contains(" bytes, found "),
            "{message}"
        );
    }
}

#[test]
fn a_file_that_grew_is_refused() {
    for file in listed_files(&Fixture::new()) {
        let fixture = Fixture::new();
        fixture.damage(&file, |bytes| bytes.push(b'\n'));
        assert!(fixture.refusal().starts_with(&format!("toy/{file}: expected ")));
    }
}

#[test]
fn a_missing_file_is_named() {
    for file in files_below(&Fixture::new().path()) {
        let fixture = Fixture::new();
        fs::remove_file(fixture.path().join(&file)).unwrap();
        assert!(fixture.refusal().starts_with(&format!("toy/{file}: expected ")));
    }
}

#[test]
fn a_manifest_cut_anywhere_is_refused() {
    let fixture = Fixture::new();
    let whole = fs::read(fixture.path().join("manifest.json")).unwrap();
    for length in (0..whole.len() - 2).step_by(11) {
        fs::write(fixture.path().join("manifest.json"), &whole[..length]).unwrap();
        assert!(fixture.refusal().starts_with("toy/manifest.json: expected SHA-256 "));
        fixture.forge_digest();
        assert!(
            fixture
                .refusal()
                .starts_with("toy/manifest.json: expected a manifest of schema 1, found: ")
        );
    }
}

#[test]
fn a_directory_that_is_not_there_or_no_directory_is_refused() {
    let fixture = Fixture::new();
    for path in [fixture.path().join("nowhere"), fixture.path().join("manifest.json")] {
        let error =
            rszs_bundle::Bundle::open(&path, &rszs_bundle::VerifyOptions::default()).unwrap_err();
        assert!(error.to_string().contains(": expected a bundle directory, found: "), "{error}");
    }
}

#[test]
fn an_extra_file_is_refused() {
    for file in ["plugin.so", "golden/more.png", "model.fp16.onnx", "Manifest.json", ".hidden"] {
        let fixture = Fixture::new();
        fs::write(fixture.path().join(file), b"x").unwrap();
        assert!(
            fixture
                .refusal()
                .starts_with(&format!("toy/{file}: expected only files that manifest.json lists"))
        );
    }
}

#[test]
fn an_extra_folder_is_refused() {
    for folder in ["engines", "golden/more"] {
        let fixture = Fixture::new();
        fs::create_dir(fixture.path().join(folder)).unwrap();
        assert!(
            fixture
                .refusal()
                .starts_with(&format!("toy/{folder}: expected a regular file, found a folder"))
        );
    }
}

#[test]
fn a_directory_of_too_many_entries_is_refused_before_anything_is_read() {
    let fixture = Fixture::new();
    for number in 0..100 {
        fs::write(fixture.path().join(format!("{number}")), b"").unwrap();
    }
    assert_eq!(
        fixture.refusal(),
        "toy: expected a folder of few files, found: more than 64 entries"
    );
}

#[test]
fn a_symbolic_link_is_refused_even_to_the_right_content() {
    for file in ["model.fp32.onnx", "manifest.json", "golden/golden.safetensors"] {
        let fixture = Fixture::new();
        let outside = fixture.path().with_file_name("outside");
        fs::rename(fixture.path().join(file), &outside).unwrap();
        std::os::unix::fs::symlink(&outside, fixture.path().join(file)).unwrap();
        assert!(
            fixture.refusal().starts_with(&format!(
                "toy/{file}: expected a regular file, found a symbolic link"
            ))
        );
    }
}

#[test]
fn a_linked_folder_is_refused_even_with_the_right_content() {
    let fixture = Fixture::new();
    let outside = fixture.path().with_file_name("outside");
    fs::rename(fixture.path().join("golden"), &outside).unwrap();
    std::os::unix::fs::symlink(&outside, fixture.path().join("golden")).unwrap();
    assert!(
        fixture.refusal().starts_with("toy/golden: expected a regular file, found a symbolic link")
    );
}

#[test]
fn a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for() {
    let fixture = Fixture::new();
    let model = fixture.path().join("model.fp32.onnx");
    fs::remove_file(&model).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&model).status().unwrap().success());
    assert!(fixture.refusal().starts_with(
        "toy/model.fp32.onnx: expected a regular file, found a device, socket or pipe"
    ));
}

#[test]
fn a_name_that_is_not_utf_8_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let fixture = Fixture::new();
    fs::write(fixture.path().join(std::ffi::OsStr::from_bytes(b"\xff\xfe")), b"").unwrap();
    assert!(fixture.refusal().contains("a name that is not UTF-8: \\xff\\xfe"));
}
