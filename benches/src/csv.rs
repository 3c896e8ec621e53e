//! One line a configuration. Columns are those of `perf_analyzer`'s CSV where there is such a
//! thing, in its order and its unit (microseconds): a spreadsheet made for one reads the other.
//! There is no server here, so client and queue columns are zero.

use std::fmt::Write;

use crate::report::Report;

const HEADER: &str = "Concurrency,Inferences/Second,Client Send,Network+Server Send/Recv,Server \
    Queue,Server Compute Input,Server Compute Infer,\
Server Compute Output,Client Recv,p50 latency,p90 latency,p95 latency,p99 \
latency,Engine,Precision,Threads,Batch,Queries,Least IoU,Invalid,GPU Clock Start,GPU Clock End,GPU \
Celsius End,GPU Clock Reasons\n";

/// The whole report, its header first.
pub fn of(report: &Report) -> String {
    let mut text = HEADER.to_owned();
    for measured in &report.configurations {
        let (what, stages) = (&measured.configuration, &measured.stages);
        let input = stages.decode.mean_us + stages.tile.mean_us;
        let output = stages.blend.mean_us
            + stages.decide.mean_us
            + stages.encode.mean_us
            + stages.write.mean_us;
        let whole = &stages.whole;
        let least_iou = measured.accuracy.map_or(1.0, |accuracy| accuracy.least_iou);
        let invalid = measured.invalid.as_deref().unwrap_or_default();
        let accelerator = &measured.accelerator;
        let known = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.0}"));
        // Writing into a text cannot fail.
        let _ = writeln!(
            text,
            "1,{:.3},0,0,0,{input:.0},{:.0},{output:.0},0,{:.0},{:.0},{:.0},{:.0},{},{},{},{},{},{least_iou:.6},{invalid},{},{},{},{}",
            measured.frames_per_s,
            stages.engine.mean_us,
            whole.p50_us,
            whole.p90_us,
            whole.p95_us,
            whole.p99_us,
            what.engine,
            what.precision,
            what.threads,
            what.batch,
            what.query_count,
            known(accelerator.before.clock_mhz),
            known(accelerator.after.clock_mhz),
            known(accelerator.after.celsius),
            accelerator.clock_reasons.unwrap_or_default(),
        );
    }
    text
}
