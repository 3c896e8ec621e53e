//! The steps that measure: latencies of the engines, training beside PyTorch, the memory plan
//! beside it.

use std::ffi::OsString;

use super::context::{Context, Tested, on_device, step, why_not};
use super::numbers::{self, Findings};
use super::step::Step;

/// Presets that are trained, with as many images as a card of 24 GB holds, and words.
pub(super) const TRAINED: [(&str, &str, u64); 3] =
    [("nano", "64", 60), ("b16", "4", 120), ("l14", "2", 150)];
const QUERIES: &str = "6";

/// A bundle that is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Network {
    name: &'static str,
    batches: &'static str,
    /// For one precision.
    limit_s: u64,
}

impl Network {
    pub(super) const NANO: Self = Self { name: "nano", batches: "1,8", limit_s: 90 };
    /// At one tile, as the predictions of rszs-bench are; a plan for more takes minutes.
    pub(super) const B16: Self = Self { name: "b16", batches: "1", limit_s: 180 };
}

pub(super) fn bench(
    context: &Context,
    findings: &Findings,
    [engine, precision]: [&str; 2],
    tested: &Tested,
    network: Network,
) -> Step {
    let Network { name, batches, limit_s } = network;
    let title = format!("bench-{name}-{engine}-{precision}");
    let report = |ending: &str| context.reports.join(format!("{title}.{ending}"));
    let bundle = if name == "nano" { context.best_bundle() } else { context.work.join(name) };
    let has_passed = tested.iter().flatten().any(|line| {
        line.passed && line.engine == engine && line.precision.as_deref() == Some(precision)
    });
    let command = if findings.device.is_none() {
        Err(findings.description.clone())
    } else if has_passed {
        let mut arguments: Vec<OsString> = Vec::new();
        for (option, value) in [
            ("--bundle", bundle.clone().into_os_string()),
            ("--engine", engine.into()),
            ("--precision", precision.into()),
            ("--batch", batches.into()),
            ("--frames", "20".into()),
            ("--json", report("report.json").into()),
            ("--csv", report("csv").into()),
        ] {
            arguments.extend([option.into(), value]);
        }
        arguments.extend(context.images.iter().cloned());
        context.run("rszs-bench", arguments)
    } else {
        Err(why_not(engine, tested))
    };
    let shows = "milliseconds a tile by batch, clocks and heat";
    let step = step(&title, shows, limit_s, command, numbers::bench);
    Step { results: Some(report("report.json")), needs: Some(bundle), ..step }
}

pub(super) fn train(
    context: &Context,
    findings: &Findings,
    preset: &str,
    images: &str,
    limit_s: u64,
) -> Step {
    let command = on_device(
        findings,
        context.programs.find("step_time").map(|program| {
            let mut line: Vec<OsString> =
                vec![context.python.clone().into(), context.work.join("step_time.py").into()];
            line.extend(["--program".into(), program.into()]);
            let options = [
                "--preset",
                preset,
                "--device",
                "cuda",
                "--precision",
                "bfloat16",
                "--images",
                images,
                "--queries",
                QUERIES,
            ];
            line.extend(
                options
                    .into_iter()
                    .chain(["--steps", "5", "--rounds", "3", "--json"])
                    .map(OsString::from),
            );
            line
        }),
    );
    let command = match (command, &context.machine.torch_version) {
        (Ok(_), None) => Err(format!("{}: no package torch", context.python.display())),
        (command, _) => command,
    };
    step(
        &format!("train-{preset}"),
        "training steps in bfloat16 beside PyTorch's of the same network, memory beside the plan",
        limit_s,
        command,
        numbers::training,
    )
}

pub(super) fn memory_plan(context: &Context, preset: &str) -> Step {
    let images =
        TRAINED.iter().find(|(name, ..)| *name == preset).map_or("1", |(_, images, _)| images);
    let arguments =
        ["inspect", "--preset", preset, "--memory", "--images", images, "--queries", QUERIES];
    let command = context.run("rszs-export", arguments.map(OsString::from));
    step(
        &format!("memory-{preset}"),
        "what the plan of crates/graph says of the training below",
        30,
        command,
        numbers::memory_plan,
    )
}
