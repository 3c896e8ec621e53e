//! `rszs-edge compare`: two bundles or engines on the same images.

use std::ffi::OsString;

use clap::Args;
use rszs_bundle::Bundle;
use serde::Serialize;

use crate::cli::console::Console;
use crate::cli::engine_arguments::EngineArguments;
use crate::cli::exit::ExitStatus;
use crate::compare::{Difference, Side, SideName};
use crate::error::Error;
use crate::frame::ground::GroundSample;
use crate::pipeline::ImageError;
use crate::plan::open_bundle;
use crate::queries::{TypedQuery, parse_queries};
use crate::segment::Keep;
use crate::source::{Frame, ImageReader, Listed, list_inputs};
use rszs_engine::EngineOptions;
use rszs_engine::Interrupt;

/// Arguments of `rszs-edge compare`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "\
Examples:
  rszs-edge compare @cpu @embedded --images flight/
      The default bundle in two engines: the differences are rounding.

  rszs-edge compare @cpu:fp32 @cuda:fp16
      What half precision on the GPU costs, on the built-in scene.

  rszs-edge compare bundles/nano new/nano --images flight/ --queries flood
      Two releases: what would change for an operator who looks for floods?

Columns: share of pixels on which both masks agree; intersection over union (IoU) of the masks; \
largest difference of the blended
logits of 99 % of the places and of all; share of pixels in each mask. Each side decides by the \
thresholds of its own bundle.")]
pub struct CompareArguments {
    /// A bundle's folder, @ENGINE for the default bundle in that engine, or BUNDLE@ENGINE; a colon
    /// and a precision may follow the engine
    #[arg(value_name = "A")]
    pub a: SideName,

    /// What it is compared with, written the same way
    #[arg(value_name = "B")]
    pub b: SideName,

    /// Image files, folders or globs; none: a built-in scene
    #[arg(long, value_name = "IMAGE", num_args = 1..)]
    pub images: Vec<OsString>,

    /// What to look for, separated by commas [default: every name of A's vocabulary]
    #[arg(short, long, value_name = "NAMES")]
    pub queries: Option<String>,

    /// Metres of ground per pixel of the images, as for segmenting
    #[arg(long, value_name = "METRES")]
    pub gsd: Option<GroundSample>,

    /// Precision where A or B has none, threads, batch, library. The engine is that of A and B.
    #[command(flatten)]
    pub engine: EngineArguments,

    /// Write results to stdout as JSON Lines instead of text
    #[arg(long)]
    pub json: bool,
}

/// One query's result, a line of `--json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct QueryLine<'a> {
    /// As typed, or the vocabulary's name.
    query: &'a str,
    /// Share of pixels that both masks hold or both leave out.
    agreement: f64,
    /// Intersection over union of the masks; 1 where both are empty.
    iou: f64,
    /// Absolute difference of logits that 99 of 100 do not exceed.
    logits_difference_p99: f64,
    /// Largest absolute difference of logits.
    logits_difference_max: f32,
    /// Share of pixels in A's mask and in B's.
    shares: [f64; 2],
}

impl CompareArguments {
    pub(super) fn run(&self, console: &mut Console) -> Result<ExitStatus, Error> {
        let typed = match &self.queries {
            Some(typed) => parse_queries(typed)?,
            None => every_name(&open_bundle(self.a.bundle.as_deref(), &EngineOptions::default())?),
        };
        let watch = console.build_watch(Interrupt::new());
        let open =
            |name: &SideName| Side::open(name, &self.engine, &typed, self.gsd, watch.clone());
        let (mut a, mut b) = (open(&self.a)?, open(&self.b)?);
        console.tell(format_args!("A {}: {}", self.a.typed, a.description()));
        console.tell(format_args!("B {}: {}", self.b.typed, b.description()));

        let mut differences = vec![Difference::new(); typed.len()];
        let (mut done, mut failed) = (0, 0);
        let images = list_inputs(&self.images);
        console.expect_images(images.len());
        let (mut reader, mut frame) = (ImageReader::new(), Frame::default());
        for Listed { image, input, .. } in images {
            let segmented = input.map_err(ImageError::from).and_then(|input| {
                reader.read(&input, &mut frame)?;
                let in_image = |source| ImageError::Segment { image: image.clone(), source };
                for side in [&mut a, &mut b] {
                    side.segment(&frame, Keep::EVERYTHING).map_err(in_image)?;
                }
                Ok(())
            });
            match segmented {
                Ok(()) => {
                    done += 1;
                    for (query, difference) in differences.iter_mut().enumerate() {
                        difference.add(query, &a.segmentation, &b.segmentation)?;
                    }
                }
                Err(error) => {
                    failed += 1;
                    console.error(&error);
                }
            }
            console.image_done();
        }
        console.images_done();
        if done > 0 {
            self.print(&differences, &a, console)?;
        }
        Ok(if failed == 0 { ExitStatus::Done } else { ExitStatus::SomeInputsFailed })
    }

    fn print(&self, differences: &[Difference], a: &Side, console: &Console) -> Result<(), Error> {
        let mut lines = a
            .queries
            .queries()
            .iter()
            .zip(differences)
            .map(|(query, difference)| QueryLine::new(&query.name, difference));
        if self.json {
            return Ok(lines.try_for_each(|line| console.print_json(&line))?);
        }
        let widest = a
            .queries
            .queries()
            .iter()
            .map(|query| query.name.chars().count())
            .max()
            .unwrap_or_default();
        let widest = widest.max("query".len());
        console.print(&format!(
            "{:<widest$}  agreement %    IoU %  logits p99  logits max      A %      B %",
            "query"
        ))?;
        let mut sum = 0.0;
        for line in lines {
            sum += line.iou;
            console.print(&line.text(widest))?;
        }
        console.print(&format!(
            "mean IoU {:.2} % of {} queries",
            100.0 * sum / differences.len() as f64,
            differences.len()
        ))?;
        Ok(())
    }
}

impl<'a> QueryLine<'a> {
    fn new(query: &'a str, difference: &Difference) -> Self {
        Self {
            query,
            agreement: difference.agreement(),
            iou: difference.intersection_over_union(),
            logits_difference_p99: difference.logits_p99(),
            logits_difference_max: difference.largest_logit(),
            shares: difference.shares(),
        }
    }

    fn text(&self, widest: usize) -> String {
        let Self {
            query,
            agreement,
            iou,
            logits_difference_p99: p99,
            logits_difference_max: max,
            shares,
        } = self;
        let [agreement, iou, a, b] =
            [*agreement, *iou, shares[0], shares[1]].map(|share| 100.0 * share);
        format!(
            "{query:<widest$}  {agreement:>11.3}  {iou:>7.2}  {p99:>10.2e}  {max:>10.2e}  \
             {a:>7.2}  {b:>7.2}"
        )
    }
}

/// The names that people ask for: support words are the bundle's own.
fn every_name(bundle: &Bundle) -> Vec<TypedQuery> {
    let entries = bundle.vocabulary().entries().iter().filter(|entry| !entry.support);
    entries
        .map(|entry| TypedQuery { name: entry.name.clone(), threshold: None, colour: None })
        .collect()
}
