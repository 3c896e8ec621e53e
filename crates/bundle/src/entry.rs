//! One row of a vocabulary.

use crate::sha256::shortened;
use crate::{Name, PresenceThreshold, Temperature, Threshold, VocabularyError};
use serde::{Deserialize, Serialize};

/// One row: a class, how it was encoded, and what decides whether a pixel belongs to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The class.
    pub name: Name,
    /// Other words for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub synonyms: Vec<Name>,
    /// The set of sentences the names were put into before encoding.
    pub template_set: String,
    /// From this score on a pixel belongs to the class.
    pub threshold: Threshold,
    /// Where the threshold comes from.
    pub threshold_source: ThresholdSource,
    /// Divides the logits of this class.
    pub temperature: Temperature,
    /// Below this presence the class is absent from a tile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence_threshold: Option<PresenceThreshold>,
    /// Red, green, blue in masks and overlays.
    pub colour: [u8; 3],
    /// Belongs to the hidden vocabulary that `exclusive` decisions compete against.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub support: bool,
    /// What calibration measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
}

/// Where a threshold comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum ThresholdSource {
    /// Not measured: the stated default.
    Default,
    /// Chosen on labelled images.
    Calibrated {
        /// Name of the set.
        set: String,
        /// How many images.
        images: u64,
    },
}

/// What calibration measured for one class, at its threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Labelled pixels of the class.
    pub n_pixels: u64,
    /// Intersection over union.
    pub iou: f64,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
    /// Name of the set.
    pub set: String,
    /// ISO 8601, e.g. `2026-08-22`.
    pub date: String,
    /// What other thresholds give, by rising threshold; at most [`Calibration::LIMIT_POINTS`].
    /// Empty in bundles of earlier releases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curve: Vec<CurvePoint>,
}

/// What a threshold gives on the set that was measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurvePoint {
    /// Score from which a pixel belongs to the class.
    pub threshold: f64,
    /// Share of the pixels found that are right.
    pub precision: f64,
    /// Share of the right pixels that are found.
    pub recall: f64,
}

impl Calibration {
    /// More points than this are no summary: the whole curve is in the report of calibration.
    pub const LIMIT_POINTS: usize = 32;

    /// What the curve must be, if it is not.
    fn curve_fault(&self) -> Option<&'static str> {
        let numbers = |point: &CurvePoint| [point.threshold, point.precision, point.recall];
        let is_bounded =
            self.curve.iter().flat_map(numbers).all(|number| (0.0..=1.0).contains(&number));
        let is_rising = self.curve.is_sorted_by(|a, b| a.threshold < b.threshold);
        let fits = is_bounded && is_rising && self.curve.len() <= Self::LIMIT_POINTS;
        (!fits).then_some("at most 32 points of numbers in [0, 1], by rising threshold")
    }
}

impl Entry {
    /// A row with even threshold and temperature 1, not calibrated.
    pub fn new(name: Name, template_set: impl Into<String>, colour: [u8; 3]) -> Self {
        Self {
            name,
            synonyms: Vec::new(),
            template_set: template_set.into(),
            threshold: Threshold::EVEN,
            threshold_source: ThresholdSource::Default,
            temperature: Temperature::ONE,
            presence_threshold: None,
            colour,
            support: false,
            calibration: None,
        }
    }

    pub(crate) fn check(&self, index: usize) -> Result<(), VocabularyError> {
        let error = |field, expected, found: String| {
            Err(VocabularyError::Field { index, name: self.name.clone(), field, expected, found })
        };
        let set = &self.template_set;
        if set.is_empty() || set.len() > 1000 || set.contains(char::is_control) {
            return error("template_set", "one line of text", format!("{:?}", shortened(set)));
        }
        if let Some(calibration) = &self.calibration {
            for (field, score) in
                [("calibration.iou", calibration.iou), ("calibration.f1", calibration.f1)]
            {
                if !(0.0..=1.0).contains(&score) {
                    return error(field, "a number in [0, 1]", score.to_string());
                }
            }
            if let Some(expected) = calibration.curve_fault() {
                return error("calibration.curve", expected, format!("{:?}", calibration.curve));
            }
        }
        Ok(())
    }
}
