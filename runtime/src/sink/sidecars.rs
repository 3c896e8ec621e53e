//! What puts masks on the map: a world file and GDAL's sidecar beside each, and the files of a run.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rszs_durable::PendingFile;
use rszs_geo::camera::WorldFile;
use rszs_geo::sidecar::world_file;

use super::flight::{Flight, FlightSummary, flight_paths};
use super::{Sink, SinkError};
use crate::location::Location;
use crate::queries::QuerySet;
use crate::segment::Segmentation;
use crate::source::Frame;

/// Ends of the names of the files that place a mask.
pub(crate) const SIDECAR_ENDINGS: [&str; 2] = [".mask.pgw", ".mask.png.aux.xml"];

impl Sink {
    /// Writes the files that place the mask of the image called `name`. Where the image has no
    /// place, those of an earlier run go: they would put this mask where another was.
    pub fn write_sidecars(
        &self,
        name: &str,
        location: &Location,
    ) -> Result<Vec<PathBuf>, SinkError> {
        let paths = SIDECAR_ENDINGS.map(|ending| self.folder.join(format!("{name}{ending}")));
        let mut written = Vec::new();
        for (path, text) in paths.into_iter().zip(sidecars(location)) {
            let result = text.as_ref().map_or_else(|| remove(&path), |text| replace(&path, text));
            result.map_err(|source| SinkError::File { path: path.clone(), source })?;
            written.extend(text.map(|_| path));
        }
        Ok(written)
    }

    /// Adds the image called `image` to the files of the run, if it has a camera's tags.
    pub fn add_to_flight(
        &mut self,
        image: &str,
        location: &Location,
        frame: &Frame,
        segmentation: &Segmentation,
        queries: &QuerySet,
    ) -> Result<(), SinkError> {
        if !location.has_tags() {
            return Ok(());
        }
        let [path, ..] = flight_paths(&self.folder);
        let failed = |source| SinkError::File { path: path.clone(), source };
        let flight = match &mut self.flight {
            Some(flight) => flight,
            none => none.insert(Flight::create(&self.folder).map_err(failed)?),
        };
        flight.add(image, location, (frame, segmentation), queries).map_err(failed)
    }

    /// Ends the files of the run; there are none where no image had a camera's tags.
    pub fn finish_flight(&mut self, queries: &QuerySet) -> Result<FlightSummary, SinkError> {
        let Some(flight) = self.flight.take() else { return Ok(FlightSummary::default()) };
        let [path, ..] = flight_paths(&self.folder);
        flight.finish(&self.folder, queries).map_err(|source| SinkError::File { path, source })
    }
}

/// World file and GDAL's sidecar, as far as the image has them.
fn sidecars(location: &Location) -> [Option<String>; 2] {
    if let Ok(place) = &location.raster {
        return [Some(world_file(place.affine)), place.aux_xml()];
    }
    let footprint = location.footprint.as_ref().ok();
    match footprint.and_then(|footprint| WorldFile::of(footprint).ok()) {
        Some(world) => [Some(world.text()), Some(world.aux_xml())],
        None => [None, None],
    }
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut file = PendingFile::create(path)?;
    file.write(text.as_bytes())?;
    file.sync()?;
    file.put_in_place()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
