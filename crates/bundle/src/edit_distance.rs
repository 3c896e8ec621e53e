//! How far two words are apart, for suggestions.

/// Insertions, deletions, replacements and swaps of neighbours that turn `from` into `to`
/// (optimal string alignment distance), counted in characters.
pub(crate) fn edit_distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    let mut previous = None;
    for (row, c) in from.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, &d) in to.iter().enumerate() {
            let mut best = (last[column] + usize::from(c != d))
                .min(last[column + 1] + 1)
                .min(current[column] + 1);
            if column > 0 && previous == Some(d) && to[column - 1] == c {
                best = best.min(before_last[column - 1] + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
        previous = Some(c);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_slip_counts_once() {
        for (from, to, distance) in [
            ("flood", "flood", 0),
            ("flod", "flood", 1),
            ("floood", "flood", 1),
            ("fluod", "flood", 1),
            ("lfood", "flood", 1),
            ("", "tree", 4),
            ("tree", "", 4),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(edit_distance(from, to), distance, "{from} {to}");
        }
    }
}
