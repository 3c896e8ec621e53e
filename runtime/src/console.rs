//! The only file that prints. Results go to stdout, what is for people to stderr.

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::sink::SinkError;

/// The terminal, or what stands in for one.
#[derive(Debug)]
pub struct Console {
    colours: bool,
    progress: ProgressBar,
}

impl Console {
    /// Without a progress bar.
    pub fn new() -> Self {
        let wants_colours = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { colours: wants_colours && io::stdout().is_terminal(), progress: ProgressBar::hidden() }
    }

    /// Whether results may be coloured.
    pub fn colours(&self) -> bool {
        self.colours
    }

    /// Shows a bar for `images` from now on. A bar for one image would come and go before anybody has read it, and a file has no use for one.
    pub fn expect_images(&mut self, images: usize) {
        if images > 1 && io::stderr().is_terminal() {
            self.progress = ProgressBar::new(images as u64);
            if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} images, {eta} left") {
                self.progress.set_style(style);
            }
        }
    }

    /// One image less to come.
    pub fn image_done(&self) {
        self.progress.inc(1);
    }

    /// Takes the bar away.
    pub fn images_done(&self) {
        self.progress.finish_and_clear();
    }

    /// A line of results.
    pub fn print(&self, line: &str) -> Result<(), SinkError> {
        self.progress.suspend(|| writeln!(io::stdout().lock(), "{line}")).map_err(SinkError::Stdout)
    }

    /// A line of results for programs.
    pub fn print_json(&self, line: &impl Serialize) -> Result<(), SinkError> {
        self.print(&serde_json::to_string(line).map_err(|error| SinkError::Stdout(error.into()))?)
    }

    /// A line for people.
    pub fn tell(&self, line: impl Display) {
        // Nobody can be told that stderr is gone.
        self.progress.suspend(|| {
            let _ = writeln!(io::stderr().lock(), "{line}");
        });
    }

    /// Something went wrong.
    pub fn error(&self, error: &dyn Display) {
        let label = if self.colours && io::stderr().is_terminal() { "\x1b[1;31merror:\x1b[0m" } else { "error:" };
        self.tell(format_args!("{label} {error}"));
    }
}

impl Default for Console {
    fn default() -> Self {
        Self::new()
    }
}
