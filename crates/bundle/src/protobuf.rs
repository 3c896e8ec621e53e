//! Walking the protobuf wire format without a schema: borrowed, no recursion, never more work than
//! the bytes there are.

/// One field of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Field<'a> {
    pub(crate) number: u32,
    pub(crate) value: Value<'a>,
}

/// The content of a field, as far as the wire tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    /// An integer, boolean or enum.
    Integer(u64),
    /// A 32- or 64-bit number.
    Fixed(&'a [u8]),
    /// A string, bytes, message or packed numbers.
    Bytes(&'a [u8]),
}

/// Bytes that are no protobuf message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a broken protobuf message")]
pub(crate) struct BrokenMessage;

/// The fields of `message` in order; ends after the first error.
pub(crate) fn fields(message: &[u8]) -> impl Iterator<Item = Result<Field<'_>, BrokenMessage>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = take_field(&mut rest);
        if field.is_err() {
            rest = &[];
        }
        Some(field)
    })
}

/// The integers of a repeated field, which stands packed or one by one.
pub(crate) fn integers(value: Value<'_>) -> impl Iterator<Item = Result<u64, BrokenMessage>> {
    let (single, mut packed) = match value {
        Value::Integer(integer) => (Some(Ok(integer)), &[][..]),
        Value::Bytes(bytes) => (None, bytes),
        Value::Fixed(_) => (Some(Err(BrokenMessage)), &[][..]),
    };
    let packed = std::iter::from_fn(move || {
        if packed.is_empty() {
            return None;
        }
        let integer = take_varint(&mut packed);
        if integer.is_err() {
            packed = &[];
        }
        Some(integer)
    });
    single.into_iter().chain(packed)
}

fn take_field<'a>(rest: &mut &'a [u8]) -> Result<Field<'a>, BrokenMessage> {
    let key = take_varint(rest)?;
    let number = u32::try_from(key >> 3).ok().filter(|&number| number != 0).ok_or(BrokenMessage)?;
    let value = match key & 7 {
        0 => Value::Integer(take_varint(rest)?),
        1 => Value::Fixed(take_bytes(rest, 8)?),
        2 => {
            let length = take_varint(rest)?;
            Value::Bytes(take_bytes(rest, length)?)
        }
        5 => Value::Fixed(take_bytes(rest, 4)?),
        // Groups (3 and 4) have no place in ONNX.
        _ => return Err(BrokenMessage),
    };
    Ok(Field { number, value })
}

fn take_bytes<'a>(rest: &mut &'a [u8], length: u64) -> Result<&'a [u8], BrokenMessage> {
    let length = usize::try_from(length).map_err(|_| BrokenMessage)?;
    let (taken, after) = rest.split_at_checked(length).ok_or(BrokenMessage)?;
    *rest = after;
    Ok(taken)
}

fn take_varint(rest: &mut &[u8]) -> Result<u64, BrokenMessage> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first().ok_or(BrokenMessage)?;
        *rest = after;
        if shift == 63 && byte > 1 {
            return Err(BrokenMessage);
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(BrokenMessage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_format_description_reads_as_150() {
        let read: Vec<_> = fields(&[0x08, 0x96, 0x01]).collect();
        assert_eq!(read, [Ok(Field { number: 1, value: Value::Integer(150) })]);
    }

    #[test]
    fn a_length_beyond_the_end_is_broken() {
        assert_eq!(fields(&[0x12, 0x05, b'a']).last(), Some(Err(BrokenMessage)));
    }

    #[test]
    fn an_endless_integer_is_broken() {
        assert_eq!(fields(&[0x08; 1]).last(), Some(Err(BrokenMessage)));
        assert_eq!(fields(&[0xff; 100]).last(), Some(Err(BrokenMessage)));
    }

    #[test]
    fn groups_are_broken() {
        assert_eq!(fields(&[0x0b]).last(), Some(Err(BrokenMessage)));
    }

    #[test]
    fn packed_and_single_integers_read_the_same() {
        let packed: Vec<_> = integers(Value::Bytes(&[1, 0x96, 1])).collect();
        assert_eq!(packed, [Ok(1), Ok(150)]);
        let single: Vec<_> = integers(Value::Integer(7)).collect();
        assert_eq!(single, [Ok(7)]);
    }
}
