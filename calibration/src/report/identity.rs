//! What was measured with what: the head of every report.

use rszs_edge::cli::events::{BundleIdentity, EngineIdentity, SkippedEngine};
use serde::Serialize;

use crate::arguments::MeasureArguments;
use time::OffsetDateTime;

use crate::deployed::Deployed;

/// The head of a report.
#[derive(Debug, Clone, Serialize)]
pub struct Identity {
    /// Version of the report's form, [`Identity::FORMAT`].
    pub format: u32,
    /// Name and version of the program.
    pub program: String,
    /// `thresholds` or `evaluate`.
    pub command: &'static str,
    /// ISO 8601, in UTC.
    pub date: String,
    /// The bundle that was measured.
    pub bundle: BundleIdentity,
    /// The engine it ran in.
    pub engine: EngineIdentity,
    /// `train` or `val`.
    pub split: &'static str,
    /// Most images of a set; nothing: all of them.
    pub limit: Option<u32>,
}

impl Identity {
    /// The form written by this program.
    pub const FORMAT: u32 = 1;

    /// Of a run of `command`.
    pub fn new(command: &'static str, deployed: &Deployed, arguments: &MeasureArguments) -> Self {
        let (bundle, started) = (&deployed.bundle, &deployed.started);
        let skipped = started.skipped.iter();
        Self {
            format: Self::FORMAT,
            program: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned(),
            command,
            date: OffsetDateTime::now_utc().date().to_string(),
            bundle: BundleIdentity {
                name: bundle.manifest().name.clone(),
                sha256: bundle.hash().to_string(),
                counter: bundle.manifest().counter,
                path: bundle.path().display().to_string(),
            },
            engine: EngineIdentity {
                name: started.kind.name().to_owned(),
                library: started.kind.library(),
                precision: started.precision.to_string(),
                threads: deployed.threads,
                self_test_difference: started.deviation.logits.max(started.deviation.presence),
                self_test_tolerance: bundle.golden().tolerance.of(started.precision),
                skipped: skipped
                    .map(|one| SkippedEngine {
                        name: one.kind.name().to_owned(),
                        reason: one.reason.clone(),
                    })
                    .collect(),
            },
            split: arguments.split.name(),
            limit: arguments.limit,
        }
    }

    /// One line for people.
    pub fn line(&self) -> String {
        let Self { bundle, engine, split, date, .. } = self;
        let limit =
            self.limit.map_or(String::new(), |limit| format!(", at most {limit} images a set"));
        let (name, counter, precision) = (&bundle.name, bundle.counter, &engine.precision);
        format!(
            "Bundle {name} {counter}, engine {} {precision}, split {split}{limit}, {date}.",
            engine.name
        )
    }
}
