//! Hashes that show damage.

use std::collections::BTreeMap;
use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Bytes by tensor name.
pub(crate) type Bytes<'a> = BTreeMap<&'a str, &'a [u8]>;

/// SHA-256 of `parts` one after the other, as hexadecimal digits.
pub fn sha256<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hasher = Sha256::new();
    parts.into_iter().for_each(|part| hasher.update(part));
    hasher.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// SHA-256 of names and values in the order of the names, each after its length.
pub(crate) fn of_all(tensors: &Bytes) -> String {
    let parts: Vec<&[u8]> =
        tensors.iter().flat_map(|(name, bytes)| [name.as_bytes(), *bytes]).collect();
    let lengths: Vec<[u8; 8]> =
        parts.iter().map(|part| (part.len() as u64).to_le_bytes()).collect();
    sha256(lengths.iter().zip(parts).flat_map(|(length, part)| [&length[..], part]))
}

/// A short hash of each tensor's values, as JSON.
pub(crate) fn of_each(tensors: &Bytes) -> String {
    let digests: BTreeMap<&str, String> =
        tensors.iter().map(|(name, bytes)| (*name, short(bytes))).collect();
    serde_json::json!(digests).to_string()
}

/// The first tensor whose values do not fit `digests`, which [`of_each`] made.
pub(crate) fn damaged(digests: &str, tensors: &Bytes) -> Option<String> {
    let digests: BTreeMap<String, String> = serde_json::from_str(digests).ok()?;
    let is_damaged =
        |name: &str, bytes: &[u8]| digests.get(name).is_some_and(|digest| *digest != short(bytes));
    tensors.iter().find(|(name, bytes)| is_damaged(name, bytes)).map(|(name, _)| (*name).to_owned())
}

/// As many digits as damage needs.
fn short(bytes: &[u8]) -> String {
    let mut digest = sha256([bytes]);
    digest.truncate(16);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_earlier_versions() {
        // printf '\1\0\0\0\0\0\0\0a\2\0\0\0\0\0\0\0hi' | sha256sum
        let expected = sha256([&b"\x01\0\0\0\0\0\0\0a\x02\0\0\0\0\0\0\0hi"[..]]);
        assert_eq!(of_all(&[("a", &b"hi"[..])].into()), expected);
        assert_eq!(
            sha256([&b""[..]]),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn damage_is_found_in_the_tensor_that_has_it() {
        let digests = of_each(&[("a", &b"hi"[..]), ("b", &b"ho"[..])].into());
        assert_eq!(
            damaged(&digests, &[("a", &b"hi"[..]), ("b", &b"ha"[..])].into()),
            Some("b".to_owned())
        );
        assert_eq!(damaged(&digests, &[("a", &b"hi"[..]), ("B", &b"ho"[..])].into()), None);
    }
}
