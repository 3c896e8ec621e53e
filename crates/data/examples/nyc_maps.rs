//! Makes the set `nyc_maps` from pairs of photos and maps, and compares its masks with others of
//! the same names.
//!
//! `cargo run --release -p rszs-data --example nyc_maps -- FOLDER_OF_PAIRS OUTPUT_FOLDER
//! [MASKS_TO_COMPARE]`

use std::error::Error;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use rszs_data::{IndexMask, prepare};

#[expect(clippy::print_stdout, reason = "the report of this example")]
fn main() -> Result<(), Box<dyn Error>> {
    let usage = "expected FOLDER_OF_PAIRS OUTPUT_FOLDER [MASKS_TO_COMPARE]";
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let pairs = arguments.next().ok_or(usage)?;
    let output = arguments.next().ok_or(usage)?;
    let prepared = prepare::nyc_maps(&pairs, &output, NonZeroUsize::MIN, |_, _| {})?;
    println!(
        "{}: {} pairs written, {} were there",
        output.display(),
        prepared.written,
        prepared.kept
    );
    let Some(others) = arguments.next() else { return Ok(()) };
    let (mut masks, mut equal, mut pixels, mut worst) = (0, 0, 0, (1.0, String::new()));
    for entry in std::fs::read_dir(&others)? {
        let name = entry?.file_name();
        let [ours, theirs] = [
            IndexMask::read(&output.join("masks").join(&name))?,
            IndexMask::read(&others.join(&name))?,
        ];
        let same = ours.ids.iter().zip(&theirs.ids).filter(|(ours, theirs)| ours == theirs).count();
        let share = same as f64 / theirs.ids.len() as f64;
        if share < worst.0 {
            worst = (share, name.to_string_lossy().into_owned());
        }
        (masks, equal, pixels) = (masks + 1, equal + same, pixels + theirs.ids.len());
    }
    let percent = 100.0 * equal as f64 / pixels as f64;
    println!(
        "{masks} masks agree in {percent:.3} % of their pixels, at worst {} in {:.2} %",
        worst.1,
        100.0 * worst.0
    );
    Ok(())
}
