//! How published files name what the network names. The one table of names, layouts and tensors
//! that are not needed.

use crate::PositionRule;
use Layout::{Same, Third, Transposed, Unbatched, Vector};

/// A model that the network takes weights from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// The vision-language stream `vlm` and the text tower `text`.
    Clip,
    /// The remote-sensing stream `rsi`.
    Dino,
}

/// How a published tensor lies, compared with ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Same,
    /// A matrix is `[outputs, inputs]` there and `[inputs, outputs]` here. A bias is the same.
    Transposed,
    /// Queries, keys and values are one matrix `[3 · outputs, inputs]` there: this third of it,
    /// transposed.
    Third(usize),
    /// `[C]` there, `[1, 1, C]` here.
    Vector,
    /// `[1, T, C]` there, `[T, C]` here.
    Unbatched,
}

/// One way of naming a model's tensors.
#[derive(Debug)]
pub(super) struct Naming {
    pub(super) model: Model,
    /// Whose names, for people.
    pub(super) origin: &'static str,
    /// A tensor that every file with these names has, and no other file.
    pub(super) marker: &'static str,
    pub(super) rule: PositionRule,
    towers: &'static [Tower],
    /// Tensors that are known and not needed, and why: names or, ending with a dot, beginnings of
    /// names.
    pub(super) extras: &'static [(&'static str, &'static str)],
}

/// One of our groups of parameters.
#[derive(Debug)]
struct Tower {
    group: &'static str,
    /// What stands before a block's number there.
    blocks: &'static str,
    /// Inside a block: ours, theirs. A name that ends with a dot is the beginning of a weight's and
    /// a bias's.
    block: &'static [(&'static str, &'static str, Layout)],
    /// Outside of blocks.
    other: &'static [(&'static str, &'static str, Layout)],
}

pub(super) const NAMINGS: [Naming; 4] = [OPENAI, HUGGING_FACE_CLIP, DINO, HUGGING_FACE_DINO];

/// Source: openai/CLIP `clip/model.py`; `mlfoundations/open_clip` kept the names.
const OPENAI: Naming = Naming {
    model: Model::Clip,
    origin: "OpenAI's and open_clip's CLIP",
    marker: "visual.conv1.weight",
    rule: PositionRule::Size,
    towers: &[
        Tower {
            group: "vlm",
            blocks: "visual.transformer.resblocks.",
            block: OPENAI_BLOCK,
            other: &[
                ("patch.", "visual.conv1.", Same),
                ("class_token", "visual.class_embedding", Vector),
                ("positions", "visual.positional_embedding", Same),
                ("norm_before.", "visual.ln_pre.", Same),
                ("norm_after.", "visual.ln_post.", Same),
                ("projection", "visual.proj", Same),
            ],
        },
        Tower {
            group: "text",
            blocks: "transformer.resblocks.",
            block: OPENAI_BLOCK,
            other: &[
                ("tokens", "token_embedding.weight", Same),
                ("positions", "positional_embedding", Same),
                ("norm_after.", "ln_final.", Same),
                ("projection", "text_projection", Same),
            ],
        },
    ],
    extras: &[
        ("logit_scale", LOGIT_SCALE),
        ("input_resolution", "a size"),
        ("context_length", "a size"),
        ("vocab_size", "a size"),
        ("attn_mask", "the causal mask is part of the graph"),
    ],
};

const OPENAI_BLOCK: &[(&str, &str, Layout)] = &[
    ("norm1.", "ln_1.", Same),
    ("attn.q.", "attn.in_proj_", Third(0)),
    ("attn.k.", "attn.in_proj_", Third(1)),
    ("attn.v.", "attn.in_proj_", Third(2)),
    ("attn.out.", "attn.out_proj.", Transposed),
    ("norm2.", "ln_2.", Same),
    ("mlp.fc1.", "mlp.c_fc.", Transposed),
    ("mlp.fc2.", "mlp.c_proj.", Transposed),
];

/// Source: huggingface/transformers `CLIPModel`, `pre_layrnorm` included.
const HUGGING_FACE_CLIP: Naming = Naming {
    model: Model::Clip,
    origin: "Hugging Face's CLIPModel",
    marker: "vision_model.embeddings.class_embedding",
    rule: PositionRule::Size,
    towers: &[
        Tower {
            group: "vlm",
            blocks: "vision_model.encoder.layers.",
            block: HUGGING_FACE_CLIP_BLOCK,
            other: &[
                ("patch.", "vision_model.embeddings.patch_embedding.", Same),
                ("class_token", "vision_model.embeddings.class_embedding", Vector),
                ("positions", "vision_model.embeddings.position_embedding.weight", Same),
                ("norm_before.", "vision_model.pre_layrnorm.", Same),
                ("norm_after.", "vision_model.post_layernorm.", Same),
                ("projection", "visual_projection.weight", Transposed),
            ],
        },
        Tower {
            group: "text",
            blocks: "text_model.encoder.layers.",
            block: HUGGING_FACE_CLIP_BLOCK,
            other: &[
                ("tokens", "text_model.embeddings.token_embedding.weight", Same),
                ("positions", "text_model.embeddings.position_embedding.weight", Same),
                ("norm_after.", "text_model.final_layer_norm.", Same),
                ("projection", "text_projection.weight", Transposed),
            ],
        },
    ],
    extras: &[
        ("logit_scale", LOGIT_SCALE),
        ("text_model.embeddings.position_ids", "the numbers from 0 on"),
        ("vision_model.embeddings.position_ids", "the numbers from 0 on"),
    ],
};

