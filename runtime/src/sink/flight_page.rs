//! A flight on one page of HTML that needs no other file: map, areas, a small view of each image.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageError};
use rszs_geo::camera::Footprint;
use rszs_geo::ellipsoid::metres_per_degree;
use rszs_geo::region::Region;

use super::FlightSummary;
use crate::location::Location;
use crate::queries::{Query, QuerySet};
use crate::segment::Segmentation;
use crate::source::Frame;

/// Columns of a small view.
const VIEW_PX: u32 = 240;

/// Small views on a page; of further images, none is shown.
const MOST_VIEWS: usize = 500;

/// Bytes of outlines on the map; regions behind are left out.
const MOST_MAP_BYTES: usize = 16 << 20;

/// Pixels between two corners of an outline, at least.
const LEAST_STEP_PX: u32 = 12;

const JPEG_QUALITY: u8 = 75;

/// A page in the making.
#[derive(Debug, Default)]
pub(super) struct FlightPage {
    /// Longitude and latitude of the first camera, in the middle of the map's metres.
    origin: Option<[f64; 2]>,
    /// West, north, east, south in metres, south growing.
    bounds: [f64; 4],
    regions: String,
    outlines: String,
    views: String,
    images: usize,
    placed: usize,
    is_cut: bool,
}

impl FlightPage {
    /// Adds a region of an image.
    pub(super) fn add_region(&mut self, region: &Region, footprint: &Footprint, query: &Query) {
        if self.regions.len() > MOST_MAP_BYTES {
            self.is_cut = true;
            return;
        }
        let mut path = String::new();
        for ring in std::iter::once(&region.exterior).chain(&region.holes) {
            let mut last: Option<[u32; 2]> = None;
            let mut corners = Vec::new();
            for &corner in ring {
                let is_far = last.is_none_or(|last| {
                    last[0].abs_diff(corner[0]).max(last[1].abs_diff(corner[1])) >= LEAST_STEP_PX
                });
                if is_far {
                    last = Some(corner);
                    corners.push(self.metres(footprint.ground(corner.map(f64::from))));
                }
            }
            if corners.len() > 2 {
                path.push_str(&path_of(&corners));
            }
        }
        if !path.is_empty() {
            let colour = hex(query.colour);
            // Writing to a string does not fail.
            let _ = writeln!(self.regions, "<path fill=\"{colour}\" d=\"{path}\"/>");
        }
    }

    /// Adds an image, after its regions.
    pub(super) fn add_image(
        &mut self,
        image: &str,
        location: &Location,
        frame: &Frame,
        segmentation: &Segmentation,
        queries: &QuerySet,
    ) -> Result<(), ImageError> {
        self.images += 1;
        let place = match &location.footprint {
            Ok(footprint) => {
                self.placed += 1;
                let corners = footprint.corners().map(|corner| self.metres(corner));
                let [west, north, east, south] = &mut self.bounds;
                for [x, y] in corners {
                    (*west, *east) = (west.min(x), east.max(x));
                    (*north, *south) = (north.min(y), south.max(y));
                }
                let _ = writeln!(self.outlines, "<path d=\"{}\"/>", path_of(&corners));
                let middle = footprint.size_px().map(|side| f64::from(side) / 2.0);
                format!("&plusmn; {:.1} m", footprint.error_m(middle))
            }
            Err(reason) => format!("no georeference: {}", escaped(&reason.to_string())),
        };
        if self.images <= MOST_VIEWS {
            let view = STANDARD.encode(small_view(frame, segmentation, queries)?);
            let name = image.rsplit(['/', '\\']).next().unwrap_or(image);
            let _ = writeln!(
                self.views,
                "<figure><img alt=\"\" src=\"data:image/jpeg;base64,{view}\"><figcaption>{} {}<br>\
                 {place}</figcaption></figure>",
                escaped(name),
                escaped(location.time.as_deref().unwrap_or_default())
            );
        }
        Ok(())
    }

