//! The numbers that matter in the output of each program.

use serde::Deserialize;
use serde_json::{Value, json};

use super::step::Numbers;

/// One line of `rszs-edge selftest --json`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct EngineLine {
    pub(crate) engine: String,
    pub(crate) passed: bool,
    #[serde(default)]
    pub(crate) precision: Option<String>,
    #[serde(default)]
    pub(crate) logits_difference: Option<f64>,
    #[serde(default)]
    pub(crate) tolerance: Option<f64>,
    #[serde(default)]
    pub(crate) reason: Option<String>,
}

/// What `rszs-edge doctor --json` says that the plan depends on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Findings {
    /// Name of the device.
    pub(crate) device: Option<String>,
    /// The device as doctor describes it, or why there is none.
    pub(crate) description: String,
    /// The kernel's driver.
    pub(crate) driver: Option<String>,
    /// Precisions of the bundle's model files.
    pub(crate) precisions: Vec<String>,
}

pub(crate) fn findings(text: &str) -> Result<Findings, String> {
    let json: Value = parsed(text, "doctor")?;
    let found = json["device"]["found"].as_str();
    let missing = json["device"]["missing"].as_str();
    let description = found.or(missing).ok_or_else(|| nonsense("doctor", text))?.to_owned();
    // `CUDA device 0: NVIDIA GeForce RTX 3090, compute capability 8.6, …`
    let name = found.map(|found| found.split_once(": ").map_or(found, |(_, rest)| rest));
    let device = name.map(|name| name.split(", compute").next().unwrap_or(name).to_owned());
    let precisions = json["bundle"]["usable"]["precisions"].as_array().into_iter().flatten();
    Ok(Findings {
        device,
        description,
        driver: json["machine"]["nvidia_driver"].as_str().map(str::to_owned),
        precisions: precisions.filter_map(|one| Some(one.as_str()?.to_owned())).collect(),
    })
}

pub(crate) fn doctor(text: &str) -> Result<Numbers, String> {
    let Findings { description, .. } = findings(text)?;
    Ok(numbers([("device", json!(description))]))
}

pub(crate) fn engines(text: &str) -> Result<Vec<EngineLine>, String> {
    let lines = text.lines().map(|line| parsed(line, "selftest")).collect::<Result<Vec<_>, _>>()?;
    if lines.is_empty() { Err(nonsense("selftest", text)) } else { Ok(lines) }
}

/// How far each engine is off, of what is allowed.
pub(crate) fn self_test(text: &str) -> Result<Numbers, String> {
    let entry = |line: &EngineLine| {
        let name = [Some(&line.engine), line.precision.as_ref()]
            .into_iter()
            .flatten()
            .cloned()
            .collect::<Vec<_>>();
        let value = match (line.passed, line.logits_difference, line.tolerance) {
            (true, Some(difference), Some(tolerance)) => {
                format!("off by {difference:.1e} of {tolerance:.1e}")
            }
            _ => format!("no: {}", line.reason.as_deref().unwrap_or_default()),
        };
        (name.join(" "), json!(value))
    };
    Ok(engines(text)?.iter().map(entry).collect())
}

/// `check`: how many cases gave equal bits, and the times of the plain frame with a graph.
pub(crate) fn kernels(text: &str) -> Result<Numbers, String> {
    let rows: Vec<Vec<&str>> =
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    // Frame, reduction, decision, logits, graph, four times, bits.
    let cases: Vec<&Vec<&str>> = rows
        .iter()
        .filter(|row| row.len() >= 10 && row[0].contains('x') && row[1].parse::<u32>().is_ok())
        .collect();
    if cases.is_empty() {
        return Err(nonsense("check", text));
    }
    let equal = cases.iter().filter(|row| row[9] == "equal").count();
    if equal < cases.len() {
        let named =
            cases.iter().find(|row| row[9] != "equal").map(|row| row.join(" ")).unwrap_or_default();
        return Err(format!(
            "{} of {} cases differ, the first: {named}",
            cases.len() - equal,
            cases.len()
        ));
    }
    let mut found = numbers([("cases_equal", json!(equal))]);
    let plain = |row: &&&Vec<&str>| {
        row[1] == "1" && row[2] == "Multilabel" && row[3] == "F32" && row[4] == "true"
    };
    if let Some(row) = cases.iter().find(plain) {
        for (name, column) in
            [("upload_ms", 5), ("batches_ms", 6), ("decide_ms", 7), ("processor_ms", 8)]
        {
            found.insert(name.to_owned(), json!(row[column].parse::<f64>().ok()));
        }
    }
    Ok(found)
}

/// `rszs-edge compare --json`: the worst query's agreement and logits, and the mean intersection
/// over union.
pub(crate) fn compare(text: &str) -> Result<Numbers, String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let json: Value = parsed(line, "compare")?;
        let number = |key: &str| json[key].as_f64().ok_or_else(|| nonsense("compare", line));
        lines.push([number("agreement")?, number("iou")?, number("logits_difference_p99")?]);
    }
    if lines.is_empty() {
        return Err(nonsense("compare", text));
    }
    let column = |index: usize| lines.iter().map(move |line| line[index]);
    Ok(numbers([
        ("queries", json!(lines.len())),
        ("least_agreement", json!(column(0).fold(1.0, f64::min))),
        ("mean_iou", json!(column(1).sum::<f64>() / lines.len() as f64)),
        ("largest_p99_logit_difference", json!(column(2).fold(0.0, f64::max))),
    ]))
}

