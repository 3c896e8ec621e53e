//! From samples of any kind to the bytes that the network sees.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Most samples of a band that percentiles are taken from.
const MOST_SAMPLES: usize = 1 << 20;

/// What becomes black and what becomes white; between them it is linear.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stretch {
    /// Percentiles of each band's valid pixels.
    Percentiles {
        /// Black, 0 to 100.
        low: f32,
        /// White, above `low`.
        high: f32,
    },
    /// The same two numbers for every band.
    Limits {
        /// Black.
        low: f32,
        /// White, above `low`.
        high: f32,
    },
}

impl Default for Stretch {
    /// As QGIS and rio-tiler show what is not 8-bit.
    fn default() -> Self {
        Self::Percentiles { low: 2.0, high: 98.0 }
    }
}

/// A stretch that was typed wrongly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected percentiles such as p2-p98, or two values such as 64,1944, the smaller first")]
pub struct StretchError;

impl FromStr for Stretch {
    type Err = StretchError;

    fn from_str(typed: &str) -> Result<Self, StretchError> {
        let number = |text: &str| text.trim().parse::<f32>().ok().filter(|value| value.is_finite());
        let percentile = |text: &str| {
            number(text.trim().strip_prefix('p')?).filter(|share| (0.0..=100.0).contains(share))
        };
        let stretch = if let Some((low, high)) = typed.split_once("-p") {
            let high = number(high).filter(|share| (0.0..=100.0).contains(share));
            let both = percentile(low).zip(high);
            both.map(|(low, high)| (low, high, Self::Percentiles { low, high }))
        } else {
            let both = typed.split_once(',');
            let both = both.and_then(|(low, high)| number(low).zip(number(high)));
            both.map(|(low, high)| (low, high, Self::Limits { low, high }))
        };
        let (low, high, stretch) = stretch.ok_or(StretchError)?;
        if low < high { Ok(stretch) } else { Err(StretchError) }
    }
}

impl fmt::Display for Stretch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percentiles { low, high } => write!(formatter, "p{low}-p{high}"),
            Self::Limits { low, high } => write!(formatter, "{low},{high}"),
        }
    }
}

/// What became black and what became white in one band.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BandLimits {
    /// Black.
    pub low: f32,
    /// White.
    pub high: f32,
}

impl Stretch {
    /// The limits for one band's `values`, which are those of valid pixels.
    pub(super) fn limits(self, values: impl ExactSizeIterator<Item = f32>) -> BandLimits {
        match self {
            Self::Limits { low, high } => BandLimits { low, high },
            Self::Percentiles { low, high } => {
                let step = values.len().div_ceil(MOST_SAMPLES).max(1);
                let mut seen: Vec<f32> = values.step_by(step).collect();
                BandLimits { low: percentile(&mut seen, low), high: percentile(&mut seen, high) }
            }
        }
    }
}

impl BandLimits {
    /// A sample as a byte. One value alone is black.
    pub(super) fn byte(self, value: f32) -> u8 {
        let range = self.high - self.low;
        let share = if range > 0.0 { (value - self.low) / range } else { 0.0 };
        (share.clamp(0.0, 1.0) * 255.0).round() as u8
    }
}

fn percentile(values: &mut [f32], percent: f32) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    let place = (f64::from(percent) / 100.0 * (values.len() - 1) as f64).round() as usize;
    *values.select_nth_unstable_by(place, f32::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_and_limits_are_read_as_they_are_shown() {
        for (typed, stretch) in [
            ("p2-p98", Stretch::default()),
            ("64,1944", Stretch::Limits { low: 64.0, high: 1944.0 }),
            ("-0.1, 0.5", Stretch::Limits { low: -0.1, high: 0.5 }),
        ] {
            assert_eq!(typed.parse::<Stretch>(), Ok(stretch), "{typed}");
            assert_eq!(stretch.to_string().parse::<Stretch>(), Ok(stretch));
        }
        for wrong in ["", "p98-p2", "p2-98", "2-98", "5", "5,5", "p2-p101", "nan,1", "1,2,3"] {
            assert_eq!(wrong.parse::<Stretch>(), Err(StretchError), "{wrong}");
        }
    }

    #[test]
    fn one_hot_value_decides_nothing() {
        let values: Vec<f32> = (0..10_000).map(|value| value as f32 / 10.0).collect();
        let hot: Vec<f32> = values.iter().copied().chain([65_535.0]).collect();
        let limits = Stretch::default().limits(hot.into_iter());
        assert!((limits.low - 20.0).abs() < 1.0 && (limits.high - 980.0).abs() < 1.0, "{limits:?}");
        assert_eq!((limits.byte(0.0), limits.byte(500.0), limits.byte(70_000.0)), (0, 128, 255));
    }

    #[test]
    fn one_value_alone_is_black() {
        let limits = Stretch::default().limits([7.0; 5].into_iter());
        assert_eq!(limits.byte(7.0), 0);
    }
}
