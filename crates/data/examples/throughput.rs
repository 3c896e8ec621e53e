//! How many training crops a second one core makes, from JPEG and PNG files of real images, and
//! how much of that is decoding. Linux only.
//!
//! `cargo run --release -p rszs-data --example throughput -- DATA_FOLDER [SET] [SECONDS]`
//!
//! Every crop decodes its image and its mask anew, as in a set that does not fit into memory; the
//! last lines keep them decoded.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rszs_data::{Augment, DataError, DenseSet, Prefetch, Sampler, Source, Split, catalogue};

/// Crops a batch.
const BATCH_SIZE: usize = 8;
/// Finished batches that wait, per thread.
const AHEAD: usize = 4;

#[expect(clippy::print_stdout, reason = "the report of this example")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let root = PathBuf::from(arguments.next().ok_or("expected DATA_FOLDER [SET] [SECONDS]")?);
    let name = arguments.next().unwrap_or_else(|| "oam_buildings".to_owned());
    let span = Duration::from_secs(arguments.next().map_or(Ok(10), |seconds| seconds.parse())?);

    let folder = tempfile::tempdir()?;
    let jpeg = || catalogue::open(&name, &root);
    as_png(&jpeg()?, &folder.path().join("png"))?;
    let png = || catalogue::open("png", folder.path());
    println!(
        "{:5} {:6} {:9} {:>12} {:>24}",
        "file", "crop", "threads", "crops/s", "crops/s of a core's time"
    );
    for (format, open) in
        [("JPEG", &jpeg as &dyn Fn() -> Result<DenseSet, DataError>), ("PNG", &png)]
    {
        let line = |crop: &str, threads: &str, [wall, core]: [f64; 2]| {
            println!("{format:5} {crop:6} {threads:9} {wall:12.1} {core:24.1}");
        };
        let set = open()?.keeping(0);
        let mut index = 0;
        let decoded = measured(span, 1, || {
            index = (index + 1) % set.len(Split::Train);
            set.sample(Split::Train, index).map(drop)
        })?;
        line("none", "1, decode", decoded);
        for crop_px in [256, 512] {
            for threads in [1, 2] {
                line(
                    &crop_px.to_string(),
                    &threads.to_string(),
                    crops(open()?.keeping(0), crop_px, threads, span)?,
                );
            }
        }
        for crop_px in [256, 512] {
            line(&crop_px.to_string(), "1, kept", crops(open()?, crop_px, 1, span)?);
        }
    }
    Ok(())
}

/// Writes the training images of `set` as a folder set of PNG files.
fn as_png(set: &DenseSet, folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut classes = String::new();
    for class in set.classes().classes() {
        writeln!(classes, "{} {}", class.id, class.name)?;
    }
    ["images", "masks"].iter().try_for_each(|name| std::fs::create_dir_all(folder.join(name)))?;
    std::fs::write(folder.join("classes.txt"), classes)?;
    for index in 0..set.len(Split::Train) {
        let sample = set.sample(Split::Train, index)?;
        sample.image.write_png(&folder.join("images").join(format!("{}.png", sample.id)))?;
        sample.mask.write_png(&folder.join("masks").join(format!("{}.png", sample.id)))?;
    }
    Ok(())
}

/// Crops a second, as the trainer draws them: worker threads, batches, every augmentation.
fn crops(
    set: DenseSet,
    crop_px: usize,
    threads: usize,
    span: Duration,
) -> Result<[f64; 2], DataError> {
    let source = Source {
        set: Arc::new(set),
        weight: 1.0,
        loss_weight: 1.0,
        augment: Augment::train(crop_px),
    };
    let sampler = Arc::new(Sampler::new(vec![source], Split::Train, BATCH_SIZE, 1)?);
    let mut prefetch = Prefetch::start(&sampler, 0, threads, AHEAD);
    // Until every thread is at work and, in a set that is kept, most images are decoded.
    for _ in 0..16 {
        prefetch.next_batch()?;
    }
    measured(span, BATCH_SIZE, || prefetch.next_batch().map(drop))
}

/// Items a second of the clock, and of processor time of all threads; `work` does `items` of them.
fn measured(
    span: Duration,
    items: usize,
    mut work: impl FnMut() -> Result<(), DataError>,
) -> Result<[f64; 2], DataError> {
    let (start, used) = (Instant::now(), processor_time());
    let mut done = 0;
    while start.elapsed() < span {
        work()?;
        done += items;
    }
    let used = processor_time().saturating_sub(used);
    Ok([start.elapsed(), used].map(|time| done as f64 / time.as_secs_f64()))
}

/// What this process has computed so far: on a machine that others use, too, only this repeats.
/// Fields 14 and 15 of `/proc/self/stat`, in hundredths of a second (`proc_pid_stat(5)`).
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    Duration::from_millis(
        fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10,
    )
}
