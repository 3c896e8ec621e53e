//! Text vectors of the real CLIP ViT-B/32 for the prompt "a {name}": what our own text tower learns
//! from.

use std::collections::BTreeSet;
use std::path::Path;

use crate::error::DataError;
use crate::npy;

/// File of the vectors in the folder `clip_text`.
pub(crate) const VECTORS: &str = "clip_vitb32_text_a_cname_2148x512_f16.npy";

/// Names and their vectors, each name once.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipText {
    /// In lower case, which is how CLIP reads them. Underscores are spaces.
    pub names: Vec<String>,
    /// Width D of a vector.
    pub width: usize,
    /// `[names, D]`, each row of length 1.
    pub vectors: Vec<f32>,
}

impl ClipText {
    /// Opens the folder `clip_text`. Four vocabularies share names; the first row of each name
    /// stays.
    pub fn open(root: &Path) -> Result<Self, DataError> {
        let path = root.join("names.json");
        let text = std::fs::read_to_string(&path)
            .map_err(DataError::io(&path, "the names of the rows"))?;
        let rows: Vec<(String, String)> = serde_json::from_str(&text)
            .map_err(|error| DataError::malformed(&path, "a list of [source, name]", error))?;
        let path = root.join(VECTORS);
        let array = npy::read(&path)?;
        let &[row_count, width] = array.shape.as_slice() else {
            return Err(DataError::malformed(
                &path,
                "an array [names, width]",
                format!("shape {:?}", array.shape),
            ));
        };
        if row_count != rows.len() {
            let expected = format!("{} rows, one for each name in names.json", rows.len());
            return Err(DataError::malformed(&path, expected, format!("{row_count} rows")));
        }
        let mut seen = BTreeSet::new();
        let mut text = Self { names: Vec::new(), width, vectors: Vec::new() };
        for (index, (_, name)) in rows.into_iter().enumerate() {
            let name = name.to_lowercase().replace('_', " ").trim().to_owned();
            if !seen.insert(name.clone()) {
                continue;
            }
            let vector = &array.values[index * width..][..width];
            let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
            // Half precision keeps the length of a 512-wide unit vector within 1e-3.
            if length.is_nan() || (length - 1.0).abs() > 0.01 {
                let expected = format!("a vector of length 1 for \"{name}\", row {index}");
                return Err(DataError::malformed(&path, expected, format!("length {length}")));
            }
            text.vectors.extend(vector.iter().map(|value| value / length));
            text.names.push(name);
        }
        Ok(text)
    }

    /// The vector of row `index`. `[D]`, of length 1.
    pub fn vector(&self, index: usize) -> &[f32] {
        &self.vectors[index * self.width..][..self.width]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn a_name_of_two_vocabularies_is_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let text = ClipText::open(&fixtures::clip_text(folder.path()).unwrap()).unwrap();
        assert_eq!(text.names, ["river", "storage tank"]);
        assert_eq!(text.vector(1), [0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn rows_and_names_that_do_not_agree_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let root = fixtures::clip_text(folder.path()).unwrap();
        std::fs::write(root.join("names.json"), r#"[["lvis", "river"]]"#).unwrap();
        let message = ClipText::open(&root).unwrap_err().to_string();
        assert!(
            message.contains("expected 1 rows, one for each name in names.json, found 3 rows"),
            "{message}"
        );
    }

    #[test]
    fn a_vector_that_is_no_number_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let root = fixtures::clip_text(folder.path()).unwrap();
        let mut values = vec![0.5; 12];
        values[5] = f32::NAN;
        std::fs::write(
            root.join(VECTORS),
            npy::to_f16_bytes(&npy::Array { shape: vec![3, 4], values }),
        )
        .unwrap();
        let message = ClipText::open(&root).unwrap_err().to_string();
        assert!(message.contains("row 1, found length NaN"), "{message}");
    }
}
