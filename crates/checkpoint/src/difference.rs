//! How the tensors of a file differ from those of a network.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use crate::CheckpointError;

/// Most names that are shown of each kind.
const SHOWN: usize = 3;

/// Shapes by parameter name.
pub type Shapes<'a> = BTreeMap<&'a str, Vec<usize>>;

/// How the tensors of a file differ from the parameters of a network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// Parameters of the network.
    pub expected: usize,
    /// Parameters without a tensor.
    pub missing: Vec<String>,
    /// Tensors without a parameter.
    pub unexpected: Vec<String>,
    /// Tensors of another shape, as `name: expected …, found …`.
    pub misshapen: Vec<String>,
}

impl Difference {
    /// Compares names and shapes.
    pub fn between(expected: &Shapes, found: &Shapes) -> Self {
        let mut difference = Self { expected: expected.len(), ..Self::default() };
        for (&name, shape) in expected {
            match found.get(name) {
                None => difference.missing.push(name.to_owned()),
                Some(found) if found != shape => {
                    difference
                        .misshapen
                        .push(format!("{name}: expected {shape:?}, found {found:?}"));
                }
                Some(_) => {}
            }
        }
        let surplus = found.keys().filter(|name| !expected.contains_key(*name));
        difference.unexpected = surplus.map(|&name| name.to_owned()).collect();
        difference
    }

    /// An error that names `path`, unless everything fits.
    pub fn expect_none(self, path: &Path) -> Result<(), CheckpointError> {
        if self.missing.is_empty() && self.unexpected.is_empty() && self.misshapen.is_empty() {
            return Ok(());
        }
        Err(CheckpointError::Difference { path: path.to_owned(), difference: self })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            ("missing", &self.missing),
            ("unexpected", &self.unexpected),
            ("of another shape", &self.misshapen),
        ];
        write!(f, "expected exactly the {} tensors of the network, found", self.expected)?;
        let mut separator = "";
        for (kind, names) in kinds.into_iter().filter(|(_, names)| !names.is_empty()) {
            let shown = names[..names.len().min(SHOWN)].join(", ");
            let more = if names.len() > SHOWN { ", …" } else { "" };
            write!(f, "{separator} {} {kind}: {shown}{more}", names.len())?;
            separator = ";";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_counted_and_three_of_it_are_named() {
        let expected = [("a", vec![2]), ("b", vec![2, 3]), ("c", vec![1])].into();
        let found = [
            ("b", vec![1, 3]),
            ("c", vec![1]),
            ("d", vec![]),
            ("e", vec![]),
            ("f", vec![]),
            ("g", vec![]),
        ];
        let difference = Difference::between(&expected, &found.into());
        assert_eq!(difference.unexpected, ["d", "e", "f", "g"]);
        assert_eq!(
            difference.to_string(),
            "expected exactly the 3 tensors of the network, found 1 missing: a; 4 unexpected: d, \
             e, f, …; \
             1 of another shape: b: expected [2, 3], found [1, 3]"
        );
        Difference::between(&expected, &expected).expect_none(Path::new("a")).unwrap();
    }
}
