//! Arrays in NumPy's `.npy` format, versions 1 and 2, little-endian half and single precision,
//! row-major.
//!
//! Format: NEP 1, "A Simple File Format for NumPy Arrays". The header is a Python dictionary; the
//! three keys it must have are looked up, no Python is evaluated.

use std::path::Path;

use half::f16;

use crate::error::DataError;

/// An array in single precision. `values` has as many elements as the product of `shape`, the last
/// index running fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Sizes; empty for a scalar.
    pub shape: Vec<usize>,
    /// Elements.
    pub values: Vec<f32>,
}

/// Reads one array from a file.
pub fn read(path: &Path) -> Result<Array, DataError> {
    let bytes = std::fs::read(path).map_err(DataError::io(path, "a .npy file"))?;
    parse(&bytes, path)
}

/// Reads one array from the bytes of a `.npy` file; `path` is only what errors name.
pub fn parse(bytes: &[u8], path: &Path) -> Result<Array, DataError> {
    let wrong = |expected: &str, found: String| DataError::malformed(path, expected, found);
    let Some(rest) = bytes.strip_prefix(b"\x93NUMPY") else {
        return Err(wrong(
            "a .npy array",
            format!("a file that begins with {}", crate::image::first_bytes(bytes)),
        ));
    };
    let short = || wrong("a whole .npy header", format!("{} bytes", bytes.len()));
    let (length, rest) = match rest {
        [1, _, low, high, rest @ ..] => (usize::from(u16::from_le_bytes([*low, *high])), rest),
        [2, _, a, b, c, d, rest @ ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest),
        [version, ..] if *version > 2 => {
            return Err(wrong("a .npy of version 1 or 2", format!("version {version}")));
        }
        _ => return Err(short()),
    };
    let (header, data) = rest.split_at_checked(length).ok_or_else(short)?;
    let header = std::str::from_utf8(header)
        .map_err(|_| wrong("a .npy header in ASCII", "other bytes".to_owned()))?;
    let missing =
        |key: &str| wrong(&format!("a .npy header with the key {key}"), header.trim().to_owned());

    if !value_of(header, "fortran_order")
        .ok_or_else(|| missing("fortran_order"))?
        .starts_with("False")
    {
        return Err(wrong("an array in row-major order", "fortran_order: True".to_owned()));
    }
    let shape = value_of(header, "shape")
        .and_then(|value| value.strip_prefix('('))
        .and_then(|value| value.split_once(')'))
        .ok_or_else(|| missing("shape"))?
        .0
        .split(',')
        .map(str::trim)
        .filter(|size| !size.is_empty())
        .map(|size| size.parse().map_err(|_| missing("shape")))
        .collect::<Result<Vec<usize>, _>>()?;
    let descr = value_of(header, "descr").ok_or_else(|| missing("descr"))?;
    let decode: (usize, fn(&[u8]) -> f32) = if descr.starts_with("'<f2'") {
        (2, |b| f16::from_le_bytes([b[0], b[1]]).to_f32())
    } else if descr.starts_with("'<f4'") {
        (4, |b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    } else {
        let found = descr.split([',', '}']).next().unwrap_or_default();
        return Err(wrong("an array of type '<f2' or '<f4'", found.to_owned()));
    };
    let (size, decode) = decode;
    let expected = shape.iter().try_fold(size, |product, &side| product.checked_mul(side));
    if expected != Some(data.len()) {
        return Err(wrong(
            &format!("elements of {size} bytes for shape {shape:?}"),
            format!("{} bytes", data.len()),
        ));
    }
    Ok(Array { shape, values: data.chunks_exact(size).map(decode).collect() })
}

/// The text after `'key':` in a header dictionary.
fn value_of<'h>(header: &'h str, key: &str) -> Option<&'h str> {
    let (_, after) = header.split_once(&format!("'{key}'"))?;
    Some(after.trim_start().strip_prefix(':')?.trim_start())
}

/// The bytes of a version 1 `.npy` file in half precision. For fixtures.
pub(crate) fn to_f16_bytes(array: &Array) -> Vec<u8> {
    let shape: Vec<String> = array.shape.iter().map(usize::to_string).collect();
    let shape = shape.join(", ") + ",";
    let mut header = format!("{{'descr': '<f2', 'fortran_order': False, 'shape': ({shape}), }}");
    while !(10 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend(array.values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array() -> Array {
        Array { shape: vec![2, 3], values: vec![0.0, 1.0, -2.5, 65_504.0, 0.25, -0.0] }
    }

    fn message(bytes: &[u8]) -> String {
        parse(bytes, Path::new("a.npy")).unwrap_err().to_string()
    }

    #[test]
    fn half_precision_reads_back_exactly() {
        assert_eq!(parse(&to_f16_bytes(&array()), Path::new("a.npy")).unwrap(), array());
    }

    #[test]
    fn single_precision_a_vector_and_a_scalar_are_read() {
        for (shape, values) in [("(2,)", vec![1.5_f32, -3.0]), ("()", vec![7.0])] {
            let header =
                format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
            let mut bytes = b"\x93NUMPY\x02\x00".to_vec();
            bytes.extend_from_slice(&(header.len() as u32).to_le_bytes());
            bytes.extend_from_slice(header.as_bytes());
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            assert_eq!(parse(&bytes, Path::new("a.npy")).unwrap().values, values);
        }
    }

    #[test]
    fn damage_is_named() {
        let good = to_f16_bytes(&array());
        assert!(
            message(&good[..good.len() - 1]).contains("shape [2, 3], found 11 bytes"),
            "{}",
            message(&good[..11])
        );
        assert!(message(&good[..30]).contains("whole .npy header"));
        assert!(message(b"PK\x03\x04").contains("begins with 50 4b 03 04"));
        let text = |from: &str, to: &str| {
            let at = good.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
            let mut bytes = good.clone();
            bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
            message(&bytes)
        };
        assert!(text("<f2", "<i2").contains("found '<i2'"));
        assert!(text("False", "True ").contains("row-major"));
        assert!(text("'shape'", "'shope'").contains("the key shape"));
    }
}
