//! The command line of `rszs-edge`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Parser, ValueEnum};

use crate::cli::commands::Command;
use crate::cli::engine_arguments::EngineArguments;
use crate::cli::exit::ExitStatus;
use crate::location::GsdChoice;
use crate::source::Stretch;

/// Segment aerial images by words: name what you look for, get its mask.
///
/// Images are cut into overlapping tiles, each query gets a score at every pixel, and a pixel
/// belongs to a query where the score exceeds the query's threshold. Nothing is sent anywhere:
/// model, words and thresholds come from one bundle on this machine.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "rszs-edge",
    version,
    after_long_help = after_long_help(),
    term_width = 80,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true
)]
pub struct Arguments {
    /// Something else than segmenting.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Image files, folders, globs or - for standard input; none: a built-in scene
    ///
    /// A folder stands for the images directly in it, without what earlier runs wrote (*.mask.png,
    /// *.overlay.*, *.score.png), notes of systems (._*, Thumbs.db) and sidecars; other formats
    /// are counted. JPEG, PNG, TIFF, WebP and BMP are read, up to 200 megapixels. A damaged image
    /// is an error. EXIF orientation is applied. Nodata, masks and full transparency are no image.
    #[arg(value_name = "IMAGE")]
    pub inputs: Vec<OsString>,

    /// Look into the subfolders of folders, too
    ///
    /// Results are then called after the subfolder and the image, such as day-2-DJI_0001.mask.png.
    #[arg(short, long)]
    pub recursive: bool,

    /// What to look for, separated by commas; NAME=0.31 sets its threshold, NAME:#ff00ff its colour
    ///
    /// A name or synonym of the bundle's vocabulary comes with its calibrated threshold. Other
    /// words go through the bundle's text tower, if it has one, with a threshold of 0.5.
    #[arg(short, long, value_name = "NAMES", required_unless_present = "list_queries")]
    pub queries: Option<String>,

    /// Folder of the model bundle [default: bundles/nano above the program or the current folder]
    #[arg(short, long, value_name = "DIR")]
    pub bundle: Option<PathBuf>,

    /// Folder for results; made if it is not there
    #[arg(short, long, value_name = "DIR", default_value = "rszs-out")]
    pub output: PathBuf,

    /// Metres of ground per pixel of the images, such as 0.017, or "off" [default: as files say]
    ///
    /// A drone's photograph that looks down says it: height above ground over focal length in
    /// pixels. With it areas come in square metres. Where it is finer than what the model was
    /// trained on, the network sees the image 2, 4 or 8 times smaller: objects have the size it
    /// knows, and there is less to compute. Masks keep the size of the image.
    #[arg(long, value_name = "METRES")]
    pub gsd: Option<GsdChoice>,

    /// Which bands of the images are red, green and blue, counted from 1, such as 4,3,2
    ///
    /// Without it a file's own names of its bands decide; a file that names none is refused.
    #[arg(long, value_name = "R,G,B", value_parser = bands)]
    pub bands: Option<[usize; 3]>,

    /// What becomes black and white: percentiles of each band such as p2-p98, or two values such
    /// as 64,1944
    ///
    /// Without it 8-bit images are seen as they are, and others from p2 to p98.
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true)]
    pub stretch: Option<Stretch>,

    /// Whether queries may share a pixel
    #[arg(long, value_enum, default_value_t = DecisionChoice::Multilabel)]
    pub decision: DecisionChoice,

    /// What computes.
    #[command(flatten)]
    pub engine: EngineArguments,

    /// Write the image with the masks drawn over it (the default)
    #[arg(long, overrides_with = "no_overlay")]
    pub overlay: bool,

    /// Most pixels of an overlay's longer side; larger images are shown smaller
    #[arg(long, value_name = "PX", default_value_t = 2048)]
    #[arg(value_parser = clap::value_parser!(u32).range(64..))]
    pub overlay_max: u32,

    /// Write no overlay
    #[arg(long)]
    pub no_overlay: bool,

    /// Leave out images whose results are there already, of this bundle, these queries and options
    ///
    /// A run that was stopped then goes on where it was. Type it from the start: which images are
    /// done is kept in rszs-done.jsonl beside the results then. An image that has changed is done
    /// again.
    #[arg(long)]
    pub skip_done: bool,

    /// Write one grey PNG per query: 255 is a score of 1
    #[arg(long)]
    pub scores: bool,

    /// Write results to stdout as JSON Lines instead of text
    #[arg(long)]
    pub json: bool,

    /// Add each mask to the JSON as COCO run lengths
    #[arg(long, requires = "json")]
    pub rle: bool,

    /// Add the N largest connected parts of each mask to the JSON
    #[arg(
        long,
        value_name = "N",
        requires = "json",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub regions: usize,

    /// List the names in the bundle and stop
    #[arg(long)]
    pub list_queries: bool,

    /// Say more on stderr: bundle, engines and why they were skipped
    #[arg(short, long, action = ArgAction::SetTrue)]
    pub verbose: bool,

    /// Say nothing on stderr but errors, nothing on stdout but --json
    #[arg(long, conflicts_with = "verbose")]
    pub quiet: bool,
}

impl Arguments {
    /// Whether overlays are wanted: the flag that was typed last wins.
    pub fn wants_overlay(&self) -> bool {
        !self.no_overlay
    }
}

fn bands(typed: &str) -> Result<[usize; 3], String> {
    let numbers: Option<Vec<usize>> =
        typed.split(',').map(|band| band.trim().parse().ok().filter(|&band| band > 0)).collect();
    let three = numbers.and_then(|numbers| numbers.try_into().ok());
    three.ok_or_else(|| "expected three numbers from 1 such as 3,2,1".to_owned())
}