    /// The page.
    pub(super) fn finish(&self, summary: &FlightSummary, queries: &QuerySet) -> String {
        let mut rows = String::new();
        for (index, query) in queries.queries().iter().enumerate() {
            let area = summary.areas_m2.get(index);
            let area = area.map_or_else(|| "?".to_owned(), |area| format!("{area:.0} m&sup2;"));
            let _ = writeln!(
                rows,
                "<tr><td><span style=\"background:{}\"></span></td><td>{}</td><td>{area}</td></tr>",
                hex(query.colour),
                escaped(&query.name)
            );
        }
        let [west, north, east, south] = self.bounds;
        let (wide, high) = (east - west, south - north);
        let bar_m = [1000.0, 500.0, 200.0, 100.0, 50.0, 20.0, 10.0, 5.0];
        let bar_m = bar_m.into_iter().find(|bar| *bar < wide / 3.0).unwrap_or(1.0);
        let (bar_x, bar_y) = (west + wide * 0.02, south - high * 0.02);
        let line = wide.max(high) / 600.0;
        let map = if self.placed == 0 {
            "<p>No image has a place on the map.</p>".to_owned()
        } else {
            format!(
                "<svg viewBox=\"{west:.1} {north:.1} {wide:.1} {high:.1}\" \
                 stroke-width=\"{line:.3}\"><g fill=\"#f4f4f0\" stroke=\"#888\">{outlines}</g>\
                 <g fill-opacity=\"0.55\" fill-rule=\"evenodd\">{regions}</g><g fill=\"none\" \
                 stroke=\"#888\">{outlines}</g><path stroke=\"#000\" d=\"M{bar_x:.1} {bar_y:.1}h\
                 {bar_m}\"/><text x=\"{bar_x:.1}\" y=\"{:.1}\" font-size=\"{:.2}\">{bar_m} m, \
                 north is up</text></svg>",
                bar_y - 3.0 * line,
                line * 14.0,
                outlines = self.outlines,
                regions = self.regions,
            )
        };
        let seen = summary.seen_m2.map_or_else(
            || "Areas are not known.".to_owned(),
            |seen_m2| format!("{seen_m2:.0} m&sup2; of ground are seen, overlaps counted once."),
        );
        let cut = if self.is_cut { "<p>The map shows the first regions alone.</p>" } else { "" };
        let views_shown = self.images.min(MOST_VIEWS);
        format!(
            "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Flight</title>\n\
             <style>{STYLE}</style>\n<h1>Flight</h1>\n<p>{} images, {} of them on the map. \
             {seen}</p>\n<div class=\"top\"><table>{rows}</table>{map}</div>{cut}\n<h2>Images \
             ({views_shown} of {})</h2>\n<div class=\"views\">{}</div>\n</html>\n",
            self.images, self.placed, self.images, self.views
        )
    }

    /// Metres to the east and to the south of the first camera.
    fn metres(&mut self, [longitude, latitude]: [f64; 2]) -> [f64; 2] {
        let [from_longitude, from_latitude] = *self.origin.get_or_insert([longitude, latitude]);
        let [east, north] = metres_per_degree(from_latitude);
        [(longitude - from_longitude) * east, (from_latitude - latitude) * north]
    }
}

const STYLE: &str = "body{font:15px sans-serif;margin:2em;color:#222}\
    .top{display:flex;gap:2em;align-items:flex-start;flex-wrap:wrap}\
    svg{width:min(60em,100%);max-height:45em;border:1px solid #ccc;background:#fff}\
    td{padding:.2em .8em .2em 0}td:last-child{text-align:right}\
    span{display:inline-block;width:1em;height:1em}\
    .views{display:flex;flex-wrap:wrap;gap:1em}figure{margin:0;width:240px}\
    figcaption{font-size:12px;overflow-wrap:anywhere}";

/// Means of squares of pixels, half covered with the colours of their middles' queries.
fn small_view(
    frame: &Frame,
    segmentation: &Segmentation,
    queries: &QuerySet,
) -> Result<Vec<u8>, ImageError> {
    let step = frame.width_px.div_ceil(VIEW_PX).min(frame.height_px).max(1);
    let (wide, high) = (frame.width_px / step, frame.height_px / step);
    let width = frame.width_px as usize;
    let mut rgb = Vec::with_capacity(wide as usize * high as usize * 3);
    for y in (0..high).map(|y| (y * step) as usize) {
        for x in (0..wide).map(|x| (x * step) as usize) {
            let step = step as usize;
            let class = segmentation.classes[(y + step / 2) * width + x + step / 2];
            let colour = usize::from(class).checked_sub(1);
            let colour = colour.and_then(|index| queries.queries().get(index));
            for channel in 0..3 {
                let sum: u32 = (y..y + step)
                    .flat_map(|row| (x..x + step).map(move |column| row * width + column))
                    .map(|pixel| u32::from(frame.rgb[pixel * 3 + channel]))
                    .sum();
                let mean = (sum / (step * step) as u32) as u8;
                rgb.push(colour.map_or(mean, |query| mean / 2 + query.colour[channel] / 2));
            }
        }
    }
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).encode(
        &rgb,
        wide,
        high,
        ExtendedColorType::Rgb8,
    )?;
    Ok(bytes)
}

fn path_of(corners: &[[f64; 2]]) -> String {
    let mut path = String::new();
    for (index, [x, y]) in corners.iter().enumerate() {
        let command = if index == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{command}{x:.1} {y:.1}");
    }
    path + "Z"
}

fn hex([red, green, blue]: [u8; 3]) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_become_markup() {
        assert_eq!(escaped("<b>\"a\" & c</b>"), "&lt;b&gt;&quot;a&quot; &amp; c&lt;/b&gt;");
    }

    #[test]
    fn a_path_is_closed() {
        assert_eq!(path_of(&[[0.0, 1.0], [2.25, -3.0]]), "M0.0 1.0L2.2 -3.0Z");
    }
}
