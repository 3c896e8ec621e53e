//! `rszs-calibrate`: thresholds and numbers, measured on what the field runs.
//!
//! ```text
//! labelled images → rszs-edge (decode, tiles, engine, blend, upsample)
//!   → scores → histograms → threshold and temperature
//!   → masks → what the model card reports
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`arguments`] | what was typed |
//! | [`sets`], [`statement`] | labelled images; what a set says about the words of a vocabulary |
//! | [`pipeline`], [`deployed`] | the runtime's frame path over files; the same with the bundle's own engine |
//! | [`flat_score`], [`score_count`] | scores of pixels, read from the runtime and counted |
//! | [`pool`], [`presence`], [`temperature`], [`choice`] | counts of several sets together; the three numbers taken from them |
//! | [`thresholds`], [`evaluate`], [`int8`], [`fp16`], [`mask_count`] | the commands, and counting masks |
//! | [`tile_recorder`], [`probe`], [`observer`], [`sensitivity`] | tiles of training images → ranges of activations, products that stay in float |
//! | [`migration`], [`quantization`] | outliers moved into weights, and the INT8 graph made of all that |
//! | [`tensorrt_file`], [`verdict`] | the same steps for `TensorRT`; whether INT8 is worth it |
//! | [`threshold_report`], [`evaluation_report`], [`int8_report`], [`fp16_report`], [`identity`], [`table`], [`output`] | numbers for programs and for people |
//!
//! Nothing here computes a pixel in its own way: a threshold measured on another preprocessing is
//! worthless.
//!
//! Letters: N tiles, K queries, D joint width, H W pixels.

pub mod arguments;
pub mod choice;
mod date;
pub mod deployed;
pub mod error;
pub mod evaluate;
pub mod evaluation_report;
pub mod exit;
pub mod flat_score;
pub mod fp16;
pub mod fp16_report;
pub mod identity;
pub mod int8;
pub mod int8_report;
pub mod mask_count;
pub mod migration;
pub mod observer;
pub mod output;
pub mod pipeline;
pub mod pool;
pub mod presence;
pub mod probe;
pub mod quantization;
pub mod score_count;
pub mod sensitivity;
pub mod sets;
pub mod statement;
pub mod table;
pub mod temperature;
pub mod tensorrt_file;
pub mod threshold_report;
pub mod thresholds;
pub mod tile_recorder;
pub mod verdict;

#[cfg(test)]
mod fake;

use arguments::{Arguments, Command};
use exit::ExitStatus;
use output::Output;

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
