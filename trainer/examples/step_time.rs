//! How long a training step takes on one core, which ops take it, and what memory, or how long it
//! takes on a CUDA device. Random images and words; nothing is read. Linux only.
//!
//! `cargo run --release -p rszs-train --example step_time -- [images] [queries] [steps] [PRECISION]
//! [recompute] [preset=NAME] [cuda] [write=FILE]`
//!
//! `write=FILE` leaves inputs, weights, logits, loss and gradients of the first step, for
//! `python/step_time.py`.

use std::collections::BTreeMap;
use std::time::Duration;

use rszs_network::{Config, Purpose, image_graph};
use rszs_train::device::DeviceChoice;
use rszs_train::loss::{Counts, Targets, Terms, loss};
use rszs_train::network::segments::{self, Cut};
use rszs_train::pretrain::text_training::unit_rows;
use rszs_train::run::report;
use rszs_train::{
    AdamW, AdamWSettings, Average, Mode, Parameters, Precision, TrainError, eval, eval_with,
    peak_resident_bytes,
};
use rustix::time::{ClockId, clock_gettime};
use tch::{Device, Kind, Tensor};

fn main() -> Result<(), TrainError> {
    let numbers: Vec<i64> =
        std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let number = |index: usize, otherwise: i64| numbers.get(index).copied().unwrap_or(otherwise);
    let (images, queries, steps) = (number(0, 8), number(1, 6), number(2, 5));
    let has = |word: &str| std::env::args().any(|argument| argument == word);
    let named = [("bfloat16", Precision::BFloat16), ("float16", Precision::Float16)];
    let precision = named
        .into_iter()
        .find(|(name, _)| has(name))
        .map_or(Precision::Float32, |(_, precision)| precision);
    let (mode, cut) = (
        Mode::Train(precision),
        if has("recompute") { Cut::BlocksRecomputed } else { Cut::Nowhere },
    );
    let value = |name: &str| {
        std::env::args().find_map(|argument| argument.strip_prefix(name).map(str::to_owned))
    };
    let (file, preset) = (value("write="), value("preset=").unwrap_or_else(|| "nano".to_owned()));
    let device = if has("cuda") { DeviceChoice::CudaNumber(0).open()? } else { Device::Cpu };
    precision.prepare(device);
    if file.is_none() {
        // What is written is not timed.
        tch::set_num_threads(1);
    }
    tch::manual_seed(1);

    let config = Config::preset(&preset)
        .unwrap_or_else(|| panic!("preset={preset}: expected nano, b32, b16 or l14"));
    let terms = Terms { patch_grid_weight: 4.0, ..Terms::paper(config.vlm.grid()) };
    let graph = image_graph(&config, Purpose::Train)?;
    let parameters = Parameters::initialise(&[&graph], 1, device)?;
    let side = config.tile_px as i64;
    let tiles = Tensor::f_randint(256, [images, side, side, 3], (Kind::Uint8, Device::Cpu))?;
    let words = unit_rows(&Tensor::f_randn(
        [queries, config.joint_width as i64],
        (Kind::Float, Device::Cpu),
    )?)?;
    let targets = Tensor::f_randint(2, [images, queries, side, side], (Kind::Uint8, Device::Cpu))?;
    let [tiles, words, targets] = [tiles, words, targets].map(|tensor| tensor.to_device(device));
    let labels = Targets::new(targets.shallow_clone(), None);
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
        let mut clock = Clock::start(device);
        let pass =
            segments::forward(&graph, &["logits", "aligned"], &feeds, &parameters, mode, cut)?;
        let forward = clock.lap();
        let (logits, aligned) =
            (pass.outputs()["logits"].shallow_clone(), pass.outputs()["aligned"].shallow_clone());
        let total =
            loss(&logits, &aligned, &words, &labels, None, &Counts::of(&labels)?, terms)?.total;
        drop(aligned);
        let of_loss = clock.lap();
        pass.backward(&total, |_| Ok(()))?;
        let backward = clock.lap();
        if let Some(file) = file.as_ref().filter(|_| step == 0) {
            let inputs = [
                ("tiles", &tiles),
                ("queries", &words),
                ("targets", &targets),
                ("logits", &logits),
                ("loss", &total),
            ];
            let mut tensors: Vec<(String, Tensor)> = inputs
                .into_iter()
                .map(|(name, tensor)| (name.to_owned(), tensor.detach()))
                .collect();
            for (name, tensor) in parameters.iter() {
                tensors.push((format!("weights.{name}"), tensor.detach()));
                tensors.push((format!("gradients.{name}"), tensor.grad()));
            }
            Tensor::write_safetensors(&tensors, file)?;
            return Ok(());
        }
        drop((logits, total));
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
        "{preset}, {images} images, {queries} queries, {precision:?}, {cut:?}: {:.1} ms a step, \
         {:.2} images a core-second, peak {} MB",
        total.as_secs_f64() * 1e3 / steps as f64,
        (images * steps) as f64 / total.as_secs_f64(),
        peak_resident_bytes().unwrap_or_default() / 1_000_000,
    ))?;
    for (name, part) in ["forward", "loss", "backward", "update"].iter().zip(parts) {
        report(&format!("{name:10} {:8.1} ms", part.as_secs_f64() * 1e3 / steps as f64))?;
    }

    if device.is_cuda() {
        // Ops are not told apart there: to wait for each would take longer than the op.
        return Ok(());
    }
    interpreter_share(total / steps as u32)?;

    let mut of_nodes: BTreeMap<String, Duration> = BTreeMap::new();
    let mut clock = Clock::start(Device::Cpu);
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

