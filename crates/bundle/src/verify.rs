//! Opening a bundle: everything is checked before anything is parsed.

use crate::content::{read_all, read_small};
use crate::directory::{Directory, Kind};
use crate::error::EntryKind;
use crate::file_name::{DIGEST, GOLDEN_FOLDER, MANIFEST, SIGNATURE};
use crate::manifest::LIMIT_MANIFEST_BYTES;
use crate::{
    Bundle, BundleError, FileName, Golden, Manifest, Precision, PublicKey, Sha256, SignatureState,
    Vocabulary,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// More entries than this are no bundle.
const LIMIT_ENTRIES: usize = 64;
const LIMIT_SIGNATURE_BYTES: u64 = 4096;
const LIMIT_DIGEST_BYTES: u64 = 256;
/// Replaced this often while it is opened: somebody is doing something else.
const LIMIT_REPLACEMENTS: usize = 100;

/// What [`Bundle::open`] asks for. The default asks for no signature and keeps every model file.
#[derive(Clone, Debug)]
pub struct VerifyOptions {
    /// The signature must be by this key.
    pub public_key: Option<PublicKey>,
    /// With a key: accept a bundle without any signature. One that does not hold is refused all the
    /// same.
    pub allow_unsigned: bool,
    /// Refuse a bundle with a smaller counter.
    pub minimum_counter: u64,
    /// Model files to keep in memory. The others are hashed and let go, and not looked into.
    pub keep: Vec<Precision>,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self {
            public_key: None,
            allow_unsigned: false,
            minimum_counter: 0,
            keep: Precision::ALL.to_vec(),
        }
    }
}

impl Bundle {
    /// Opens the bundle in directory `path`: names, then signature, then the manifest with its
    /// digest, then sizes and digests of the files, and only then the content. Every file is read
    /// once. If the bundle is replaced meanwhile, the new one is opened.
    pub fn open(path: &Path, options: &VerifyOptions) -> Result<Self, BundleError> {
        let mut replacements = 0;
        loop {
            let directory = Directory::open(path).map_err(|source| BundleError::Unreadable {
                path: path.to_owned(),
                expected: "a bundle directory",
                source,
            })?;
            let opened = Self::open_directory(&directory, options);
            // The old directory is emptied after an exchange, maybe while it is read here.
            let is_replaced = opened.is_err() && !directory.is_at_its_path();
            replacements += 1;
            if !is_replaced || replacements == LIMIT_REPLACEMENTS {
                return opened;
            }
        }
    }

    fn open_directory(directory: &Directory, options: &VerifyOptions) -> Result<Self, BundleError> {
        let path = directory.path();
        let listed = list(directory)?;
        let manifest_bytes = read_small(directory, MANIFEST, LIMIT_MANIFEST_BYTES)?;
        let signature =
            check_signature(directory, listed.contains(SIGNATURE), &manifest_bytes, options)?;
        check_digest(directory, &listed, &manifest_bytes)?;
        let manifest = Manifest::parse(&manifest_bytes)
            .map_err(|source| BundleError::Manifest { path: path.join(MANIFEST), source })?;
        if manifest.counter < options.minimum_counter {
            let (expected, found) = (options.minimum_counter, manifest.counter);
            return Err(BundleError::RolledBack { path: path.join(MANIFEST), expected, found });
        }
        compare_names(path, &listed, &manifest)?;
        let mut contents = read_all(directory, &manifest.files, &options.keep)?;
        let models = Precision::ALL
            .into_iter()
            .filter_map(|precision| {
                Some((precision, contents.remove(&FileName::Model(precision))?))
            })
            .collect();
        let bundle = Self {
            path: path.to_owned(),
            hash: Sha256::of(&manifest_bytes),
            signature,
            models,
            text: contents.remove(&FileName::Text),
            tokenizer: contents.remove(&FileName::Tokenizer),
            vocabulary: parse_vocabulary(path, &mut contents)?,
            golden: parse_golden(path, &mut contents)?,
            model_card: parse_model_card(path, &mut contents)?,
            manifest,
        };
        bundle.check_contracts()?;
        Ok(bundle)
    }
}

