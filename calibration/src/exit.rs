//! How a run ended, as a number for scripts.

use std::process::{ExitCode, Termination};

/// Exit status of `rszs-calibrate`. What it shares with `rszs-edge` has the same number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// Everything that was asked for was measured.
    Done = 0,
    /// The run went to its end, but something stays as it was: a query that a set labels could not
    /// be calibrated, or INT8 is not worth it; the report says what and why.
    LeftAsItWas = 1,
    /// What was typed cannot be done.
    Usage = 2,
    /// The bundle is missing, damaged or not what its manifest says.
    BundleRefused = 3,
    /// No engine could be loaded, or none gave the bundle's golden outputs, or it failed on an
    /// image.
    NoEngine = 4,
    /// A set is missing, or an image or mask of it cannot be used. Nothing is measured on a part
    /// of a set.
    DataRefused = 5,
    /// The bundle or the report could not be written.
    OutputFailed = 6,
    /// Stopped by SIGINT or SIGTERM; nothing was written.
    Interrupted = 130,
}

impl ExitStatus {
    /// Every status, in the order of the numbers.
    pub const ALL: [Self; 8] = [
        Self::Done,
        Self::LeftAsItWas,
        Self::Usage,
        Self::BundleRefused,
        Self::NoEngine,
        Self::DataRefused,
        Self::OutputFailed,
        Self::Interrupted,
    ];

    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// One line of the table in `--help`.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::LeftAsItWas => {
                "done, but a labelled query could not be calibrated, or INT8 was not worth it"
            }
            Self::Usage => "usage: arguments that make no sense together",
            Self::BundleRefused => "bundle missing, damaged or refused",
            Self::NoEngine => "no engine, none passed the self-test, or it failed on an image",
            Self::DataRefused => "a set is missing, or one of its images cannot be used",
            Self::OutputFailed => "bundle or report could not be written",
            Self::Interrupted => "interrupted; nothing was written",
        }
    }
}

impl Termination for ExitStatus {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_documented_ones() {
        assert_eq!(ExitStatus::ALL.map(ExitStatus::code), [0, 1, 2, 3, 4, 5, 6, 130]);
    }
}
