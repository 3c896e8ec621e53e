//! What became slower than an earlier report says.
//!
//! Medians are compared, of the same configuration on the same machine and images. They differ where their 95 % confidence intervals do not overlap:
//! slow frames now and then, which every machine has, move no median.

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

/// Everything that differs beyond noise. Configurations that only one report has, and invalid ones, are left out.
pub fn changes(before: &Report, now: &Report) -> Vec<Change> {
    let mut changes = Vec::new();
    if (&before.machine, &before.images) != (&now.machine, &now.images) {
        return changes;
    }
    for now in now.configurations.iter().filter(|now| now.invalid.is_none()) {
        let same = before.configurations.iter().find(|before| before.configuration == now.configuration);
        let Some(before) = same.filter(|before| before.invalid.is_none()) else { continue };
        let whole = [("whole", &before.stages.whole, &now.stages.whole)];
        let stages = before.stages.in_order().into_iter().zip(now.stages.in_order());
        let stages = stages.map(|((name, before), (_, now))| (name, before, now));
        for (stage, before, after) in whole.into_iter().chain(stages) {
            if differ(before, after) {
                let configuration = now.configuration.clone();
                changes.push(Change { configuration, stage, before_us: before.p50_us, now_us: after.p50_us });
            }
        }
    }
    changes
}

fn differ(a: &Percentiles, b: &Percentiles) -> bool {
    let ([a_low, a_high], [b_low, b_high]) = (a.median_interval_us, b.median_interval_us);
    a_high < b_low || b_high < a_low
}

/// A line a change.
pub fn text(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "\nbeside the baseline: nothing differs beyond noise (or nothing can be compared: other machine, images or configurations)\n".to_owned();
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
