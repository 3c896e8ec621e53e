//! What the queries of an exclusive decision compete with.

use rszs_bundle::{Row, Vocabulary};

/// Cosine of two words' embeddings above which they are taken to mean the same thing.
const SAME_MEANING: f32 = 0.5;

/// Every word of the vocabulary, support words included, that is neither one of the queries
/// (`is_query`, by the vocabulary's name) nor means the same as a free query, whose embeddings are
/// `free_queries`: "hut" would never win against "building".
///
/// With the two or three words of a query alone, an argmax has nothing to give the rest of the
/// image to.
pub(super) fn support_words<'a>(
    vocabulary: &'a Vocabulary,
    is_query: impl Fn(&str) -> bool,
    free_queries: &[&[f32]],
) -> Vec<Row<'a>> {
    let means_the_same =
        |row: &Row<'_>| free_queries.iter().any(|query| dot(query, row.embedding) > SAME_MEANING);
    vocabulary
        .rows()
        .filter(|row| !is_query(row.entry.name.as_str()) && !means_the_same(row))
        .collect()
}

/// The cosine, as embeddings have length 1.
fn dot(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

#[cfg(test)]
mod tests {
    use rszs_bundle::{Entry, Name};

    use super::*;

    fn names(queries: &[&str], free: &[&[f32]]) -> Vec<String> {
        let entries = ["building", "flood", "sky"]
            .map(|name| Entry::new(Name::new(name).unwrap(), "plain", [1, 2, 3]));
        let embeddings = vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
        let vocabulary = Vocabulary::new(entries.into(), embeddings, 3).unwrap();
        let rows = support_words(&vocabulary, |name| queries.contains(&name), free);
        rows.iter().map(|row| row.entry.name.to_string()).collect()
    }

    #[test]
    fn queries_compete_with_every_other_word() {
        assert_eq!(names(&["flood"], &[]), ["building", "sky"]);
        assert_eq!(names(&["flood", "sky", "building"], &[]), Vec::<String>::new());
    }

    #[test]
    fn a_free_word_does_not_compete_with_what_it_means() {
        assert_eq!(names(&["flood"], &[&[0.9, 0.1, 0.4]]), ["sky"], "a hut is a building");
        assert_eq!(names(&["flood"], &[&[0.3, 0.3, 0.3]]), ["building", "sky"]);
    }
}
