//! `rszs-edge doctor`: what is here, what is missing, what to do.

use std::path::{Path, PathBuf};

use clap::Args;
use rszs_bundle::Bundle;
use rszs_cuda::Device;
use serde::Serialize;

use super::advice::{Platform, advice};
use super::engine_line::EngineLine;
use crate::cli::console::Console;
use crate::cli::exit::ExitStatus;
use crate::error::Error;
use crate::machine::Machine;
use crate::plan::open_bundle;
use rszs_engine::Interrupt;
use rszs_engine::{self as engine, EngineOptions};

/// Arguments of `rszs-edge doctor`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "\
Exit status:
    0  an engine passed the self-test: rszs-edge works here
    3  bundle missing, damaged or refused
    4  no engine passed")]
pub struct DoctorArguments {
    /// Folder of the model bundle [default: bundles/nano above the program or the current folder]
    #[arg(short, long, value_name = "DIR")]
    pub bundle: Option<PathBuf>,

    /// Write the findings to stdout as one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// Everything that was found.
#[derive(Debug, Serialize)]
struct Findings {
    /// Name and version of this program.
    program: &'static str,
    machine: Machine,
    /// The first CUDA device, its memory and the driver's version of CUDA, or why there is none.
    device: DeviceFinding,
    /// Why the bundle cannot be used, or what it is.
    bundle: BundleFinding,
    /// Every engine that this program has.
    engines: Vec<EngineLine>,
    /// What would make it work, or faster; nothing if nothing would.
    advice: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum BundleFinding {
    Usable { name: String, counter: u64, path: String, precisions: Vec<String> },
    Refused(String),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum DeviceFinding {
    Found(String),
    Missing(String),
}

impl DoctorArguments {
    pub(super) fn run(&self, console: &Console) -> Result<ExitStatus, Error> {
        let options = EngineOptions {
            watch: console.build_watch(Interrupt::new()),
            ..EngineOptions::default()
        };
        let opened = open_bundle(self.bundle.as_deref(), &options);
        let engines: Vec<EngineLine> =
            opened.iter().flat_map(|bundle| every_engine(bundle, &options)).collect();
        let machine = Machine::here();
        let (platform, has_driver) =
            (Platform::of(&machine, Path::new("/")), Device::count().is_ok());
        let findings = Findings {
            program: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")),
            machine,
            device: match Device::open(0) {
                Ok(device) => DeviceFinding::Found(device.description().to_string()),
                Err(error) => DeviceFinding::Missing(error.to_string()),
            },
            advice: advice(platform, has_driver, opened.is_ok(), &engines),
            bundle: match &opened {
                Ok(bundle) => BundleFinding::of(bundle),
                Err(error) => BundleFinding::Refused(error.to_string()),
            },
            engines,
        };
        if self.json {
            console.print_json(&findings)?;
        } else {
            findings.lines().iter().try_for_each(|line| console.print(line))?;
        }
        Ok(match &findings.bundle {
            BundleFinding::Refused(_) => ExitStatus::BundleRefused,
            BundleFinding::Usable { .. } if findings.engines.iter().any(|engine| engine.passed) => {
                ExitStatus::Done
            }
            BundleFinding::Usable { .. } => ExitStatus::NoEngine,
        })
    }
}

impl BundleFinding {
    fn of(bundle: &Bundle) -> Self {
        let manifest = bundle.manifest();
        Self::Usable {
            name: manifest.name.clone(),
            counter: manifest.counter,
            path: bundle.path().display().to_string(),
            precisions: manifest.precisions().map(|precision| precision.to_string()).collect(),
        }
    }
}

impl Findings {
    fn lines(&self) -> Vec<String> {
        let Machine {
            processor,
            cores,
            system,
            memory_bytes,
            governor,
            jetson_linux,
            power_mode,
            nvidia_driver,
        } = &self.machine;
        let mut lines = vec![
            format!("program    {}, {system}", self.program),
            format!("processor  {processor}, {cores} cores"),
        ];
        let memory =
            memory_bytes.map(|bytes| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)));
        let facts = [
            ("memory", &memory),
            ("governor", governor),
            ("jetson", jetson_linux),
            ("power mode", power_mode),
            ("driver", nvidia_driver),
        ];
        lines.extend(
            facts
                .into_iter()
                .filter_map(|(name, fact)| Some(format!("{name:<10} {}", fact.as_ref()?))),
        );
        lines.push(match &self.device {
            DeviceFinding::Found(description) => format!("device     {description}"),
            DeviceFinding::Missing(reason) => {
                format!("device     none, engines run on the processor: {reason}")
            }
        });
        lines.push(match &self.bundle {
            BundleFinding::Usable { name, counter, path, precisions } => {
                format!("bundle     {name} {counter}, {} ({path})", precisions.join(", "))
            }
            BundleFinding::Refused(reason) => format!("bundle     {reason}"),
        });
        lines.extend(self.engines.iter().map(|engine| format!("engine     {}", engine.text())));
        lines.extend(self.advice.iter().map(|advice| format!("to do      {advice}")));
        lines
    }
}

fn every_engine(bundle: &Bundle, options: &EngineOptions) -> Vec<EngineLine> {
    engine::attempts(bundle, options).map(|result| EngineLine::new(&result, bundle)).collect()
}
