//! What is done to a text before it is split: the repairs CLIP's tokenizer makes, and lower case.

use crate::split::is_space;
use unicode_normalization::UnicodeNormalization;

/// `text` as CLIP reads it: HTML entities resolved, typographic quotes, ligatures and wide
/// characters made plain, control characters removed, composed (NFC), white space runs turned into
/// one space, lower case.
///
/// Entities by number are all resolved, by name only `amp`, `lt`, `gt`, `quot`, `apos` and `nbsp`.
pub fn clean(text: &str) -> String {
    let mut text = text.to_owned();
    // ftfy resolves entities until nothing changes unless the text looks like markup; CLIP then
    // resolves twice more.
    while !text.contains('<') {
        let resolved = resolve_entities(&text);
        if resolved == text {
            break;
        }
        text = resolved;
    }
    let plain: String =
        text.chars().fold(String::with_capacity(text.len()), push_plain).nfc().collect();
    let resolved = resolve_entities(&resolve_entities(&plain));
    let words: Vec<&str> = resolved.split(is_space).filter(|word| !word.is_empty()).collect();
    words.join(" ").to_lowercase()
}

fn push_plain(mut plain: String, c: char) -> String {
    match c {
        '\u{2bc}' | '\u{2018}'..='\u{201b}' => plain.push('\''),
        '\u{201c}'..='\u{201f}' => plain.push('"'),
        '\u{3000}' => plain.push(' '),
        '\u{ff01}'..='\u{ffee}' => plain.extend(c.nfkc()),
        'Ĳ' => plain.push_str("IJ"),
        'ĳ' => plain.push_str("ij"),
        'ŉ' => plain.push_str("'n"),
        'Ǳ' | 'ǲ' | 'ǳ' | 'Ǆ' | 'ǅ' | 'ǆ' | 'Ǉ' | 'ǈ' | 'ǉ' | 'Ǌ' | 'ǋ' | 'ǌ' | 'ﬀ'..='ﬆ' =>
        {
            // U+FB05 becomes the long s and a t, as the one exception to compatibility composition.
            if c == 'ﬅ' { plain.push_str("ſt") } else { plain.extend(c.nfkc()) }
        }
        c if is_dropped(c) => {}
        c => plain.push(c),
    }
    plain
}

/// Control characters without a meaning in text; those that are white space stay.
fn is_dropped(c: char) -> bool {
    matches!(c,
        '\0'..='\u{8}' | '\u{b}' | '\u{e}'..='\u{1f}' | '\u{7f}'
        | '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffc}')
}

fn resolve_entities(text: &str) -> String {
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, entity) = rest.split_at(at);
        resolved.push_str(before);
        if let Some((c, bytes)) = entity_at_start(entity) {
            resolved.push(c);
            rest = &entity[bytes..];
        } else {
            resolved.push('&');
            rest = &entity[1..];
        }
    }
    resolved + rest
}

/// The character and the byte length of the entity that `text` begins with.
fn entity_at_start(text: &str) -> Option<(char, usize)> {
    // The longest entity we know has 10 bytes: `&#1114111;`.
    let end = text.bytes().take(10).position(|byte| byte == b';')?;
    let c = match &text[1..end] {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        number => {
            let digits = number.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hexadecimal) => parse_digits(hexadecimal, 16)?,
                None => parse_digits(digits, 10)?,
            };
            char::from_u32(code)?
        }
    };
    Some((c, end + 1))
}

/// `from_str_radix` without its leading plus sign.
fn parse_digits(digits: &str, radix: u32) -> Option<u32> {
    digits
        .starts_with(|c: char| c.is_digit(radix))
        .then(|| u32::from_str_radix(digits, radix).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_runs_become_one_space() {
        assert_eq!(clean("  Solar \t\n\u{a0}\u{3000}panel  "), "solar panel");
    }

    #[test]
    fn entities_are_resolved_as_often_as_they_are_nested() {
        assert_eq!(clean("sand &amp;amp;amp; gravel"), "sand & gravel");
        assert_eq!(clean("&#65;&#x42;&quot;"), "ab\"");
    }

    #[test]
    fn unknown_or_broken_entities_stay_as_they_are() {
        assert_eq!(clean("&bogus; &#x110000; &#+5; R&D; & &"), "&bogus; &#x110000; &#+5; r&d; & &");
    }

    #[test]
    fn typographic_characters_become_plain() {
        assert_eq!(clean("“it’s” ﬁne ＡＢＣ"), "\"it's\" fine abc");
    }

    #[test]
    fn decomposed_letters_are_composed() {
        assert_eq!(clean("Cafe\u{301}"), "caf\u{e9}");
    }

    #[test]
    fn control_characters_disappear() {
        assert_eq!(clean("ri\u{0}ver\u{feff}"), "river");
    }
}
