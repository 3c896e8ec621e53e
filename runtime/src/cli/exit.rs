//! How a run ended, as a number for scripts.

use std::process::{ExitCode, Termination};

/// Exit status of `rszs-edge`. The numbers are a promise: `--help` lists them and scripts depend on
/// them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// Every input was segmented and every file written.
    Done = 0,
    /// The run went to its end, but some inputs could not be segmented; each was named on stderr.
    SomeInputsFailed = 1,
    /// What was typed cannot be done: an unknown flag, query, number or name.
    Usage = 2,
    /// The bundle is missing, damaged or not what its manifest says.
    BundleRefused = 3,
    /// No engine could be loaded, or none gave the bundle's golden outputs.
    NoEngine = 4,
    /// Results could not be written.
    OutputFailed = 6,
    /// Stopped by SIGINT or SIGTERM; nothing half written was left.
    Interrupted = 130,
}

impl ExitStatus {
    /// Every status, in the order of the numbers.
    pub const ALL: [Self; 7] = [
        Self::Done,
        Self::SomeInputsFailed,
        Self::Usage,
        Self::BundleRefused,
        Self::NoEngine,
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
            Self::SomeInputsFailed => "done, but some inputs failed",
            Self::Usage => "usage: an argument or a query that makes no sense",
            Self::BundleRefused => "bundle missing, damaged or refused",
            Self::NoEngine => "no engine, or none passed the self-test",
            Self::OutputFailed => "output could not be written",
            Self::Interrupted => "interrupted; no partial file is left",
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
        assert_eq!(ExitStatus::ALL.map(ExitStatus::code), [0, 1, 2, 3, 4, 6, 130]);
    }
}
