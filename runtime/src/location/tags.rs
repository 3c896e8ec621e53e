//! What a file says of where and how it was taken.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use rszs_geo::camera::{Footprint, GroundSampleDistance, Metadata, NoPose, Pose, Spectrum};
use rszs_geo::raster::{NoPlace, RasterPlace};
use tiff_reader::TiffFile;

use super::{GsdChoice, NoScale, Scale};
use crate::source::{Input, largest_page};

/// Where and at what scale an image was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Location {
    /// Metres per pixel, or why they are not known.
    pub scale: Result<Scale, NoScale>,
    /// The ground under the image, or why it has no place on the map.
    pub footprint: Result<Footprint, NoPose>,
    /// Where a GeoTIFF lies, or why it has no place.
    pub raster: Result<RasterPlace, NoPlace>,
    /// When it was taken, as the camera wrote it: `2016:06:23 16:32:06`.
    pub time: Option<String>,
    /// What light it is of.
    pub spectrum: Spectrum,
}

impl Location {
    /// Of an image without tags.
    pub fn unknown() -> Self {
        Self {
            scale: Err(NoPose::NoTags.into()),
            footprint: Err(NoPose::NoTags),
            raster: Err(NoPlace::NoTags),
            time: None,
            spectrum: Spectrum::Visible,
        }
    }

    /// Of `input`, as its tags and `choice` say. A file that cannot be read has none: whoever
    /// decodes it says why.
    pub fn of(input: &Input, choice: Option<GsdChoice>) -> Self {
        let found = match input {
            Input::Scene | Input::Stdin => None,
            Input::File(path) => of_raster(path).or_else(|| of_photograph(path)),
        };
        let mut location = found.unwrap_or_else(Self::unknown);
        match choice {
            None => {}
            Some(GsdChoice::Metres(ground)) => location.scale = Ok(Scale::typed(ground)),
            Some(GsdChoice::Off) => location.scale = Err(NoScale::Off),
        }
        location
    }

    /// Whether the file is a drone's photograph.
    pub fn has_tags(&self) -> bool {
        self.footprint != Err(NoPose::NoTags)
    }

    /// Why the image has no place, where it has none.
    pub fn no_place(&self) -> Option<String> {
        match (&self.raster, &self.footprint) {
            (Ok(_), _) | (_, Ok(_)) => None,
            (Err(NoPlace::NoTags), Err(reason)) => Some(reason.to_string()),
            (Err(reason), Err(_)) => Some(reason.to_string()),
        }
    }

    /// Whether the file says anything that a plain image does not.
    pub fn is_known(&self) -> bool {
        self.has_tags() || self.raster != Err(NoPlace::NoTags)
    }
}

impl Default for Location {
    fn default() -> Self {
        Self::unknown()
    }
}

/// Of a TIFF file with tags of GeoTIFF.
fn of_raster(path: &Path) -> Option<Location> {
    // Opening a pipe would wait for its writer.
    path.is_file().then_some(())?;
    let file = TiffFile::open(path).ok()?;
    let place = RasterPlace::of(file.ifd(largest_page(&file)?).ok()?);
    if place == Err(NoPlace::NoTags) {
        return None;
    }
    let scale = place.as_ref().map_err(|&reason| reason.into()).and_then(Scale::of_raster);
    Some(Location { scale, raster: place, ..Location::unknown() })
}

/// Of a file with tags of a camera.
fn of_photograph(path: &Path) -> Option<Location> {
    path.is_file().then_some(())?;
    let metadata = Metadata::read(&mut BufReader::new(File::open(path).ok()?)).ok()?;
    let size_px = metadata.size_px()?;
    let scale = GroundSampleDistance::of(&metadata, size_px).map_err(NoScale::from);
    Some(Location {
        scale: scale.and_then(Scale::of_camera),
        footprint: Pose::of(&metadata, size_px).map(Footprint::new),
        raster: Err(NoPlace::NoTags),
        time: metadata.time().map(str::to_owned),
        spectrum: metadata.spectrum(),
    })
}