/// How a pixel gets its queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DecisionChoice {
    /// Each query by its own threshold; where several hold, the index mask shows the one furthest
    /// above its threshold
    Multilabel,
    /// At most one per pixel: the best of the queries and the bundle's other words, which are
    /// dropped afterwards
    Exclusive,
}

fn after_long_help() -> String {
    let table: Vec<String> = ExitStatus::ALL
        .iter()
        .map(|status| format!("  {:>3}  {}", status.code(), status.meaning()))
        .collect();
    format!("{AFTER_LONG_HELP}\nExit status:\n{}", table.join("\n"))
}

const AFTER_LONG_HELP: &str = "\
Examples:
  rszs-edge --queries flood,building
      Segments a built-in scene, writes its mask and overlay to rszs-out/.

  rszs-edge --queries flood,building flight/
      The same with every image of a folder.

  rszs-edge --queries flood,building=0.4,\"swimming pool\" a.jpg 'more/**/*.tif'
      Files and globs; a threshold of your own for one query; words that the
      vocabulary does not have.

  rszs-edge --queries building,road --gsd 0.017 flight/
      Images of 1.7 cm a pixel: areas in square metres, objects shown to the
      network at the size it knows.

  rszs-edge --queries flood --json --rle flight/ > flood.jsonl
      One JSON line per image and query: area, bounding box, centroid, scores,
      run lengths.

  rszs-edge --list-queries
      The names that the bundle knows, with synonyms and thresholds.

  rszs-edge doctor
      What is on this machine, what is missing, what to do about it?

  rszs-edge selftest
      Does every engine of this machine compute what the bundle says?

  rszs-edge build --batch 8
      Build what TensorRT needs on this machine now, so that the first run does
      not wait for it.

  rszs-edge compare @cpu @embedded --images flight/
      Where two engines, or two bundles, differ on the same images.

Files written per image, NAME being the image's name without its extension,
after its subfolders with --recursive (of images of the same name in one run,
the later ones get a digest of their path too; files of an earlier run are
replaced):
  NAME.mask.png          palette PNG; the byte of a pixel is 0 for none, 1 for
                         the first query, 2 for the second, ..., 255 where no
                         image is (nodata, transparency)
  NAME.mask.pgw, NAME.mask.png.aux.xml
                         where the mask lies, for QGIS and GDAL; of GeoTIFFs, and
                         (in UTM) of drone photographs that look straight down
  NAME.overlay.jpg       of JPEG images, NAME.overlay.png of others: the image
                         with the masks drawn over it, at most --overlay-max
                         pixels a side, and below it what each colour means
  NAME.QUERY.score.png   with --scores

and once, where images are drone photographs:
  regions.geojson        the regions of all images on the map, with frame, time,
                         query, area_m2 and error_m
  footprints.geojson     the ground under each image, or why it has no place
  flight.html            map, areas and small views on one page

JSON Lines, each with a \"type\":
  begin     once: program, bundle, engine (with the engines that were skipped
            and why), queries
  mask      once per image and query: pixels, fraction, area_m2 (where the
            size of a pixel is known), bounding_box, centroid, its location (of
            drone photographs), mean_score, presence
  region    with --regions, after its mask: one connected part, the largest
            first: pixels, area_m2, bounding_box, centroid, its location,
            mean_score
  end       once per image: size, gsd, georeference or why there is none, files
            and microseconds per stage, or the error
  engine    where a device was lost: the engine that takes over, for the images behind
  summary   once: images segmented and failed, exit status

Engines, best first: tensorrt, tensorrt-rtx, cuda (ONNX Runtime), cpu (ONNX
Runtime), embedded. The first that is on this machine and gives the bundle's
golden outputs is used; --verbose says why each of the others was not.
TensorRT's plans are built on this machine, for its GPU, and kept in
--engine-cache DIR; rm -r that folder clears it, rszs-edge build --again builds
another plan. No other plan is ever loaded.

TensorRT is found where the system's loader finds libnvinfer.so or
libtensorrt_rtx.so.1 (LD_LIBRARY_PATH, for one from an archive). ONNX Runtime
1.24 or later (cuda: 1.25) is searched in this order: --onnxruntime, the
variable ORT_DYLIB_PATH, the program's folder, ../lib from there,
third_party/onnxruntime/lib in any folder above, the active Python environment,
the system's library path.
";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_last_of_overlay_and_no_overlay_wins() {
        let wants = |flags: &[&str]| {
            let line = ["rszs-edge", "--queries", "flood"].iter().chain(flags);
            Arguments::try_parse_from(line).unwrap().wants_overlay()
        };
        assert!(wants(&[]));
        assert!(!wants(&["--no-overlay"]));
        assert!(wants(&["--no-overlay", "--overlay"]));
        assert!(!wants(&["--overlay", "--no-overlay"]));
    }

    #[test]
    fn queries_are_required_except_for_their_list() {
        assert!(Arguments::try_parse_from(["rszs-edge"]).is_err());
        assert!(Arguments::try_parse_from(["rszs-edge", "--list-queries"]).is_ok());
    }

    #[test]
    fn help_fits_a_terminal_of_80_columns() {
        let help = Arguments::command().render_long_help().to_string();
        let wide: Vec<&str> = help.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{wide:?}");
    }

    #[test]
    fn help_lists_every_exit_status() {
        let help = Arguments::command().render_long_help().to_string();
        for status in ExitStatus::ALL {
            assert!(help.contains(status.meaning()), "{status:?}");
        }
    }
}
