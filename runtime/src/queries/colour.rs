//! Colours for queries that the vocabulary has none for.

/// Told apart by people with the usual forms of colour blindness. Source: Okabe and Ito, 2008,
/// without black and grey.
const COLOURS: [[u8; 3]; 7] = [
    [0xe6, 0x9f, 0x00],
    [0x56, 0xb4, 0xe9],
    [0x00, 0x9e, 0x73],
    [0xf0, 0xe4, 0x42],
    [0x00, 0x72, 0xb2],
    [0xd5, 0x5e, 0x00],
    [0xcc, 0x79, 0xa7],
];

/// The first colour that none of `taken` has; when all are taken, one that depends on how many
/// there are.
pub(super) fn free_colour(taken: &[[u8; 3]]) -> [u8; 3] {
    let free = COLOURS.into_iter().find(|colour| !taken.contains(colour));
    free.unwrap_or_else(|| {
        COLOURS[taken.len() % COLOURS.len()]
            .map(|part| part.wrapping_add((taken.len() as u8).wrapping_mul(83)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_query_gets_a_colour_of_its_own() {
        let mut taken = Vec::new();
        for _ in 0..COLOURS.len() {
            let colour = free_colour(&taken);
            assert!(!taken.contains(&colour));
            taken.push(colour);
        }
        assert!(!taken.contains(&free_colour(&taken)));
    }
}
