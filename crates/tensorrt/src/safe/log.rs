//! What the library says: to whom it goes, and what of it is kept for errors.

use std::collections::VecDeque;
use std::ffi::CStr;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How bad a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The library cannot go on.
    InternalError,
    /// The call does not succeed.
    Error,
    /// The call succeeds, perhaps not as meant.
    Warning,
    /// News.
    Info,
    /// For debugging: thousands of lines a build.
    Verbose,
}

impl Severity {
    fn from_code(code: i32) -> Self {
        match code {
            ..=0 => Self::InternalError,
            1 => Self::Error,
            2 => Self::Warning,
            3 => Self::Info,
            4.. => Self::Verbose,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InternalError => "internal error",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Verbose => "verbose",
        })
    }
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How bad it is.
    pub severity: Severity,
    /// As the library wrote it.
    pub text: String,
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.severity, self.text)
    }
}

/// Errors and warnings that came during one call. Calls that other threads make at the same time
/// add theirs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogLines(pub Vec<LogLine>);

impl fmt::Display for LogLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("the library says nothing");
        }
        f.write_str("the library says: ")?;
        for (index, line) in self.0.iter().enumerate() {
            write!(f, "{}{line}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

/// Takes every message of a library, on whatever thread it arises. It must not call the library.
pub struct Logger(Box<dyn Fn(&LogLine) + Send + Sync>);

impl Logger {
    /// Hands every message to `receiver`, the verbose ones too.
    pub fn new(receiver: impl Fn(&LogLine) + Send + Sync + 'static) -> Self {
        Self(Box::new(receiver))
    }

    /// Drops the messages. Errors have theirs attached all the same.
    pub fn silent() -> Self {
        Self::new(|_| {})
    }
}

impl fmt::Debug for Logger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Logger")
    }
}

/// The latest errors and warnings of one library.
#[derive(Debug, Default)]
pub(super) struct Log(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<LogLine>,
    /// Lines that were ever kept, those that had to go included.
    count: u64,
}

impl Log {
    const CAPACITY: usize = 100;

    /// What the library's logger object calls.
    pub(super) fn receiver(self: &Arc<Self>, logger: Logger) -> Box<crate::sys::logger::Receiver> {
        let log = Arc::clone(self);
        Box::new(move |code, text: &CStr| {
            let line = LogLine {
                severity: Severity::from_code(code),
                text: text.to_string_lossy().trim().to_owned(),
            };
            (logger.0)(&line);
            if line.severity <= Severity::Warning {
                log.keep(line);
            }
        })
    }

    fn keep(&self, line: LogLine) {
        let mut kept = self.lock();
        if kept.lines.len() == Self::CAPACITY {
            kept.lines.pop_front();
        }
        kept.lines.push_back(line);
        kept.count += 1;
    }

    /// Where [`since`](Self::since) is to start.
    pub(super) fn mark(&self) -> u64 {
        self.lock().count
    }

    /// What was kept after `mark`, without what had to go.
    pub(super) fn since(&self, mark: u64) -> LogLines {
        let kept = self.lock();
        let fresh = (kept.count - mark).min(kept.lines.len() as u64) as usize;
        LogLines(kept.lines.iter().skip(kept.lines.len() - fresh).cloned().collect())
    }

    /// The lines are whole even if a thread panicked while it held them.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_gets_the_lines_after_its_mark_and_no_more_than_were_kept() {
        let log = Arc::new(Log::default());
        let receive = log.receiver(Logger::silent());
        receive(1, c"before");
        let mark = log.mark();
        receive(3, c"news are not kept");
        receive(2, c"after\n");
        assert_eq!(log.since(mark).to_string(), "the library says: warning: after");
        for _ in 0..1000 {
            receive(1, c"again");
        }
        assert_eq!(log.since(mark).0.len(), Log::CAPACITY);
    }
}
