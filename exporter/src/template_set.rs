//! The sentences a word is put into before it is encoded.

use std::fmt;

use clap::ValueEnum;
use rszs_bundle::{ManifestError, Template};

/// A named set of sentences. One word in several sentences, averaged, is a better query than the
/// word alone (CLIP, arXiv:2103.00020, section 3.1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TemplateSet {
    /// "a {}"
    Plain,
    /// "A photo of a {} in the scene", the one sentence of the CAT-Seg family
    Scene,
    /// Five sentences about images from above; what `nano` is trained with
    Aerial,
}

impl TemplateSet {
    /// The sentences as written.
    pub fn sentences(self) -> &'static [&'static str] {
        match self {
            Self::Plain => &["a {}"],
            Self::Scene => &["A photo of a {} in the scene"],
            Self::Aerial => &[
                "{}",
                "a {}",
                "an aerial photo of {}",
                "a satellite image of {}",
                "a photo of a {} in the scene",
            ],
        }
    }

    /// The sentences as a bundle holds them.
    pub fn templates(self) -> Result<Vec<Template>, ManifestError> {
        self.sentences().iter().map(|&sentence| Template::new(sentence)).collect()
    }
}

impl fmt::Display for TemplateSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Plain => "plain",
            Self::Scene => "scene",
            Self::Aerial => "aerial",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_is_a_template() {
        for set in TemplateSet::value_variants() {
            assert_eq!(set.templates().unwrap().len(), set.sentences().len(), "{set}");
        }
    }
}
