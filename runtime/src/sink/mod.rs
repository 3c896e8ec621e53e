//! Where results go: PNG files that are complete or not there.

mod done;
mod error;
mod flight;
mod flight_page;
mod legend;
mod names;
mod overlay;
mod png;
mod sidecars;

use std::fs;
use std::iter;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use done::{DONE_FILE, DoneList};
pub use error::SinkError;
pub use flight::FlightSummary;
pub use legend::{LegendEntry, append_legend};
pub use names::{file_part, result_names};
pub use overlay::{Overview, draw_overlay};
pub use png::{
    CLASSES_KEYWORD, Palette, encode_grey, encode_grey_alpha, encode_palette, encode_rgb,
    encode_rgba,
};

use flight::{FLIGHT_FILES, Flight};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use rszs_durable::PendingFile;
use rszs_hot::INVALID_CLASS;
use sidecars::SIDECAR_ENDINGS;

use crate::queries::QuerySet;
use crate::segment::Segmentation;
use crate::source::{Frame, RESULT_ENDINGS};

/// Which files to write beside the mask.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Products {
    /// The image with the masks drawn over it, with at most so many pixels a side; nothing: none.
    pub overlay_px: Option<u32>,
    /// One grey file per query.
    pub scores: bool,
}

/// Quality of JPEG overlays, as libjpeg counts.
const OVERLAY_QUALITY: u8 = 90;

/// What was written for one image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Files, the mask first.
    pub files: Vec<PathBuf>,
    /// Time spent drawing and encoding.
    pub encode: Duration,
    /// Time spent writing and syncing.
    pub write: Duration,
}

/// Writes the files of one image after the other. Keeps its buffers.
#[derive(Debug)]
pub struct Sink {
    folder: PathBuf,
    products: Products,
    palette: Palette,
    query_parts: Vec<String>,
    pixels: Vec<u8>,
    /// The files of all images, from the first image with a camera's tags on.
    flight: Option<Flight>,
    overview: Overview,
}