/// The report of `rszs-bench --json`: milliseconds a tile and a frame of each configuration.
pub(crate) fn bench(text: &str) -> Result<Numbers, String> {
    let json: Value = parsed(text, "bench")?;
    let configurations = json["configurations"].as_array().filter(|list| !list.is_empty());
    let mut found = Numbers::new();
    for measured in configurations.ok_or_else(|| nonsense("bench", text))? {
        let what = &measured["configuration"];
        let text = |key: &str| what[key].as_str().unwrap_or("?").to_owned();
        let name = format!("{} {} batch {}", text("engine"), text("precision"), what["batch"]);
        let tile_ms = measured["achieved"]["tile_ms"].as_f64();
        let whole_ms = measured["stages"]["whole"]["p50_us"].as_f64().map(|us| us / 1e3);
        let invalid = measured["invalid"]
            .as_str()
            .map_or(String::new(), |reason| format!(" INVALID: {reason}"));
        let value =
            format!("{} ms a tile, {} ms a frame{invalid}", rounded(tile_ms), rounded(whole_ms));
        found.insert(name, json!(value));
    }
    Ok(found)
}

/// The last line of `step_time.py --json`.
pub(crate) fn training(text: &str) -> Result<Numbers, String> {
    let last = text.lines().last().unwrap_or_default();
    let json: Value = parsed(last, "step_time.py")?;
    json.as_object().cloned().ok_or_else(|| nonsense("step_time.py", last))
}

/// The row of `rszs-export inspect --memory` for training everything.
pub(crate) fn memory_plan(text: &str) -> Result<Numbers, String> {
    let row = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = row.into_iter().find(|row| row.len() > 8 && row[..2] == ["full", "full"]);
    let row = row.ok_or_else(|| nonsense("inspect --memory", text))?;
    let column = |index: usize| {
        row[index].parse::<f64>().map_err(|_| nonsense("inspect --memory", &row.join(" ")))
    };
    Ok(numbers([
        ("planned_float32_gib", json!(column(5)?)),
        ("planned_bfloat16_gib", json!(column(8)?)),
    ]))
}

fn parsed<T: for<'a> Deserialize<'a>>(text: &str, program: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|_| nonsense(program, text))
}

fn nonsense(program: &str, found: &str) -> String {
    let found: String = found.trim().chars().take(80).collect();
    format!("{program}: expected its results, found {found:?}")
}

fn numbers<const COUNT: usize>(pairs: [(&str, Value); COUNT]) -> Numbers {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn rounded(value: Option<f64>) -> String {
    value.map_or("?".to_owned(), |value| format!("{value:.2}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn a_device_is_named_as_nvidia_names_it() {
        let card = "CUDA device 0: NVIDIA GeForce RTX 3090, compute capability 8.6, 23.7 GiB, \
                    driver 13.0";
        let text = json!({
            "device": {"found": card},
            "machine": {"nvidia_driver": "580"},
            "bundle": {"usable": {"precisions": ["fp32", "int8"]}},
        });
        let found = findings(&text.to_string()).unwrap();
        assert_eq!(found.device.as_deref(), Some("NVIDIA GeForce RTX 3090"));
        assert_eq!((found.driver.as_deref(), found.precisions.len()), (Some("580"), 2));
        assert!(
            findings("Segmentation fault").unwrap_err().starts_with("doctor: expected its results")
        );
    }

    #[test]
    fn one_case_that_differs_is_a_failure() {
        let row = |bits: &str| {
            format!("4000x2250  1  Multilabel  F32  true  1.50  20.25  3.00  400  {bits}\n")
        };
        let found = kernels(&("a device\n".to_owned() + &row("equal") + &row("equal"))).unwrap();
        assert_eq!((&found["cases_equal"], &found["decide_ms"]), (&json!(2), &json!(3.0)));
        let error = kernels(&(row("equal") + &row("DIFFERENT: classes"))).unwrap_err();
        assert!(
            error.starts_with("1 of 2 cases differ") && error.contains("DIFFERENT: classes"),
            "{error}"
        );
        assert!(kernels("a device\n").is_err(), "no case at all");
    }

    #[test]
    fn the_worst_query_counts() {
        let line = |agreement, iou, p99| {
            format!(r#"{{"agreement":{agreement},"iou":{iou},"logits_difference_p99":{p99}}}"#)
        };
        let found = compare(&[line(0.9, 0.5, 0.2), line(1.0, 1.0, 0.1)].join("\n")).unwrap();
        assert_eq!(found["least_agreement"], json!(0.9));
        assert_eq!(
            (&found["mean_iou"], &found["largest_p99_logit_difference"]),
            (&json!(0.75), &json!(0.2))
        );
        assert!(compare("").is_err() && compare("{}").is_err());
    }

    #[test]
    fn throttled_configurations_are_marked() {
        let text = r#"{"configurations":[{
            "configuration":{"engine":"cuda","precision":"fp16","batch":4},
            "achieved":{"tile_ms":1.5},
            "stages":{"whole":{"p50_us":2500}},
            "invalid":"hot"}]}"#;
        assert_eq!(
            bench(text).unwrap()["cuda fp16 batch 4"],
            json!("1.50 ms a tile, 2.50 ms a frame INVALID: hot")
        );
        assert!(bench("{}").is_err());
    }

    #[test]
    fn the_memory_plan_is_that_of_training_everything() {
        let table = "head\nfreeze freeze 1 0.1 0.2 1.0 / 0.5 0.9 / 0.4 x\nfull full 9 1.0 2.0 20.5 \
            / 15.0 12.25 / 8.0 fits\n";
        let found = memory_plan(table).unwrap();
        assert_eq!(
            (&found["planned_float32_gib"], &found["planned_bfloat16_gib"]),
            (&json!(20.5), &json!(12.25))
        );
        assert!(memory_plan("head\n").is_err());
    }
}
