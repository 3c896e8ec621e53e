//! The tables of reports/scaling.md are what the cost model says.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write;

use rszs_graph::{Cost, Parameters};
use rszs_network::{Config, Policy, Purpose, StreamPolicy, TextPolicy, image_graph, text_graph};

/// W.
const RANKS: f64 = 8.0;
/// Images of a rank in a step, and LandDiscover50K's prompts.
const IMAGES: usize = 2;
const QUERIES: usize = 40;
/// Multiplications and additions a second that a GPU sustains in this network: assumed, not
/// measured.
const FLOPS: f64 = 50e12;
/// Bytes a second in one direction, as their standards name them.
const LINKS: [(&str, f64); 4] = [
    ("NVLink 3, 300 GB/s", 300e9),
    ("PCIe 4 x16, 31.5 GB/s", 31.5e9),
    ("100 GbE", 12.5e9),
    ("10 GbE", 1.25e9),
];

/// What learns, from nothing of the streams over the paper's to all.
const POLICIES: [(StreamPolicy, StreamPolicy); 3] = [
    (StreamPolicy::Freeze, StreamPolicy::Freeze),
    (StreamPolicy::Attention, StreamPolicy::Freeze),
    (StreamPolicy::Full, StreamPolicy::Full),
];

/// What a rank sends and computes in a step.
struct Step {
    trainable: u64,
    /// Float32, a number for each that learns.
    gradient_bytes: f64,
    compute_s: f64,
}

impl Step {
    fn of(config: &Config, vlm: StreamPolicy, rsi: StreamPolicy) -> Self {
        let policy = Policy { vlm, rsi, text: TextPolicy::Frozen, frozen_stem_blocks: 0 };
        let (graph, text) =
            (image_graph(config, Purpose::Train).unwrap(), text_graph(config).unwrap());
        let trainable = Parameters::of(&graph, &text, |name| policy.trains(name)).trainable;
        let cost = Cost::of(&graph, IMAGES, QUERIES);
        let total = cost.total().macs as f64;
        let streams = [("vlm", vlm), ("rsi", rsi)]
            .map(|(scope, policy)| (cost.scope(scope).macs as f64, policy));
        let rest = total - streams.iter().map(|(macs, _)| macs).sum::<f64>();
        // A backward pass costs a forward pass for the gradients of values, and one for those of
        // weights.
        let backward = |(macs, policy): (f64, StreamPolicy)| match policy {
            StreamPolicy::Freeze => 0.0,
            StreamPolicy::Attention => macs,
            StreamPolicy::Full => 2.0 * macs,
        };
        let macs = total + 2.0 * rest + streams.map(backward).iter().sum::<f64>();
        Self { trainable, gradient_bytes: 4.0 * trainable as f64, compute_s: 2.0 * macs / FLOPS }
    }

    /// Bytes that each rank of a ring sends, and receives.
    fn ring_bytes(&self) -> f64 {
        2.0 * (RANKS - 1.0) / RANKS * self.gradient_bytes
    }

    /// Bytes through the link of rank 0 in each direction, where all send to it.
    fn star_bytes(&self) -> f64 {
        (RANKS - 1.0) * self.gradient_bytes
    }
}

fn steps() -> impl Iterator<Item = (String, Step)> {
    let of = |(preset, config): (&'static str, Config)| {
        POLICIES.map(|(vlm, rsi)| {
            (format!("| {preset} | {} | {} |", vlm.name(), rsi.name()), Step::of(&config, vlm, rsi))
        })
    };
    Config::presets().into_iter().flat_map(of)
}

fn bytes_table() -> String {
    let mut table =
        "| preset | vlm | rsi | trainable | gradients, MB | ring, MB a rank | star, MB \
        at rank 0 |\n\
                     |---|---|---|---|---|---|---|\n"
            .to_owned();
    for (row, step) in steps() {
        let [gradients, ring, star] =
            [step.gradient_bytes, step.ring_bytes(), step.star_bytes()].map(|bytes| bytes / 1e6);
        writeln!(table, "{row} {} | {gradients:.1} | {ring:.1} | {star:.1} |", step.trainable)
            .unwrap();
    }
    table
}

/// The share of a step that is computing, when nothing is sent while computing: by a ring, and by
/// the star.
fn efficiency_table() -> String {
    let names = LINKS.map(|(name, _)| name).join(" | ");
    let mut table = format!(
        "| preset | vlm | rsi | computing, ms | {names} |\n|---|---|---|---|---|---|---|---|\n"
    );
    for (row, step) in steps().filter(|(row, _)| !row.contains("nano")) {
        let share = |sending_s: f64| {
            format!("{:.0}", 100.0 * step.compute_s / (step.compute_s + sending_s))
        };
        // A star receives everything, then sends everything.
        let cell = |(_, rate): (&str, f64)| {
            format!(
                "{} / {}",
                share(step.ring_bytes() / rate),
                share(2.0 * step.star_bytes() / rate)
            )
        };
        writeln!(table, "{row} {:.0} | {} |", 1e3 * step.compute_s, LINKS.map(cell).join(" | "))
            .unwrap();
    }
    table
}

#[test]
fn the_tables_of_the_page_are_computed() {
    let page = include_str!("../../reports/scaling.md");
    for table in [bytes_table(), efficiency_table()] {
        assert!(page.contains(&table), "reports/scaling.md should hold\n\n{table}");
    }
}
