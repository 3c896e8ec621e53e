//! The words a bundle knows without a text tower: names, thresholds, embeddings.

use crate::edit_distance::edit_distance;
use crate::{Name, NameError, PresenceThreshold, ScoreError, Sha256, Temperature, Threshold, float_bytes, normalised};
use safetensors::SafeTensorError;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// More rows than this are no vocabulary.
const LIMIT_ROWS: usize = 100_000;
/// How far from 1 the length of an embedding may be; 16-bit storage stays below.
const NORM_TOLERANCE: f32 = 1e-3;
/// Suggestions for an unknown name.
const NEAREST: usize = 5;

/// Names and their embeddings, row by row. Every row is finite and L2-normalised, and no name or synonym occurs twice.
#[derive(Clone, Debug, PartialEq)]
pub struct Vocabulary {
    rows: Vec<Entry>,
    /// `[rows, D]`.
    embeddings: Vec<f32>,
    joint_width: usize,
    /// Normalised names and synonyms to their row.
    index: HashMap<String, usize>,
}

/// One row: a class, how it was encoded, and what decides whether a pixel belongs to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The class.
    pub name: Name,
    /// Other words for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub synonyms: Vec<Name>,
    /// The set of sentences the names were put into before encoding.
    pub template_set: String,
    /// From this score on a pixel belongs to the class.
    pub threshold: Threshold,
    /// Where the threshold comes from.
    pub threshold_source: ThresholdSource,
    /// Divides the logits of this class.
    pub temperature: Temperature,
    /// Below this presence the class is absent from a tile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence_threshold: Option<PresenceThreshold>,
    /// Red, green, blue in masks and overlays.
    pub colour: [u8; 3],
    /// Belongs to the hidden vocabulary that `exclusive` decisions compete against.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub support: bool,
    /// What calibration measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
}

/// Where a threshold comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum ThresholdSource {
    /// Not measured: the stated default.
    Default,
    /// Chosen on labelled pictures.
    Calibrated {
        /// Name of the set.
        set: String,
        /// How many pictures.
        images: u64,
    },
}

/// What calibration measured for one class, at its threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Labelled pixels of the class.
    pub n_pixels: u64,
    /// Intersection over union.
    pub iou: f64,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
    /// Name of the set.
    pub set: String,
    /// ISO 8601, e.g. `2026-08-22`.
    pub date: String,
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
#[error("{name}: expected a name of the vocabulary, found none of that name; nearest: {}", nearest.join(", "))]
pub struct UnknownName {
    /// What was asked for.
    pub name: String,
    /// Names (not synonyms) that are closest, best first.
    pub nearest: Vec<String>,
}

