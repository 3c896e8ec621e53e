//! An ONNX file in, a plan out, progress on stderr. Needs an installed TensorRT with a GPU, or
//! TensorRT-RTX.
//!
//! ```console
//! $ cargo run -p rszs-tensorrt --example build_plan -- bundles/nano/model.fp32.onnx nano.plan \
//!       --folder third_party/tensorrt-rtx-1.7/lib \
//!       --profile tiles=1x256x256x3,1x256x256x3,4x256x256x3 --profile queries=2x512,8x512,64x512
//! ```
//!
//! Inputs with open sizes need a `--profile NAME=SMALLEST,USUAL,LARGEST`. Without `--folder` the
//! system's loader searches.
#![expect(clippy::print_stderr, reason = "an example speaks to people")]

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use rszs_tensorrt::{
    BuildProgress, Builder, BuilderConfig, Family, Library, LoadError, Logger, Network, Severity,
};

type AnyError = Box<dyn std::error::Error>;

/// A profile as it was typed: input and its three shapes.
type Profile = (String, [Vec<i64>; 3]);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), AnyError> {
    let (mut files, mut profiles, mut folder) = (Vec::new(), Vec::new(), None);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--folder" => {
                folder = Some(PathBuf::from(words.next().ok_or("--folder: expected a folder")?));
            }
            "--profile" => {
                profiles.push(profile(&words.next().ok_or("--profile: expected shapes")?)?);
            }
            _ => files.push(PathBuf::from(word)),
        }
    }
    let [onnx, plan] = &files[..] else {
        return Err("usage: build_plan MODEL.onnx PLAN [--folder DIR] [--profile …]".into());
    };

    let logger = || {
        Logger::new(|line| {
            if line.severity <= Severity::Warning {
                eprintln!("{line}");
            }
        })
    };
    let found = Library::find(Family::TensorRt, folder.as_deref(), logger());
    let library = match found {
        Err(LoadError::NotFound { .. }) => {
            Library::find(Family::TensorRtRtx, folder.as_deref(), logger())?
        }
        found => found?,
    };
    eprintln!("{} {} from {}", library.family(), library.version(), library.file().display());

    let builder = Builder::new(&library)?;
    let bytes = std::fs::read(onnx).map_err(|error| format!("{}: {error}", onnx.display()))?;
    let network = Network::parse(&builder, &bytes)?;
    eprintln!("{} layers", network.layers());
    for (direction, tensors) in [("in ", network.inputs()?), ("out", network.outputs()?)] {
        for tensor in tensors {
            eprintln!("{direction} {tensor}");
        }
    }

    let mut config = BuilderConfig::new(&builder)?;
    config.set_progress_monitor(|progress| {
        if let BuildProgress::Start { phase, parent: None, steps } = progress {
            eprintln!("{phase}: {steps} steps");
        }
        ControlFlow::Continue(())
    });
    if !profiles.is_empty() {
        let shapes: Vec<_> = profiles
            .iter()
            .map(|(name, shapes)| (name.as_str(), shapes.each_ref().map(Vec::as_slice)))
            .collect();
        config.add_profile(&shapes)?;
    }
    let built = network.build(&config)?;
    std::fs::write(plan, built.bytes()).map_err(|error| format!("{}: {error}", plan.display()))?;
    eprintln!("{}: {} bytes", plan.display(), built.bytes().len());
    Ok(())
}

fn profile(typed: &str) -> Result<Profile, AnyError> {
    let fault = || format!("--profile {typed}: expected NAME=1x3x8,2x3x8,4x3x8");
    let (name, shapes) = typed.split_once('=').ok_or_else(fault)?;
    let shape =
        |shape: &str| shape.split('x').map(|size| size.parse().map_err(|_| fault())).collect();
    let shapes = shapes.split(',').map(shape).collect::<Result<Vec<Vec<i64>>, String>>()?;
    Ok((name.to_owned(), shapes.try_into().map_err(|_| fault())?))
}
