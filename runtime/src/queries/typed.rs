//! The words of `--queries`.

use rszs_bundle::{Name, Threshold, normalised};

use super::QueryError;

/// One query as typed.
#[derive(Debug, Clone, PartialEq)]
pub struct TypedQuery {
    /// The words.
    pub name: Name,
    /// The threshold, if one was typed.
    pub threshold: Option<Threshold>,
    /// Red, green and blue, if they were typed.
    pub colour: Option<[u8; 3]>,
}

/// What stands before a colour.
const COLOUR_MARK: &str = ":#";

/// Reads `flood:#ff00ff,building=0.31,swimming pool`.
pub fn parse_queries(typed: &str) -> Result<Vec<TypedQuery>, QueryError> {
    typed.split(',').map(|one| parse_query(one, typed)).collect()
}

fn parse_query(one: &str, typed: &str) -> Result<TypedQuery, QueryError> {
    let (one, colour) = split_colour(one)?;
    let (name, threshold) = match one.split_once('=') {
        Some((name, threshold)) => (name.trim(), Some(threshold.trim())),
        None => (one.trim(), None),
    };
    if normalised(name).is_empty() {
        return Err(QueryError::Empty { typed: typed.to_owned() });
    }
    let threshold = threshold.map(|threshold| parse_threshold(name, threshold)).transpose()?;
    Ok(TypedQuery { name: Name::new(name)?, threshold, colour })
}

/// What was typed without its colour, which stands at its end.
fn split_colour(one: &str) -> Result<(&str, Option<[u8; 3]>), QueryError> {
    let Some((rest, digits)) = one.split_once(COLOUR_MARK) else { return Ok((one, None)) };
    let digits = digits.trim();
    let part = |place: usize| {
        let pair = digits.get(place * 2..place * 2 + 2)?;
        pair.bytes().all(|digit| digit.is_ascii_hexdigit()).then_some(())?;
        u8::from_str_radix(pair, 16).ok()
    };
    match (digits.len(), part(0), part(1), part(2)) {
        (6, Some(red), Some(green), Some(blue)) => Ok((rest, Some([red, green, blue]))),
        _ => Err(QueryError::Colour { name: rest.trim().to_owned(), found: digits.to_owned() }),
    }
}

fn parse_threshold(name: &str, threshold: &str) -> Result<Threshold, QueryError> {
    let number: f32 = threshold.parse().map_err(|_| QueryError::NotANumber {
        name: name.to_owned(),
        found: threshold.to_owned(),
    })?;
    Threshold::new(number).map_err(|source| QueryError::Threshold { name: name.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_spaces_and_thresholds() {
        let queries = parse_queries("flood, building=0.31 ,swimming pool").unwrap();
        let read: Vec<_> = queries
            .iter()
            .map(|query| (query.name.as_str(), query.threshold.map(Threshold::get)))
            .collect();
        assert_eq!(read, [("flood", None), ("building", Some(0.31)), ("swimming pool", None)]);
    }

    #[test]
    fn a_colour_stands_at_the_end() {
        let queries = parse_queries("flood:#Ff0080, building=0.31:#000000,road").unwrap();
        let colours: Vec<_> = queries.iter().map(|query| query.colour).collect();
        assert_eq!(colours, [Some([255, 0, 128]), Some([0, 0, 0]), None]);
        assert_eq!(queries[1].threshold.map(Threshold::get), Some(0.31));
        for typed in ["flood:#ff00f", "flood:#red", "flood:#ff00ff=0.3", "flood:#+f00ff"] {
            assert!(matches!(parse_queries(typed), Err(QueryError::Colour { .. })), "{typed:?}");
        }
    }

    #[test]
    fn an_empty_name_is_refused() {
        for typed in ["", "flood,", "flood,,building", " , ", "=0.3"] {
            assert!(matches!(parse_queries(typed), Err(QueryError::Empty { .. })), "{typed:?}");
        }
    }

    #[test]
    fn invisible_characters_are_refused() {
        assert!(matches!(parse_queries("flo\u{200b}od"), Err(QueryError::Name(_))));
    }

    #[test]
    fn a_threshold_is_a_number_in_its_range() {
        assert!(matches!(parse_queries("flood=high"), Err(QueryError::NotANumber { .. })));
        for typed in ["flood=1.5", "flood=-0.1", "flood=nan", "flood=inf"] {
            assert!(matches!(parse_queries(typed), Err(QueryError::Threshold { .. })), "{typed:?}");
        }
    }
}
