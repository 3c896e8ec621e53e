//! The only file that prints. Results go to stdout, what is for people to stderr.

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::sink::SinkError;
use rszs_engine::Interrupt;
use rszs_engine::{BuildNews, BuildWatch};

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
        Self {
            colours: wants_colours && io::stdout().is_terminal(),
            progress: ProgressBar::hidden(),
        }
    }

    /// Whether results may be coloured.
    pub fn colours(&self) -> bool {
        self.colours
    }

    /// Shows a bar for `images` from now on. A bar for one image would come and go before anybody
    /// has read it, and a file has no use for one.
    pub fn expect_images(&mut self, images: usize) {
        if images > 1 && io::stderr().is_terminal() {
            self.progress = ProgressBar::new(images as u64);
            if let Ok(style) =
                ProgressStyle::with_template("{bar:30} {pos}/{len} images, {eta} left")
            {
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
        let label = if self.colours && io::stderr().is_terminal() {
            "\x1b[1;31merror:\x1b[0m"
        } else {
            "error:"
        };
        self.tell(format_args!("{label} {}", visible(&error.to_string())));
    }
}

/// `text` on one line, with what a terminal would obey written out: file names may hold anything.
pub(crate) fn visible(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    line
}

impl Console {
    /// Tells of engines that are built: a bar on a terminal, a line a phase elsewhere. A raised
    /// `interrupt` stops the build.
    pub fn build_watch(&self, interrupt: Interrupt) -> BuildWatch {
        let (bar, is_terminal) = (ProgressBar::hidden(), io::stderr().is_terminal());
        if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len}, {elapsed}") {
            bar.set_style(style);
        }
        let tell = |line: String| drop(writeln!(io::stderr().lock(), "{line}"));
        let listener = move |news: &BuildNews<'_>| match *news {
            BuildNews::Started { what, why } => tell(format!("building {what}: {why}")),
            BuildNews::Phase { name, steps } if is_terminal => {
                bar.set_draw_target(ProgressDrawTarget::stderr());
                bar.set_length(u64::from(steps));
                bar.set_position(0);
                bar.set_message(name.to_owned());
            }
            BuildNews::Phase { name, .. } => tell(format!("building: {name}")),
            BuildNews::Step { done } => bar.set_position(u64::from(done)),
            BuildNews::Finished { bytes, seconds } => {
                bar.finish_and_clear();
                tell(format!(
                    "built in {seconds:.1} s, {:.1} MiB",
                    bytes as f64 / f64::from(1 << 20)
                ));
            }
            BuildNews::Failed => bar.finish_and_clear(),
            BuildNews::Waiting => {
                tell("waiting for another process that builds an engine".to_owned());
            }
            BuildNews::Warning(warning) => tell(format!("warning: {warning}")),
        };
        BuildWatch::new(listener, interrupt)
    }
}

impl Default for Console {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        assert_eq!(visible("a\nb\u{1b}[31mc Geb\u{e4}ude"), "a\\nb\\u{1b}[31mc Geb\u{e4}ude");
    }
}
