//! Whether INT8 is worth it: faster, and nearly as good.

use std::fmt;

use rszs_bundle::{Deviation, Golden, GoldenError, Precision};
use serde::Serialize;

/// The largest difference from the golden set.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SelfTest {
    /// That was found.
    pub difference: f32,
    /// That an engine may have.
    pub tolerance: f32,
}

impl SelfTest {
    /// Of an engine that ran a file of `precision`.
    pub fn of(deviation: Deviation, golden: &Golden, precision: Precision) -> Self {
        let difference = deviation.logits.max(deviation.presence);
        Self { difference, tolerance: golden.tolerance.of(precision) }
    }
}

/// A tile must be faster by this factor at least: less is the noise of a clock.
pub const SMALLEST_SPEED_UP: f64 = 1.05;

/// The mean `IoU` may fall by this much at most: one point.
pub const LARGEST_LOSS: f64 = 0.01;

/// What was measured of both precisions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Comparison {
    /// Median time of a tile in FP32, in microseconds.
    pub fp32_us: f64,
    /// The same in INT8.
    pub int8_us: f64,
    /// Mean `IoU` over the labelled queries of all sets in FP32.
    pub fp32_iou: f64,
    /// The same in INT8.
    pub int8_iou: f64,
}

/// What follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// INT8 is offered by the bundle.
    WorthIt,
    /// Not fast enough.
    TooSlow {
        /// Times as fast as FP32.
        found: f64,
    },
    /// Masks lose too much, or there are no numbers to tell.
    TooFarOff {
        /// By how much the mean `IoU` falls.
        found: f64,
    },
    /// The file does not give the bundle's golden outputs: no engine would take it.
    OffTheGoldenSet {
        /// Name of the output.
        output: &'static str,
        /// The largest difference; NaN if the output holds one.
        found: f32,
        /// What an engine may be off.
        allowed: f32,
    },
    /// Masks are as good; nothing here can tell how fast they come.
    Unmeasured,
}

impl Comparison {
    /// How many times as fast INT8 is.
    pub fn speed_up(&self) -> f64 {
        self.fp32_us / self.int8_us
    }

    /// By how much the mean `IoU` falls.
    pub fn loss(&self) -> f64 {
        self.fp32_iou - self.int8_iou
    }

    /// What follows. A number that is none is never worth it.
    pub fn verdict(&self) -> Verdict {
        let (speed_up, loss) = (self.speed_up(), self.loss());
        if loss.is_nan() || loss > LARGEST_LOSS {
            Verdict::TooFarOff { found: loss }
        } else if speed_up.is_nan() || speed_up < SMALLEST_SPEED_UP {
            Verdict::TooSlow { found: speed_up }
        } else {
            Verdict::WorthIt
        }
    }
}

impl Verdict {
    /// Of a file whose outputs are off; an error of any other kind comes back.
    pub fn off_the_golden_set(error: GoldenError) -> Result<Self, GoldenError> {
        match error {
            GoldenError::Mismatch { tensor, found, tolerance, .. } => {
                Ok(Self::OffTheGoldenSet { output: tensor, found, allowed: tolerance })
            }
            other => Err(other),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WorthIt => write!(f, "INT8 is faster and within tolerance"),
            Self::TooSlow { found } => {
                write!(
                    f,
                    "INT8 is not offered: expected a tile at least {SMALLEST_SPEED_UP} times as \
                     fast, found {found:.2}"
                )
            }
            Self::TooFarOff { found } => write!(
                f,
                "INT8 is not offered: expected a mean IoU lower by at most {:.1} points, found \
                 {:.2}",
                100.0 * LARGEST_LOSS,
                100.0 * found
            ),
            Self::OffTheGoldenSet { output, found, allowed } => write!(
                f,
                "INT8 is not offered: expected {output} within {allowed:.2} of the golden set, \
                 found {found:.2} off (try another --observer, or a larger --float-share)"
            ),
            Self::Unmeasured => {
                write!(
                    f,
                    "within tolerance; how fast it is was not measured: nothing here runs it on an \
                     accelerator"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(int8_us: f64, int8_iou: f64) -> Verdict {
        Comparison { fp32_us: 1000.0, int8_us, fp32_iou: 0.5, int8_iou }.verdict()
    }

    #[test]
    fn faster_and_nearly_as_good_is_worth_it() {
        assert_eq!(verdict(700.0, 0.495), Verdict::WorthIt);
        assert_eq!(verdict(700.0, 0.51), Verdict::WorthIt, "better masks are no reason to refuse");
    }

    #[test]
    fn what_is_slower_or_as_fast_as_the_clock_can_tell_is_refused() {
        assert!(matches!(verdict(1200.0, 0.5), Verdict::TooSlow { .. }));
        assert!(matches!(verdict(980.0, 0.5), Verdict::TooSlow { .. }));
        assert_eq!(
            verdict(2000.0, 0.5).to_string().split(": ").nth(1).unwrap(),
            "expected a tile at least 1.05 times as fast, found 0.50"
        );
    }

    #[test]
    fn a_file_off_the_golden_set_says_by_how_much_and_what_to_try() {
        let verdict = Verdict::OffTheGoldenSet { output: "logits", found: 2.0, allowed: 1.25 };
        let text = verdict.to_string();
        assert!(
            text.contains(
                "expected logits within 1.25 of the golden set, found 2.00 off (try another"
            ),
            "{text}"
        );
    }

    #[test]
    fn masks_that_lose_more_than_a_point_are_refused_however_fast() {
        let refused = verdict(100.0, 0.48);
        assert!(matches!(refused, Verdict::TooFarOff { .. }));
        assert!(
            refused.to_string().ends_with("lower by at most 1.0 points, found 2.00"),
            "{refused}"
        );
        assert!(matches!(verdict(100.0, f64::NAN), Verdict::TooFarOff { .. }));
    }
}
