//! Makes a small set to learn a new class from: blue tarpaulins on roofs and in yards, as one sees
//! them after a storm.
//!
//! `cargo run --release -p rszs-data --example tarpaulins -- data/tarpaulins`
//!
//! Generated images of 30 cm a pixel with exact masks, in the folder format of
//! `rszs_data::folder`: what one's own labelled images look like.

use std::error::Error;
use std::f32::consts::PI;
use std::path::PathBuf;

use rszs_data::scene::generate;
use rszs_data::{IndexMask, RgbImage, Rng};

const IMAGES: u64 = 32;
const VALIDATION: u64 = 6;
const WIDTH: usize = 512;
const HEIGHT: usize = 384;
const CLASSES: &str = "# index, then name and synonyms\n0 -\n1 tarpaulin, blue tarp, tarp\n";

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(std::env::args().nth(1).ok_or("expected a folder to write to")?);
    std::fs::create_dir_all(root.join("images"))?;
    std::fs::create_dir_all(root.join("masks"))?;
    let mut validation = Vec::new();
    for number in 0..IMAGES {
        let mut image = generate(100 + number, WIDTH, HEIGHT).image;
        let mut mask = IndexMask::filled(WIDTH, HEIGHT, 0);
        let mut rng = Rng::keyed(&[number]);
        for _ in 0..6 + rng.below(8) {
            spread(&mut image, &mut mask, &mut rng);
        }
        let name = format!("{number:03}");
        image.write_jpeg(&root.join(format!("images/{name}.jpg")), 92)?;
        mask.write_png(&root.join(format!("masks/{name}.png")))?;
        if number < VALIDATION {
            validation.push(name);
        }
    }
    std::fs::write(root.join("val.txt"), validation.join("\n"))?;
    std::fs::write(root.join("classes.txt"), CLASSES)?;
    Ok(())
}

/// One tarpaulin, 3 to 12 metres long, at any angle, with folds.
fn spread(image: &mut RgbImage, mask: &mut IndexMask, rng: &mut Rng) {
    let (x, y) = (rng.range(0.0, WIDTH as f32), rng.range(0.0, HEIGHT as f32));
    let (half_length, half_width) = (rng.range(5.0, 20.0), rng.range(4.0, 12.0));
    let (sine, cosine) = rng.range(0.0, PI).sin_cos();
    let colour = [rng.range(20.0, 60.0), rng.range(70.0, 120.0), rng.range(170.0, 230.0)];
    let (fold, phase) = (rng.range(0.4, 1.0), rng.range(0.0, PI));
    let reach = half_length + half_width;
    let range = |centre: f32, size: usize| {
        (centre - reach).max(0.0) as usize..((centre + reach) as usize + 1).min(size)
    };
    for v in range(y, HEIGHT) {
        for u in range(x, WIDTH) {
            let (du, dv) = (u as f32 + 0.5 - x, v as f32 + 0.5 - y);
            let (along, across) = (du * cosine + dv * sine, dv * cosine - du * sine);
            if along.abs() < half_length && across.abs() < half_width {
                let light = 1.0 + 0.15 * (along * fold + phase).sin() + rng.range(-0.05, 0.05);
                image.set_pixel(
                    u,
                    v,
                    colour.map(|channel| (channel * light).clamp(0.0, 255.0) as u8),
                );
                mask.ids[v * WIDTH + u] = 1;
            }
        }
    }
}
