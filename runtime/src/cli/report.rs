//! What a run tells, image by image, in text or JSON Lines.

use std::fmt::Display;
use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use rszs_bundle::{Bundle, Entry, ThresholdSource};

use crate::cli::arguments::Arguments;
use crate::cli::console::{Console, visible};
use crate::cli::describe;
use crate::cli::events::{EngineIdentity, Event, Summary};
use crate::cli::exit::ExitStatus;
use crate::cli::location_events::Flight;
use crate::cli::location_report::{flight_event, tell_about_flight, tell_about_locations};
use crate::pipeline::{ImageResult, Outcome};
use crate::plan::Plan;
use crate::queries::{QuerySet, ThresholdOrigin};
use crate::run::RunNews;
use crate::sink::{FlightSummary, SinkError};
use crate::source::BandLimits;
use rszs_engine::BuildWatch;
use rszs_engine::Interrupt;

/// Free words of which each is told; of more, only the number.
const MOST_FREE_WORDS: usize = 5;

/// Names of the vocabulary that are told as nearest to a free word.
const NEAREST: usize = 2;

/// Tells what happens, in the way that was asked for.
#[derive(Debug)]
pub struct Report {
    json: bool,
    verbose: bool,
    quiet: bool,
    console: Console,
    start: Instant,
    done: usize,
    failed: usize,
}

impl Report {
    /// As `arguments` ask.
    pub fn new(arguments: &Arguments) -> Self {
        Self {
            json: arguments.json,
            verbose: arguments.verbose,
            quiet: arguments.quiet,
            console: Console::new(),
            start: Instant::now(),
            done: 0,
            failed: 0,
        }
    }

    /// Where everything is told.
    pub(crate) fn console(&mut self) -> &mut Console {
        &mut self.console
    }

    /// Follows the builds of engines, before anything else is told.
    pub(crate) fn build_watch(&self, interrupt: Interrupt) -> BuildWatch {
        if self.quiet {
            BuildWatch::new(|_| {}, interrupt)
        } else {
            self.console.build_watch(interrupt)
        }
    }

    /// Before anything is loaded: threads without a processor wait for each other, already in the
    /// self-test. 64 of them on two processors took 50 times as long as two.
    pub fn warn_of_threads(&self, typed: Option<u16>) {
        let processors = available_parallelism().map_or(usize::MAX, NonZero::get);
        if let Some(threads) =
            typed.filter(|threads| usize::from(*threads) > processors && !self.quiet)
        {
            self.console.tell(format_args!(
                "warning: --threads {threads}: more than the {processors} processors here, which \
                 is far slower; leave the option out"
            ));
        }
    }

    /// Before the first image.
    pub fn begin(&mut self, plan: &Plan) -> Result<(), SinkError> {
        let begin = describe::begin(plan);
        for skipped in &plan.started.skipped {
            // An engine that is there and does not work is worth a word even to those who asked for
            // none.
            if self.verbose || !(self.quiet || skipped.is_absent) {
                self.console.tell(format_args!(
                    "engine {} skipped: {}",
                    skipped.kind.name(),
                    skipped.reason
                ));
            }
        }
        if !self.quiet {
            if plan.skipped > 0 {
                let skipped = counted(plan.skipped, "image");
                self.console.tell(format_args!("{skipped} left out: results are there"));
            }
            self.tell_about_formats(plan);
            self.tell_about_words(plan);
            tell_about_locations(&self.console, plan);
        }
        if self.verbose {
            let (bundle, engine) = (&begin.bundle, &begin.engine);
            self.console
                .tell(format_args!("bundle {} {} ({})", bundle.name, bundle.counter, bundle.path));
            self.console.tell(format_args!(
                "engine {} {}, {}, {} threads, self-test off by {:.1e} of {:.1e} allowed",
                engine.name,
                engine.library,
                engine.precision,
                engine.threads,
                engine.self_test_difference,
                engine.self_test_tolerance
            ));
        }
        if !self.quiet {
            self.console.expect_images(plan.jobs.len());
        }
        self.event(Event::Begin(begin))
    }