impl Sink {
    /// Makes sure that `folder` is there and can be written to, before anything is computed for it.
    /// Removes what killed runs left.
    pub fn new(folder: &Path, products: Products, queries: &QuerySet) -> Result<Self, SinkError> {
        let unwritable = |source| SinkError::Folder { path: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(unwritable)?;
        PendingFile::create(&folder.join("rszs-edge")).map_err(unwritable)?;
        rszs_durable::remove_leftovers(folder, &RESULT_ENDINGS);
        rszs_durable::remove_leftovers(folder, &SIDECAR_ENDINGS);
        rszs_durable::remove_leftovers(folder, &FLIGHT_FILES);
        let names: Vec<&str> = queries.queries().iter().map(|query| query.name.as_str()).collect();
        Ok(Self {
            folder: folder.to_owned(),
            products,
            query_parts: unique_parts(&names),
            palette: Palette {
                colours: queries.queries().iter().map(|query| query.colour).collect(),
                names: names.into_iter().map(str::to_owned).collect(),
            },
            pixels: Vec::new(),
            flight: None,
            overview: Overview::default(),
        })
    }

    /// Where files go.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Every file that the image called `name` gets if it is a JPEG file, or any other. The overlay
    /// is of the image's kind.
    pub fn paths(&self, name: &str, is_jpeg: bool) -> Vec<PathBuf> {
        let [mask, png, jpeg, score] = RESULT_ENDINGS;
        let mut paths = vec![self.folder.join(format!("{name}{mask}"))];
        if self.products.overlay_px.is_some() {
            let overlay = if is_jpeg { jpeg } else { png };
            paths.push(self.folder.join(format!("{name}{overlay}")));
        }
        if self.products.scores {
            paths.extend(
                self.query_parts
                    .iter()
                    .map(|part| self.folder.join(format!("{name}.{part}{score}"))),
            );
        }
        paths
    }

    /// Writes the files of the image called `name`. All are encoded and synced before the first
    /// gets its name.
    pub fn write(
        &mut self,
        name: &str,
        frame: &Frame,
        segmentation: &Segmentation,
        queries: &QuerySet,
    ) -> Result<Written, SinkError> {
        let files = self.paths(name, frame.is_jpeg);
        let mut pending = Vec::with_capacity(files.len());
        let (mut encode, mut write) = (Duration::ZERO, Duration::ZERO);
        for (index, path) in files.iter().enumerate() {
            let start = Instant::now();
            let bytes = self.encode(index, frame, segmentation, queries)?;
            encode += start.elapsed();
            let start = Instant::now();
            let failed = |source| SinkError::File { path: path.clone(), source };
            let mut file = PendingFile::create(path).map_err(failed)?;
            file.write(&bytes).map_err(failed)?;
            pending.push(file);
            write += start.elapsed();
        }
        let start = Instant::now();
        for (file, path) in pending.iter_mut().zip(&files) {
            file.sync().map_err(|source| SinkError::File { path: path.clone(), source })?;
        }
        for (file, path) in pending.into_iter().zip(&files) {
            file.put_in_place().map_err(|source| SinkError::File { path: path.clone(), source })?;
        }
        self.remove_other_overlay(name, frame.is_jpeg);
        rszs_durable::sync_folder(&self.folder)
            .map_err(|source| SinkError::Folder { path: self.folder.clone(), source })?;
        Ok(Written { files, encode, write: write + start.elapsed() })
    }

    /// An overlay of an earlier run, in the other format, would show masks that are no more.
    fn remove_other_overlay(&self, name: &str, is_jpeg: bool) {
        if self.products.overlay_px.is_some() {
            let others = self.paths(name, !is_jpeg);
            // It is seldom there.
            let _ = others.get(1).map(fs::remove_file);
        }
    }

    /// The bytes of the file number `index`, in the order of [`paths`](Self::paths).
    fn encode(
        &mut self,
        index: usize,
        frame: &Frame,
        segmentation: &Segmentation,
        queries: &QuerySet,
    ) -> Result<Vec<u8>, SinkError> {
        let (width, height) = (segmentation.width_px, segmentation.height_px);
        let first_score = 1 + usize::from(self.products.overlay_px.is_some());
        Ok(if index == 0 {
            encode_palette(&segmentation.classes, width, height, &self.palette)?
        } else if index < first_score {
            self.encode_overlay(frame, segmentation, queries)?
        } else {
            segmentation.scores(index - first_score, queries, &mut self.pixels)?;
            if frame.valid.is_everywhere() {
                encode_grey(&self.pixels, width, height)?
            } else {
                let valid = segmentation.classes.iter().map(|&class| class != INVALID_CLASS);
                let scores = with_opacity::<1, 2>(&self.pixels, valid);
                encode_grey_alpha(&scores, width, height)?
            }
        })
    }

    fn encode_overlay(
        &mut self,
        frame: &Frame,
        segmentation: &Segmentation,
        queries: &QuerySet,
    ) -> Result<Vec<u8>, SinkError> {
        let most_px = self.products.overlay_px.unwrap_or(u32::MAX) as usize;
        let wide = segmentation.width_px as usize;
        self.overview.of(&frame.rgb, &segmentation.classes, wide, most_px);
        draw_overlay(&self.overview, &self.palette.colours, &mut self.pixels);
        let wide = self.overview.width_px;
        let legend = legend(segmentation, queries);
        let high = self.overview.height_px + append_legend(&mut self.pixels, wide, &legend);
        let (width_px, height_px) = (wide as u32, high as u32);
        if frame.is_jpeg {
            let mut bytes = Vec::new();
            JpegEncoder::new_with_quality(&mut bytes, OVERLAY_QUALITY).write_image(
                &self.pixels,
                width_px,
                height_px,
                ExtendedColorType::Rgb8,
            )?;
            return Ok(bytes);
        }
        if frame.valid.is_everywhere() {
            return Ok(encode_rgb(&self.pixels, width_px, height_px)?);
        }
        let classes = self.overview.classes.iter().map(|&class| class != INVALID_CLASS);
        let rgba = with_opacity::<3, 4>(&self.pixels, classes.chain(iter::repeat(true)));
        Ok(encode_rgba(&rgba, width_px, height_px)?)
    }
}

/// What each colour means, and the share of the pixels that hold an image.
fn legend(segmentation: &Segmentation, queries: &QuerySet) -> Vec<LegendEntry> {
    let all = u64::from(segmentation.width_px) * u64::from(segmentation.height_px);
    let valid = (all - segmentation.invalid_px).max(1) as f64;
    let entries = queries.queries().iter().zip(&segmentation.regions);
    entries
        .map(|(query, region)| LegendEntry {
            colour: query.colour,
            text: format!("{} {:.1} %", query.name, region.pixels() as f64 / valid * 100.0),
        })
        .collect()
}

/// Pixels of `FROM` bytes with a byte of opacity behind each: none where no image is.
fn with_opacity<const FROM: usize, const TO: usize>(
    pixels: &[u8],
    valid: impl Iterator<Item = bool>,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(pixels.len() / FROM * TO);
    for (pixel, is_valid) in pixels.chunks_exact(FROM).zip(valid) {
        out.extend(pixel.iter().map(|&byte| if is_valid { byte } else { 0 }));
        out.push(if is_valid { u8::MAX } else { 0 });
    }
    out
}

/// What stands for each query in file names, each once.
fn unique_parts(names: &[&str]) -> Vec<String> {
    let mut parts: Vec<String> = Vec::with_capacity(names.len());
    for name in names {
        let part = file_part(name);
        let same = parts.iter().filter(|other| other.eq_ignore_ascii_case(&part)).count();
        parts.push(if same == 0 { part } else { format!("{part}-{}", parts.len() + 1) });
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_that_look_alike_in_file_names_stay_apart() {
        assert_eq!(
            unique_parts(&["swimming pool", "Swimming/pool", "road"]),
            ["swimming-pool", "Swimming-pool-2", "road"]
        );
    }
}
