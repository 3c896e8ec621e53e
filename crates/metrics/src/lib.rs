//! How good masks and scores are: confusion matrix and mean `IoU`, base and novel classes,
//! outlines, precision and recall per query, calibration error.
//!
//! Everything is counted while streaming: memory does not grow with the number of pixels, and two
//! counts merge into one. Letters: K classes or queries.

mod base_novel;
mod boundary_score;
mod calibration_error;
mod confusion_matrix;
mod precision_recall;
mod score_histogram;

pub use base_novel::BaseNovel;
pub use boundary_score::{BOUNDARY_TOLERANCE, BoundaryScore};
pub use calibration_error::{CALIBRATION_BINS, CalibrationBin, CalibrationError};
pub use confusion_matrix::{ClassScores, ConfusionMatrix, ConfusionScores, IGNORE};
pub use precision_recall::{OperatingPoint, PrecisionRecall};
pub use score_histogram::{HistogramResolution, ScoreHistogram};

/// Counts that cannot be taken or merged.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// The ground truth names a class that the matrix has not.
    #[error(
        "ground truth, pixel {pixel}: expected a class below {classes} or {IGNORE} for ignored, \
         found {found}"
    )]
    UnknownClass {
        /// Position of the pixel.
        pixel: usize,
        /// Classes of the matrix.
        classes: usize,
        /// Class found.
        found: u8,
    },
    /// Two slices that describe the same pixels differ in length.
    #[error(
        "predictions: expected one for each of {truth} pixels of ground truth, found {predictions}"
    )]
    Length {
        /// Pixels of ground truth.
        truth: usize,
        /// Predictions.
        predictions: usize,
    },
    /// Rows of this width do not fill the image.
    #[error("ground truth: expected rows of {width} pixels, found {pixels} pixels")]
    Width {
        /// Pixels of a row.
        width: usize,
        /// Pixels of the image.
        pixels: usize,
    },
    /// A score is not in [0, 1].
    #[error("score, pixel {pixel}: expected a number in [0, 1], found {found} (a logit?)")]
    Score {
        /// Position of the pixel.
        pixel: usize,
        /// Score found.
        found: f32,
    },
    /// A matrix has from 1 to 255 classes.
    #[error("confusion matrix: expected 1 to {IGNORE} classes, found {found}")]
    Classes {
        /// Classes asked for.
        found: usize,
    },
    /// Two counts of different sizes were to be merged.
    #[error("merge: expected counts of the same size, found {left} and {right}")]
    Merge {
        /// Size of the count merged into.
        left: usize,
        /// Size of the other.
        right: usize,
    },
}
