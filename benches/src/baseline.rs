//! What became slower than an earlier report says.
//!
//! Medians are compared, of the same configuration on the same machine and images. They differ
//! where their 95 % confidence intervals do not overlap: slow frames now and then, which every
//! machine has, move no median. A stage that differs by less than a hundredth of the whole frame is
//! left out: such stages take microseconds, and another run of the same program moves them by more
//! than their intervals.

use std::fmt::Write;

use crate::report::{Configuration, Report};
use crate::stages::Percentiles;

/// A stage that differs, or the whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Where.
    pub configuration: Configuration,
    /// Name of the stage.
    pub stage: &'static str,
    /// Median before.
    pub before_us: f64,
    /// Median now.
    pub now_us: f64,
}

impl Change {
    /// Slower, not faster.
    pub fn is_regression(&self) -> bool {
        self.now_us > self.before_us
    }
}

/// Two reports that say nothing about each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotComparable {
    /// Other hardware, or another system on it.
    #[error(
        "expected a report of this machine, {now}, found one of {before}; measure the baseline here"
    )]
    Machine {
        /// Of the baseline.
        before: String,
        /// This one.
        now: String,
    },
    /// Other images.
    #[error(
        "expected a report on the same images, {now}, found one on {before}; name the same images \
         in the same way"
    )]
    Images {
        /// Of the baseline.
        before: String,
        /// Of this run.
        now: String,
    },
    /// No configuration that both have, or none that is valid in both.
    #[error(
        "expected a report with a valid configuration in common, found none; use the same \
         --engine, --precision, --batch, --queries and --threads"
    )]
    Configurations,
}

/// Least difference of a stage that is told, as a part of the median of the whole frame before.
const LEAST_PART: f64 = 0.01;

/// Everything that differs beyond noise. Configurations that only one report has, and invalid ones,
/// are left out.
pub fn changes(before: &Report, now: &Report) -> Result<Vec<Change>, NotComparable> {
    let mut changes = Vec::new();
    if before.machine != now.machine {
        let all_fields =
            |report: &Report| serde_json::to_string(&report.machine).unwrap_or_default();
        return Err(NotComparable::Machine { before: all_fields(before), now: all_fields(now) });
    }
    if before.images != now.images {
        return Err(NotComparable::Images {
            before: before.images.join(" "),
            now: now.images.join(" "),
        });
    }
    let mut compared = 0;
    for now in now.configurations.iter().filter(|now| now.invalid.is_none()) {
        let same =
            before.configurations.iter().find(|before| before.configuration == now.configuration);
        let Some(before) = same.filter(|before| before.invalid.is_none()) else { continue };
        compared += 1;
        let least_us = before.stages.whole.p50_us * LEAST_PART;
        let whole = [("whole", &before.stages.whole, &now.stages.whole)];
        let stages = before.stages.in_order().into_iter().zip(now.stages.in_order());
        let stages = stages.map(|((name, before), (_, now))| (name, before, now));
        for (stage, before, after) in whole.into_iter().chain(stages) {
            if differ(before, after) && (before.p50_us - after.p50_us).abs() >= least_us {
                let configuration = now.configuration.clone();
                changes.push(Change {
                    configuration,
                    stage,
                    before_us: before.p50_us,
                    now_us: after.p50_us,
                });
            }
        }
    }
    if compared == 0 { Err(NotComparable::Configurations) } else { Ok(changes) }
}

fn differ(a: &Percentiles, b: &Percentiles) -> bool {
    let ([a_low, a_high], [b_low, b_high]) = (a.median_interval_us, b.median_interval_us);
    a_high < b_low || b_high < a_low
}

/// A line a change.
pub fn text(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "\nbeside the baseline: nothing differs beyond noise\n".to_owned();
    }
    let mut text = "\nbeside the baseline, where medians differ beyond noise:\n".to_owned();
    for change in changes {
        let Change { configuration, stage, before_us, now_us } = change;
        // Writing into a text cannot fail.
        let _ = writeln!(
            text,
            "  {} {} batch {} ({}) {stage}: {:.2} -> {:.2} ms, {:.2} times, {}",
            configuration.engine,
            configuration.precision,
            configuration.batch,
            configuration.queries,
            before_us / 1e3,
            now_us / 1e3,
            now_us / before_us,
            if change.is_regression() { "SLOWER" } else { "faster" }
        );
    }
    text
}
