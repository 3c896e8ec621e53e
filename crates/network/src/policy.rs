//! Which weights of the pretrained parts training changes.

use serde::{Deserialize, Serialize};

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
    /// How many blocks of the stem, from the first on and with the convolution before them, do not
    /// learn.
    #[serde(default)]
    pub frozen_stem_blocks: usize,
}

/// What of a stream learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamPolicy {
    /// Nothing.
    Freeze,
    /// The weights, not the biases, of attention: of queries and values in the towers of CLIP
    /// (CAT-Seg, `GSNet`); of queries, keys and values, and the position table, in DINO's
    /// (`GSNet`'s `attn.qkv.weight` and `pos_embed`).
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

impl StreamPolicy {
    /// Every policy, from the least that learns to the most.
    pub const ALL: [Self; 3] = [Self::Freeze, Self::Attention, Self::Full];

    /// As a run's description writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Freeze => "freeze",
            Self::Attention => "attention",
            Self::Full => "full",
        }
    }
}

impl Policy {
    /// All pairs of the streams, the text tower frozen.
    pub fn all() -> impl Iterator<Item = Self> {
        let pair = |vlm| {
            StreamPolicy::ALL.into_iter().map(move |rsi| Self {
                vlm,
                rsi,
                text: TextPolicy::Frozen,
                frozen_stem_blocks: 0,
            })
        };
        StreamPolicy::ALL.into_iter().flat_map(pair)
    }

    /// Whether the parameter `name` learns.
    pub fn trains(&self, name: &str) -> bool {
        let (part, _) = name.split_once('.').unwrap_or((name, ""));
        match part {
            "vlm" => clip_trains(self.vlm, name),
            "rsi" => match self.rsi {
                StreamPolicy::Freeze => false,
                StreamPolicy::Attention => {
                    is_attention_weight(name, &["q", "k", "v"]) || name == "rsi.positions"
                }
                StreamPolicy::Full => true,
            },
            "text" => clip_trains(self.text(), name),
            "stem" => self.stem_trains(name),
            _ => true,
        }
    }

    fn stem_trains(&self, name: &str) -> bool {
        let block = name
            .strip_prefix("stem.blocks.")
            .and_then(|rest| rest.split('.').next()?.parse::<usize>().ok());
        block.map_or(self.frozen_stem_blocks == 0, |block| block >= self.frozen_stem_blocks)
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

/// The block that a node is in: `vlm.blocks.3` of `vlm.blocks.3.attn.q.weight`.
pub fn block_of(name: &str) -> Option<&str> {
    let (tower, rest) = name.split_once(".blocks.")?;
    let (number, _) = rest.split_once('.')?;
    Some(&name[..tower.len() + ".blocks.".len() + number.len()])
}

/// Whether `name` is the weight of one of these projections of an attention.
fn is_attention_weight(name: &str, projections: &[&str]) -> bool {
    let projection = name.strip_suffix(".weight").and_then(|name| name.rsplit_once(".attn."));
    projection.is_some_and(|(_, projection)| projections.contains(&projection))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Purpose, image_graph, text_graph};
    use rszs_graph::Parameters;

    fn parameters(config: &Config, vlm: StreamPolicy, rsi: StreamPolicy) -> Parameters {
        let policy = Policy { vlm, rsi, text: TextPolicy::Frozen, frozen_stem_blocks: 0 };
        let (image, text) =
            (image_graph(config, Purpose::Train).unwrap(), text_graph(config).unwrap());
        Parameters::of(&image, &text, |name| policy.trains(name))
    }

    /// `GSNet` counts 14.16 M weights of q and v in CLIP ViT-B/16. Here the last block has no
    /// queries: its value path does not use them.
    #[test]
    fn attention_learns_the_published_number_of_weights() {
        use StreamPolicy::{Attention, Freeze, Full};
        let b16 = Config::b16();
        let trainable = |config: &Config, vlm, rsi| parameters(config, vlm, rsi).trainable;
        let modules = trainable(&b16, Freeze, Freeze);
        let queries_and_values = 12 * 2 * 768 * 768;
        assert_eq!((queries_and_values + 5_000) / 10_000, 1416);
        assert_eq!(trainable(&b16, Attention, Freeze) - modules, queries_and_values - 768 * 768);
        assert_eq!(
            trainable(&b16, Freeze, Attention) - modules,
            12 * 3 * 768 * 768 + (1 + 32 * 32) * 768
        );
        let positions_of_512_px = (1 + 32 * 32 - (1 + 14 * 14)) * 768;
        assert_eq!(trainable(&b16, Freeze, Full) - modules, 85_798_656 + positions_of_512_px);
        let (queries_and_keys, absent_biases) = (2 * 768 * 768, 2 * 768);
        let vlm = 86_192_640 + positions_of_512_px - queries_and_keys - absent_biases;
        assert_eq!(trainable(&b16, Full, Freeze) - modules, vlm);
        assert_eq!(trainable(&b16, Full, Full), parameters(&b16, Full, Full).image);

        let l14 = Config::l14();
        let of_l14 = trainable(&l14, Attention, Freeze) - trainable(&l14, Freeze, Freeze);
        assert_eq!(of_l14, (24 * 2 - 1) * 1024 * 1024);
    }

    #[test]
    fn a_node_is_in_the_block_that_its_name_says() {
        assert_eq!(block_of("vlm.blocks.11.attn.q.weight"), Some("vlm.blocks.11"));
        assert_eq!(block_of("rsi.blocks.0.add_2"), Some("rsi.blocks.0"));
        assert_eq!(block_of("rsi.norm_after.weight"), None);
        assert_eq!(block_of("carh.q.weight"), None);
    }
}
