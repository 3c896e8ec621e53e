//! What training a network needs of a GPU's memory, for every policy of its streams.
//!
//! Weights, gradients, moments and the moving average as `rszs-train` holds them, activations by
//! [`rszs_graph::TrainingMemory`], and what the loss makes at the tile's resolution. Not in it:
//! what a library reserves or allocates within a call, gaps between tensors, batches that wait.
//! `reports/memory.md` has what was measured.

use std::fmt;

use rszs_graph::{BlockOf, Graph, GraphError, Parameters, Training, TrainingMemory};
use rszs_network::{Config, Policy, Purpose, block_of, image_graph, text_graph};

const GIB: f64 = (1_u64 << 30) as f64;

/// Maps `[N, K, H, W]` in float32 at the end of the forward pass: the upsampled logits, their
/// gradient, what is positive and what is labelled. Source: `trainer/src/loss.rs`.
const LOSS_MAPS: u64 = 4;

/// How many images and words a pass has, and what must hold it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlanRequest {
    /// N, on one GPU.
    pub images: usize,
    /// K, in training: the words that the sets of a batch label.
    pub queries: usize,
    /// Memory of the GPU, 2³⁰ bytes.
    pub budget_gib: f64,
}

/// A way to spend fewer bytes on the same step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switches {
    /// Factors of products in bfloat16 or float16.
    pub narrow_factors: bool,
    /// Blocks of the streams keep their inputs and are computed again in the backward pass.
    pub recompute: bool,
}

impl Switches {
    /// In the order in which they are tried: what needs no second forward pass first.
    pub const ALL: [Self; 4] = [
        Self { narrow_factors: false, recompute: false },
        Self { narrow_factors: true, recompute: false },
        Self { narrow_factors: false, recompute: true },
        Self { narrow_factors: true, recompute: true },
    ];

    /// What to say of a step that fits with these.
    fn advice(self) -> &'static str {
        match (self.narrow_factors, self.recompute) {
            (false, false) => "fits",
            (true, false) => "fits with train.precision = \"bfloat16\"",
            (false, true) => "fits with train.recompute = \"blocks\"",
            (true, true) => {
                "fits with train.precision = \"bfloat16\" and train.recompute = \"blocks\""
            }
        }
    }
}

/// One policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRow {
    /// What learns.
    pub policy: Policy,
    /// Numbers that training changes.
    pub trainable: u64,
    /// In the order of [`Switches::ALL`].
    pub memory: [TrainingMemory; 4],
    /// The first switches that fit, and with how many images: fewer than asked for only if no
    /// switches fit those.
    pub fit: Option<(Switches, usize)>,
}

/// A table with a row for every policy.
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryPlan {
    /// What was asked.
    pub request: PlanRequest,
    /// What the loss adds to every row.
    pub loss_bytes: u64,
    /// From the least that learns to the most.
    pub rows: Vec<PlanRow>,
}

impl MemoryPlan {
    /// The plan of a network.
    pub fn of(config: &Config, request: PlanRequest) -> Result<Self, GraphError> {
        let (image, text) = (image_graph(config, Purpose::Deploy)?, text_graph(config)?);
        let loss_bytes = |images: usize| {
            LOSS_MAPS * 4 * (images * request.queries * config.tile_px.pow(2)) as u64
        };
        let row = |policy: Policy| {
            let trains = |name: &str| policy.trains(name);
            let parameters = Parameters::of(&image, &text, trains);
            let memory = |images, switches| {
                step(&image, &parameters, images, request.queries, switches, &trains)
            };
            let fits = |images: usize, memory: &TrainingMemory| {
                (memory.total_bytes() + loss_bytes(images)) as f64 <= request.budget_gib * GIB
            };
            let asked = Switches::ALL.map(|switches| memory(request.images, switches));
            let as_asked = || {
                let fitting = Switches::ALL
                    .into_iter()
                    .zip(&asked)
                    .find(|(_, memory)| fits(request.images, memory));
                fitting.map(|(switches, _)| (switches, request.images))
            };
            let fewer = || {
                let tries = (1..request.images)
                    .rev()
                    .flat_map(|images| Switches::ALL.map(|switches| (switches, images)));
                tries
                    .into_iter()
                    .find(|&(switches, images)| fits(images, &memory(images, switches)))
            };
            PlanRow {
                policy,
                trainable: parameters.trainable,
                memory: asked,
                fit: as_asked().or_else(fewer),
            }
        };
        Ok(Self {
            request,
            loss_bytes: loss_bytes(request.images),
            rows: Policy::all().map(row).collect(),
        })
    }
}

