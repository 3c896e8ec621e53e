//! How far a runner may be from the oracle.

use rszs_graph::Tensor;

/// A named tolerance, one for each kind of arithmetic. No test states a number of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tolerance {
    /// The same bits.
    Exact,
    /// `f32` throughout, another order of summation. The largest difference over the largest
    /// magnitude.
    Float32,
    /// Factors of products rounded to 8 bits of mantissa, everything else in `f32`: a training
    /// step, never an engine.
    BFloat16,
}

impl Tolerance {
    /// The bound on the largest absolute difference, relative to the reference's largest magnitude
    /// (at least 1).
    pub fn bound(self) -> f32 {
        match self {
            Self::Exact => 0.0,
            Self::Float32 => 2e-5,
            Self::BFloat16 => 3e-2,
        }
    }

    /// Whether `found` is close enough to `reference`, else a sentence with the numbers.
    pub fn check(self, reference: &Tensor, found: &Tensor) -> Result<(), String> {
        if reference.shape != found.shape {
            return Err(format!("expected shape {:?}, found {:?}", reference.shape, found.shape));
        }
        let allowed = self.bound() * reference.magnitude().max(1.0);
        let distance = reference.distance(found);
        if distance <= allowed {
            Ok(())
        } else {
            Err(format!(
                "expected a difference of at most {allowed:e} ({self:?}), found {distance:e}"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_beyond_the_bound_is_refused_with_the_numbers() {
        let reference = Tensor::new([2], vec![10.0, 0.0]);
        assert!(
            Tolerance::Float32.check(&reference, &Tensor::new([2], vec![10.000_1, 0.0])).is_ok()
        );
        let error =
            Tolerance::Float32.check(&reference, &Tensor::new([2], vec![10.001, 0.0])).unwrap_err();
        assert!(error.contains("Float32"), "{error}");
        assert!(
            Tolerance::Exact.check(&reference, &Tensor::new([2], vec![10.000_001, 0.0])).is_err()
        );
        assert!(
            Tolerance::Float32.check(&reference, &Tensor::new([2], vec![f32::NAN, 0.0])).is_err()
        );
    }
}
