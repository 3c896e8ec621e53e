//! Library families and version numbers.

use std::fmt;

/// Which library was loaded. Their ABIs differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `libnvinfer`, on Jetson and data-centre installations.
    TensorRt,
    /// `libtensorrt_rtx`, for RTX cards; numbered on its own.
    TensorRtRtx,
}

impl Family {
    /// From the number of [`Version::from_library_number`]: TensorRT-RTX counts from 1 in today's
    /// scheme, in which TensorRT begins with 10.
    pub(crate) fn from_library_number(number: u32) -> Self {
        if (10_000..100_000).contains(&number) { Self::TensorRtRtx } else { Self::TensorRt }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TensorRt => "TensorRT",
            Self::TensorRtRtx => "TensorRT-RTX",
        })
    }
}

/// A library version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Changes when the ABI does.
    pub major: u32,
    /// Adds to the ABI.
    pub minor: u32,
    /// Changes nothing visible.
    pub patch: u32,
}

impl Version {
    /// From the number that `getInferLibVersion` returns: `major · 10000 + minor · 100 + patch`
    /// since version 10; `major · 1000 + …` before (8.6.1 is 8601). Source: `NvInferVersion.h` of
    /// both.
    pub fn from_library_number(number: u32) -> Self {
        let unit = if number < 10_000 { 1_000 } else { 10_000 };
        Self { major: number / unit, minor: number % unit / 100, patch: number % 100 }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_numbering_schemes_are_read() {
        assert_eq!(Version::from_library_number(101_601).to_string(), "10.16.1");
        assert_eq!(Version::from_library_number(8_601).to_string(), "8.6.1");
        assert_eq!(Version::from_library_number(10_701).to_string(), "1.7.1");
    }

    #[test]
    fn the_number_tells_the_library() {
        let families = [8_601, 10_400, 10_701, 100_300, 110_400].map(Family::from_library_number);
        let (plain, rtx) = (Family::TensorRt, Family::TensorRtRtx);
        assert_eq!(families, [plain, rtx, rtx, plain, plain]);
    }
}