    /// A slip of the pen is a free word, too, and "0.0 %" of it would be taken for an answer.
    fn tell_about_words(&self, plan: &Plan) {
        let free = plan.queries.queries().iter().filter(|query| query.vocabulary.is_none());
        for query in free.clone().take(MOST_FREE_WORDS) {
            let nearest = match plan.bundle.vocabulary().resolve(&query.name) {
                Err(unknown) if !unknown.nearest.is_empty() => {
                    let nearest: Vec<&str> =
                        unknown.nearest.iter().take(NEAREST).map(String::as_str).collect();
                    format!(" (nearest: {})", nearest.join(", "))
                }
                _ => String::new(),
            };
            let threshold = match query.threshold_origin {
                ThresholdOrigin::Typed => String::new(),
                _ => format!(", with an unmeasured threshold of {}", query.threshold),
            };
            self.console.tell(format_args!(
                "warning: {}: not a name of the bundle's vocabulary{nearest}; looked for by its \
                 text alone{threshold}",
                query.name
            ));
        }
        let more = free.count().saturating_sub(MOST_FREE_WORDS);
        if more > 0 {
            self.console.tell(format_args!(
                "warning: and {more} more; --list-queries shows the vocabulary"
            ));
        }
    }

    /// After each image, and where another engine takes over.
    pub fn news(&mut self, news: &RunNews<'_>) -> Result<(), SinkError> {
        match news {
            RunNews::Outcome(outcome, queries) => self.outcome(outcome, queries),
            RunNews::EngineChanged(plan) => self.engine_changed(plan),
        }
    }

    fn engine_changed(&self, plan: &Plan) -> Result<(), SinkError> {
        let engine = describe::engine(plan);
        if let (Some(lost), false) = (engine.skipped.first(), self.quiet) {
            let EngineIdentity { name, library, precision, .. } = &engine;
            let lost = format_args!("engine {} has lost its device: {}", lost.name, lost.reason);
            self.console.tell(format_args!(
                "warning: {lost}; {name} goes on from there ({library}, {precision})"
            ));
        }
        self.event(Event::Engine(engine))
    }

    fn outcome(&mut self, outcome: &Outcome, queries: &QuerySet) -> Result<(), SinkError> {
        self.console.image_done();
        match &outcome.result {
            Ok(result) => {
                self.done += 1;
                if !self.quiet {
                    self.tell_about_reading(&outcome.image, result);
                }
                if !self.json && !self.quiet {
                    self.console.print(&self.image_line(&outcome.image, result, queries))?;
                }
            }
            Err(error) => {
                self.failed += 1;
                self.error(error);
            }
        }
        if self.json {
            let (masks, end) = describe::image(outcome, queries);
            for (index, mask) in masks.into_iter().enumerate() {
                self.event(Event::Mask(mask))?;
                let Ok(result) = &outcome.result else { continue };
                let (image, query) = (&outcome.image, &queries.queries()[index]);
                for region in describe::regions(image, index, query, result) {
                    self.event(Event::Region(region))?;
                }
            }
            self.event(Event::End(end))?;
        }
        Ok(())
    }

    /// What lies beside the images and is not read.
    fn tell_about_formats(&self, plan: &Plan) {
        if plan.passed_over.is_empty() {
            return;
        }
        let formats: Vec<String> =
            plan.passed_over.iter().map(|(ending, files)| format!("{files} {ending}")).collect();
        let files = counted(plan.passed_over.values().sum(), "file");
        self.console
            .tell(format_args!("{files} of other formats passed over: {}", formats.join(", ")));
    }

    /// What is not the image as it is stored.
    fn tell_about_reading(&self, image: &str, result: &ImageResult) {
        let mut chosen = Vec::new();
        if let Some(page) = result.reading.page {
            chosen.push(format!("page {page}, the largest"));
        }
        if let Some([red, green, blue]) = result.reading.bands {
            chosen.push(format!("bands {red},{green},{blue}"));
        }
        if let Some([red, green, blue]) = result.reading.stretch {
            let range = |limits: BandLimits| format!("{} to {}", limits.low, limits.high);
            let ranges = if red == green && green == blue {
                range(red)
            } else {
                [red, green, blue].map(range).join(", ")
            };
            chosen.push(format!("stretched from {ranges}"));
        }
        if result.invalid_px > 0 {
            let all = u64::from(result.width_px) * u64::from(result.height_px);
            let share = percent(describe::valid_pixels(result) as f64 / all as f64);
            chosen.push(format!("{share} of its pixels hold an image"));
        }
        if !chosen.is_empty() {
            self.console.tell(format_args!("{}: {}", visible(image), chosen.join("; ")));
        }
    }

    /// After the last image, or when the run was stopped. Returns how it ended.
    ///
    /// `flight` is what all images gave together.
    pub fn end(
        &mut self,
        interrupted: bool,
        flight: &FlightSummary,
        queries: &QuerySet,
    ) -> Result<ExitStatus, SinkError> {
        self.console.images_done();
        let status = match (interrupted, self.failed) {
            (true, _) => ExitStatus::Interrupted,
            (false, 0) => ExitStatus::Done,
            (false, _) => ExitStatus::SomeInputsFailed,
        };
        if !self.quiet {
            tell_about_flight(&self.console, flight, queries);
        }
        self.summary(status, flight_event(flight, queries))?;
        Ok(status)
    }

