//! Why the clocks of a card are not higher.
//!
//! Source: `NvmlClocksEventReasons` in NVIDIA's NVML API reference, R550 and later; older headers
//! call them throttle reasons.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Every reason that NVIDIA's reference gives a bit, by its bit.
const NAMES: [(u64, &str); 9] = [
    (0x1, "gpu_idle"),
    (0x2, "applications_clocks_setting"),
    (0x4, "sw_power_cap"),
    (0x8, "hw_slowdown"),
    (0x10, "sync_boost"),
    (0x20, "sw_thermal_slowdown"),
    (0x40, "hw_thermal_slowdown"),
    (0x80, "hw_power_brake_slowdown"),
    (0x100, "display_clock_setting"),
];

/// Heat, a power brake, or what the hardware halves its clocks for (which may also be a change of
/// the performance state: then the clock was not steady either). The power cap is not among them:
/// "the clocks have been optimized to ensure not to exceed currently set power limits" is how a
/// card runs under full load, today and tomorrow, and the limit is in the report.
const SLOWDOWNS: u64 = 0x8 | 0x20 | 0x40 | 0x80;

/// A set of reasons. In JSON it is a list of names; a bit without a name is written as a number,
/// `0x200`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClockReasons(u64);

impl ClockReasons {
    /// From NVML's bit mask.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// What is in either.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those after which times are not to be trusted.
    #[must_use]
    pub fn slowdowns(self) -> Self {
        Self(self.0 & SLOWDOWNS)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn names(self) -> Vec<String> {
        let set = (0..u64::BITS).map(|shift| 1 << shift).filter(|bit| self.0 & bit != 0);
        let name =
            |bit| NAMES.iter().find(|(known, _)| *known == bit).map(|(_, name)| (*name).to_owned());
        set.map(|bit| name(bit).unwrap_or_else(|| format!("{bit:#x}"))).collect()
    }
}

impl fmt::Display for ClockReasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(" "))
    }
}

impl Serialize for ClockReasons {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.names())
    }
}

impl<'de> Deserialize<'de> for ClockReasons {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bit = |name: &String| {
            let named = NAMES.iter().find(|(_, known)| known == name).map(|(bit, _)| *bit);
            let bit = named.or_else(|| u64::from_str_radix(name.strip_prefix("0x")?, 16).ok());
            bit.ok_or_else(|| {
                serde::de::Error::custom(format!(
                    "{name}: expected a reason of NVML's, found another word"
                ))
            })
        };
        let names = Vec::<String>::deserialize(deserializer)?;
        names.iter().try_fold(0, |bits, name| Ok(bits | bit(name)?)).map(Self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn names_stand_for_bits_and_back() {
        let reasons = ClockReasons::from_bits(0x4 | 0x40 | 0x200);
        let json = serde_json::to_string(&reasons).unwrap();
        assert_eq!(json, r#"["sw_power_cap","hw_thermal_slowdown","0x200"]"#);
        assert_eq!(serde_json::from_str::<ClockReasons>(&json).unwrap(), reasons);
        assert!(serde_json::from_str::<ClockReasons>(r#"["moon"]"#).is_err());
    }

    #[test]
    fn heat_and_brakes_are_slowdowns_and_limits_are_not() {
        assert_eq!(ClockReasons::from_bits(0x1ff).slowdowns(), ClockReasons::from_bits(0xe8));
        assert!(ClockReasons::from_bits(0x1 | 0x2 | 0x4 | 0x10 | 0x100).slowdowns().is_empty());
    }
}
