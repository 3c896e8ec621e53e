//! Writes the built-in scene: an image and its mask.
//!
//! `cargo run --release -p rszs-data --example scene -- IMAGE.jpg MASK.png [SEED] [WIDTH HEIGHT]`
//!
//! The runtime ships the JPEG of seed 1, 1024 by 768. A name that ends in `.png` is written as PNG.

use std::error::Error;
use std::path::Path;

use rszs_data::scene;

const QUALITY: u8 = 90;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number =
        |at: usize, default: u64| arguments.get(at).map_or(Ok(default), |text| text.parse());
    let [image, mask] = [0, 1].map(|at| arguments.get(at).map(Path::new));
    let image = image.ok_or("expected IMAGE.jpg MASK.png [SEED] [WIDTH HEIGHT]")?;
    let mask = mask.ok_or("expected MASK.png after the image")?;
    let scene = scene::generate(number(2, 1)?, number(3, 1024)? as usize, number(4, 768)? as usize);
    if image.extension().is_some_and(|extension| extension == "png") {
        scene.image.write_png(image)?;
    } else {
        scene.image.write_jpeg(image, QUALITY)?;
    }
    let colours =
        [[40, 40, 40], [0, 90, 255], [200, 160, 90], [150, 150, 150], [255, 0, 40], [0, 170, 60]];
    scene.mask.write_palette_png(mask, &colours)?;
    Ok(())
}
