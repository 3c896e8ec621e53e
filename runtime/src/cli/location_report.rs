//! What is told of scales and places, once a run.

use std::collections::BTreeMap;
use std::fmt::Display;

use rszs_geo::camera::Spectrum;

use crate::cli::console::{Console, visible};
use crate::cli::location_events::{Flight, FlightArea};
use crate::location::{Location, NoScale};
use crate::pipeline::Job;
use crate::plan::Plan;
use crate::queries::QuerySet;
use crate::sink::FlightSummary;

/// Tells which scales and places the images of `plan` have, and why others have none. Images
/// without any tags are plain images, of which nothing is told.
pub(crate) fn tell_about_locations(console: &Console, plan: &Plan) {
    let tagged: Vec<&Job> = plan.jobs.iter().filter(|job| job.location.is_known()).collect();
    tell_about_scales(console, plan);
    let no_scale = tagged.iter().filter_map(|job| match &job.location.scale {
        Err(reason) if *reason != NoScale::Off => Some((*job, reason)),
        _ => None,
    });
    tell_reasons(console, "no metres per pixel", tagged.len(), no_scale);
    let no_place = tagged.iter().filter_map(|job| Some((*job, job.location.no_place()?)));
    tell_reasons(console, "no georeference", tagged.len(), no_place);
    let mut spectra: BTreeMap<&str, usize> = BTreeMap::new();
    for job in &plan.jobs {
        let name = match &job.location.spectrum {
            Spectrum::Visible => continue,
            Spectrum::Thermal => "thermal",
            Spectrum::Band(name) => name,
        };
        *spectra.entry(name).or_default() += 1;
    }
    for (name, images) in spectra {
        console.tell(format_args!(
            "warning: {images} of {} images are {}, not of visible colours, which the model was \
             trained on; expect poor masks",
            plan.jobs.len(),
            visible(name)
        ));
    }
}

/// What all images gave together, where files have a camera's tags.
pub(crate) fn flight_event(flight: &FlightSummary, queries: &QuerySet) -> Option<Flight> {
    let areas = queries.queries().iter().zip(&flight.areas_m2);
    let event = Flight {
        files: flight.files.iter().map(|path| path.display().to_string()).collect(),
        seen_m2: flight.seen_m2,
        areas: areas
            .map(|(query, &area_m2)| FlightArea { query: query.name.clone(), area_m2 })
            .collect(),
    };
    (!event.files.is_empty()).then_some(event)
}

/// The same for people.
pub(crate) fn tell_about_flight(console: &Console, flight: &FlightSummary, queries: &QuerySet) {
    let Some(Flight { files, seen_m2, areas }) = flight_event(flight, queries) else { return };
    if let Some(seen_m2) = seen_m2 {
        let areas: Vec<String> = areas
            .iter()
            .map(|FlightArea { query, area_m2 }| format!("{} {area_m2:.0} m2", visible(query)))
            .collect();
        console
            .tell(format_args!("{seen_m2:.0} m2 of ground, overlaps once: {}", areas.join(", ")));
    }
    if let Some(regions) = files.first() {
        console.tell(format_args!("regions of all images on the map: {}", visible(regions)));
    }
}

/// Each scale that the network sees images at, by how much smaller it sees them.
fn tell_about_scales(console: &Console, plan: &Plan) {
    let mut groups: BTreeMap<(u32, String), Vec<f64>> = BTreeMap::new();
    for Job { location, .. } in &plan.jobs {
        let Location { scale: Ok(scale), .. } = location else { continue };
        let key = (plan.reduction(location), scale.source.to_string());
        groups.entry(key).or_default().push(scale.ground.metres());
    }
    for ((reduction, source), metres) in groups {
        let least = metres.iter().copied().fold(f64::INFINITY, f64::min);
        let most = metres.iter().copied().fold(0.0, f64::max);
        let [least, largest] = [least, most].map(|metres| format!("{metres:.4}"));
        let range =
            if least == largest { format!("{least} m") } else { format!("{least} to {largest} m") };
        let scale = format!("{range} a pixel by {source}");
        let seen_m = most * f64::from(reduction);
        match plan.bundle.manifest().training_gsd_m {
            None => console.tell(format_args!(
                "{scale}: the bundle does not say its training images' metres per pixel; images \
                 are not reduced"
            )),
            Some([finest, coarsest]) if seen_m > coarsest => console.tell(format_args!(
                "{scale}: coarser than the {finest} to {coarsest} m a pixel that the model was \
                 trained on; expect poor masks"
            )),
            Some([finest, coarsest]) if reduction > 1 => console.tell(format_args!(
                "{scale}: the network sees the images {reduction} times smaller, at {seen_m:.3} m \
                 a pixel (trained on {finest} to {coarsest})"
            )),
            Some(_) => console.tell(scale),
        }
    }
}

fn tell_reasons<'a, R: Display + 'a>(
    console: &Console,
    what: &str,
    all: usize,
    without: impl Iterator<Item = (&'a Job, R)>,
) {
    let mut reasons: BTreeMap<String, (usize, &str)> = BTreeMap::new();
    for (job, reason) in without {
        reasons.entry(reason.to_string()).or_insert((0, &job.image)).0 += 1;
    }
    for (reason, (images, first)) in reasons {
        console.tell(format_args!(
            "{what}: {}; {images} of {all} images, first {}",
            visible(&reason),
            visible(first)
        ));
    }
}
