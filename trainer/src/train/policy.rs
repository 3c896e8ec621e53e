//! Which weights of the pretrained parts learn.

use serde::{Deserialize, Serialize};

use crate::group;

/// One policy a pretrained part. The parts that only this network has always learn.
///
/// The paper's best row: `vlm = "attention"`, `rsi = "freeze"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The vision-language stream.
    pub vlm: StreamPolicy,
    /// The remote-sensing stream.
    pub rsi: StreamPolicy,
    /// The text tower.
    pub text: TextPolicy,
}

/// What of a stream learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamPolicy {
    /// Nothing.
    Freeze,
    /// The weights, not the biases, of attention: of queries and values in the towers of CLIP (CAT-Seg, `GSNet`); of queries,
    /// keys and values, and the position table, in DINO's (`GSNet`'s `attn.qkv.weight` and `pos_embed`).
    Attention,
    /// Everything.
    Full,
}

/// What of the text tower learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextPolicy {
    /// Nothing: query vectors are computed once.
    Frozen,
    /// What learns of the vision-language stream: query vectors are computed at every step.
    Follow,
}

impl Policy {
    /// Whether the parameter `name` learns.
    pub fn trains(&self, name: &str) -> bool {
        match group(name) {
            "vlm" => clip_trains(self.vlm, name),
            "rsi" => match self.rsi {
                StreamPolicy::Freeze => false,
                StreamPolicy::Attention => is_attention_weight(name, &["q", "k", "v"]) || name == "rsi.positions",
                StreamPolicy::Full => true,
            },
            "text" => clip_trains(self.text(), name),
            _ => true,
        }
    }

    /// What of the text tower learns, in the words of the streams.
    pub fn text(&self) -> StreamPolicy {
        match self.text {
            TextPolicy::Frozen => StreamPolicy::Freeze,
            TextPolicy::Follow => self.vlm,
        }
    }
}

fn clip_trains(policy: StreamPolicy, name: &str) -> bool {
    match policy {
        StreamPolicy::Freeze => false,
        StreamPolicy::Attention => is_attention_weight(name, &["q", "v"]),
        StreamPolicy::Full => true,
    }
}

/// Whether `name` is the weight of one of these projections of an attention.
fn is_attention_weight(name: &str, projections: &[&str]) -> bool {
    let projection = name.strip_suffix(".weight").and_then(|name| name.rsplit_once(".attn."));
    projection.is_some_and(|(_, projection)| projections.contains(&projection))
}