/// What walking the graph costs at most, with all calls into libtorch: the same nodes over tensors
/// of a few numbers.
fn interpreter_share(step: Duration) -> Result<(), TrainError> {
    const ROUNDS: u32 = 50;
    let mut config = Config::nano();
    (config.tile_px, config.joint_width, config.fusion_width, config.decoder_width) =
        (64, 8, 12, 8);
    for stream in [&mut config.vlm, &mut config.rsi] {
        (stream.input_px, stream.width) = (64, 8);
    }
    if let Some(stem) = &mut config.stem {
        stem.channels = 2;
        stem.stages.iter_mut().for_each(|stage| stage.channels = 2);
    }
    (config.norm_groups, config.head.head_width) = (2, 2);
    let graph = image_graph(&config, Purpose::Train)?;
    let parameters = Parameters::initialise(&[&graph], 1, Device::Cpu)?;
    let tiles = Tensor::f_zeros([1, 64, 64, 3], (Kind::Uint8, Device::Cpu))?;
    let words = Tensor::f_ones([1, 8], (Kind::Float, Device::Cpu))?;
    let feeds = BTreeMap::from([("tiles", tiles), ("queries", words)]);
    let _guard = tch::no_grad_guard();
    let mut clock = Clock::start(Device::Cpu);
    for _ in 0..ROUNDS {
        eval(&graph, &["logits", "aligned"], &feeds, &parameters, Mode::Train(Precision::Float32))?;
    }
    let walk = clock.lap() / ROUNDS;
    report(&format!(
        "all {} nodes over tensors of a few numbers: {:.2} ms, {:.2} % of a step",
        graph.nodes().len(),
        walk.as_secs_f64() * 1e3,
        100.0 * walk.as_secs_f64() / step.as_secs_f64()
    ))
}

/// Time that this thread computed, not the time that passed: on a machine that others use, too,
/// only this repeats. On a CUDA device it is the time that passed until everything asked of it was
/// done.
struct Clock {
    device: Device,
    last: Duration,
}

impl Clock {
    fn start(device: Device) -> Self {
        Self { device, last: Self::now(device) }
    }

    fn lap(&mut self) -> Duration {
        let now = Self::now(self.device);
        let lap = now.saturating_sub(self.last);
        self.last = now;
        lap
    }

    fn now(device: Device) -> Duration {
        let clock = match device {
            Device::Cuda(number) => {
                tch::Cuda::synchronize(number as i64);
                ClockId::Monotonic
            }
            _ => ClockId::ThreadCPUTime,
        };
        let time = clock_gettime(clock);
        Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
    }
}
