//! The one place that writes for people. Everything goes to the standard error stream.

use std::fmt::Display;

/// Says what is being done.
#[expect(clippy::print_stderr, reason = "this file is where messages are printed")]
pub(crate) fn line(message: &str) {
    eprintln!("{message}");
}

/// Says what is wrong.
#[expect(clippy::print_stderr, reason = "this file is where messages are printed")]
pub(crate) fn error(error: &dyn Display) {
    eprintln!("error: {error}");
}

/// A number of bytes in the unit that people use for downloads: `544 MB`, `0.7 MB`.
pub(crate) fn megabytes(bytes: u64) -> String {
    if bytes < 10_000_000 {
        format!("{:.1} MB", bytes as f64 / 1e6)
    } else {
        format!("{:.0} MB", bytes as f64 / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::megabytes;

    #[test]
    fn small_sizes_keep_one_digit_after_the_point() {
        assert_eq!(megabytes(704_288), "0.7 MB");
        assert_eq!(megabytes(543_670_000), "544 MB");
    }
}
