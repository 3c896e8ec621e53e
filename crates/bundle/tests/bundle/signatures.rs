//! Signatures made by the `minisign` crate, which also writes the tool's files.

use crate::fixture::Fixture;
use minisign::KeyPair;
use rszs_bundle::{Bundle, BundleError, PublicKey, SignatureState, VerifyOptions};
use std::fs;
use std::io::Cursor;

fn key_pair() -> KeyPair {
    KeyPair::generate_unencrypted_keypair().expect("a key pair")
}

fn sign(fixture: &Fixture, keys: &KeyPair) {
    let manifest = fs::read(fixture.path().join("manifest.json")).expect("the manifest is there");
    let signature = minisign::sign(Some(&keys.pk), &keys.sk, Cursor::new(manifest), None, None)
        .expect("a signature");
    fs::write(fixture.path().join("manifest.json.minisig"), signature.into_string())
        .expect("the signature is written");
}

fn asking_for(keys: &KeyPair) -> VerifyOptions {
    let key = PublicKey::parse(&keys.pk.to_base64()).expect("a public key");
    VerifyOptions { public_key: Some(key), ..VerifyOptions::default() }
}

#[test]
fn a_bundle_signed_by_the_given_key_is_valid() {
    let (fixture, keys) = (Fixture::new(), key_pair());
    sign(&fixture, &keys);
    let bundle = Bundle::open(&fixture.path(), &asking_for(&keys)).unwrap();
    assert_eq!(bundle.signature(), SignatureState::Valid);
}

#[test]
fn a_public_key_file_is_read_like_its_second_line() {
    let (fixture, keys) = (Fixture::new(), key_pair());
    sign(&fixture, &keys);
    let file = keys.pk.to_box().unwrap().to_string();
    let options = VerifyOptions {
        public_key: Some(PublicKey::parse(&file).unwrap()),
        ..VerifyOptions::default()
    };
    assert_eq!(Bundle::open(&fixture.path(), &options).unwrap().signature(), SignatureState::Valid);
}

#[test]
fn a_signature_without_a_key_is_unchecked() {
    let fixture = Fixture::new();
    sign(&fixture, &key_pair());
    assert_eq!(fixture.open().unwrap().signature(), SignatureState::Unchecked);
}

#[test]
fn a_signature_by_another_key_is_refused_even_where_unsigned_bundles_are_allowed() {
    let fixture = Fixture::new();
    sign(&fixture, &key_pair());
    let options = VerifyOptions { allow_unsigned: true, ..asking_for(&key_pair()) };
    assert!(matches!(Bundle::open(&fixture.path(), &options), Err(BundleError::Signature { .. })));
}

#[test]
fn an_unsigned_bundle_is_refused_unless_allowed() {
    let (fixture, keys) = (Fixture::new(), key_pair());
    assert!(matches!(
        Bundle::open(&fixture.path(), &asking_for(&keys)),
        Err(BundleError::Unsigned { .. })
    ));
    let options = VerifyOptions { allow_unsigned: true, ..asking_for(&keys) };
    assert_eq!(
        Bundle::open(&fixture.path(), &options).unwrap().signature(),
        SignatureState::Unsigned
    );
}

#[test]
fn a_flipped_bit_anywhere_in_a_signed_manifest_is_refused() {
    let (fixture, keys) = (Fixture::new(), key_pair());
    sign(&fixture, &keys);
    let options = asking_for(&keys);
    let length = fs::read(fixture.path().join("manifest.json")).unwrap().len();
    for position in (0..length).step_by(13).chain([length - 1]) {
        let flip = |bytes: &mut Vec<u8>| bytes[position] ^= 1;
        fixture.damage("manifest.json", flip);
        assert!(matches!(
            Bundle::open(&fixture.path(), &options),
            Err(BundleError::Signature { .. })
        ));
        fixture.damage("manifest.json", flip);
    }
    assert!(Bundle::open(&fixture.path(), &options).is_ok());
}

#[test]
fn a_signature_that_is_cut_or_changed_is_refused() {
    let (fixture, keys) = (Fixture::new(), key_pair());
    sign(&fixture, &keys);
    let options = asking_for(&keys);
    let whole = fs::read(fixture.path().join("manifest.json.minisig")).unwrap();
    let changed = String::from_utf8(whole.clone())
        .unwrap()
        .replace("trusted comment: ", "trusted comment: newer ");
    for forged in [&b""[..], &whole[..whole.len() / 2], changed.as_bytes(), b"\xff", &[b'x'; 5000]]
    {
        fs::write(fixture.path().join("manifest.json.minisig"), forged).unwrap();
        assert!(Bundle::open(&fixture.path(), &options).is_err());
    }
}

#[test]
fn a_key_that_is_none_is_refused() {
    for key in ["", "RW", "not base64 at all", "untrusted comment: x\nRW"] {
        assert!(
            PublicKey::parse(key).unwrap_err().to_string().starts_with("public key: expected ")
        );
    }
}

#[test]
fn an_older_release_than_the_one_in_use_is_refused() {
    let fixture = Fixture::new();
    let opened = |minimum_counter| {
        Bundle::open(
            &fixture.path(),
            &VerifyOptions { minimum_counter, ..VerifyOptions::default() },
        )
    };
    assert!(opened(7).is_ok());
    assert!(matches!(opened(8), Err(BundleError::RolledBack { expected: 8, found: 7, .. })));
}
