//! A page for browsers: one bar a configuration, its stages side by side. One file, no script,
//! nothing loaded from elsewhere.

use std::fmt::Write;

use crate::report::{Measured, Report};

const BAR_PX: f64 = 640.0;
/// One a stage, in their order.
const COLOURS: [&str; 7] =
    ["#9ecae1", "#c6dbef", "#2171b5", "#74c476", "#238b45", "#fdae6b", "#d94801"];

/// The whole report as HTML with drawings in SVG.
pub fn of(report: &Report) -> String {
    let machine = &report.machine;
    let longest = report.configurations.iter().map(whole_us).fold(f64::MIN_POSITIVE, f64::max);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta \
         charset=\"utf-8\"><title>rszs-bench</title>\n<style>\n\
         body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem; max-width: 60rem }}\n\
         td, th {{ padding: 0 .8rem 0 0; text-align: right }} th:first-child, td:first-child \
         {{ text-align: left }}\n\
         .key {{ display: inline-block; width: 1em; height: 1em; vertical-align: -0.1em; margin: 0 \
         .3em 0 1em }}\n\
         .invalid {{ color: #a50f15; font-weight: bold }}\n</style>\n<h1>rszs-bench</h1>\n<p>{}, \
         {} cores, {}. Bundle {} {}, {} images, one frame after the other.</p>\n<p>",
        escaped(&machine.processor),
        machine.cores,
        escaped(&machine.system),
        escaped(&report.bundle.name),
        report.bundle.counter,
        report.images.len()
    );
    let stages =
        report.configurations.first().map(|first| first.stages.in_order()).into_iter().flatten();
    for ((name, _), colour) in stages.zip(COLOURS) {
        // Writing into a text cannot fail.
        let _ = write!(page, "<span class=\"key\" style=\"background:{colour}\"></span>{name}");
    }
    page.push_str("</p>\n");
    for measured in &report.configurations {
        section(&mut page, measured, longest);
    }
    page.push_str("</html>\n");
    page
}

fn section(page: &mut String, measured: &Measured, longest_us: f64) {
    let what = &measured.configuration;
    let _ = writeln!(
        page,
        "<h2>{} {}, {} threads, batch {}, {} queries</h2>",
        escaped(&what.engine),
        escaped(&what.precision),
        what.threads,
        what.batch,
        what.query_count
    );
    if let Some(reason) = &measured.invalid {
        let _ = writeln!(page, "<p class=\"invalid\">Invalid: {}</p>", escaped(reason));
    }
    let _ = write!(page, "<svg width=\"{BAR_PX}\" height=\"24\" role=\"img\">");
    let mut left = 0.0;
    for ((name, times), colour) in measured.stages.in_order().into_iter().zip(COLOURS) {
        let wide = BAR_PX * times.mean_us / longest_us;
        let _ = write!(
            page,
            "<rect x=\"{left:.2}\" width=\"{wide:.2}\" height=\"24\" \
             fill=\"{colour}\"><title>{name} {:.2} ms</title></rect>",
            times.mean_us / 1e3
        );
        left += wide;
    }
    page.push_str("</svg>\n<table><tr><th>ms</th><th>p50</th><th>p90</th><th>p95</th><th>p99</th><th>max</th></tr>\n");
    for (name, times) in
        measured.stages.in_order().into_iter().chain([("whole", &measured.stages.whole)])
    {
        let _ = write!(page, "<tr><td>{name}</td>");
        for us in [times.p50_us, times.p90_us, times.p95_us, times.p99_us, times.max_us] {
            let _ = write!(page, "<td>{:.2}</td>", us / 1e3);
        }
        page.push_str("</tr>\n");
    }
    let accuracy =
        measured.accuracy.map_or("the reference of the accuracies".to_owned(), |accuracy| {
            format!("IoU with the reference at least {:.3} %", 100.0 * accuracy.least_iou)
        });
    let _ = writeln!(
        page,
        "</table>\n<p>{:.2} frames a second; {accuracy}.</p>",
        measured.frames_per_s
    );
}

/// Sum of the stages' means, the length of the bar.
fn whole_us(measured: &Measured) -> f64 {
    measured.stages.in_order().iter().map(|(_, times)| times.mean_us).sum()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
