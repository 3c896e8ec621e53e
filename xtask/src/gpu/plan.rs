//! The steps: what is run, for how long at most, and why not.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::context::{Command, Context, Tested, on_device, step, why_not};
use super::measurements::{Network, TRAINED, bench, memory_plan, train};
use super::numbers::{self, Findings};
use super::step::{Numbers, Step};

/// Engines that need a GPU, best first.
const GPU_ENGINES: [&str; 3] = ["tensorrt", "tensorrt-rtx", "cuda"];
/// What their masks and logits are compared with, best first.
const REFERENCES: [&str; 2] = ["cpu", "embedded"];
const PRECISIONS: [&str; 2] = ["fp32", "fp16"];
/// Everything before a device is known.
pub(crate) fn doctor(context: &Context) -> Step {
    let arguments: [OsString; 4] =
        ["doctor".into(), "--json".into(), "--bundle".into(), (&context.bundle).into()];
    Step {
        expected_codes: &[0, 4],
        ..step(
            "doctor",
            "what is installed",
            120,
            context.run("rszs-edge", arguments),
            numbers::doctor,
        )
    }
}

/// What needs no engine, and what engines are then tried on.
pub(crate) fn before_engines(context: &Context, findings: &Findings) -> Vec<Step> {
    let work = |name: &str| context.work.join(name);
    let has_half = findings.precisions.iter().any(|precision| precision == "fp16");
    let needed = |command: Command| match on_device(findings, command) {
        Ok(_) if has_half => Err("the bundle has an FP16 file".to_owned()),
        other => other,
    };
    let check = on_device(findings, context.run("check", []));
    let mut steps = vec![
        step(
            "kernels",
            "every kernel of rszs-cuda against rszs-hot, bit for bit",
            120,
            check,
            numbers::kernels,
        ),
        step(
            "checkpoint",
            "nothing: the weights of the bundle, to write them again",
            60,
            on_device(
                findings,
                context.run(
                    "rszs-export",
                    [
                        "checkpoint".into(),
                        "--bundle".into(),
                        (&context.bundle).into(),
                        "--output".into(),
                        work("nano.safetensors").into(),
                    ],
                ),
            ),
            no_numbers,
        ),
        Step {
            needs: Some(work("nano.safetensors")),
            ..step(
                "bundle-nano",
                "nothing: the same bundle with FP16",
                120,
                needed(context.export("nano")),
                no_numbers,
            )
        },
    ];
    steps.extend(["nano", "b16", "l14"].map(|preset| memory_plan(context, preset)));
    steps
}

/// Every engine and precision on the golden set.
pub(crate) fn self_test(context: &Context) -> Step {
    let arguments: [OsString; 4] =
        ["selftest".into(), "--json".into(), "--bundle".into(), context.best_bundle().into()];
    let command = context.run("rszs-edge", arguments);
    let shows =
        "every engine and precision on the bundle's golden set; plans of TensorRT are built here";
    Step { expected_codes: &[0, 4], ..step("selftest", shows, 240, command, numbers::self_test) }
}

/// What depends on the engines that passed.
pub(crate) fn after_engines(context: &Context, findings: &Findings, tested: &Tested) -> Vec<Step> {
    let engines = tested.as_deref().unwrap_or_default();
    let passed = |engine: &str, precision: &str| {
        engines.iter().any(|line| {
            line.passed && line.engine == engine && line.precision.as_deref() == Some(precision)
        })
    };
    let reference = REFERENCES.into_iter().find(|engine| passed(engine, "fp32"));
    let mut steps = Vec::new();
    for engine in GPU_ENGINES {
        for precision in PRECISIONS {
            let bundle = context.best_bundle();
            let side = |engine: &str, precision: &str| {
                let mut side = bundle.clone().into_os_string();
                side.push(format!("@{engine}:{precision}"));
                side
            };
            let command = match reference {
                _ if findings.device.is_none() => Err(findings.description.clone()),
                _ if !passed(engine, precision) => Err(why_not(engine, tested)),
                None => Err("no engine on the processor passed the self-test in fp32".to_owned()),
                Some(reference) => {
                    let mut arguments: Vec<OsString> = vec![
                        "compare".into(),
                        side(reference, "fp32"),
                        side(engine, precision),
                        "--json".into(),
                    ];
                    if !context.images.is_empty() {
                        arguments.push("--images".into());
                        arguments.extend(context.images.iter().cloned());
                    }
                    context.run("rszs-edge", arguments)
                }
            };
            let name = format!("compare-{engine}-{precision}");
            steps.push(step(
                &name,
                "masks and logits beside those of the processor in FP32",
                60,
                command,
                numbers::compare,
            ));
        }
    }
    let benches = |engine: &'static str, network| {
        PRECISIONS.map(|precision| bench(context, findings, [engine, precision], tested, network))
    };
    steps.extend(GPU_ENGINES.into_iter().flat_map(|engine| benches(engine, Network::NANO)));
    steps.extend(
        TRAINED.map(|(preset, images, limit)| train(context, findings, preset, images, limit)),
    );
    let random: [OsString; 7] = [
        "random".into(),
        "--preset".into(),
        "b16".into(),
        "--tokenizer".into(),
        context.work.join("tokenizer.json").into(),
        "--output".into(),
        context.work.join("b16.safetensors").into(),
    ];
    let for_engines = |command: Command| {
        let is_usable =
            engines.iter().any(|line| line.passed && GPU_ENGINES.contains(&line.engine.as_str()));
        if is_usable { command } else { Err(no_engine(findings, tested)) }
    };
    let (weights, bundle) = (context.run("rszs-export", random), context.export("b16"));
    steps.push(step(
        "weights-b16",
        "nothing: untrained weights, for speed",
        60,
        for_engines(weights),
        no_numbers,
    ));
    steps.push(Step {
        needs: Some(context.work.join("b16.safetensors")),
        ..step("bundle-b16", "nothing: b16 in FP32 and FP16", 240, for_engines(bundle), no_numbers)
    });
    // The last one builds nothing: its numbers are there before a plan of this size has cost the
    // time.
    steps.extend(GPU_ENGINES.into_iter().rev().flat_map(|engine| benches(engine, Network::B16)));
    steps
}

/// For a program that writes files and tells nothing.
#[expect(clippy::unnecessary_wraps, reason = "the type of all readers")]
fn no_numbers(_: &str) -> Result<Numbers, String> {
    Ok(Numbers::new())
}

fn no_engine(findings: &Findings, tested: &Tested) -> String {
    match tested {
        _ if findings.device.is_none() => findings.description.clone(),
        Err(reason) => format!("the self-test: {reason}"),
        Ok(_) => {
            let reasons: Vec<String> = GPU_ENGINES
                .iter()
                .map(|engine| format!("{engine}: {}", why_not(engine, tested)))
                .collect();
            format!("no engine of the GPU passed the self-test: {}", reasons.join("; "))
        }
    }
}

/// The words of the bundles that are made on the way.
pub(crate) const WORDS: &str = "flood\nbuilding\nroad\nwater\n";

/// Where the bundle is that was not named: beside carried programs, or in the workspace.
pub(crate) fn default_bundle(programs: Option<&Path>, root: &Path) -> PathBuf {
    programs
        .map(|folder| folder.join("bundles/nano"))
        .filter(|bundle| bundle.is_dir())
        .unwrap_or_else(|| root.join("bundles/nano"))
}