    /// When results can no longer be written. What was done until then is told where it still can
    /// be.
    pub fn stopped(&mut self, status: ExitStatus) {
        self.console.images_done();
        // Stdout may be what has failed; the failure itself is told by whoever stopped.
        let _ = self.summary(status, None);
    }

    fn summary(&mut self, status: ExitStatus, flight: Option<Flight>) -> Result<(), SinkError> {
        let elapsed = self.start.elapsed();
        if !self.json && !self.quiet && self.done + self.failed > 1 {
            let each = elapsed.checked_div(self.done as u32).unwrap_or_default();
            self.console.tell(format_args!(
                "{} segmented, {} failed, {:.1} s, {} per image",
                counted(self.done, "image"),
                self.failed,
                elapsed.as_secs_f64(),
                milliseconds(each)
            ));
        }
        let elapsed_us = elapsed.as_micros() as u64;
        let exit_status = status.code();
        self.event(Event::Summary(Summary {
            done: self.done,
            failed: self.failed,
            elapsed_us,
            exit_status,
            flight,
        }))
    }

    /// Something went wrong.
    pub fn error(&self, error: &dyn Display) {
        self.console.error(error);
    }

    /// The names in a bundle, support words aside.
    pub fn list_queries(&self, bundle: &Bundle) -> Result<(), SinkError> {
        for entry in bundle.vocabulary().entries().iter().filter(|entry| !entry.support) {
            self.console.print(&name_line(entry))?;
        }
        if self.verbose {
            let free = if bundle.manifest().text.is_some() {
                "other words go through the text tower, with an unmeasured threshold"
            } else {
                "no other words"
            };
            self.console.tell(format_args!("{}: {free}", bundle.path().display()));
        }
        Ok(())
    }

    /// `a.jpg 4000x2250 45 tiles flood 12.4 % building 2.1 % 412 ms (decode 61 engine 310 other
    /// 41)`, with areas where the size of a pixel is known.
    fn image_line(&self, image: &str, result: &ImageResult, queries: &QuerySet) -> String {
        let tiles = counted(result.tiles, "tile");
        let mut line =
            format!("{} {}x{} {tiles} ", visible(image), result.width_px, result.height_px);
        for (query, region) in queries.queries().iter().zip(&result.regions) {
            let [red, green, blue] = query.colour;
            let square = if self.console.colours() {
                format!("\x1b[38;2;{red};{green};{blue}m\u{25a0}\x1b[0m ")
            } else {
                String::new()
            };
            let fraction = percent(describe::fraction(region, result));
            line.extend([" ", &square, &query.name, " ", &fraction, " "]);
            if let Some(area_m2) = describe::area_m2(region, result) {
                line.extend([&format!("{area_m2:.0}"), " m2 "]);
            }
        }
        let (segment, written) = (&result.times.segment, &result.written);
        let (decode, engine) = (result.times.decode, segment.engine);
        let other = segment.tile + segment.blend + segment.decide + written.encode + written.write;
        let parts = [decode, engine, other].map(|part| part.as_millis());
        let total = milliseconds(decode + engine + other);
        let times =
            format!(" {total} (decode {} engine {} other {})", parts[0], parts[1], parts[2]);
        line.push_str(&times);
        if let Some(mask) = result.written.files.first() {
            line.extend(["  -> ", &visible(&mask.display().to_string())]);
        }
        line
    }

    fn event(&self, event: Event) -> Result<(), SinkError> {
        if !self.json {
            return Ok(());
        }
        self.console.print_json(&event)
    }
}

fn name_line(entry: &Entry) -> String {
    let source = match &entry.threshold_source {
        ThresholdSource::Default => "default".to_owned(),
        ThresholdSource::Calibrated { set, images } => {
            format!("calibrated on {images} images of {set}")
        }
    };
    let synonyms: Vec<&str> = entry.synonyms.iter().map(rszs_bundle::Name::as_str).collect();
    let also =
        if synonyms.is_empty() { String::new() } else { format!(", also {}", synonyms.join(", ")) };
    format!("{}{also}: threshold {:.3} ({source})", entry.name, entry.threshold.get())
}

fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

fn percent(fraction: f64) -> String {
    format!("{:.1} %", fraction * 100.0)
}

fn milliseconds(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}
