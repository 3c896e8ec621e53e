//! What augmentation does with the indices of a set.

use crate::class_table::ClassTable;

/// Indices by how crops treat them. Without any, crops are placed and coloured alike everywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    /// Crops are centred on one of these: indices that show a concept.
    pub wanted: Vec<u8>,
    /// Roofs, recoloured one by one.
    pub roofs: Vec<u8>,
    /// Water, recoloured as one.
    pub waters: Vec<u8>,
}

impl Roles {
    /// The roles of the indices of a set.
    pub fn of(classes: &ClassTable) -> Self {
        let showing = |words: &[&str]| -> Vec<u8> {
            let concepts = words.iter().filter_map(|word| classes.concept(word));
            sorted(concepts.flat_map(|concept| &concept.positive))
        };
        Self {
            wanted: sorted(classes.concepts().iter().flat_map(|concept| &concept.positive)),
            roofs: showing(&["building"]),
            waters: showing(&["water", "flood"]),
        }
    }
}

/// Each index once.
fn sorted<'a>(ids: impl Iterator<Item = &'a u8>) -> Vec<u8> {
    let mut ids: Vec<u8> = ids.copied().collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_follow_the_concepts() {
        let classes = ClassTable::exclusive(
            &[(0, "other"), (1, "sea"), (2, "roof"), (4, "flood water"), (7, "road")],
            &[(1, &["water"]), (2, &["house", "building"]), (4, &["flood"]), (7, &["road"])],
        );
        let classes = classes.labelling(&["wet"], &[1, 4], &[0]);
        let roles = Roles::of(&classes);
        assert_eq!(roles, Roles { wanted: vec![1, 2, 4, 7], roofs: vec![2], waters: vec![1, 4] });
        assert!(Roles::of(&classes.without(&["building"])).roofs.is_empty());
    }
}
