//! Writes generated scenes with their masks as a folder set to train on: asphalt that is no roof,
//! muddy water that is no field.
//!
//! `cargo run --release -p rszs-data --example scenes -- data/scenes`
//!
//! Half of them show a whole valley at 30 cm a pixel, half a street from low above, at 10 cm: dry
//! asphalt that fills an image is no flood. Seeds begin at 1001: the scene that the runtime ships,
//! seed 1, is not among them. What a model makes of that image is no test of it all the same.

use std::error::Error;
use std::path::PathBuf;

use rszs_data::scene::{Scene, classes, close_up, generate};

const FIRST_SEED: u64 = 1001;
/// Of each kind.
const SCENES: u64 = 24;
/// Of each kind.
const VALIDATION: u64 = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(std::env::args().nth(1).ok_or("expected a folder to write to")?);
    std::fs::create_dir_all(root.join("images"))?;
    std::fs::create_dir_all(root.join("masks"))?;
    let mut validation = Vec::new();
    for (kind, draw) in
        [("valley", generate as fn(u64, usize, usize) -> Scene), ("street", close_up)]
    {
        for number in 0..SCENES {
            let scene = draw(FIRST_SEED + number, 1024, 768);
            let name = format!("{kind}-{number:03}");
            scene.image.write_jpeg(&root.join(format!("images/{name}.jpg")), 92)?;
            scene.mask.write_png(&root.join(format!("masks/{name}.png")))?;
            if number < VALIDATION {
                validation.push(name);
            }
        }
    }
    std::fs::write(root.join("val.txt"), validation.join("\n"))?;
    std::fs::write(root.join("classes.txt"), class_file())?;
    Ok(())
}

/// A line an index. Its water is "flood" alone here: an index has one name in a folder set.
fn class_file() -> String {
    let table = classes();
    let line = |class: &rszs_data::class_table::Class| {
        let concept = table.concepts().iter().find(|concept| concept.positive == [class.id]);
        let words = concept
            .map_or("-".to_owned(), |concept| concept.words().collect::<Vec<_>>().join(", "));
        format!("{} {words}\n", class.id)
    };
    table.classes().iter().map(line).collect()
}
