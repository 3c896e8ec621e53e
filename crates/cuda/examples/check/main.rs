//! Checks every kernel on a GPU against `rszs_hot`, bit for bit, and prints what it took.
//!
//! ```console
//! $ cargo run --release -p rszs-cuda --example check [NUMBER OF THE DEVICE]
//! ```
//!
//! Needs an NVIDIA driver of CUDA 12.0 or later and a device of compute capability 8.0 or later,
//! and nothing else. The engine here gives prepared logits, so the times are those of this crate
//! alone. Ends with 1 if a bit differs.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is a program for people")]

mod oracle;
mod replay;

use std::process::ExitCode;

use rszs_cuda::Device;
use rszs_cuda::frame::LogitType;
use rszs_hot::{Decision, TileLayout};

use replay::{Case, check};

/// The default bundle's tiles.
const LAYOUT: TileLayout = TileLayout { tile_px: 256, overlap_px: 64, stride_px: 4 };

fn main() -> ExitCode {
    match check_all() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every bit is equal.
fn check_all() -> Result<bool, Box<dyn std::error::Error>> {
    let ordinal = std::env::args().nth(1).map_or(Ok(0), |typed| typed.parse())?;
    let device = Device::open(ordinal)?;
    println!("{}", device.description());
    println!(
        "frame      reduction  decision    logits  graph  upload ms  batches ms  decide ms  host \
         ms  bits"
    );
    let mut is_equal = true;
    for size in [(4000, 2250), (1001, 703)] {
        for reduction in [1, 2, 4, 8] {
            for decision in [Decision::Multilabel, Decision::Exclusive] {
                for (logits, is_captured) in
                    [(LogitType::F32, false), (LogitType::F32, true), (LogitType::F16, true)]
                {
                    let layout = LAYOUT.reduced(reduction);
                    let checked = check(
                        &device,
                        &Case { size, layout, batch: 8, decision, logits, is_captured },
                    )?;
                    is_equal &= checked.differences.is_empty();
                    let times = checked.times;
                    let [upload, batches, decide, host] =
                        [times.upload, times.batches, times.decide, checked.host]
                            .map(|time| time.as_secs_f64() * 1e3);
                    let bits = match checked.differences.as_slice() {
                        [] => "equal".to_owned(),
                        differences => format!("DIFFERENT: {}", differences.join(", ")),
                    };
                    println!(
                        "{:<9}  {reduction:<9}  {:<10}  {:<6}  {:<5}  {upload:>9.2}  \
                         {batches:>10.2}  {decide:>9.2}  {host:>7.0}  {bits}",
                        format!("{}x{}", size.0, size.1),
                        format!("{decision:?}"),
                        format!("{logits:?}"),
                        is_captured,
                    );
                }
            }
        }
    }
    Ok(is_equal)
}