/// A vocabulary that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VocabularyError {
    /// No JSON of this form.
    #[error("vocabulary.json: expected names and thresholds, found: {0}")]
    Json(#[from] serde_json::Error),
    /// No safetensors of this form.
    #[error("vocabulary.safetensors: expected the tensor `embeddings`, found: {0}")]
    Embeddings(#[from] SafeTensorError),
    /// Wrong tensor, type or shape.
    #[error("vocabulary.safetensors: expected one tensor `embeddings: f32 [rows, D]`, found {0}")]
    EmbeddingsForm(String),
    /// Nothing, or too much.
    #[error("vocabulary: expected 1 to {LIMIT_ROWS} rows, found {0}")]
    RowCount(usize),
    /// One file holds more rows than the other.
    #[error("vocabulary: expected one embedding a name, found {names} names and {embeddings} embeddings")]
    RowMismatch {
        /// Rows of `vocabulary.json`.
        names: usize,
        /// Rows of `vocabulary.safetensors`.
        embeddings: usize,
    },
    /// Names and embeddings do not come from the same run.
    #[error("vocabulary: expected names and embeddings that hash to {expected}, found {found} (files of two runs?)")]
    Hash {
        /// What `vocabulary.json` says.
        expected: Sha256,
        /// What its names and the embeddings give.
        found: Sha256,
    },
    /// An embedding with NaN, infinity, zero length or not of unit length.
    #[error("vocabulary row {index} ({name}): expected an embedding of length 1, found {norm}")]
    Norm {
        /// Row.
        index: usize,
        /// Its name.
        name: Name,
        /// Length of the embedding.
        norm: f32,
    },
    /// Two rows claim the same word.
    #[error("vocabulary row {index}: expected each name and synonym once, found {name:?} again (row {first} has it)")]
    Duplicate {
        /// The later row.
        index: usize,
        /// The word.
        name: Name,
        /// The earlier row.
        first: usize,
    },
    /// A field of a row that cannot be.
    #[error("vocabulary row {index} ({name}): {field}: expected {expected}, found {found}")]
    Field {
        /// Row.
        index: usize,
        /// Its name.
        name: Name,
        /// Field.
        field: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A text that is no name.
    #[error("vocabulary: {0}")]
    Name(#[from] NameError),
    /// A number outside its range.
    #[error("vocabulary: {0}")]
    Score(#[from] ScoreError),
}

impl Entry {
    /// A row with even threshold and temperature 1, not calibrated.
    pub fn new(name: Name, template_set: impl Into<String>, colour: [u8; 3]) -> Self {
        Self {
            name,
            synonyms: Vec::new(),
            template_set: template_set.into(),
            threshold: Threshold::EVEN,
            threshold_source: ThresholdSource::Default,
            temperature: Temperature::ONE,
            presence_threshold: None,
            colour,
            support: false,
            calibration: None,
        }
    }
}

impl Vocabulary {
    /// `embeddings: [rows, D]`, row-major.
    pub fn new(rows: Vec<Entry>, embeddings: Vec<f32>, joint_width: usize) -> Result<Self, VocabularyError> {
        if !(1..=LIMIT_ROWS).contains(&rows.len()) {
            return Err(VocabularyError::RowCount(rows.len()));
        }
        if joint_width == 0 || rows.len().checked_mul(joint_width) != Some(embeddings.len()) {
            let embeddings = embeddings.len().checked_div(joint_width).unwrap_or(0);
            return Err(VocabularyError::RowMismatch { names: rows.len(), embeddings });
        }
        for (index, (row, embedding)) in rows.iter().zip(embeddings.chunks_exact(joint_width)).enumerate() {
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
        Row { index, entry: &self.rows[index], embedding: &self.embeddings[index * width..][..width] }
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

    /// The same embeddings with other thresholds, colours and so on, as calibration leaves them.
    /// The names must stay the same for the result to mean anything.
    pub fn with_entries(self, rows: Vec<Entry>) -> Result<Self, VocabularyError> {
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
            let nearest = words.map(|word| edit_distance(&wanted, &normalised(word.as_str()))).min();
            distances.extend(nearest.map(|distance| (distance, index)));
        }
        distances.sort_unstable();
        distances.iter().take(NEAREST).map(|&(_, index)| self.rows[index].name.to_string()).collect()
    }
}

impl Entry {
    fn check(&self, index: usize) -> Result<(), VocabularyError> {
        let error = |field, expected, found: String| {
            Err(VocabularyError::Field { index, name: self.name.clone(), field, expected, found })
        };
        if self.template_set.is_empty()
            || self.template_set.len() > 1000
            || self.template_set.contains(char::is_control)
        {
            return error(
                "template_set",
                "one line of text",
                format!("{:?}", crate::sha256::shortened(&self.template_set)),
            );
        }
        if let Some(calibration) = &self.calibration {
            for (field, score) in [("calibration.iou", calibration.iou), ("calibration.f1", calibration.f1)] {
                if !(0.0..=1.0).contains(&score) {
                    return error(field, "a number in [0, 1]", score.to_string());
                }
            }
        }
        Ok(())
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
