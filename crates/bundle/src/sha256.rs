//! SHA-256 as a value.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::Digest;
use std::fmt;

/// A SHA-256 digest; 64 lower-case hexadecimal digits in text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// Digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// Digest of `parts`, each preceded by its length, so that no two lists share one.
    pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = sha2::Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    pub(crate) fn from_hasher(hasher: sha2::Sha256) -> Self {
        Self(hasher.finalize().into())
    }

    /// The digest itself.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The line that `sha256sum NAME` writes.
    pub(crate) fn sum_line(&self, name: &str) -> String {
        format!("{self}  {name}\n")
    }

    /// The digest in a line that `sha256sum NAME` wrote.
    pub(crate) fn from_sum_line(line: &str, name: &str) -> Option<Self> {
        Self::parse(line.strip_suffix('\n')?.strip_suffix(name)?.strip_suffix("  ")?)
    }

    fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != 32 || !rest.is_empty() {
            return None;
        }
        let mut digest = [0; 32];
        for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self(digest))
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Sha256({self})")
    }
}

impl Serialize for Sha256 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format_args!(
                "expected 64 lower-case hexadecimal digits, found {:?}",
                shortened(&text)
            ))
        })
    }
}

/// The first 80 characters, for messages.
pub(crate) fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_nothing_is_the_published_one() {
        let published = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Sha256::of(b"").to_string(), published);
        assert_eq!(Sha256::parse(published), Some(Sha256::of(b"")));
    }

    #[test]
    fn capitals_and_wrong_lengths_are_refused() {
        let digest = Sha256::of(b"x").to_string();
        assert_eq!(Sha256::parse(&digest.to_uppercase()), None);
        assert_eq!(Sha256::parse(&digest[..62]), None);
        assert_eq!(Sha256::parse(&format!("{digest}00")), None);
    }

    #[test]
    fn a_line_of_sha256sum_is_read_back_and_no_other() {
        let digest = Sha256::of(b"x");
        let line = digest.sum_line("a.json");
        assert_eq!(Sha256::from_sum_line(&line, "a.json"), Some(digest));
        for other in [
            line.trim_end(),
            &line.replace("  ", " *"),
            &line.replace("a.json", "b.json"),
            "",
            "\n",
        ] {
            assert_eq!(Sha256::from_sum_line(other, "a.json"), None, "{other:?}");
        }
    }

    #[test]
    fn moving_a_byte_between_parts_changes_the_digest() {
        assert_ne!(Sha256::of_parts([&b"ab"[..], b"c"]), Sha256::of_parts([&b"a"[..], b"bc"]));
    }
}