/// Paths of all files, `/` between folder and name. Anything but regular files and the one folder
/// is refused.
fn list(directory: &Directory) -> Result<BTreeSet<String>, BundleError> {
    let mut files = BTreeSet::new();
    for (folder, prefix) in [(None, ""), (Some(GOLDEN_FOLDER), "golden/")] {
        let path = folder
            .map_or_else(|| directory.path().to_owned(), |folder| directory.path().join(folder));
        let unreadable = |source| BundleError::Unreadable {
            path: path.clone(),
            expected: "a folder of few files",
            source,
        };
        let children = match folder {
            None => directory.children(LIMIT_ENTRIES).map_err(unreadable)?,
            Some(folder) => match directory.folder(folder) {
                Ok(inside) => inside.children(LIMIT_ENTRIES).map_err(unreadable)?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
                Err(error) => return Err(unreadable(error)),
            },
        };
        for child in children {
            match child.kind {
                Kind::File => drop(files.insert(format!("{prefix}{}", child.name))),
                Kind::Folder if folder.is_none() && child.name == GOLDEN_FOLDER => {}
                kind => {
                    return Err(BundleError::NotAFile {
                        path: path.join(child.name),
                        found: EntryKind(kind),
                    });
                }
            }
        }
    }
    Ok(files)
}

fn check_signature(
    directory: &Directory,
    is_signed: bool,
    manifest: &[u8],
    options: &VerifyOptions,
) -> Result<SignatureState, BundleError> {
    let path = directory.path().join(SIGNATURE);
    match (&options.public_key, is_signed) {
        (None, true) => Ok(SignatureState::Unchecked),
        (None, false) => Ok(SignatureState::Unsigned),
        (Some(_), false) if options.allow_unsigned => Ok(SignatureState::Unsigned),
        (Some(_), false) => Err(BundleError::Unsigned { path }),
        (Some(key), true) => {
            let signature = read_small(directory, SIGNATURE, LIMIT_SIGNATURE_BYTES)?;
            let signature = str::from_utf8(&signature)
                .map_err(|_| BundleError::NotText { path: path.clone() })?;
            key.verify(manifest, signature)
                .map_err(|source| BundleError::Signature { path, source })?;
            Ok(SignatureState::Valid)
        }
    }
}

/// The digest beside the manifest shows damage in it where nobody signs. It is no signature:
/// whoever changes both files is not found out.
fn check_digest(
    directory: &Directory,
    listed: &BTreeSet<String>,
    manifest: &[u8],
) -> Result<(), BundleError> {
    let path = directory.path().join(DIGEST);
    if !listed.contains(DIGEST) {
        return Err(BundleError::Missing { path });
    }
    let line = read_small(directory, DIGEST, LIMIT_DIGEST_BYTES)?;
    let line = str::from_utf8(&line).unwrap_or_default();
    let expected = Sha256::from_sum_line(line, MANIFEST).ok_or(BundleError::Digest { path })?;
    let found = Sha256::of(manifest);
    if found != expected {
        return Err(BundleError::ManifestHash {
            path: directory.path().join(MANIFEST),
            expected,
            found,
        });
    }
    Ok(())
}

fn compare_names(
    path: &Path,
    listed: &BTreeSet<String>,
    manifest: &Manifest,
) -> Result<(), BundleError> {
    if let Some(name) = manifest.files.keys().find(|name| !listed.contains(name.as_str())) {
        return Err(BundleError::Missing { path: path.join(name.as_str()) });
    }
    let is_known = |found: &str| {
        matches!(found, MANIFEST | DIGEST | SIGNATURE)
            || FileName::parse(found).is_some_and(|name| manifest.files.contains_key(&name))
    };
    match listed.iter().find(|found| !is_known(found)) {
        Some(found) => Err(BundleError::Unlisted { path: path.join(found) }),
        None => Ok(()),
    }
}

type Contents = BTreeMap<FileName, Vec<u8>>;

fn parse_vocabulary(path: &Path, contents: &mut Contents) -> Result<Vocabulary, BundleError> {
    let rows = contents.remove(&FileName::VocabularyRows).unwrap_or_default();
    let embeddings = contents.remove(&FileName::VocabularyEmbeddings).unwrap_or_default();
    Vocabulary::from_files(&rows, &embeddings)
        .map_err(|source| BundleError::Vocabulary { path: path.to_owned(), source })
}

fn parse_golden(path: &Path, contents: &mut Contents) -> Result<Golden, BundleError> {
    let bytes = contents.remove(&FileName::Golden).unwrap_or_default();
    Golden::from_bytes(&bytes).map_err(|source| BundleError::Golden {
        path: path.join(FileName::Golden.as_str()),
        source,
    })
}

fn parse_model_card(path: &Path, contents: &mut Contents) -> Result<String, BundleError> {
    let bytes = contents.remove(&FileName::ModelCard).unwrap_or_default();
    String::from_utf8(bytes)
        .map_err(|_| BundleError::NotText { path: path.join(FileName::ModelCard.as_str()) })
}
