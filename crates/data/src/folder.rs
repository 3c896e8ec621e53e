//! Any set of one's own: `images/`, `masks/` and `classes.txt` in one folder.
//!
//! ```text
//! # index, then name and synonyms, separated by commas
//! 0 -
//! 1 water, lake, river
//! 2 building, house
//! ```
//! A dash is an index that nobody asks for, such as the background; it is a negative for all
//! others. 255 is always [`crate::IGNORE`]. `val.txt`, when there, lists the stems of the
//! validation images, one a line; without it all images train. `provenance.json`, when there,
//! is a [`Provenance`]; without it the set counts as research only.

use std::collections::BTreeSet;
use std::path::Path;

use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Provenance, Split};
use crate::error::DataError;
use crate::mask::IGNORE;

/// The list of validation images.
pub(crate) const VAL: &str = "val.txt";
/// Where the set is from.
pub(crate) const PROVENANCE: &str = "provenance.json";

/// The classes; what makes a folder a set of one's own.
pub(crate) const CLASSES_FILE: &str = "classes.txt";

/// Opens such a folder. Its name becomes the set's name, whatever the provenance says.
pub fn open(root: &Path) -> Result<DenseSet, DataError> {
    let classes = read_classes(&root.join(CLASSES_FILE))?;
    let path = root.join(VAL);
    let val: BTreeSet<String> = match std::fs::read_to_string(&path) {
        Ok(text) => {
            text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeSet::new(),
        Err(error) => return Err(DataError::io(&path, "a list of validation names")(error)),
    };
    let name = root.file_name().and_then(|name| name.to_str()).unwrap_or("folder").to_owned();
    let provenance = read_provenance(&root.join(PROVENANCE))?.unwrap_or_else(|| Provenance {
        name: String::new(),
        metres_per_px: None,
        licence: "not stated".to_owned(),
        credit: "not stated".to_owned(),
        research_only: true,
    });
    let provenance = Provenance { name, ..provenance };
    let split = |id: &str, _| if val.contains(id) { Split::Val } else { Split::Train };
    let set = DenseSet::open(root, provenance, classes, split)?;
    if let Some(unknown) =
        val.iter().find(|name| !set.ids(Split::Val).any(|id| id == name.as_str()))
    {
        return Err(DataError::malformed(
            &path,
            "names of images without their extension",
            unknown,
        ));
    }
    Ok(set)
}

/// The provenance in a file, or `None` where there is no such file.
pub(crate) fn read_provenance(path: &Path) -> Result<Option<Provenance>, DataError> {
    match std::fs::read(path) {
        Ok(json) => serde_json::from_slice(&json).map(Some).map_err(|error| {
            DataError::malformed(
                path,
                "name, licence, credit, research_only and metres_per_px",
                error,
            )
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(DataError::io(path, "where the set is from, as JSON")(error)),
    }
}

/// `classes.txt` of a table, or `None` where it would not say the same. Ignored indices are left
/// out: masks have them as [`IGNORE`].
pub(crate) fn to_text(table: &ClassTable) -> Option<String> {
    let line = |id: u8| {
        let words = table.concepts().iter().find(|concept| concept.positive.contains(&id));
        let words =
            words.map_or("-".to_owned(), |concept| concept.words().collect::<Vec<_>>().join(", "));
        format!("{id} {words}\n")
    };
    table.is_exclusive().then(|| {
        table
            .classes()
            .iter()
            .filter(|class| !table.ignores(class.id))
            .map(|c| line(c.id))
            .collect()
    })
}

fn read_classes(path: &Path) -> Result<ClassTable, DataError> {
    let text = std::fs::read_to_string(path)
        .map_err(DataError::io(path, "a line \"index name, synonym\" a class"))?;
    let mut classes: Vec<(u8, &str)> = Vec::new();
    let mut concepts: Vec<(u8, Vec<&str>)> = Vec::new();
    // Windows' editor begins a file with a mark that nobody sees.
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let wrong = |found: &str| {
            let expected =
                format!("\"index name, synonym\" with an index of 0 to 254 in line {}", number + 1);
            DataError::malformed(path, expected, format!("\"{found}\""))
        };
        let (id, words) = line.split_once(char::is_whitespace).ok_or_else(|| wrong(line))?;
        let id: u8 = id.parse().map_err(|_| wrong(line))?;
        let words: Vec<&str> =
            words.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
        if id == IGNORE || words.is_empty() {
            return Err(wrong(line));
        }
        if classes.iter().any(|&(seen, _)| seen == id) {
            let expected =
                format!("each index once, with all its names in one line, in line {}", number + 1);
            return Err(DataError::malformed(path, expected, format!("{id} again")));
        }
        if words[0] == "-" {
            classes.push((id, "other"));
        } else {
            classes.push((id, words[0]));
            concepts.push((id, words));
        }
    }
    if concepts.is_empty() {
        return Err(DataError::Empty {
            path: path.to_path_buf(),
            expected: "at least one class with a name".to_owned(),
        });
    }
    let concepts: Vec<(u8, &[&str])> =
        concepts.iter().map(|(id, words)| (*id, words.as_slice())).collect();
    Ok(ClassTable::exclusive(&classes, &concepts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn the_table_and_the_split_come_from_the_text_files() {
        let folder = tempfile::tempdir().unwrap();
        let set = open(&fixtures::folder(folder.path()).unwrap()).unwrap();
        assert_eq!(set.name(), "own_set");
        assert_eq!((set.len(Split::Train), set.len(Split::Val)), (2, 1));
        assert_eq!(set.ids(Split::Val).collect::<Vec<_>>(), ["b"]);
        assert_eq!(set.classes().concept("lake").unwrap().name, "water");
        assert_eq!(set.classes().class_name(0), Some("other"));
        assert!(set.sample(Split::Val, 0).is_ok());
    }

    #[test]
    fn the_provenance_is_read_where_there_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let root = fixtures::folder(folder.path()).unwrap();
        assert!(open(&root).unwrap().provenance().research_only);
        let path = root.join("provenance.json");
        let json = r#"{"name": "us", "metres_per_px": 0.1, "licence": "CC0", "credit": "us",
            "research_only": false}"#;
        std::fs::write(&path, json).unwrap();
        let set = open(&root).unwrap();
        assert_eq!((set.name(), set.provenance().licence.as_str()), ("own_set", "CC0"));
        assert!(!set.provenance().research_only);
        std::fs::write(&path, "{}").unwrap();
        let message = open(&root).unwrap_err().to_string();
        assert!(message.contains("provenance.json: expected name, licence, credit"), "{message}");
    }

    #[test]
    fn a_table_is_the_text_that_reads_back_as_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = fixtures::folder(folder.path()).unwrap();
        let table = read_classes(&root.join(CLASSES_FILE)).unwrap();
        std::fs::write(root.join(CLASSES_FILE), to_text(&table).unwrap()).unwrap();
        assert_eq!(read_classes(&root.join(CLASSES_FILE)).unwrap(), table);
        let ignoring = table.clone().ignoring(9, "clutter");
        assert_eq!(to_text(&ignoring), to_text(&table));
        assert_eq!(to_text(&table.ruling_out(&["flood"], &[0])), None);
    }

    #[test]
    fn a_mark_at_the_start_and_ends_of_another_system_change_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = fixtures::folder(folder.path()).unwrap().join(CLASSES_FILE);
        let table = read_classes(&path).unwrap();
        let text =
            format!("\u{feff}{}", std::fs::read_to_string(&path).unwrap().replace('\n', "\r\n"));
        std::fs::write(&path, text).unwrap();
        assert_eq!(read_classes(&path).unwrap(), table);
    }

    #[test]
    fn an_index_that_comes_twice_is_called_that() {
        let folder = tempfile::tempdir().unwrap();
        let path = fixtures::folder(folder.path()).unwrap().join(CLASSES_FILE);
        std::fs::write(&path, "0 -\n1 water\n1 lake\n").unwrap();
        let message = read_classes(&path).unwrap_err().to_string();
        assert!(
            message.ends_with(
                "expected each index once, with all its names in one line, in line 3, found 1 again"
            ),
            "{message}"
        );
    }

    #[test]
    fn without_a_list_every_image_trains() {
        let folder = tempfile::tempdir().unwrap();
        let root = fixtures::folder(folder.path()).unwrap();
        std::fs::remove_file(root.join("val.txt")).unwrap();
        assert_eq!(open(&root).unwrap().len(Split::Train), 3);
    }

    #[test]
    fn lines_that_are_no_class_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = fixtures::folder(folder.path()).unwrap();
        for line in ["water", "x water", "255 nothing", "256 water", "1 ,"] {
            std::fs::write(root.join(CLASSES_FILE), line).unwrap();
            let message = open(&root).unwrap_err().to_string();
            assert!(
                message.contains("classes.txt: expected \"index name, synonym\""),
                "{line}: {message}"
            );
        }
        std::fs::write(root.join(CLASSES_FILE), "# only a remark\n").unwrap();
        assert!(matches!(open(&root), Err(DataError::Empty { .. })));
    }

    #[test]
    fn a_validation_name_without_an_image_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = fixtures::folder(folder.path()).unwrap();
        std::fs::write(root.join("val.txt"), "b\nzebra\n").unwrap();
        assert!(open(&root).unwrap_err().to_string().ends_with("found zebra"));
    }
}
