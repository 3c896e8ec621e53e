//! What the driver answers is told in its own words, whatever version it is of.

use rszs_cuda::{Device, Error};

/// What a device says whose memory cannot be asked for because of `code`.
fn told(code: i32) -> (Error, String) {
    let simulator = rszs_cuda_simulator::load();
    let device = Device::open(0).unwrap();
    simulator.fail("cuMemGetInfo_v2", code);
    let error = device.memory().unwrap_err();
    simulator.fail("cuMemGetInfo_v2", 0);
    let text = error.to_string();
    (error, text)
}

#[test]
fn a_code_of_a_later_version_has_the_words_of_its_driver() {
    // CUDA 13 has it, and 12.9 does not.
    let (error, text) = told(36);
    assert!(matches!(error, Error::Call { code: 36, .. }), "{error:?}");
    let expected = "cuMemGetInfo: expected success, found CUDA_ERROR_CALL_REQUIRES_NEWER_DRIVER \
        (API call requires a newer CUDA driver)";
    assert_eq!(text, expected);
}

#[test]
fn a_code_that_nobody_knows_is_its_number() {
    let (error, text) = told(0x7fff_fff0);
    assert!(matches!(error, Error::Call { code: 0x7fff_fff0, .. }), "{error:?}");
    let expected = "cuMemGetInfo: expected success, found CUDA error 2147483632 (the driver has no \
        text for it)";
    assert_eq!(text, expected);
}
