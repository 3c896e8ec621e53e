//! The words a bundle knows without a text tower: names, thresholds, embeddings.

use strsim::osa_distance;

use crate::{Entry, Sha256, VocabularyError, float_bytes, normalised};
use std::collections::HashMap;

/// How far from 1 the length of an embedding may be; 16-bit storage stays below.
const NORM_TOLERANCE: f32 = 1e-3;
/// Suggestions for an unknown name.
const NEAREST: usize = 5;

/// Names and their embeddings, row by row. Every row is finite and L2-normalised, and no name or
/// synonym occurs twice.
#[derive(Clone, Debug, PartialEq)]
pub struct Vocabulary {
    rows: Vec<Entry>,
    /// `[rows, D]`.
    embeddings: Vec<f32>,
    joint_width: usize,
    /// Normalised names and synonyms to their row.
    index: HashMap<String, usize>,
}

/// One row of a vocabulary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row<'a> {
    /// Its number, from 0.
    pub index: usize,
    /// Name and thresholds.
    pub entry: &'a Entry,
    /// `[D]`, L2-normalised.
    pub embedding: &'a [f32],
}

/// A name the vocabulary does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name}: expected a name of the vocabulary, found none of that name; nearest: {}",
    nearest.join(", ")
)]
pub struct UnknownName {
    /// What was asked for.
    pub name: String,
    /// Names (not synonyms) that are closest, best first.
    pub nearest: Vec<String>,
}

impl Vocabulary {
    /// More rows than this are no vocabulary.
    pub(crate) const LIMIT_ROWS: usize = 100_000;

    /// `embeddings: [rows, D]`, row-major.
    pub fn new(
        rows: Vec<Entry>,
        embeddings: Vec<f32>,
        joint_width: usize,
    ) -> Result<Self, VocabularyError> {
        if !(1..=Self::LIMIT_ROWS).contains(&rows.len()) {
            return Err(VocabularyError::RowCount(rows.len()));
        }
        if joint_width == 0 || rows.len().checked_mul(joint_width) != Some(embeddings.len()) {
            let embeddings = embeddings.len().checked_div(joint_width).unwrap_or(0);
            return Err(VocabularyError::RowMismatch { names: rows.len(), embeddings });
        }
        for (index, (row, embedding)) in
            rows.iter().zip(embeddings.chunks_exact(joint_width)).enumerate()
        {
            let norm = embedding.iter().map(|value| value * value).sum::<f32>().sqrt();
            // Written so that a NaN fails.
            let is_normalised = (norm - 1.0).abs() <= NORM_TOLERANCE;
            if !is_normalised {
                return Err(VocabularyError::Norm { index, name: row.name.clone(), norm });
            }
            row.check(index)?;
        }
        Ok(Self { index: index_of(&rows)?, rows, embeddings, joint_width })
    }

    /// All rows in order, support rows included.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        (0..self.rows.len()).map(|index| self.row(index))
    }

    /// Row `index`.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, index: usize) -> Row<'_> {
        let width = self.joint_width;
        Row {
            index,
            entry: &self.rows[index],
            embedding: &self.embeddings[index * width..][..width],
        }
    }

    /// Names and thresholds of all rows.
    pub fn entries(&self) -> &[Entry] {
        &self.rows
    }

    /// `[rows, D]`, row-major.
    pub fn embeddings(&self) -> &[f32] {
        &self.embeddings
    }

    /// D.
    pub fn joint_width(&self) -> usize {
        self.joint_width
    }

    /// The same names and embeddings with other thresholds, colours and so on, as calibration
    /// leaves them.
    pub fn with_entries(self, rows: Vec<Entry>) -> Result<Self, VocabularyError> {
        for (index, (old, new)) in self.rows.iter().zip(&rows).enumerate() {
            if old.name != new.name {
                let (name, found) = (old.name.clone(), new.name.to_string());
                return Err(VocabularyError::Field {
                    index,
                    name,
                    field: "name",
                    expected: "the name to stay",
                    found,
                });
            }
        }
        Self::new(rows, self.embeddings, self.joint_width)
    }

    /// The row with this name or synonym; case, spaces, hyphens and underscores do not matter.
    pub fn resolve(&self, name: &str) -> Result<Row<'_>, UnknownName> {
        match self.index.get(&normalised(name)) {
            Some(&index) => Ok(self.row(index)),
            None => Err(UnknownName { name: name.to_owned(), nearest: self.nearest(name) }),
        }
    }

    /// Digest over names and embeddings together.
    pub fn hash(&self) -> Sha256 {
        let embeddings = float_bytes::little_endian(&self.embeddings);
        let names = self.rows.iter().map(|row| row.name.as_str().as_bytes());
        Sha256::of_parts(names.chain([embeddings.as_slice()]))
    }

    fn nearest(&self, name: &str) -> Vec<String> {
        // Far longer than any name: distances would cost more than they say.
        let wanted: String = normalised(name).chars().take(200).collect();
        let mut distances: Vec<(usize, usize)> = Vec::with_capacity(self.rows.len());
        for (index, row) in self.rows.iter().enumerate().filter(|(_, row)| !row.support) {
            let words = std::iter::once(&row.name).chain(&row.synonyms);
            let nearest = words.map(|word| osa_distance(&wanted, &normalised(word.as_str()))).min();
            distances.extend(nearest.map(|distance| (distance, index)));
        }
        distances.sort_unstable();
        distances
            .iter()
            .take(NEAREST)
            .map(|&(_, index)| self.rows[index].name.to_string())
            .collect()
    }
}

fn index_of(rows: &[Entry]) -> Result<HashMap<String, usize>, VocabularyError> {
    let mut words = HashMap::with_capacity(rows.len());
    for (index, row) in rows.iter().enumerate() {
        for name in std::iter::once(&row.name).chain(&row.synonyms) {
            if let Some(first) = words.insert(normalised(name.as_str()), index) {
                return Err(VocabularyError::Duplicate { index, name: name.clone(), first });
            }
        }
    }
    Ok(words)
}
