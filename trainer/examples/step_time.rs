//! How long a training step of `nano` takes on one core, and which ops take it. Random pictures and words; nothing is read
//! or written. Linux only.
//!
//! `cargo run --release -p rszs-train --example step_time -- [images] [queries] [steps] [bfloat16]`

use std::collections::BTreeMap;
use std::time::Duration;

use rszs_network::{Config, Purpose, image_graph};
use rszs_train::loss::{Alignment, Counts, Terms, loss};
use rszs_train::run::report;
use rszs_train::{AdamW, AdamWSettings, Average, Mode, Parameters, Precision, TrainError, eval, eval_with};
use tch::{Device, Kind, Tensor};

fn main() -> Result<(), TrainError> {
    let numbers: Vec<i64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let number = |index: usize, otherwise: i64| numbers.get(index).copied().unwrap_or(otherwise);
    let (images, queries, steps) = (number(0, 8), number(1, 6), number(2, 5));
    let bfloat16 = std::env::args().any(|argument| argument == "bfloat16");
    let mode = Mode::Train(if bfloat16 { Precision::BFloat16 } else { Precision::Float32 });
    tch::set_num_threads(1);

    let config = Config::nano();
    let (alignment, grid) = (Alignment::Cosine, config.vlm.grid());
    let terms = Terms { alignment, alignment_weight: 0.2, patch_grid_weight: 4.0, grid };
    let graph = image_graph(&config, Purpose::Train)?;
    let parameters = Parameters::initialise(&[&graph], 1, Device::Cpu)?;
    let side = config.tile_px as i64;
    let tiles = Tensor::f_randint(256, [images, side, side, 3], (Kind::Uint8, Device::Cpu))?;
    let words = Tensor::f_randn([queries, config.joint_width as i64], (Kind::Float, Device::Cpu))?;
    let targets = Tensor::f_randint(2, [images, queries, side, side], (Kind::Uint8, Device::Cpu))?;
    let feeds = BTreeMap::from([("tiles", &tiles), ("queries", &words)]);
    let mut optimizer = AdamW::new(AdamWSettings {
        beta1: 0.9,
        beta2: 0.99,
        epsilon: 1e-8,
        weight_decay: 0.05,
        max_gradient_norm: 1.0,
        learning_rate_factors: BTreeMap::new(),
    });
    let mut average = Average::new(&parameters, 0.99)?;

    let mut parts = [Duration::ZERO; 4];
    for step in 0..=steps {
        let mut clock = Clock::start();
        let outputs = eval(&graph, &["logits", "aligned"], &feeds, &parameters, mode)?;
        let forward = clock.lap();
        let losses = loss(&outputs["logits"], &outputs["aligned"], &words, &targets, Counts::of(&targets)?, terms)?;
        let of_loss = clock.lap();
        losses.total.f_backward()?;
        let backward = clock.lap();
        optimizer.step(&parameters, 1e-4)?;
        average.update(&parameters)?;
        if step > 0 {
            // The first step allocates and is not counted.
            for (part, time) in parts.iter_mut().zip([forward, of_loss, backward, clock.lap()]) {
                *part += time;
            }
        }
    }
    let total: Duration = parts.iter().sum();
    report(&format!(
        "{images} images, {queries} queries: {:.2} images a core-second",
        (images * steps) as f64 / total.as_secs_f64()
    ))?;
    for (name, part) in ["forward", "loss", "backward", "update"].iter().zip(parts) {
        report(&format!("{name:10} {:8.1} ms", part.as_secs_f64() * 1e3 / steps as f64))?;
    }

    let mut of_nodes: BTreeMap<String, Duration> = BTreeMap::new();
    let mut clock = Clock::start();
    eval_with(&graph, &["logits", "aligned"], &feeds, &parameters, mode, |node, _| {
        let part = node.name.split('.').next().unwrap_or_default();
        *of_nodes.entry(format!("{:12} {part}", node.op.name())).or_default() += clock.lap();
    })?;
    let mut sorted: Vec<_> = of_nodes.into_iter().collect();
    sorted.sort_by_key(|&(_, time)| std::cmp::Reverse(time));
    for (name, time) in sorted.into_iter().take(24) {
        report(&format!("{name:32} {:8.2} ms", time.as_secs_f64() * 1e3))?;
    }
    Ok(())
}

/// Time that this thread computed, not the time that passed: on a machine that others use, too, only this repeats.
struct Clock(Duration);

impl Clock {
    fn start() -> Self {
        Self(Self::now())
    }

    fn lap(&mut self) -> Duration {
        let now = Self::now();
        let lap = now.saturating_sub(self.0);
        self.0 = now;
        lap
    }

    /// The first number of Linux's schedstat: nanoseconds on a processor.
    fn now() -> Duration {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        Duration::from_nanos(text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or_default())
    }
}
