//! Inputs and the outputs an engine must give for them.

use crate::Precision;
use safetensors::SafeTensorError;

/// The golden set: a few tiles and queries with the outputs of the oracle, and how far an engine
/// may be off. In the file each part is a tensor of its own name, row-major, little-endian.
#[derive(Clone, Debug, PartialEq)]
pub struct Golden {
    /// N, K, H = W and D.
    pub shape: GoldenShape,
    /// `[N, H, W, 3]`, red, green, blue.
    pub tiles: Vec<u8>,
    /// `[K, D]`; nothing for a folded model.
    pub queries: Option<Vec<f32>>,
    /// `[N, K, H/4, W/4]`.
    pub logits: Vec<f32>,
    /// `[N, K]`.
    pub presence: Vec<f32>,
    /// How far an engine may be off.
    pub tolerance: Tolerance,
}

/// The sizes a golden set is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoldenShape {
    /// N.
    pub images: usize,
    /// K.
    pub queries: usize,
    /// H and W.
    pub tile_px: usize,
    /// D.
    pub joint_width: usize,
}

/// Largest allowed absolute difference of any logit, and up to [`Tolerance::LARGEST_OF_PRESENCE`]
/// of any presence, by precision of the model file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// For `model.fp32.onnx`.
    pub fp32: f32,
    /// For `model.fp16.onnx`.
    pub fp16: f32,
    /// For `model.int8.onnx`.
    pub int8: f32,
}

/// How far an engine was off: largest absolute differences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deviation {
    /// Over all logits.
    pub logits: f32,
    /// Over all presences.
    pub presence: f32,
}

/// A golden set that cannot be used, or an engine that does not meet it.
#[derive(Debug, thiserror::Error)]
pub enum GoldenError {
    /// Not a safetensors file, or a part is missing.
    #[error(
        "expected the tensors tiles, queries (unless folded), logits, presence and tolerance, \
         found: {0}"
    )]
    File(#[from] SafeTensorError),
    /// A part that does not belong here.
    #[error("{0}: expected no such tensor")]
    UnknownTensor(String),
    /// A part of the wrong type or shape.
    #[error("{tensor}: expected {expected}, found {found}")]
    Shape {
        /// Name of the part.
        tensor: &'static str,
        /// Type and shape it must have.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A number that cannot be.
    #[error("{tensor}: expected finite numbers{range}, found {found} at {index}")]
    Number {
        /// Name of the part.
        tensor: &'static str,
        /// Words for the range, if there is one.
        range: &'static str,
        /// The number.
        found: f32,
        /// Where in the flat tensor.
        index: usize,
    },
    /// The engine's output is not what the oracle gave.
    #[error(
        "{tensor}: expected within {tolerance} of the golden set ({precision}), found {found} off \
         at {index} (of {shape:?}, row-major)"
    )]
    Mismatch {
        /// Name of the output.
        tensor: &'static str,
        /// Precision of the model that ran.
        precision: Precision,
        /// What was allowed.
        tolerance: f32,
        /// Largest difference; NaN if the output holds one.
        found: f32,
        /// Where in the flat output.
        index: usize,
        /// Shape of that output.
        shape: Vec<usize>,
    },
}

impl Tolerance {
    /// A presence is a cosine: it lies in [-1, 1], however large logits are.
    pub const LARGEST_OF_PRESENCE: f32 = 0.05;

    /// What is allowed for `precision`. Where 8-bit steps and 16-bit values meet, both roundings
    /// add up.
    pub fn of(&self, precision: Precision) -> f32 {
        match precision {
            Precision::Fp32 => self.fp32,
            Precision::Fp16 => self.fp16,
            Precision::Int8 => self.int8,
            Precision::Int8Fp16 => self.int8 + self.fp16,
        }
    }
}

impl GoldenShape {
    pub(crate) fn tiles(self) -> [usize; 4] {
        [self.images, self.tile_px, self.tile_px, 3]
    }

    pub(crate) fn logits(self) -> [usize; 4] {
        [self.images, self.queries, self.tile_px / 4, self.tile_px / 4]
    }
}

impl Golden {
    /// Compares an engine's outputs with this golden set.
    pub fn compare(
        &self,
        precision: Precision,
        logits: &[f32],
        presence: &[f32],
    ) -> Result<Deviation, GoldenError> {
        let check = |tensor, tolerance: f32, shape: &[usize], expected: &[f32], found: &[f32]| {
            expect_length(tensor, found.len(), expected.len())?;
            let (index, found) = largest_difference(expected, found);
            // A NaN is not within any tolerance.
            if found <= tolerance {
                return Ok(found);
            }
            Err(GoldenError::Mismatch {
                tensor,
                precision,
                tolerance,
                found,
                index,
                shape: shape.to_vec(),
            })
        };
        let GoldenShape { images, queries, .. } = self.shape;
        let of_logits = self.tolerance.of(precision);
        let of_presence = of_logits.min(Tolerance::LARGEST_OF_PRESENCE);
        Ok(Deviation {
            logits: check("logits", of_logits, &self.shape.logits(), &self.logits, logits)?,
            presence: check("presence", of_presence, &[images, queries], &self.presence, presence)?,
        })
    }

