//! `rszs-calibrate`: thresholds and numbers, measured on what the field runs.
//!
//! ```text
//! labelled images → rszs-edge (decode, tiles, engine, blend, upsample)
//!     → scores → histograms → threshold and temperature
//!     → masks → what the model card reports
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`arguments`], [`exit`] | what was typed; how a run ended |
//! | [`sets`], [`label_mapping`] | labelled images; what a set says about a vocabulary's words |
//! | [`deployed`] | the runtime's frame path over files, with the bundle's own engine |
//! | [`thresholds`] | scores of pixels → thresholds, presence thresholds, temperatures |
//! | [`evaluate`] | masks of the runtime counted against labels |
//! | [`int8`] | ranges of activations → the INT8 graph, and whether it is worth it |
//! | [`fp16`] | what half precision changes |
//! | [`report`] | numbers for programs and for people |
//!
//! Nothing here computes a pixel in its own way: a threshold measured on another preprocessing is
//! worthless.
//!
//! Letters: N tiles, K queries, D joint width, H W pixels.

pub mod arguments;
pub mod deployed;
pub mod error;
pub mod evaluate;
pub mod exit;
pub mod fp16;
pub mod int8;
pub mod label_mapping;
pub mod report;
pub mod sets;
pub mod thresholds;

#[cfg(test)]
mod fake;

use arguments::{Arguments, Command};
use exit::ExitStatus;
use report::output::Output;

/// Does what `arguments` ask and says how it ended.
pub fn run(arguments: &Arguments) -> ExitStatus {
    let measure = arguments.command.measure();
    let mut output = Output::new(measure);
    let result = match &arguments.command {
        Command::Thresholds(arguments) => thresholds::run(arguments, &mut output),
        Command::Evaluate(arguments) => evaluate::run(arguments, &mut output),
        Command::Int8(arguments) => int8::run(arguments, &mut output),
        Command::Fp16(arguments) => fp16::run(arguments, &mut output),
    };
    result.unwrap_or_else(|error| {
        output.error(&error);
        error.exit_status()
    })
}
