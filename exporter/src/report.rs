//! The one place that prints: results on stdout, words for people on stderr.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the place")]

use std::io::Write;

/// A result.
pub(crate) fn result(text: &str) {
    // A closed pipe, as `| head` leaves one, is not a failure.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// A word on the way.
pub(crate) fn progress(text: &str) {
    eprintln!("{text}");
}

/// What went wrong, and why; a cause that an error already tells is not told twice.
pub(crate) fn error(error: &anyhow::Error) {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    eprintln!("error: {text}");
}
