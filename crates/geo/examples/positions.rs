//! How far apart two overlapping frames put the same point, and what they state.
//!
//! ```text
//! python crates/geo/tests/golden/match_frames.py FLIGHT > matches.csv
//! cargo run -p rszs-geo --example positions -- FLIGHT matches.csv
//! ```
//!
//! Prints a Markdown table, one row a pair of frames, and the coverage of all points.

#![allow(clippy::print_stdout, reason = "an example that prints a table")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use rszs_geo::camera::{Footprint, Metadata, Pose};

/// Metres of a degree of the meridian, near enough for a difference of metres.
const DEGREE_M: f64 = 111_200.0;

/// A point in two frames.
type Match = [[f64; 2]; 2];

/// Points by pair of frames.
type Pairs = BTreeMap<[String; 2], Vec<Match>>;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, matches] = arguments.as_slice() else {
        return Err("expected FLIGHT and matches.csv".into());
    };
    let pairs = read(&std::fs::read_to_string(matches)?)?;
    let mut all: Vec<[f64; 3]> = Vec::new();
    println!("| frames | points | apart, mean m | apart, largest m | stated m | of the view m |");
    println!("|---|---|---|---|---|---|");
    for ([first, second], points) in &pairs {
        let frames = [first, second].map(|name| frame(&Path::new(folder).join(name)));
        let [Ok(first_frame), Ok(second_frame)] = &frames else {
            let reasons: Vec<String> = frames
                .iter()
                .filter_map(|frame| frame.as_ref().err())
                .map(ToString::to_string)
                .collect();
            println!("| {first} {second} | {} | | | {} | |", points.len(), reasons.join("; "));
            continue;
        };
        let found: Vec<[f64; 3]> =
            points.iter().map(|&point| compare(first_frame, second_frame, point)).collect();
        let mean =
            |part: usize| found.iter().map(|row| row[part]).sum::<f64>() / found.len() as f64;
        let largest = found.iter().map(|row| row[0]).fold(0.0, f64::max);
        println!(
            "| {first} {second} | {} | {:.2} | {largest:.2} | {:.2} | {:.2} |",
            points.len(),
            mean(0),
            mean(1),
            mean(2)
        );
        all.extend(found);
    }
    let count = all.len().max(1) as f64;
    let share =
        |part: usize| 100.0 * all.iter().filter(|row| row[0] <= row[part]).count() as f64 / count;
    let mut apart: Vec<f64> = all.iter().map(|row| row[0]).collect();
    apart.sort_by(f64::total_cmp);
    let at = |part: f64| apart.get((part * (count - 1.0)) as usize).copied().unwrap_or_default();
    println!();
    println!(
        "{} points: median {:.2} m, 95 % within {:.2} m, largest {:.2} m; within the stated error \
         {:.1} %, within that of the view alone {:.1} %",
        all.len(),
        at(0.5),
        at(0.95),
        at(1.0),
        share(1),
        share(2)
    );
    Ok(())
}

/// Metres between where two frames put a point, the error stated for that, and its part without
/// the two positions.
fn compare(first: &Footprint, second: &Footprint, [a, b]: Match) -> [f64; 3] {
    let ([lon_a, lat_a], [lon_b, lat_b]) = (first.ground(a), second.ground(b));
    let east_m = (lon_a - lon_b) * DEGREE_M * lat_a.to_radians().cos();
    let apart = east_m.hypot((lat_a - lat_b) * DEGREE_M);
    let stated = first.error_m(a).hypot(second.error_m(b));
    [apart, stated, first.view_error_m(a).hypot(second.view_error_m(b))]
}

fn frame(path: &Path) -> Result<Footprint, Box<dyn Error>> {
    let metadata = Metadata::read(&mut std::fs::File::open(path)?)?;
    let size_px = metadata.size_px().ok_or("no image")?;
    Ok(Footprint::new(Pose::of(&metadata, size_px)?))
}

fn read(csv: &str) -> Result<Pairs, Box<dyn Error>> {
    let mut pairs = Pairs::new();
    for line in csv.lines().skip(1) {
        let columns: Vec<&str> = line.split(',').collect();
        let [first, xa, ya, second, xb, yb] = columns.as_slice() else {
            return Err(format!("expected six columns, found {line}").into());
        };
        let points = [[xa.parse()?, ya.parse()?], [xb.parse()?, yb.parse()?]];
        pairs.entry([(*first).to_owned(), (*second).to_owned()]).or_default().push(points);
    }
    Ok(pairs)
}
