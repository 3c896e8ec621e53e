//! Whether sending gradients during the backward pass saves time: a step of `nano` on two ranks of
//! this machine, one thread each, over TCP, with buckets of several sizes, in turn. Random images
//! and words; nothing is read.
//!
//! `cargo run --release -p rszs-train --example overlap -- [rounds] [images a rank]`

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use rszs_network::{Config, Purpose, image_graph};
use rszs_train::loss::{Counts, Targets, Terms, loss};
use rszs_train::network::segments::{self, Cut};
use rszs_train::parallel::{Communicator, GradientSum, TransportKind};
use rszs_train::pretrain::text_training::unit_rows;
use rszs_train::run::report;
use rszs_train::{Mode, Parameters, Precision, TrainError};
use tch::{Device, Kind, Tensor};

const RANKS: usize = 2;
/// Sizes of buckets, and what they mean; nothing for a step without sums.
const WAYS: [(Option<usize>, &str); 5] = [
    (None, "nothing is sent"),
    (Some(usize::MAX), "all at the end"),
    (Some(8 << 20), "buckets of 8 MiB"),
    (Some(4 << 20), "buckets of 4 MiB"),
    (Some(1 << 20), "buckets of 1 MiB"),
];

/// One step on this rank.
struct Step {
    whole: Duration,
    /// From the end of the backward pass until the last sum is there.
    waited: Duration,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let numbers: Vec<i64> =
        std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let (rounds, images) =
        (numbers.first().copied().unwrap_or(9), numbers.get(1).copied().unwrap_or(4));
    if std::env::var_os("RANK").is_some() {
        return Ok(rank(rounds, images)?);
    }
    let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port() - 1;
    let start = |rank: usize| {
        Command::new(std::env::current_exe()?)
            .args([rounds.to_string(), images.to_string()])
            .env("RANK", rank.to_string())
            .env("WORLD_SIZE", RANKS.to_string())
            .env("MASTER_ADDR", "127.0.0.1")
            .env("MASTER_PORT", port.to_string())
            .spawn()
    };
    let ranks = (0..RANKS).map(start).collect::<Result<Vec<_>, std::io::Error>>()?;
    for mut rank in ranks {
        let status = rank.wait()?;
        if !status.success() {
            return Err(format!("a rank ended with {status}").into());
        }
    }
    Ok(())
}

fn rank(rounds: i64, images: i64) -> Result<(), TrainError> {
    tch::set_num_threads(1);
    let mut communicator =
        Communicator::from_environment("overlap", TransportKind::Tcp, Device::Cpu)?;
    tch::manual_seed(communicator.rank() as i64);
    let config = Config::nano();
    let graph = image_graph(&config, Purpose::Train)?;
    let parameters = Parameters::initialise(&[&graph], 1, Device::Cpu)?;
    let mut steps: Vec<Vec<Step>> = WAYS.iter().map(|_| Vec::new()).collect();
    // The first round allocates and is not counted.
    for round in 0..=rounds {
        for ((bucket_bytes, _), steps) in WAYS.iter().zip(&mut steps) {
            communicator.wait_for_all()?;
            let step =
                step(&config, &graph, &parameters, images, *bucket_bytes, &mut communicator)?;
            steps.extend((round > 0).then_some(step));
        }
    }
    if communicator.leads() {
        let gradients = parameters.trainable().map(|(_, tensor)| tensor.numel()).sum::<usize>() * 4;
        report(&format!(
            "{RANKS} ranks with {images} images each, {:.1} MB of gradients, medians of {rounds} \
             rounds (least to most), ms",
            gradients as f64 / 1e6
        ))?;
        for ((_, way), steps) in WAYS.iter().zip(&steps) {
            let whole = spread(steps.iter().map(|step| step.whole));
            let waited = spread(steps.iter().map(|step| step.waited));
            report(&format!("{way:18} step {whole}, of it waiting for sums {waited}"))?;
        }
    }
    Ok(())
}

fn step(
    config: &Config,
    graph: &rszs_graph::Graph,
    parameters: &Parameters,
    images: i64,
    bucket_bytes: Option<usize>,
    communicator: &mut Communicator,
) -> Result<Step, TrainError> {
    let side = config.tile_px as i64;
    let tiles = Tensor::f_randint(256, [images, side, side, 3], (Kind::Uint8, Device::Cpu))?;
    let words =
        unit_rows(&Tensor::f_randn([6, config.joint_width as i64], (Kind::Float, Device::Cpu))?)?;
    let targets = Tensor::f_randint(2, [images, 6, side, side], (Kind::Uint8, Device::Cpu))?;
    let targets = Targets::new(targets, None);
    for (_, tensor) in parameters.trainable() {
        tensor.shallow_clone().zero_grad();
    }
    let terms = Terms { patch_grid_weight: 4.0, ..Terms::paper(config.vlm.grid()) };
    let feeds = BTreeMap::from([("tiles", &tiles), ("queries", &words)]);
    let mut alone = Communicator::Single;

    let start = Instant::now();
    let mode = Mode::Train(Precision::BFloat16);
    let pass =
        segments::forward(graph, &["logits", "aligned"], &feeds, parameters, mode, Cut::Blocks)?;
    let outputs = pass.outputs();
    let total = loss(
        &outputs["logits"],
        &outputs["aligned"],
        &words,
        &targets,
        None,
        &Counts::of(&targets)?,
        terms,
    )?
    .total;
    let sums_over = if bucket_bytes.is_some() { communicator } else { &mut alone };
    let mut sum =
        GradientSum::in_buckets_of(bucket_bytes.unwrap_or_default(), sums_over, parameters);
    pass.backward(&total, |names| sum.add(names))?;
    let computed = Instant::now();
    sum.finish()?;
    Ok(Step { whole: start.elapsed(), waited: computed.elapsed() })
}

/// `median (least to most)`, in ms.
fn spread(times: impl Iterator<Item = Duration>) -> String {
    let mut ms: Vec<f64> = times.map(|time| time.as_secs_f64() * 1e3).collect();
    ms.sort_by(f64::total_cmp);
    let (least, most) =
        (ms.first().copied().unwrap_or(f64::NAN), ms.last().copied().unwrap_or(f64::NAN));
    format!("{:.0} ({least:.0} to {most:.0})", ms.get(ms.len() / 2).copied().unwrap_or(f64::NAN))
}
