//! What a built engine depends on.

use std::fmt::Write as _;

use rszs_bundle::{Precision, Sha256};

use super::PLAN;

/// Raised when the form of the files changes, or what is asked of a build beside shapes and
/// precision.
const FORMAT: &str = "rszs engine cache 1";

/// Name of a file in the cache: a digest of everything that its content depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CacheKey {
    digest: Sha256,
    ending: &'static str,
}

/// Where an engine is built.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    /// Family and version of the library.
    pub(crate) library: &'a str,
    /// Name of the device.
    pub(crate) device: &'a str,
    /// Its identity.
    pub(crate) device_uuid: [u8; 16],
    /// Its compute capability.
    pub(crate) compute_capability: (u32, u32),
    /// Version of CUDA that the driver is of.
    pub(crate) driver: (u32, u32),
    /// The kernel's driver, as it describes itself; nothing where it does not.
    pub(crate) kernel_driver: Option<&'a str>,
}

impl CacheKey {
    /// Of a plan for `model` with `shapes`.
    pub(crate) fn of_plan(
        surroundings: &Surroundings<'_>,
        model: Sha256,
        precision: Precision,
        shapes: &str,
    ) -> Self {
        let parts =
            [surroundings.described(), model.to_string(), precision.to_string(), shapes.to_owned()];
        Self { digest: digest(PLAN, &parts), ending: PLAN }
    }

    /// Of the timings of kernels, which are the same for every model.
    pub(crate) fn of_timings(surroundings: &Surroundings<'_>) -> Self {
        const TIMINGS: &str = "timings";
        Self { digest: digest(TIMINGS, &[surroundings.described()]), ending: TIMINGS }
    }

    pub(super) fn file_name(&self) -> String {
        format!("{}.{}", self.digest, self.ending)
    }

    pub(super) fn digest(&self) -> Sha256 {
        self.digest
    }
}

impl Surroundings<'_> {
    fn described(&self) -> String {
        let Self { library, device, device_uuid, compute_capability, driver, kernel_driver } = self;
        let mut text = format!(
            "{library}\n{device}\n{compute_capability:?}\n{driver:?}\n{}\n",
            kernel_driver.unwrap_or_default()
        );
        for byte in device_uuid {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

fn digest(ending: &str, parts: &[String]) -> Sha256 {
    Sha256::of_parts(
        [FORMAT, ending].into_iter().chain(parts.iter().map(String::as_str)).map(str::as_bytes),
    )
}
