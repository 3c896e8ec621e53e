//! Minimal fake copies of the data sets, a few pixels each, with the real folder structure. For
//! tests, here and in other crates.
//!
//! Each function writes its set below `root` and returns the set's folder.

pub(crate) mod five_bands;
mod narrow;
mod published;
mod sources;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::clip_text::VECTORS;
use crate::error::DataError;
use crate::image::RgbImage;
use crate::mask::IndexMask;
use crate::npy::{self, Array};

pub use narrow::{
    bijie_landslide, cars_boxes, cil_roads, dead_trees, gsi_road, gsi_solar, ma_roads,
    neon_tree_boxes, nyc_maps, nyc_pairs,
};
pub use published::{
    fast, fast_in_colours, flair, flood_net, flood_net_held_out, land_discover, love_da,
    open_earth_map, ovrsis, potsdam, potsdam_split,
};
pub use sources::{deep_globe, flair_tiff, sior, sota};

/// One image and mask for each tile of `dubai`, every class in each mask, one row unlabelled.
pub fn dubai(root: &Path) -> Result<PathBuf, DataError> {
    let names = [2, 3, 5, 6, 7, 8].map(|tile| format!("tile{tile}_p001"));
    pairs(root, "dubai", &names, |x, y| if y == 0 { 255 } else { 1 + (x % 5) as u8 })
}

/// Two images of each place of `oam_buildings`, a building in the middle.
pub fn oam_buildings(root: &Path) -> Result<PathBuf, DataError> {
    let places = ["kampala_ug", "virac_ph", "zanzibar_tz"];
    let names = places.map(|place| [format!("{place}_1_2_19"), format!("{place}_1_3_19")]).concat();
    pairs(root, "oam_buildings", &names, |x, y| {
        u8::from((4..10).contains(&x) && (3..9).contains(&y))
    })
}

/// One image of each city of `naip_urban_trees`, its left half vegetation.
pub fn naip_urban_trees(root: &Path) -> Result<PathBuf, DataError> {
    let cities = ["bishop", "chico", "claremont", "long_beach", "palm_springs", "riverside"];
    pairs(root, "naip_urban_trees", &cities.map(|city| format!("{city}_2020_0")), |x, _| {
        u8::from(x < 7)
    })
}

/// Nine images of `flood_area`, the lower part flooded.
pub fn flood_area(root: &Path) -> Result<PathBuf, DataError> {
    let names: Vec<String> = (0..9).map(|number| format!("{number:03}")).collect();
    pairs(root, "flood_area", &names, |_, y| u8::from(y > 6))
}

/// Forty images of two scenes of `aid_rsicd`, with captions that name their image.
pub fn aid_rsicd(root: &Path) -> Result<PathBuf, DataError> {
    let root = root.join("aid_rsicd");
    let mut lines = String::new();
    for scene in ["BareLand", "River"] {
        let folder = root.join("images").join(scene);
        create(&folder)?;
        for number in 0..20 {
            let name = format!("{}_{number}", scene.to_lowercase());
            image(number).write_jpeg(&folder.join(format!("{name}.jpg")), 90)?;
            let captions = [format!("this is {scene}/{name} ."), "a place from above .".to_owned()];
            let line = serde_json::json!({
                "image": format!("{scene}/{name}.jpg"),
                "cls": scene,
                "split": "train",
                "captions": captions,
            });
            lines.push_str(&line.to_string());
            lines.push('\n');
        }
    }
    write(&root.join("captions.jsonl"), lines.as_bytes())?;
    Ok(root)
}

/// Three rows of `clip_text`, 4 wide, two of them with one name.
pub fn clip_text(root: &Path) -> Result<PathBuf, DataError> {
    let root = root.join("clip_text");
    create(&root)?;
    write(
        &root.join("names.json"),
        br#"[["lvis", "River"], ["lvis", "storage_tank"], ["oid", "river"]]"#,
    )?;
    let values = vec![1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
    write(&root.join(VECTORS), &npy::to_f16_bytes(&Array { shape: vec![3, 4], values }))?;
    Ok(root)
}

/// Three pairs of a set of one's own, with `classes.txt` and `val.txt`.
pub fn folder(root: &Path) -> Result<PathBuf, DataError> {
    let names = ["a", "b", "c"].map(str::to_owned);
    let root = pairs(root, "own_set", &names, |x, _| (x % 3) as u8)?;
    write(
        &root.join("classes.txt"),
        b"# index, then name and synonyms\n0 -\n1 water, lake\n2 building # roofs too\n",
    )?;
    write(&root.join("val.txt"), b"b\n")?;
    Ok(root)
}

/// An `.npz` archive in half precision.
pub fn npz(path: &Path, arrays: &BTreeMap<String, Array>, deflated: bool) -> Result<(), DataError> {
    let method =
        if deflated { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, array) in arrays {
        archive
            .start_file(format!("{name}.npy"), options)
            .map_err(|error| DataError::malformed(path, "a name an archive can hold", error))?;
        archive
            .write_all(&npy::to_f16_bytes(array))
            .map_err(DataError::io(path, "an archive that can be written"))?;
    }
    let bytes =
        archive.finish().map_err(|error| DataError::malformed(path, "a whole archive", error))?;
    write(path, &bytes.into_inner())
}

/// Writes `images/<name>.jpg` and `masks/<name>.png`, 16 by 12 pixels.
fn pairs(
    root: &Path,
    set: &str,
    names: &[String],
    id: impl Fn(usize, usize) -> u8,
) -> Result<PathBuf, DataError> {
    let root = root.join(set);
    create(&root.join("images"))?;
    create(&root.join("masks"))?;
    for (number, name) in names.iter().enumerate() {
        let image = image(number);
        image.write_jpeg(&root.join("images").join(format!("{name}.jpg")), 90)?;
        let ids = (0..image.height).flat_map(|y| (0..image.width).map(move |x| (x, y)));
        let ids = ids.map(|(x, y)| id(x, y)).collect();
        let mask = IndexMask { width: image.width, height: image.height, ids };
        mask.write_png(&root.join("masks").join(format!("{name}.png")))?;
    }
    Ok(root)
}

/// An image whose colour tells its number.
fn image(number: usize) -> RgbImage {
    RgbImage::filled(16, 12, [(number * 12) as u8, 100, 200])
}

fn create(folder: &Path) -> Result<(), DataError> {
    std::fs::create_dir_all(folder).map_err(DataError::io(folder, "a folder that can be made"))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    std::fs::write(path, bytes).map_err(DataError::io(path, "a file that can be written"))
}
