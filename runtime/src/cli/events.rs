//! The JSON Lines of `--json`: one object per line, told apart by `type`.
//!
//! ```text
//! {"type":"begin",…}      once, before the first image
//! {"type":"mask",…}       once per image and query
//! {"type":"region",…}    with --regions, after its mask, the largest first
//! {"type":"end",…}        once per image, after its masks and after its files are on the disk
//! {"type":"engine",…}     where a device was lost and another engine takes over
//! {"type":"summary",…}    once
//! ```
//!
//! Fields are only ever added. Everything but the times is the same in every run over the same
//! input, bundle and engine.

use serde::{Deserialize, Serialize};

use crate::cli::location_events::{Flight, GeoPoint, Georeference, Gsd, Raster};
use crate::source::Reading;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// What the run uses.
    Begin(Begin),
    /// The device was lost, and this engine takes over: the images behind are its. The first that
    /// it skipped is the one that was lost.
    Engine(EngineIdentity),
    /// One query's mask in one image.
    Mask(Mask),
    /// One connected part of a query's mask, with `--regions`.
    Region(Region),
    /// One image is done, or failed.
    End(End),
    /// The run is over.
    Summary(Summary),
}

/// What the run uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    /// Version of this form, [`Begin::FORMAT`].
    pub format: u32,
    /// Name and version of the program.
    pub program: String,
    /// The bundle.
    pub bundle: BundleIdentity,
    /// The engine that runs.
    pub engine: EngineIdentity,
    /// `multilabel` or `exclusive`.
    pub decision: String,
    /// Metres per pixel, with `--gsd METRES`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gsd_m: Option<f64>,
    /// How many times smaller than the first image the network sees it.
    pub reduction: u32,
    /// The queries, in the order of their index.
    pub queries: Vec<QueryIdentity>,
    /// Images to come.
    pub images: usize,
    /// Images left out with `--skip-done`.
    #[serde(default)]
    pub skipped: usize,
    /// Files of other formats that were passed over in folders and globs.
    #[serde(default)]
    pub passed_over: usize,
}

impl Begin {
    /// The form written by this program.
    pub const FORMAT: u32 = 1;
}

/// Which bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleIdentity {
    /// Name in the manifest.
    pub name: String,
    /// SHA-256 of its manifest, and through it of everything in it.
    pub sha256: String,
    /// Release counter in the manifest.
    pub counter: u64,
    /// Its folder.
    pub path: String,
}

/// Which engine, and why it is this one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineIdentity {
    /// As `--engine` has it: `tensorrt`, `tensorrt-rtx`, `cuda`, `cpu` or `embedded`.
    pub name: String,
    /// Version and place of the library.
    pub library: String,
    /// Precision of the model file: `fp32`, `fp16`, `int8` or `int8-fp16`.
    pub precision: String,
    /// Threads it computes with.
    pub threads: usize,
    /// Largest difference to the bundle's golden outputs.
    pub self_test_difference: f32,
    /// What that difference may be.
    pub self_test_tolerance: f32,
    /// Engines that were tried before this one.
    pub skipped: Vec<SkippedEngine>,
}

/// An engine that was tried and refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkippedEngine {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// One query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryIdentity {
    /// As typed.
    pub name: String,
    /// Value of its pixels in the mask file.
    pub index: u8,
    /// The vocabulary's name it was resolved to; nothing if the text tower encoded it.
    pub vocabulary: Option<String>,
    /// Score above which a pixel belongs to it; nothing in an exclusive decision, which compares
    /// scores.
    pub threshold: Option<f32>,
    /// Where the threshold comes from: `typed`, `calibrated`, `borrowed` from the vocabulary's
    /// measured words, or `default`.
    pub threshold_source: Option<String>,
    /// Colour in the files, as `#rrggbb`.
    pub colour: String,
}

/// One connected part of a query's mask in one image: pixels that touch at a side or a corner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// The image.
    pub image: String,
    /// The query's name, as typed.
    pub query: String,
    /// Its value in the mask file.
    pub index: u8,
    /// Place among the parts of the mask, from 1 for the largest.
    pub rank: usize,
    /// Pixels in it.
    pub pixels: u64,
    /// Square metres under those pixels, where the size of a pixel is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area_m2: Option<f64>,
    /// `[x, y, width, height]` in pixels, as in COCO.
    pub bounding_box: [u32; 4],
    /// `[x, y]`, the centre of the first pixel being `[0.5, 0.5]`.
    pub centroid: [f64; 2],
    /// Where the centroid is; nothing where the image has no place on the map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<GeoPoint>,
    /// Mean score in [0, 1], of scores in steps of 1/255.
    pub mean_score: f64,
}

