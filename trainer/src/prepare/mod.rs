//! The command `prepare`: makes data sets for training.
#![expect(
    clippy::doc_markdown,
    reason = "these are help texts as well, where backticks would show"
)]

mod annotated;
mod annotations;
mod coco;
mod geojson;
mod labelme;
mod masks;
mod region;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use rszs_data::catalogue;
use rszs_data::prepare::{self, Rebuilt};

use crate::TrainError;
use crate::run::{report, tell};

/// Where each source belongs and what its indices become; the same as the module `land_discover` of
/// `rszs_data::prepare`.
const SOURCES: &str = "\
Sources, images that come of each, and what their indices become (anything else becomes 0):
  OpenEarthMap   3,500  <region>/images/*.tif, <region>/labels/*.tif, train.txt, val.txt;
                        the images of xBD have to be added, as its page says
                        1 to 8 stay
  LoveDA         4,191  {Train,Val}/{Rural,Urban}/{images_png,masks_png}/*.png
                        building 8, road 4, water 6, barren 10, forest 9, agriculture 7
  DeepGlobe      3,212  train/*_sat.jpg, train/*_mask.png of land cover; 803 in quarters
                        urban 11, agriculture 7, rangeland 2, forest 9, water 6, barren 10
  SOTA          17,480  trainval/images/*.png, trainval/hbox_segs_init/gray/*.png
                        (SAMRS on DOTA 2.0) 0 to 17 become 12 to 29
  SIOR          23,463  JPEGImages-{trainval,test}/*.jpg, hbox_segs_trainvaltest_init/gray/*.png
                        (SAMRS on DIOR) classes of SOTA by name, 30 to 39 for the other ten";

/// What to make.
#[derive(Debug, Subcommand)]
pub enum Prepare {
    /// Cut the large images of a set and their masks into tiles.
    ///
    /// Training then need not decode 6000 x 6000 pixels for a crop of 512. The tiles are a set
    /// like any other: a folder with images/, masks/, classes.txt and val.txt, read by its name
    /// where sets are named. They stand side by side; the last of a row and of a column ends with
    /// the image. Indices that the set's evaluation leaves out become 255. For Potsdam, whose
    /// tiles in a folder of that name have the published evaluation, and for FloodNet:
    ///
    /// rszs-train prepare tiles Potsdam --data data --out data/PotsdamSplit
    ///
    /// rszs-train prepare tiles FloodNet --data data --out data/floodnet_1024 --side 1024
    Tiles {
        /// The set, a folder below --data.
        set: String,
        /// Folder of the data sets.
        #[arg(long, value_name = "FOLDER")]
        data: PathBuf,
        /// Folder of the tiles, new or begun by the same command.
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
        /// Side of a tile, in pixels; an image that is smaller stays whole.
        #[arg(long, value_name = "PIXELS", default_value = "512")]
        side: NonZeroUsize,
        /// How many images at once.
        #[command(flatten)]
        threads: Threads,
    },
    /// Make masks of class indices from masks of two values: 0 and 255, 0 and 1, or one bit a
    /// pixel.
    ///
    /// A set's masks say which class each pixel is of, and 255 says that nobody knows. Most
    /// programs write 255 for the one class that they mark. This writes every mask of a folder
    /// under its name into another one: what is not black becomes --index. For more than one class
    /// merge the masks first.
    ///
    /// rszs-train prepare masks drawn --out data/tarpaulins/masks --index 1
    Masks {
        /// Folder of PNG files.
        from: PathBuf,
        /// Folder to write into.
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
        /// The class's index in classes.txt.
        #[arg(long, value_name = "INDEX", value_parser = clap::value_parser!(u8).range(1..=254))]
        index: u8,
    },
    /// What annotation programs write.
    #[command(flatten)]
    Annotations(annotations::Annotations),
    /// Put LandDiscover50K together from its public sources.
    ///
    /// --sources holds a folder for each, unpacked as it is published; one that is not there is
    /// left out, and can come later.
    ///
    /// SAMRS's masks of colours, in color/, are read as well; the folders are those of its scripts.
    /// What comes out, TR_Image/ and GT_ID/, is read as the set LandDiscover50K if --out has that
    /// name. Counts beside the published ones are printed and kept in sources.json.
    ///
    /// GSNet never published how the set was made. Sources and indices here follow from its class
    /// list and its count of 51,846, which they meet exactly. Not known: the names of its files
    /// (here: source_name), and whether DeepGlobe was cut into quarters of 1224 pixels.
    #[command(name = "landdiscover50k", after_long_help = SOURCES)]
    LandDiscover50k {
        /// Folder of the sources.
        #[arg(long, value_name = "FOLDER")]
        sources: PathBuf,
        /// Folder of the set, new or begun by the same command.
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
        /// How many images at once.
        #[command(flatten)]
        threads: Threads,
    },
}

/// How many images are worked on at once.
#[derive(Debug, clap::Args)]
pub struct Threads {
    /// Images that are worked on at once; as many as there are cores without it. Each takes 4
    /// bytes a pixel, and its tiles as much again.
    #[arg(long, value_name = "COUNT")]
    threads: Option<NonZeroUsize>,
}

impl Threads {
    fn count(&self) -> NonZeroUsize {
        self.threads
            .or_else(|| std::thread::available_parallelism().ok())
            .unwrap_or(NonZeroUsize::MIN)
    }
}

impl Prepare {
    /// Makes it, with progress on stderr and a report on stdout.
    pub fn run(&self) -> Result<(), TrainError> {
        match self {
            Self::Tiles { set, data, out, side, threads } => {
                let set = catalogue::open(set, data)?;
                let mut images = Images::start();
                let tiles = prepare::tiles(set, out, *side, threads.count(), |done, of| {
                    images.show(done, of);
                })?;
                drop(images);
                report(&format!(
                    "{}: {} tiles written, {} were there",
                    out.display(),
                    tiles.written,
                    tiles.kept
                ))
            }
            Self::Annotations(annotations) => annotations.run(),
            Self::Masks { from, out, index } => {
                let written = masks::convert(from, out, *index)?;
                report(&format!("{}: {written} masks written", out.display()))
            }
            Self::LandDiscover50k { sources, out, threads } => {
                let mut images = Images::start();
                let count = threads.count();
                let rebuilt =
                    prepare::land_discover(sources, out, count, |done, of| images.show(done, of))?;
                drop(images);
                report(&table(&rebuilt))
            }
        }
    }
}

/// A bar on a terminal, otherwise a line a minute. On stderr.
struct Images {
    bar: ProgressBar,
    last_line: Instant,
}

impl Images {
    /// Without a terminal, this often.
    const LINE_EVERY: Duration = Duration::from_mins(1);

    fn start() -> Self {
        let style =
            ProgressStyle::with_template("{bar:30} {pos}/{len} images {elapsed} left {eta}");
        let bar =
            ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, last_line: Instant::now() }
    }

    fn show(&mut self, done: usize, of: usize) {
        self.bar.set_length(of as u64);
        self.bar.set_position(done as u64);
        if self.bar.is_hidden() && self.last_line.elapsed() >= Self::LINE_EVERY {
            self.last_line = Instant::now();
            tell(&format!("{done} of {of} images"));
        }
    }
}

impl Drop for Images {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// One row a source: what there is, what the published set has, and where they differ.
fn table(rebuilt: &[Rebuilt]) -> String {
    let row = |source: &str, [written, kept, published]: [String; 3], note: &str| {
        format!("{source:14} {written:>9} {kept:>9} {published:>9}  {note}").trim_end().to_owned()
    };
    let mut rows = vec![row("source", ["written", "kept", "published"].map(str::to_owned), "")];
    for source in rebuilt {
        let there = source.images.written + source.images.kept;
        let note = match (source.found, there.cmp(&source.published)) {
            (false, _) => format!("left out: no folder {} below --sources", source.source),
            (true, std::cmp::Ordering::Equal) => String::new(),
            (true, std::cmp::Ordering::Less) => {
                format!("{} fewer than published", source.published - there)
            }
            (true, std::cmp::Ordering::Greater) => {
                format!("{} more than published", there - source.published)
            }
        };
        let counts = [source.images.written, source.images.kept, source.published];
        rows.push(row(source.source, counts.map(|count| count.to_string()), &note));
    }
    let sum = |count: fn(&Rebuilt) -> usize| rebuilt.iter().map(count).sum::<usize>().to_string();
    let sums = [sum(|of| of.images.written), sum(|of| of.images.kept), sum(|of| of.published)];
    let whole = rebuilt.iter().filter(|source| source.is_whole()).count();
    rows.push(row("all", sums, &format!("{whole} of {} sources as published", rebuilt.len())));
    rows.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rszs_data::prepare::Prepared;

    #[test]
    fn a_source_that_differs_from_the_published_count_is_named_with_by_how_much() {
        let source = |source, found, written, kept, published| Rebuilt {
            source,
            found,
            images: Prepared { written, kept },
            published,
        };
        let table = table(&[
            source("LoveDA", true, 4_000, 191, 4_191),
            source("DeepGlobe", true, 3_208, 0, 3_212),
            source("SOTA", false, 0, 0, 17_480),
            source("SIOR", true, 23_470, 0, 23_463),
        ]);
        let notes: Vec<&str> =
            table.lines().map(|line| line.get(46..).unwrap_or_default()).collect();
        let expected = [
            "",
            "",
            "4 fewer than published",
            "left out: no folder SOTA below --sources",
            "7 more than published",
            "1 of 4 sources as published",
        ];
        assert_eq!(notes, expected, "{table}");
        assert!(
            table.ends_with(
                "all                30678       191     48346  1 of 4 sources as published"
            ),
            "{table}"
        );
    }
}
