//! What this crate says of the machine it is on.

use rszs_cuda::{Device, Error};

#[test]
fn a_machine_without_a_driver_or_device_is_told_what_is_missing() {
    match Device::open(0) {
        Ok(device) => {
            assert!(device.description().compute_capability >= (3, 0), "{}", device.description());
        }
        Err(error) => {
            assert!(
                matches!(error, Error::NoDriver | Error::NoDevice { .. } | Error::Call { .. }),
                "{error:?}"
            );
            assert!(error.to_string().contains("expected"), "{error}");
        }
    }
}

#[test]
fn a_device_number_beyond_the_last_is_refused() {
    let error = Device::open(4096).unwrap_err();
    assert!(
        matches!(
            error,
            Error::NoDriver | Error::NoDevice { ordinal: 4096, .. } | Error::Call { .. }
        ),
        "{error:?}"
    );
}
