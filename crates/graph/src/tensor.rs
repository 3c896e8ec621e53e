//! A plain dense array.

use std::fmt;

/// A dense row-major array of `f32`. Bytes and token numbers are held as `f32` too; both are exact
/// below 2²⁴.
#[derive(Clone, PartialEq)]
pub struct Tensor {
    /// Axis lengths, outermost first.
    pub shape: Vec<usize>,
    /// The elements; as many as the product of the axis lengths.
    pub values: Vec<f32>,
}

impl Tensor {
    /// `values` in the given shape.
    ///
    /// # Panics
    /// When the shape does not hold exactly that many values.
    pub fn new(shape: impl Into<Vec<usize>>, values: Vec<f32>) -> Self {
        let shape = shape.into();
        let expected: usize = shape.iter().product();
        assert_eq!(
            expected,
            values.len(),
            "{shape:?} holds {expected} values, not {}",
            values.len()
        );
        Self { shape, values }
    }

    /// The same number everywhere.
    pub fn filled(shape: impl Into<Vec<usize>>, value: f32) -> Self {
        let shape = shape.into();
        let values = vec![value; shape.iter().product()];
        Self { shape, values }
    }

    /// Zero everywhere.
    pub fn zeros(shape: impl Into<Vec<usize>>) -> Self {
        Self::filled(shape, 0.0)
    }

    /// Bytes as numbers, unscaled.
    pub fn from_bytes(shape: impl Into<Vec<usize>>, bytes: &[u8]) -> Self {
        Self::new(shape, bytes.iter().copied().map(f32::from).collect())
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// Largest absolute difference of two tensors; infinite when the shapes differ or an element is
    /// not a number.
    pub fn distance(&self, other: &Self) -> f32 {
        if self.shape != other.shape {
            return f32::INFINITY;
        }
        self.values.iter().zip(&other.values).fold(0.0, |largest, (a, b)| {
            let difference = (a - b).abs();
            if difference.is_nan() { f32::INFINITY } else { difference.max(largest) }
        })
    }

    /// Largest absolute value; infinite when an element is not a number.
    pub fn magnitude(&self) -> f32 {
        self.values.iter().fold(0.0, |largest, value| {
            if value.is_nan() { f32::INFINITY } else { value.abs().max(largest) }
        })
    }
}

impl fmt::Debug for Tensor {
    /// The shape and the first few elements.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 16;
        let more = if self.values.len() > SHOWN { ", …" } else { "" };
        let shown: Vec<String> =
            self.values.iter().take(SHOWN).map(|value| format!("{value:?}")).collect();
        write!(f, "{:?}[{}{more}]", self.shape, shown.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_is_infinite_where_a_number_is_missing() {
        let numbers = Tensor::new([2], vec![1.0, 2.0]);
        assert!((numbers.distance(&Tensor::new([2], vec![1.0, 2.5])) - 0.5).abs() < f32::EPSILON);
        assert!(numbers.distance(&Tensor::new([2], vec![1.0, f32::NAN])).is_infinite());
        assert!(numbers.distance(&Tensor::new([1, 2], vec![1.0, 2.0])).is_infinite());
    }

    #[test]
    fn a_long_tensor_prints_its_first_elements() {
        assert_eq!(format!("{:?}", Tensor::zeros([2])), "[2][0.0, 0.0]");
        assert!(format!("{:?}", Tensor::zeros([17])).ends_with("0.0, …]"));
    }
}
