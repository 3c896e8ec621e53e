//! What is known of the simulated devices, and the calls that a frame takes.

use rszs_cuda::frame::{FrameKeep, FramePath, LogitType};
use rszs_cuda::{Device, Error};
use rszs_hot::Decision;

use crate::frames::{frame, network, rules, settings};

#[test]
fn devices_are_described() {
    rszs_cuda_simulator::load();
    let (board, module) = (Device::open(0).unwrap(), Device::open(1).unwrap());
    assert_eq!(
        board.description().to_string(),
        "CUDA device 0: simulated board, compute capability 8.6, 8.0 GiB, driver 12.0"
    );
    assert_eq!(
        module.description().to_string(),
        "CUDA device 1: simulated module, compute capability 8.7, 8.0 GiB shared, driver 12.0"
    );
    assert_eq!(module.description().uuid, [2; 16]);
    assert_eq!(Device::open(3).unwrap_err(), Error::NoDevice { ordinal: 3, count: 3 });
    let before = board.memory().unwrap();
    let buffer = board.buffer::<u64>(1000).unwrap();
    assert_eq!(before.free_bytes - board.memory().unwrap().free_bytes, 8000);
    assert_eq!(buffer.address() % 256, 0);
}

#[test]
fn from_the_third_on_a_batch_is_one_call() {
    let simulator = rszs_cuda_simulator::load();
    let device = Device::open(0).unwrap();
    let rules = rules(2);
    let mut path = FramePath::new(
        &device,
        network(LogitType::F32),
        &settings(&rules, Decision::Multilabel, 1, 4),
    )
    .unwrap();
    let rgb = frame((200, 120), 1);
    let mut calls = Vec::new();
    for _ in 0..3 {
        let before = [simulator.calls("cuLaunchKernel"), simulator.calls("cuGraphLaunch")];
        path.submit(&rgb, 200, 120, FrameKeep::default()).unwrap();
        path.collect().unwrap();
        let after = [simulator.calls("cuLaunchKernel"), simulator.calls("cuGraphLaunch")];
        calls.push([after[0] - before[0], after[1] - before[1]]);
    }
    // 8 × 5 tiles are 10 batches of 4: one asked for directly, one captured (three kernels each),
    // then launched nine times; and two kernels decide and measure.
    assert_eq!(calls, [[8, 9], [2, 10], [2, 10]]);
}
