//! The 256 symbols a word's bytes become.

/// One printable character per byte, in the order of CLIP's vocabulary: first the bytes that are
/// printable in Latin-1 as themselves, then all others as the characters from U+0100 on.
/// `(byte, symbol)`.
pub(crate) fn in_vocabulary_order() -> impl Iterator<Item = (u8, char)> {
    let printable =
        (0..=u8::MAX).filter(|&byte| is_printable(byte)).map(|byte| (byte, char::from(byte)));
    let others = (0..=u8::MAX).filter(|&byte| !is_printable(byte)).zip('\u{100}'..);
    printable.chain(others)
}

/// The id of each byte inside a word; at its end add 256.
pub(crate) fn ids() -> [u32; 256] {
    let mut ids = [0; 256];
    for (id, (byte, _)) in (0..).zip(in_vocabulary_order()) {
        ids[usize::from(byte)] = id;
    }
    ids
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exclamation_mark_comes_first_and_the_soft_hyphen_last() {
        let symbols: Vec<(u8, char)> = in_vocabulary_order().collect();
        assert_eq!(symbols.len(), 256);
        assert_eq!(symbols[0], (b'!', '!'));
        assert_eq!(symbols[188], (0, '\u{100}'));
        assert_eq!(symbols[255], (0xAD, '\u{143}'));
    }

    #[test]
    fn a_space_is_the_symbol_that_byte_level_tables_print() {
        assert!(in_vocabulary_order().any(|pair| pair == (b' ', 'Ġ')));
    }
}
