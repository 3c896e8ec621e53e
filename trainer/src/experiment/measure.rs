//! What a network costs: counted from its graph, and timed.

use std::collections::BTreeMap;
use std::time::Instant;

use rszs_graph::{Cost, Parameters as Counts};
use rszs_network::{Purpose, image_graph, text_graph};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::device::{self, synchronize};
use crate::train::TrainSettings;
use crate::{Mode, Parameters, Precision, RunConfig, TrainError, eval};

/// K: LandDiscover50K has 40 prompts.
const QUERIES: usize = 40;
/// Passes that are timed, after one that is not: it allocates.
const PASSES: usize = 5;

/// The cost of one tile.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Efficiency {
    /// Side of the tile.
    pub(super) tile_px: usize,
    pub(super) queries: usize,
    /// Parameters that run for every tile.
    pub(super) image_parameters: u64,
    /// Parameters that run once a vocabulary.
    pub(super) text_parameters: u64,
    /// Parameters that the description's policy trains.
    pub(super) trainable_parameters: u64,
    /// Multiply-accumulates a tile; twice as many are the FLOPs of other sources.
    pub(super) macs: u64,
    /// Median of the passes, libtorch, float32.
    pub(super) latency_ms: f64,
    /// Where they were timed. Results of before there was a choice are of the processor.
    #[serde(default = "processor")]
    pub(super) device: String,
    /// Threads of libtorch.
    pub(super) threads: i32,
}

impl Efficiency {
    /// Counts the network of `config`, and times it on `device`, with random weights and one random
    /// tile.
    pub(super) fn of(config: &RunConfig, device: Device) -> Result<Self, TrainError> {
        let network = config.network();
        let settings: TrainSettings = config.section("train")?;
        let (graph, text) = (image_graph(network, Purpose::Deploy)?, text_graph(network)?);
        let counts = Counts::of(&graph, &text, |name| settings.policy.trains(name));

        let parameters = Parameters::initialise(&[&graph], 1, device)?;
        let side = network.tile_px as i64;
        let tile = Tensor::f_randint(256, [1, side, side, 3], (Kind::Uint8, device))?;
        let words =
            Tensor::f_randn([QUERIES as i64, network.joint_width as i64], (Kind::Float, device))?;
        let feeds = BTreeMap::from([("tiles", &tile), ("queries", &words)]);
        Precision::Float32.prepare(device);
        let _guard = tch::no_grad_guard();
        let mut passes_ms = Vec::new();
        for _ in 0..=PASSES {
            synchronize(device);
            let start = Instant::now();
            eval(&graph, &["logits", "presence"], &feeds, &parameters, Mode::Evaluate)?;
            synchronize(device); // sync: once a pass
            passes_ms.push(start.elapsed().as_secs_f64() * 1e3);
        }
        let timed = &mut passes_ms[1..];
        timed.sort_unstable_by(f64::total_cmp);
        Ok(Self {
            tile_px: network.tile_px,
            queries: QUERIES,
            image_parameters: counts.image,
            text_parameters: counts.text,
            trainable_parameters: counts.trainable,
            macs: Cost::of(&graph, 1, QUERIES).total().macs,
            latency_ms: timed[PASSES / 2],
            device: described(device)?,
            threads: tch::get_num_threads(),
        })
    }
}

fn processor() -> String {
    device::name(Device::Cpu)
}

/// A device with its maker's name, where it has one: `cuda:0 (NVIDIA GeForce RTX 3090)`.
fn described(device: Device) -> Result<String, TrainError> {
    let name = device::name(device);
    Ok(match device {
        Device::Cuda(number) => {
            format!("{name} ({})", rszs_cuda::Device::open(number as u32)?.description().name)
        }
        _ => name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_of_before_there_was_a_choice_is_of_the_processor() {
        let old = r#"{"tile_px": 64, "queries": 40, "image_parameters": 1, "text_parameters": 2,
            "trainable_parameters": 1, "macs": 5, "latency_ms": 1.5, "threads": 2}"#;
        assert_eq!(serde_json::from_str::<Efficiency>(old).unwrap().device, "cpu");
    }
}
