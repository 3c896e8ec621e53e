//! A driver that sees no device. A process asks its driver once, so this is a process of its own.

use rszs_cuda::{Device, Error};

#[test]
fn a_driver_without_a_device_is_told_from_no_driver() {
    const NO_DEVICE: i32 = 100;
    rszs_cuda_simulator::load().fail("cuInit", NO_DEVICE);
    assert_eq!(Device::count(), Err(Error::NoDevice { ordinal: 0, count: 0 }));
    let error = Device::open(3).unwrap_err();
    assert_eq!(
        error.to_string(),
        "CUDA device 3: expected a device, found 0 in all (is the GPU visible? look at \
         CUDA_VISIBLE_DEVICES)"
    );
}
