//! Ed25519 signatures as the `minisign` tool writes them.

use std::fmt;

/// A minisign public key.
#[derive(Clone)]
pub struct PublicKey(minisign_verify::PublicKey);

/// A key or signature that does not hold.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// Not a public key.
    #[error("public key: expected the base64 line or the file that minisign writes, found: {0}")]
    Key(minisign_verify::Error),
    /// Not a signature.
    #[error("expected a signature that minisign writes, found: {0}")]
    Form(minisign_verify::Error),
    /// Made with another key, or over another manifest.
    #[error(
        "expected a signature by the given key over this manifest, found: {0} (bundle from another \
         source, or changed)"
    )]
    Invalid(minisign_verify::Error),
}

impl PublicKey {
    /// From the content of a `.pub` file or its second line alone.
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        let text = text.trim();
        let key = if text.contains('\n') {
            minisign_verify::PublicKey::decode(text)
        } else {
            minisign_verify::PublicKey::from_base64(text)
        };
        key.map(Self).map_err(SignatureError::Key)
    }

    /// Checks that `signature`, the content of a `.minisig` file, is by this key over `content`.
    pub(crate) fn verify(&self, content: &[u8], signature: &str) -> Result<(), SignatureError> {
        let signature =
            minisign_verify::Signature::decode(signature).map_err(SignatureError::Form)?;
        let allow_legacy = false;
        self.0.verify(content, &signature, allow_legacy).map_err(SignatureError::Invalid)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PublicKey")
    }
}
