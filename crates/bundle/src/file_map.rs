//! The files a manifest lists.

use crate::file_name::{MANIFEST, SIGNATURE};
use crate::sha256::shortened;
use crate::{FileEntry, FileName};
use serde::de::{MapAccess, Visitor};
use serde::{Deserializer, Serialize, Serializer, de};
use std::collections::BTreeMap;
use std::fmt;

impl Serialize for FileName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Reads a map of files and refuses one that names a file twice, leaves the bundle, or holds what
/// we do not know.
pub(crate) fn files_named_once<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<FileName, FileEntry>, D::Error> {
    struct Files;
    impl<'de> Visitor<'de> for Files {
        type Value = BTreeMap<FileName, FileEntry>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a map from file name to size and digest")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut files = BTreeMap::new();
            while let Some(path) = map.next_key::<String>()? {
                let name = file_name(&path).map_err(de::Error::custom)?;
                if files.insert(name, map.next_value()?).is_some() {
                    return Err(de::Error::custom(format_args!(
                        "files: expected each name once, found {path:?} twice"
                    )));
                }
            }
            Ok(files)
        }
    }
    deserializer.deserialize_map(Files)
}

fn file_name(path: &str) -> Result<FileName, String> {
    let leaves = path.starts_with(['/', '\\'])
        || path.contains(':')
        || path.split(['/', '\\']).any(|part| part == "..");
    if leaves {
        return Err(format!(
            "files: expected a path inside the bundle, found {:?}",
            shortened(path)
        ));
    }
    FileName::parse(path).ok_or_else(|| {
        let known: Vec<&str> = FileName::ALL.iter().map(|name| name.as_str()).collect();
        let note = if matches!(path, MANIFEST | SIGNATURE) { " (cannot list itself)" } else { "" };
        format!("files: expected one of {}, found {:?}{note}", known.join(", "), shortened(path))
    })
}
