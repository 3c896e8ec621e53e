//! Golden files that `tests/python/write_golden.py` made with Hugging Face `transformers`, under our names.

use std::collections::BTreeMap;
use std::path::Path;

use rszs_graph::Tensor;
use safetensors::{Dtype, SafeTensors};

/// Weights, inputs and outputs of one model, under the names of `transformers`.
#[derive(Debug)]
pub(crate) struct HuggingFace {
    tensors: BTreeMap<String, Tensor>,
}

/// Where a block of a tower and its tensors are, there.
const BLOCK: [(&str, &str); 3] = [
    ("text_model.encoder.layers.", "blocks."),
    ("vision_model.encoder.layers.", "blocks."),
    ("encoder.layer.", "blocks."),
];

/// Ends of names inside a block or outside, theirs and ours. Of two that fit, the first counts.
const ENDS: [(&str, &str); 31] = [
    ("layer_norm1.", "norm1."),
    ("layer_norm2.", "norm2."),
    ("layernorm_before.", "norm1."),
    ("layernorm_after.", "norm2."),
    ("self_attn.q_proj.", "attn.q."),
    ("self_attn.k_proj.", "attn.k."),
    ("self_attn.v_proj.", "attn.v."),
    ("self_attn.out_proj.", "attn.out."),
    ("attention.attention.query.", "attn.q."),
    ("attention.attention.key.", "attn.k."),
    ("attention.attention.value.", "attn.v."),
    ("attention.output.dense.", "attn.out."),
    ("intermediate.dense.", "mlp.fc1."),
    ("output.dense.", "mlp.fc2."),
    ("mlp.fc1.", "mlp.fc1."),
    ("mlp.fc2.", "mlp.fc2."),
    ("text_model.embeddings.token_embedding.weight", "tokens"),
    ("text_model.embeddings.position_embedding.weight", "positions"),
    ("text_model.final_layer_norm.", "norm_after."),
    ("text_projection.weight", "projection"),
    ("vision_model.embeddings.class_embedding", "class_token"),
    ("vision_model.embeddings.patch_embedding.", "patch."),
    ("vision_model.embeddings.position_embedding.weight", "positions"),
    ("vision_model.pre_layrnorm.", "norm_before."),
    ("vision_model.post_layernorm.", "norm_after."),
    ("visual_projection.weight", "projection"),
    ("embeddings.cls_token", "class_token"),
    ("embeddings.position_embeddings", "positions"),
    ("embeddings.patch_embeddings.projection.", "patch."),
    ("layernorm.weight", "norm_after.weight"),
    ("layernorm.bias", "norm_after.bias"),
];

impl HuggingFace {
    /// Reads `tests/golden/NAME.safetensors`.
    pub(crate) fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name).with_extension("safetensors");
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file = SafeTensors::deserialize(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let tensors = file.iter().map(|(name, view)| {
            let numbers = view.data();
            let values = match view.dtype() {
                Dtype::F32 => numbers.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
                Dtype::I64 => numbers.as_chunks().0.iter().map(|&bytes| i64::from_le_bytes(bytes) as f32).collect(),
                other => panic!("{name}: {other:?}"),
            };
            (name.to_owned(), Tensor::new(view.shape(), values))
        });
        Self { tensors: tensors.collect() }
    }

    /// One tensor under its name there.
    pub(crate) fn tensor(&self, name: &str) -> Tensor {
        self.tensors.get(name).unwrap_or_else(|| panic!("no tensor {name}")).clone()
    }

    /// The weights under our names and in our layout: a matrix is `[inputs, outputs]` here, `[outputs, inputs]` there.
    pub(crate) fn parameters(&self) -> BTreeMap<String, Tensor> {
        let weights =
            self.tensors.iter().filter(|(name, _)| !name.starts_with("input.") && !name.starts_with("output."));
        weights.map(|(name, tensor)| (our_name(name), our_layout(name, tensor))).collect()
    }
}

fn our_name(theirs: &str) -> String {
    let in_block = BLOCK.iter().find_map(|(there, here)| {
        let (number, rest) = theirs.strip_prefix(there)?.split_once('.')?;
        Some((format!("{here}{number}."), rest))
    });
    let (prefix, rest) = in_block.unwrap_or((String::new(), theirs));
    let end = ENDS.iter().find_map(|(there, here)| Some(format!("{here}{}", rest.strip_prefix(there)?)));
    prefix + &end.unwrap_or_else(|| panic!("{theirs}: no name here"))
}

fn our_layout(name: &str, tensor: &Tensor) -> Tensor {
    let table = name.contains("embedding");
    match tensor.shape[..] {
        // A class token is [1, 1, C] here.
        [width] if name.ends_with("class_embedding") => Tensor::new([1, 1, width], tensor.values.clone()),
        [1, rows, columns] if name.ends_with("position_embeddings") => {
            Tensor::new([rows, columns], tensor.values.clone())
        }
        [rows, columns] if !table => {
            let transposed = (0..columns).flat_map(|c| (0..rows).map(move |r| tensor.values[r * columns + c]));
            Tensor::new([columns, rows], transposed.collect())
        }
        _ => tensor.clone(),
    }
}