/// One query's mask in one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mask {
    /// The image.
    pub image: String,
    /// The query's name, as typed.
    pub query: String,
    /// Its value in the mask file.
    pub index: u8,
    /// Pixels in its mask. Masks overlap in a multilabel decision; the mask file shows the
    /// strongest.
    pub pixels: u64,
    /// Pixels over all pixels that hold an image.
    pub fraction: f64,
    /// Square metres under those pixels, seen from straight above, where the size of a
    /// pixel is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area_m2: Option<f64>,
    /// `[x, y, width, height]` in pixels, as in COCO; nothing if the mask is empty.
    pub bounding_box: Option<[u32; 4]>,
    /// `[x, y]`, the centre of the first pixel being `[0.5, 0.5]`; nothing if the mask is empty.
    pub centroid: Option<[f64; 2]>,
    /// Where the centroid is; nothing where the image has no place on the map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<GeoPoint>,
    /// Mean score in [0, 1] over the mask; nothing if the mask is empty.
    pub mean_score: Option<f64>,
    /// Highest score in [0, 1] over the mask; nothing if the mask is empty.
    pub maximum_score: Option<f32>,
    /// Largest presence, a cosine in [-1, 1], over the tiles.
    pub presence: f32,
    /// The mask as COCO run lengths, with `--rle`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rle: Option<RunLengths>,
}

/// COCO's compressed run lengths, counted down the columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunLengths {
    /// `[height, width]`.
    pub size: [u32; 2],
    /// The runs in COCO's text form.
    pub counts: String,
}

/// One image is done, or failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// The image.
    pub image: String,
    /// What was done; nothing if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Done>,
    /// Why it failed; nothing if it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What was done with one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// Width after EXIF orientation.
    pub width: u32,
    /// Height after EXIF orientation.
    pub height: u32,
    /// Pixels that hold an image: nodata, transparency and masks are no image.
    pub valid_pixels: u64,
    /// What was chosen to read it; nothing where nothing was.
    #[serde(default, skip_serializing_if = "Reading::is_plain")]
    pub reading: Reading,
    /// Tiles it was cut into.
    pub tiles: usize,
    /// How many times smaller than the image the network saw it.
    pub reduction: u32,
    /// The size of a pixel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gsd: Option<Gsd>,
    /// Why the size of a pixel is not known, of a file with tags about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_gsd: Option<String>,
    /// The ground under the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub georeference: Option<Box<Georeference>>,
    /// Where a GeoTIFF lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raster: Option<Raster>,
    /// Why it has no place on the map, of a file with tags about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_georeference: Option<String>,
    /// When it was taken, as the camera wrote it: `2016:06:23 16:32:06`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// `thermal`, or the name of a band; nothing for visible colours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spectrum: Option<String>,
    /// Files written, the mask first.
    pub files: Vec<String>,
    /// Time spent.
    pub times: Times,
}

/// Microseconds. Stages of different images overlap, so the sum over images is more than the time
/// on the clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Times {
    /// Reading and decoding the image.
    pub decode_us: u64,
    /// Copying tiles out of it; on a device, copying the image there.
    pub tile_us: u64,
    /// The engine; on a device, cutting tiles and blending as well, which one graph does.
    pub engine_us: u64,
    /// Blending tiles; 0 on a device.
    pub blend_us: u64,
    /// Upsampling, thresholds, statistics.
    pub decide_us: u64,
    /// Encoding files.
    pub encode_us: u64,
    /// Writing and syncing files.
    pub write_us: u64,
    /// On the clock, from opening the image to its last file being on the disk, waiting between
    /// stages included.
    pub latency_us: u64,
}

/// The run is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Images segmented and written.
    pub done: usize,
    /// Inputs that failed.
    pub failed: usize,
    /// On the clock, from the first image to the last.
    pub elapsed_us: u64,
    /// Exit status to come.
    pub exit_status: u8,
    /// What all images gave together, where files have a camera's tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flight: Option<Flight>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_its_type_first() {
        let line = serde_json::to_string(&Event::Summary(Summary {
            done: 1,
            failed: 0,
            elapsed_us: 5,
            exit_status: 0,
            flight: None,
        }));
        assert_eq!(
            line.unwrap(),
            r#"{"type":"summary","done":1,"failed":0,"elapsed_us":5,"exit_status":0}"#
        );
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let line =
            r#"{"type":"summary","done":1,"failed":0,"elapsed_us":5,"exit_status":0,"extra":1}"#;
        assert!(serde_json::from_str::<Event>(line).is_err());
    }

    #[test]
    fn an_image_that_failed_has_an_error_and_nothing_else() {
        let end = Event::End(End {
            image: "a.jpg".into(),
            done: None,
            error: Some("a.jpg: no such file".into()),
        });
        let line = serde_json::to_string(&end).unwrap();
        assert_eq!(line, r#"{"type":"end","image":"a.jpg","error":"a.jpg: no such file"}"#);
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), end);
    }
}
