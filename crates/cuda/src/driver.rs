//! Loading the driver without a panic.
//!
//! cudarc panics when it finds no library. It is looked for here before it is asked.

use std::sync::OnceLock;

use cudarc::driver::sys;

use crate::error::{Error, check};
use crate::functions;

// The first driver of the 12 series takes the PTX in this crate. JetPack 6 has 12.2 to 12.6.
const LEAST_VERSION: (u32, u32) = (12, 0);

/// Loads the driver and starts it, once a process. Returns its version.
pub(crate) fn start() -> Result<(u32, u32), Error> {
    static STARTED: OnceLock<Result<(u32, u32), Error>> = OnceLock::new();
    STARTED.get_or_init(try_start).clone()
}

fn try_start() -> Result<(u32, u32), Error> {
    // SAFETY: loading runs the initialisers of NVIDIA's library, as any use of a GPU does.
    if !unsafe { sys::is_culib_present() } {
        return Err(Error::NoDriver);
    }
    // SAFETY: it was just found.
    unsafe { functions::load() }?;
    let mut number = 0;
    // SAFETY: the driver writes one integer. This function may be called before `cuInit`.
    check("cuDriverGetVersion", unsafe { functions::cuDriverGetVersion(&raw mut number) })?;
    let version = version(number);
    if version < LEAST_VERSION {
        return Err(Error::OldDriver { expected: LEAST_VERSION, found: version });
    }
    // SAFETY: no precondition; the flags must be 0.
    match unsafe { functions::cuInit(0) } {
        functions::NO_DEVICE => Err(Error::NoDevice { ordinal: 0, count: 0 }),
        code => check("cuInit", code).map(|()| version),
    }
}

/// NVIDIA writes 12.6 as 12060.
fn version(number: i32) -> (u32, u32) {
    let number = number.unsigned_abs();
    (number / 1000, number % 1000 / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_nvidia_writes_them() {
        assert_eq!((version(12060), version(13000)), ((12, 6), (13, 0)));
    }
}
