//! Dimensions and shapes with two symbols.

use std::fmt;
use std::ops::Mul;

/// One axis of a shape: `coefficient · N^images · K^queries`.
///
/// A monomial is closed under multiplication and is all that reshapes of a network need:
/// `[N, K, C, H, W]` folds into `[N·K, C, H, W]` and back without a special case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dim {
    coefficient: usize,
    images: u8,
    queries: u8,
}

/// The number of images in a batch.
pub const N: Dim = Dim { coefficient: 1, images: 1, queries: 0 };

/// The number of queries; in a text tower, the number of prompts.
pub const K: Dim = Dim { coefficient: 1, images: 0, queries: 1 };

impl Dim {
    /// An axis of fixed length.
    pub const fn fixed(length: usize) -> Self {
        Self { coefficient: length, images: 0, queries: 0 }
    }

    /// The length, if no symbol is in it.
    pub fn as_fixed(self) -> Option<usize> {
        (self.images == 0 && self.queries == 0).then_some(self.coefficient)
    }

    /// The length for `images` images and `queries` queries.
    pub fn at(self, images: usize, queries: usize) -> usize {
        self.coefficient * images.pow(u32::from(self.images)) * queries.pow(u32::from(self.queries))
    }

    /// The same axis with the number of queries fixed, as `--fold` does.
    #[must_use]
    pub fn fold_queries(self, queries: usize) -> Self {
        Self {
            coefficient: self.coefficient * queries.pow(u32::from(self.queries)),
            images: self.images,
            queries: 0,
        }
    }

    /// The fixed factor, the power of N and the power of K.
    pub fn factors(self) -> (usize, u8, u8) {
        (self.coefficient, self.images, self.queries)
    }

    /// Whether the number of queries is in it.
    pub fn has_queries(self) -> bool {
        self.queries > 0
    }
}

impl From<usize> for Dim {
    fn from(length: usize) -> Self {
        Self::fixed(length)
    }
}

impl Mul for Dim {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Self {
            coefficient: self.coefficient * other.coefficient,
            images: self.images + other.images,
            queries: self.queries + other.queries,
        }
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let symbols = "N".repeat(self.images.into()) + &"K".repeat(self.queries.into());
        match (self.coefficient, symbols.as_str()) {
            (length, "") => write!(f, "{length}"),
            (1, _) => write!(f, "{symbols}"),
            (length, _) => write!(f, "{length}{symbols}"),
        }
    }
}

/// The axes of a value, outermost first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(pub Vec<Dim>);

impl Shape {
    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// The product of all axes.
    pub fn elements(&self) -> Dim {
        self.0.iter().fold(Dim::fixed(1), |product, &dim| product * dim)
    }

    /// The lengths for `images` images and `queries` queries.
    pub fn at(&self, images: usize, queries: usize) -> Vec<usize> {
        self.0.iter().map(|dim| dim.at(images, queries)).collect()
    }

    /// All lengths, if no symbol is in any.
    pub fn as_fixed(&self) -> Option<Vec<usize>> {
        self.0.iter().map(|dim| dim.as_fixed()).collect()
    }
}

impl<D: Into<Dim>, const RANK: usize> From<[D; RANK]> for Shape {
    fn from(dims: [D; RANK]) -> Self {
        Self(dims.into_iter().map(Into::into).collect())
    }
}

impl From<Vec<Dim>> for Shape {
    fn from(dims: Vec<Dim>) -> Self {
        Self(dims)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[")?;
        for (axis, dim) in self.0.iter().enumerate() {
            write!(f, "{}{dim}", if axis > 0 { ", " } else { "" })?;
        }
        write!(f, "]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dim_prints_its_symbols_and_multiplies_them() {
        assert_eq!((N * K * 16.into()).to_string(), "16NK");
        assert_eq!((N * K * 16.into()).at(2, 3), 96);
        assert_eq!(N.to_string(), "N");
        assert_eq!((K * 2.into()).fold_queries(5), Dim::fixed(10));
    }

    #[test]
    fn a_shape_prints_like_a_list() {
        assert_eq!(Shape::from([N, K, 64.into()]).to_string(), "[N, K, 64]");
    }
}