    pub(crate) fn check(&self) -> Result<(), GoldenError> {
        let GoldenShape { images, queries, tile_px, joint_width } = self.shape;
        if images == 0 || queries == 0 || tile_px == 0 || !tile_px.is_multiple_of(4) {
            let expected = "N, K at least 1 and H = W a multiple of 4".to_owned();
            return Err(GoldenError::Shape {
                tensor: "tiles",
                expected,
                found: format!("{:?}", self.shape),
            });
        }
        expect_length("tiles", self.tiles.len(), self.shape.tiles().iter().product())?;
        expect_length("logits", self.logits.len(), self.shape.logits().iter().product())?;
        expect_length("presence", self.presence.len(), images * queries)?;
        if let Some(values) = &self.queries {
            expect_length("queries", values.len(), queries * joint_width)?;
            expect_numbers("queries", "", values, f32::is_finite)?;
        }
        expect_numbers("logits", "", &self.logits, f32::is_finite)?;
        // A cosine in f32 can round to just beyond 1.
        expect_numbers("presence", " in [-1, 1]", &self.presence, |value| value.abs() <= 1.000_01)?;
        let Tolerance { fp32, fp16, int8 } = self.tolerance;
        expect_numbers("tolerance", " above 0", &[fp32, fp16, int8], |value| {
            value.is_finite() && value > 0.0
        })
    }
}

fn expect_length(tensor: &'static str, found: usize, expected: usize) -> Result<(), GoldenError> {
    if found == expected {
        return Ok(());
    }
    Err(GoldenError::Shape {
        tensor,
        expected: format!("{expected} numbers"),
        found: found.to_string(),
    })
}

fn expect_numbers(
    tensor: &'static str,
    range: &'static str,
    values: &[f32],
    accepts: fn(f32) -> bool,
) -> Result<(), GoldenError> {
    match values.iter().position(|&value| !accepts(value)) {
        None => Ok(()),
        Some(index) => Err(GoldenError::Number { tensor, range, found: values[index], index }),
    }
}

/// Where two outputs of the same length differ most, and by how much; NaN counts as most.
fn largest_difference(expected: &[f32], found: &[f32]) -> (usize, f32) {
    let mut largest = (0, 0.0);
    for (index, difference) in
        expected.iter().zip(found).map(|(expected, found)| (expected - found).abs()).enumerate()
    {
        if difference.is_nan() {
            return (index, difference);
        }
        if difference > largest.1 {
            largest = (index, difference);
        }
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn golden() -> Golden {
        Golden {
            shape: GoldenShape { images: 1, queries: 2, tile_px: 4, joint_width: 3 },
            tiles: vec![7; 48],
            queries: Some(vec![0.5; 6]),
            logits: vec![1.0, -1.0],
            presence: vec![0.25, -0.25],
            tolerance: Tolerance { fp32: 0.001, fp16: 0.01, int8: 0.5 },
        }
    }

    #[test]
    fn a_golden_set_survives_its_file() {
        let golden = golden();
        assert_eq!(Golden::from_bytes(&golden.to_bytes().unwrap()).unwrap(), golden);
    }

    #[test]
    fn a_folded_golden_set_has_no_queries() {
        let mut golden = golden();
        golden.queries = None;
        golden.shape.joint_width = 0;
        assert_eq!(Golden::from_bytes(&golden.to_bytes().unwrap()).unwrap(), golden);
    }

    #[test]
    fn an_engine_within_the_tolerance_of_its_precision_passes() {
        let deviation = golden().compare(Precision::Int8, &[1.25, -1.0], &[0.25, -0.25]).unwrap();
        assert_eq!(deviation, Deviation { logits: 0.25, presence: 0.0 });
    }

    #[test]
    fn an_engine_beyond_the_tolerance_of_its_precision_is_named() {
        let error = golden().compare(Precision::Fp16, &[1.0, -0.75], &[0.25, -0.25]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "logits: expected within 0.01 of the golden set (fp16), found 0.25 off at 1 (of [1, 2, \
             1, 1], row-major)"
        );
    }

    #[test]
    fn a_presence_is_held_to_what_a_cosine_can_bear() {
        let error = golden().compare(Precision::Int8, &[1.25, -1.0], &[0.35, -0.25]).unwrap_err();
        assert!(matches!(error, GoldenError::Mismatch { tensor: "presence", .. }), "{error}");
    }

    #[test]
    fn a_nan_is_within_no_tolerance() {
        let error =
            golden().compare(Precision::Int8, &[1.0, f32::NAN], &[0.25, -0.25]).unwrap_err();
        assert!(matches!(error, GoldenError::Mismatch { index: 1, .. }), "{error}");
    }

    #[test]
    fn an_output_of_another_size_is_refused() {
        assert!(matches!(
            golden().compare(Precision::Fp32, &[1.0], &[0.25, -0.25]),
            Err(GoldenError::Shape { .. })
        ));
    }

    #[test]
    fn numbers_that_cannot_be_are_refused() {
        let mut with_nan = golden();
        with_nan.logits[0] = f32::NAN;
        assert!(with_nan.to_bytes().is_err());
        let mut with_wrong_cosine = golden();
        with_wrong_cosine.presence[0] = 1.5;
        assert!(with_wrong_cosine.to_bytes().is_err());
        let mut without_tolerance = golden();
        without_tolerance.tolerance.fp32 = 0.0;
        assert!(without_tolerance.to_bytes().is_err());
    }

    #[test]
    fn a_file_cut_anywhere_is_refused() {
        let bytes = golden().to_bytes().unwrap();
        for length in 0..bytes.len() {
            assert!(Golden::from_bytes(&bytes[..length]).is_err(), "{length} bytes");
        }
    }
}
