//! Which classes of a set count as novel, and who says so.

use rszs_data::{Concept, DenseSet, catalogue};
use serde::Serialize;

/// Where a split into base and novel classes comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NovelBy {
    /// Words that were typed.
    Words,
    /// What LandDiscover50K has no class for, by [`rszs_data::Protocol::novel`]. Means what it says
    /// only of a model that was trained on that set.
    LandDiscover50k,
}

impl NovelBy {
    /// For people.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Words => "as typed",
            Self::LandDiscover50k => "novel is what LandDiscover50K has no class for",
        }
    }
}

/// The novel words of one set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Novel {
    words: Vec<String>,
    by: Option<NovelBy>,
}

impl Novel {
    /// `typed`, or where nothing was typed the published split of `set`, if it has one.
    pub fn of(set: &DenseSet, typed: &[String]) -> Self {
        if !typed.is_empty() {
            return Self { words: typed.to_vec(), by: Some(NovelBy::Words) };
        }
        catalogue::protocol(set.name()).map_or_else(Self::default, |protocol| Self {
            words: protocol.novel().map(str::to_owned).collect(),
            by: Some(NovelBy::LandDiscover50k),
        })
    }

    /// Whether `concept` is novel.
    pub(super) fn contains(&self, concept: &Concept) -> bool {
        self.words.iter().any(|word| concept.is_called(word))
    }

    /// Who says so; none where no class was said to be novel.
    pub(super) fn by(&self) -> Option<NovelBy> {
        self.by
    }
}
