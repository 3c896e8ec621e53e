//! How far two computations of the same may differ.

use rszs_graph::Tensor;

/// A named tolerance, one for each kind of arithmetic. Relative to the largest magnitude of what is
/// expected, at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tolerance {
    /// `f32` on both sides, sums in another order.
    Float32,
    /// `f32` on one side, `f16` with sums over many in `f32` on the other.
    Float16,
}

impl Tolerance {
    /// The largest allowed difference for an expected magnitude of 1.
    pub fn bound(self) -> f32 {
        match self {
            Self::Float32 => 1e-4,
            // Half precision keeps 11 bits of 24.
            Self::Float16 => 0.03,
        }
    }

    /// The largest allowed difference from `expected`.
    pub fn allowed(self, expected: &Tensor) -> f32 {
        self.bound() * expected.magnitude().max(1.0)
    }
}
