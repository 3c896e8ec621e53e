//! Cuts the pictures of a set into squares and writes them as a folder set; taken up where it was interrupted.
//!
//! `cargo run --release -p rszs-data --example prepare -- DATA_FOLDER SET OUTPUT_FOLDER SIDE_PX`
//!
//! Potsdam in squares of 512 pixels, as GSNet evaluates it, is `… data Potsdam data/potsdam_512 512`.

use std::error::Error;
use std::io::{IsTerminal, Write};
use std::path::Path;

use rszs_data::{catalogue, prepare};

#[expect(clippy::print_stdout, reason = "the report of this example")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data, set, output, side_px] = arguments.as_slice() else {
        return Err("expected DATA_FOLDER SET OUTPUT_FOLDER SIDE_PX".into());
    };
    let side_px: std::num::NonZeroUsize = side_px.parse().map_err(|_| format!("{side_px}: expected pixels above 0"))?;
    let set = catalogue::open(set, Path::new(data))?;
    let mut terminal = std::io::stderr();
    let shown = terminal.is_terminal();
    let prepared = prepare::prepare(set, Path::new(output), side_px.get(), |done, total| {
        if shown {
            // Progress that cannot be shown stops nothing.
            let _ = write!(terminal, "\r{done} of {total} pictures");
        }
    })?;
    println!("{output}: {} squares written, {} were there", prepared.written, prepared.kept);
    Ok(())
}
