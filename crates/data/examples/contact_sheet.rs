//! Draws augmented crops beside the same crops with their masks over them, one PNG for each set and
//! one of crops mixed from all: to be looked at.
//!
//! `cargo run --release -p rszs-data --example contact_sheet -- DATA_FOLDER OUTPUT_FOLDER [plain]
//! [SET...]`
//!
//! Colours: none for index 0, then blue, orange, gray, red, green, violet, cyan; white where the
//! mask says nothing.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use rszs_data::{Augment, Batch, IGNORE, RgbImage, Sampler, Source, Split, catalogue};

const TILE_PX: usize = 256;
const COLUMNS: usize = 4;
const ROWS: usize = 5;
const COLOURS: [[u8; 3]; 7] = [
    [0, 90, 255],
    [255, 160, 0],
    [150, 150, 150],
    [255, 0, 40],
    [0, 220, 60],
    [200, 0, 255],
    [0, 230, 230],
];

fn main() -> Result<(), Box<dyn Error>> {
    let usage = "expected DATA_FOLDER OUTPUT_FOLDER [plain] [SET...]";
    let mut arguments = std::env::args().skip(1);
    let root = PathBuf::from(arguments.next().ok_or(usage)?);
    let output = PathBuf::from(arguments.next().ok_or(usage)?);
    let (plain, mut names): (Vec<String>, Vec<String>) =
        arguments.partition(|word| word == "plain");
    let is_plain = !plain.is_empty();
    if names.is_empty() {
        names = catalogue::NAMES.map(str::to_owned).into();
    }
    std::fs::create_dir_all(&output)?;
    let mut sources = Vec::new();
    for name in names {
        let set = Arc::new(catalogue::open(&name, &root)?);
        let augment = match (is_plain, name.as_str()) {
            (true, _) => Augment::plain(TILE_PX),
            (false, "flood_area") => Augment::train_oblique(TILE_PX),
            (false, _) => Augment::train(TILE_PX),
        };
        let source = Source { set, weight: 1.0, loss_weight: 1.0, augment };
        draw(
            &Sampler::new(vec![source.clone()], Split::Train, COLUMNS * ROWS, 1)?,
            &output.join(format!("{name}.png")),
        )?;
        sources.push(source);
    }
    let mixed = Sampler::new(sources, Split::Train, COLUMNS * ROWS, 1)?.mixing(1.0);
    draw(&mixed, &output.join("mixed.png"))
}

#[expect(clippy::print_stdout, reason = "the report of this example")]
fn draw(sampler: &Sampler, path: &Path) -> Result<(), Box<dyn Error>> {
    let batch = sampler.batch(0)?; // decodes the files
    sheet(&batch).write_png(path)?;
    let start = Instant::now();
    let steps = 5;
    (0..steps).try_for_each(|_| sampler.batch(0).map(drop))?;
    let crops_per_second =
        f64::from(steps) * (COLUMNS * ROWS) as f64 / start.elapsed().as_secs_f64();
    println!("{}: {crops_per_second:.0} crops of {TILE_PX} px a second", path.display());
    Ok(())
}

/// Each crop, and to its right the crop with its mask.
fn sheet(batch: &Batch) -> RgbImage {
    let tile = batch.tile_px;
    let mut sheet = RgbImage::filled(COLUMNS * 2 * tile, ROWS * tile, [0; 3]);
    for (n, (image, mask)) in
        batch.images.chunks(tile * tile * 3).zip(batch.masks.chunks(tile * tile)).enumerate()
    {
        let (left, top) = (n % COLUMNS * 2 * tile, n / COLUMNS * tile);
        for (at, (pixel, &id)) in image.chunks(3).zip(mask).enumerate() {
            let (x, y) = (left + at % tile, top + at / tile);
            let colour = [pixel[0], pixel[1], pixel[2]];
            sheet.set_pixel(x, y, colour);
            let over = match id {
                0 => colour,
                IGNORE => [255; 3],
                id => COLOURS[usize::from(id - 1) % COLOURS.len()],
            };
            let mixed = std::array::from_fn(|c| u8::midpoint(colour[c], over[c]));
            sheet.set_pixel(x + tile, y, mixed);
        }
    }
    sheet
}
