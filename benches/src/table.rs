//! A report for people at a terminal.

use std::fmt::Write;

use crate::accelerator::Accelerator;
use crate::report::{Measured, Report};

/// The whole report as text.
pub fn of(report: &Report) -> String {
    let mut text = String::new();
    let machine = &report.machine;
    let extras: Vec<&str> = [&machine.governor, &machine.power_mode]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    let extras = if extras.is_empty() { String::new() } else { format!(", {}", extras.join(", ")) };
    // Writing into a text cannot fail.
    let _ = writeln!(
        text,
        "{}, {} cores, {}{extras}",
        machine.processor, machine.cores, machine.system
    );
    let _ = writeln!(
        text,
        "bundle {} {}, {} images",
        report.bundle.name,
        report.bundle.counter,
        report.images.len()
    );
    for skipped in &report.skipped {
        let _ = writeln!(text, "left out: {skipped}");
    }
    for measured in &report.configurations {
        describe(&mut text, measured);
    }
    text
}

fn describe(text: &mut String, measured: &Measured) {
    let what = &measured.configuration;
    let _ = writeln!(
        text,
        "\n{} {}, {} threads, batch {}, {} queries ({})",
        what.engine, what.precision, what.threads, what.batch, what.query_count, what.queries
    );
    if let Some(reason) = &measured.invalid {
        let _ = writeln!(text, "  INVALID: {reason}");
    }
    let _ = writeln!(text, "  ms        p50      p90      p95      p99      max");
    let stages = measured.stages.in_order();
    for (name, times) in stages.into_iter().chain([("whole", &measured.stages.whole)]) {
        let columns = [times.p50_us, times.p90_us, times.p95_us, times.p99_us, times.max_us]
            .map(|us| us / 1e3);
        let _ = write!(text, "  {name:<6}");
        for column in columns {
            let _ = write!(text, " {column:>8.3}");
        }
        text.push('\n');
    }
    let [low, high] = measured.stages.whole.median_interval_us.map(|us| us / 1e3);
    let memory = measured
        .peak_memory_bytes
        .map_or("?".to_owned(), |bytes| format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20)));
    let _ = writeln!(
        text,
        "  median {low:.2} to {high:.2} ms, {:.2} frames/s, {:.2} megapixels/s, {:.1} tiles a \
         frame, peak {memory}, {:.0} allocations a frame",
        measured.frames_per_s,
        measured.megapixels_per_s,
        measured.tiles as f64 / measured.frames as f64,
        measured.allocations_per_frame
    );
    text.push_str(&work(measured));
    match &measured.accuracy {
        None => {
            let _ = writeln!(
                text,
                "  the reference of what follows; off by {:.1e} of {:.1e} in the self-test",
                measured.self_test_difference, measured.self_test_tolerance
            );
        }
        Some(accuracy) => {
            let _ = writeln!(
                text,
                "  beside the reference: IoU at least {:.3} %, agreement at least {:.3} %, logits \
                 within {:.1e}",
                100.0 * accuracy.least_iou,
                100.0 * accuracy.least_agreement,
                accuracy.largest_logit_difference
            );
        }
    }
}

/// Lines on work a second and on what an accelerator tells; nothing where nothing is known.
fn work(measured: &Measured) -> String {
    let mut text = String::new();
    if let Some(achieved) = &measured.achieved {
        // Writing into a text cannot fail.
        let _ = write!(
            text,
            "  {:.2} ms and {:.1} GMAC/s in the engine",
            achieved.tile_ms,
            achieved.macs_per_s / 1e9
        );
        if let Some(gemm) = achieved.gemm_macs_per_s {
            let share = 100.0 * achieved.macs_per_s / gemm;
            let _ = write!(
                text,
                ", {share:.0} % of one large product there ({:.1} GMAC/s)",
                gemm / 1e9
            );
        }
        if let Some(peak) = &achieved.peak {
            let share = 100.0 * achieved.macs_per_s / peak.macs_per_s;
            let _ = write!(
                text,
                ", {share:.2} % of the peak of {} (predicted: {:.2} ms a tile)",
                peak.device, peak.predicted_ms
            );
        }
        text.push('\n');
    }
    let accelerator = &measured.accelerator;
    if let Some(bytes) = accelerator.peak_memory_bytes {
        let _ = writeln!(
            text,
            "  peak {:.0} MiB on the accelerator, of all programs",
            bytes as f64 / f64::from(1 << 20)
        );
    }
    if let Some(joules) = accelerator.energy_j {
        let _ = writeln!(text, "  {:.3} J a frame", joules / measured.frames as f64);
    }
    text.push_str(&clocks(accelerator));
    text
}

/// A line on the clock of an accelerator; nothing where it tells none.
fn clocks(accelerator: &Accelerator) -> String {
    let (before, after) = (&accelerator.before, &accelerator.after);
    let (Some(first), Some(last), Some(least)) =
        (before.clock_mhz, after.clock_mhz, accelerator.least_clock_mhz)
    else {
        return String::new();
    };
    let mut text = format!("  GPU clock {first:.0} to {last:.0} MHz, at least {least:.0}");
    // Writing into a text cannot fail.
    if let (Some(cold), Some(hot)) = (before.celsius, after.celsius) {
        let _ = write!(text, ", {cold:.0} to {hot:.0} °C");
    }
    if let Some(limit) = after.power_limit_w {
        let _ = write!(text, ", up to {limit:.0} W");
    }
    if let Some(reasons) = accelerator.clock_reasons.filter(|reasons| !reasons.is_empty()) {
        let _ = write!(text, ", not higher for: {reasons}");
    }
    text + "\n"
}
