//! The two files of a vocabulary.

use crate::{Entry, Sha256, Vocabulary, VocabularyError, float_bytes};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

const TENSOR: &str = "embeddings";

/// `vocabulary.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RowsFile<Rows> {
    /// Digest over names and embeddings together, [`Vocabulary::hash`].
    sha256: Sha256,
    rows: Rows,
}

impl Vocabulary {
    /// From the content of `vocabulary.json` and `vocabulary.safetensors`.
    pub fn from_files(json: &[u8], safetensors: &[u8]) -> Result<Self, VocabularyError> {
        let file: RowsFile<Vec<Entry>> = serde_json::from_slice(json)?;
        let tensors = SafeTensors::deserialize(safetensors)?;
        if tensors.len() != 1 {
            return Err(VocabularyError::EmbeddingsForm(format!("{} tensors", tensors.len())));
        }
        let tensor = tensors.tensor(TENSOR)?;
        let (Dtype::F32, &[rows, joint_width]) = (tensor.dtype(), tensor.shape()) else {
            return Err(VocabularyError::EmbeddingsForm(format!(
                "{} {:?}",
                tensor.dtype(),
                tensor.shape()
            )));
        };
        if rows != file.rows.len() {
            return Err(VocabularyError::RowMismatch { names: file.rows.len(), embeddings: rows });
        }
        let vocabulary = Self::new(file.rows, float_bytes::numbers(tensor.data()), joint_width)?;
        let found = vocabulary.hash();
        if found != file.sha256 {
            return Err(VocabularyError::Hash { expected: file.sha256, found });
        }
        Ok(vocabulary)
    }

    /// The content of `vocabulary.json` and of `vocabulary.safetensors`.
    pub fn to_files(&self) -> Result<(Vec<u8>, Vec<u8>), VocabularyError> {
        let mut json =
            serde_json::to_vec_pretty(&RowsFile { sha256: self.hash(), rows: self.entries() })?;
        json.push(b'\n');
        let bytes = float_bytes::little_endian(self.embeddings());
        let view =
            TensorView::new(Dtype::F32, vec![self.entries().len(), self.joint_width()], &bytes)?;
        Ok((json, safetensors::serialize([(TENSOR, view)], None)?))
    }
}
