//! A published evaluation of a set: its prompts, what it leaves out, and what it shares with
//! LandDiscover50K.
//!
//! The protocol is GSNet's (AAAI 2025, arXiv:2412.19492): one mean over the classes of a set,
//! prompts spelled as in its class files.

use crate::class_table::ClassTable;
use crate::words::wording;

/// What an evaluation asks of a set.
#[derive(Debug, Clone, Copy)]
pub struct Protocol {
    /// Every prompt; the place is the index in the masks.
    pub prompts: &'static [&'static str],
    /// The index whose pixels count neither for nor against anything, and what it shows. If it has
    /// a prompt, that prompt competes with the others and is not scored itself.
    pub ignored: Option<(u8, &'static str)>,
    /// Scored prompts, each with the prompt of LandDiscover50K that means the same: what a model
    /// trained on that set has seen. Neither GSNet nor RS-ZeroSeg publishes its list; this one goes
    /// by exact meaning.
    pub base: &'static [(&'static str, &'static str)],
}

impl Protocol {
    /// The class table: every scored prompt is a concept and a negative for all others, and the
    /// ignored index says nothing. If it has a prompt, that prompt competes.
    pub fn classes(&self) -> ClassTable {
        let scored = || self.prompts.iter().enumerate().filter(|&(id, _)| !self.ignores(id));
        let classes: Vec<(u8, &str)> = scored().map(|(id, &prompt)| (id as u8, prompt)).collect();
        let concepts: Vec<(u8, &[&str])> =
            scored().map(|(id, prompt)| (id as u8, wording(prompt))).collect();
        let table = ClassTable::exclusive(&classes, &concepts);
        let Some((id, name)) = self.ignored else { return table };
        let table = table.ignoring(id, name);
        self.prompts
            .get(usize::from(id))
            .iter()
            .fold(table, |table, prompt| table.competing(prompt))
    }

    /// The prompts whose mean is the score.
    pub fn scored(&self) -> impl Iterator<Item = &'static str> {
        self.prompts
            .iter()
            .enumerate()
            .filter(|&(id, _)| !self.ignores(id))
            .map(|(_, &prompt)| prompt)
    }

    /// The scored prompts that LandDiscover50K has no class for.
    pub fn novel(&self) -> impl Iterator<Item = &'static str> {
        self.scored().filter(|prompt| !self.base.iter().any(|(base, _)| base == prompt))
    }

    fn ignores(&self, id: usize) -> bool {
        self.ignored.is_some_and(|(ignored, _)| usize::from(ignored) == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class_table::{NEGATIVE, POSITIVE, UNLABELLED};
    use crate::sets::{fast, flair, flood_net, land_discover, potsdam};

    const ALL: [(&str, &Protocol, usize, usize); 4] = [
        ("FLAIR", &flair::PROTOCOL, 12, 6),
        ("FAST", &fast::PROTOCOL, 37, 6),
        ("Potsdam", &potsdam::PROTOCOL, 5, 3),
        ("FloodNet", &flood_net::PROTOCOL, 9, 5),
    ];

    #[test]
    fn the_mean_is_over_12_37_5_and_9_classes_and_base_and_novel_are_all_of_them() {
        for (name, protocol, scored, base) in ALL {
            assert_eq!(protocol.scored().count(), scored, "{name}");
            assert_eq!(protocol.base.len(), base, "{name}");
            assert_eq!(
                protocol.novel().count(),
                scored - base,
                "{name}: a base prompt that is not scored"
            );
        }
    }

    #[test]
    fn a_base_prompt_has_its_prompt_in_land_discover() {
        for (prompt, trained) in ALL.iter().flat_map(|(_, protocol, ..)| protocol.base) {
            assert!(land_discover::PROMPTS.contains(trained), "{prompt}: {trained}");
        }
    }

    #[test]
    fn every_pixel_counts_for_one_scored_prompt_or_none_and_one_background_competes() {
        for (name, protocol, ..) in ALL {
            assert!(protocol.classes().labels_every_pixel(), "{name}");
            let competitors: &[&str] = if name == "FloodNet" { &["Background"] } else { &[] };
            assert_eq!(protocol.classes().competitors(), competitors, "{name}");
        }
    }

    #[test]
    fn the_ignored_index_may_occur_and_says_nothing() {
        let classes = flood_net::PROTOCOL.classes();
        assert!(classes.allows(0) && classes.concept("Background").is_none());
        assert_eq!(
            &classes.targets("water").unwrap()[..7],
            [UNLABELLED, 0, 0, 0, 0, POSITIVE, NEGATIVE]
        );
        assert_eq!(classes.targets("water body"), classes.targets("water"), "the shared wording");
    }
}