const HUGGING_FACE_CLIP_BLOCK: &[(&str, &str, Layout)] = &[
    ("norm1.", "layer_norm1.", Same),
    ("attn.q.", "self_attn.q_proj.", Transposed),
    ("attn.k.", "self_attn.k_proj.", Transposed),
    ("attn.v.", "self_attn.v_proj.", Transposed),
    ("attn.out.", "self_attn.out_proj.", Transposed),
    ("norm2.", "layer_norm2.", Same),
    ("mlp.fc1.", "mlp.fc1.", Transposed),
    ("mlp.fc2.", "mlp.fc2.", Transposed),
];

/// Source: facebookresearch/dino `vision_transformer.py`. yecy749/GSNet `GSNet.py` loads the same
/// names for its RSIB.
const DINO: Naming = Naming {
    model: Model::Dino,
    origin: "DINO",
    marker: "patch_embed.proj.weight",
    rule: PositionRule::DinoFactor,
    towers: &[Tower {
        group: "rsi",
        blocks: "blocks.",
        block: &[
            ("norm1.", "norm1.", Same),
            ("attn.q.", "attn.qkv.", Third(0)),
            ("attn.k.", "attn.qkv.", Third(1)),
            ("attn.v.", "attn.qkv.", Third(2)),
            ("attn.out.", "attn.proj.", Transposed),
            ("norm2.", "norm2.", Same),
            ("mlp.fc1.", "mlp.fc1.", Transposed),
            ("mlp.fc2.", "mlp.fc2.", Transposed),
        ],
        other: &[
            ("patch.", "patch_embed.proj.", Same),
            ("class_token", "cls_token", Same),
            ("positions", "pos_embed", Unbatched),
            ("norm_after.", "norm.", Same),
        ],
    }],
    extras: &[("head.", "the projection head of DINO's own training")],
};

/// Source: huggingface/transformers `ViTModel`.
const HUGGING_FACE_DINO: Naming = Naming {
    model: Model::Dino,
    origin: "Hugging Face's ViTModel",
    marker: "embeddings.patch_embeddings.projection.weight",
    rule: PositionRule::DinoFactor,
    towers: &[Tower {
        group: "rsi",
        blocks: "encoder.layer.",
        block: &[
            ("norm1.", "layernorm_before.", Same),
            ("attn.q.", "attention.attention.query.", Transposed),
            ("attn.k.", "attention.attention.key.", Transposed),
            ("attn.v.", "attention.attention.value.", Transposed),
            ("attn.out.", "attention.output.dense.", Transposed),
            ("norm2.", "layernorm_after.", Same),
            ("mlp.fc1.", "intermediate.dense.", Transposed),
            ("mlp.fc2.", "output.dense.", Transposed),
        ],
        other: &[
            ("patch.", "embeddings.patch_embeddings.projection.", Same),
            ("class_token", "embeddings.cls_token", Same),
            ("positions", "embeddings.position_embeddings", Unbatched),
            ("norm_after.", "layernorm.", Same),
        ],
    }],
    extras: &[("pooler.dense.", "ViTModel's pooler, which DINO does not have")],
};

const LOGIT_SCALE: &str = "the temperature of CLIP's own training";

impl Naming {
    /// Whether parameters of `group` come from here.
    pub(super) fn has(&self, group: &str) -> bool {
        self.towers.iter().any(|tower| tower.group == group)
    }

    /// The published name and layout of our parameter `name`.
    pub(super) fn theirs(&self, name: &str) -> Option<(String, Layout)> {
        let (group, name) = name.split_once('.')?;
        let tower = self.towers.iter().find(|tower| tower.group == group)?;
        let (prefix, name, names) = match name.strip_prefix("blocks.") {
            Some(block) => {
                let (number, name) = block.split_once('.')?;
                (format!("{}{number}.", tower.blocks), name, tower.block)
            }
            None => (String::new(), name, tower.other),
        };
        names.iter().find_map(|&(ours, theirs, layout)| {
            let rest = name.strip_prefix(ours)?;
            (rest.is_empty() || ours.ends_with('.'))
                .then(|| (format!("{prefix}{theirs}{rest}"), layout))
        })
    }

    /// Why a tensor of such a file is not needed, if it is known.
    pub(super) fn extra(&self, name: &str) -> Option<&'static str> {
        let known = |&&(extra, _): &&(&str, &str)| {
            name == extra || extra.ends_with('.') && name.starts_with(extra)
        };
        self.extras.iter().find(known).map(|extra| extra.1)
    }
}
