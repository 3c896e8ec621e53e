//! The only file that prints. Results go to stdout or to the file that was asked for, what is for
//! people to stderr.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::arguments::{MeasureArguments, STDOUT};
use crate::error::Error;

/// Tells what happens, in the way that was asked for.
#[derive(Debug)]
pub struct Output {
    json: Option<PathBuf>,
    quiet: bool,
    progress: ProgressBar,
}

impl Output {
    /// As `arguments` ask.
    pub fn new(arguments: &MeasureArguments) -> Self {
        Self {
            json: arguments.json.clone(),
            quiet: arguments.quiet,
            progress: ProgressBar::hidden(),
        }
    }

    /// Before the first of `images`.
    pub fn begin(&mut self, images: usize) {
        if !self.quiet && io::stderr().is_terminal() {
            self.progress = ProgressBar::new(images as u64);
            if let Ok(style) =
                ProgressStyle::with_template("{bar:30} {pos}/{len} images, {eta} left")
            {
                self.progress.set_style(style);
            }
        }
    }

    /// After each image.
    pub fn step(&self) {
        self.progress.inc(1);
    }

    /// The results: `table` for people, `report` for programs.
    pub fn results(&self, table: &str, report: &impl Serialize) -> Result<(), Error> {
        self.progress.finish_and_clear();
        let json = || Ok(serde_json::to_string_pretty(report).map_err(io::Error::from)? + "\n");
        match &self.json {
            None => print(table),
            Some(path) if path.as_os_str() == STDOUT => print(&json().map_err(Error::Stdout)?),
            Some(path) => {
                let written = json().and_then(|json| rszs_durable::replace(path, json.as_bytes()));
                written.map_err(|source| Error::Report { path: path.clone(), source })?;
                print(table)
            }
        }
    }

    /// A word for people.
    pub fn tell(&self, line: impl Display) {
        if !self.quiet {
            self.write_line(line);
        }
    }

    /// Something went wrong.
    pub fn error(&self, error: &dyn Display) {
        self.progress.finish_and_clear();
        self.write_line(format_args!("error: {error}"));
    }

    fn write_line(&self, line: impl Display) {
        // Nobody can be told that stderr is gone.
        self.progress.suspend(|| {
            let _ = writeln!(io::stderr().lock(), "{line}");
        });
    }
}

fn print(text: &str) -> Result<(), Error> {
    io::stdout().lock().write_all(text.as_bytes()).map_err(Error::Stdout)
}