fn step(
    image: &Graph,
    parameters: &Parameters,
    images: usize,
    queries: usize,
    switches: Switches,
    trains: &dyn Fn(&str) -> bool,
) -> TrainingMemory {
    let training = Training {
        images,
        queries,
        factor_bytes: if switches.narrow_factors { 2 } else { 4 },
        trains,
        recomputed: switches.recompute.then_some(block_of as BlockOf),
    };
    TrainingMemory::of(image, parameters, &training)
}

impl fmt::Display for MemoryPlan {
    /// A table with one line a policy.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PlanRequest { images, queries, budget_gib } = self.request;
        let gib = |bytes: u64| bytes as f64 / GIB;
        writeln!(
            f,
            "training, GiB for N = {images}, K = {queries}: all / activations kept for the \
             backward pass; budget {budget_gib}"
        )?;
        let heads = ["float32", "bfloat16", "f32 recomputed", "bf16 recomputed"];
        write!(
            f,
            "{:<10} {:<10} {:>11} {:>7} {:>10}",
            "vlm", "rsi", "trainable", "weights", "optimiser"
        )?;
        heads.iter().try_for_each(|head| write!(f, " {head:>15}"))?;
        writeln!(f)?;
        for PlanRow { policy, trainable, memory, fit } in &self.rows {
            let [first, ..] = memory;
            write!(
                f,
                "{:<10} {:<10} {trainable:>11} {:>7.2} {:>10.2}",
                policy.vlm.name(),
                policy.rsi.name(),
                gib(first.weight_bytes + first.average_bytes),
                gib(first.gradient_bytes + first.moment_bytes)
            )?;
            for memory in memory {
                let (total, kept) =
                    (gib(memory.total_bytes() + self.loss_bytes), gib(memory.kept_bytes));
                write!(f, " {:>15}", format!("{total:.2} / {kept:.2}"))?;
            }
            match fit {
                Some((switches, fitting)) if *fitting == images => {
                    writeln!(f, "  {}", switches.advice())?;
                }
                Some((switches, fitting)) => writeln!(f, "  N = {fitting} {}", switches.advice())?,
                None => writeln!(f, "  does not fit, not even one image")?,
            }
        }
        writeln!(
            f,
            "weights: with their moving average; optimiser: gradients and two moments; all: these, \
             activations with their\n\
             gradients at the worst moment, and {:.2} for the loss. Libraries need room beside it: \
             see trainer/MEMORY.md",
            gib(self.loss_bytes)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(config: &Config, budget_gib: f64) -> MemoryPlan {
        MemoryPlan::of(config, PlanRequest { images: 2, queries: 5, budget_gib }).unwrap()
    }

    /// The bytes of one row with some switches, loss included.
    fn bytes(plan: &MemoryPlan, row: usize, switches: usize) -> u64 {
        plan.rows[row].memory[switches].total_bytes() + plan.loss_bytes
    }

    #[test]
    fn a_budget_of_exactly_what_is_needed_fits_and_a_byte_less_asks_for_a_switch() {
        let config = Config::nano();
        let open = plan(&config, 24.0);
        let last = open.rows.len() - 1;
        assert_eq!(open.rows.len(), 9);
        assert!(open.rows.iter().all(|row| row.fit == Some((Switches::ALL[0], 2))));
        let fit = |bytes: u64| plan(&config, bytes as f64 / GIB).rows[last].fit;
        assert_eq!(fit(bytes(&open, last, 0)), Some((Switches::ALL[0], 2)));
        let tighter = fit(bytes(&open, last, 0) - 1);
        assert_ne!(tighter, Some((Switches::ALL[0], 2)));
        assert_eq!(tighter.map(|(_, images)| images), Some(2), "a switch is enough");
        let least = (0..4).map(|switches| bytes(&open, last, switches)).min().unwrap();
        assert_eq!(
            fit(least - 1).map(|(_, images)| images),
            Some(1),
            "no switch is enough for two images"
        );
        assert_eq!(fit(1 << 20), None);
    }

    #[test]
    fn the_loss_is_four_maps_of_the_tile_for_each_word() {
        assert_eq!(plan(&Config::nano(), 24.0).loss_bytes, 4 * 4 * 2 * 5 * 256 * 256);
    }

    #[test]
    fn the_table_has_a_line_for_every_pair_of_policies() {
        let table = plan(&Config::nano(), 0.001).to_string();
        for line in ["freeze     freeze ", "attention  freeze ", "full       full "] {
            assert_eq!(table.lines().filter(|found| found.starts_with(line)).count(), 1, "{table}");
        }
        assert_eq!(
            table.lines().filter(|line| line.ends_with("does not fit, not even one image")).count(),
            9,
            "{table}"
        );
    }
}
