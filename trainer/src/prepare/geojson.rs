//! Polygons of a map over one georeferenced image, as a set.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::annotated::{Annotated, malformed};
use super::region::Region;
use crate::TrainError;

#[derive(Deserialize)]
struct File {
    features: Vec<Feature>,
}

#[derive(Deserialize)]
struct Feature {
    geometry: Option<Geometry>,
    #[serde(default)]
    properties: Option<serde_json::Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(tag = "type", content = "coordinates")]
enum Geometry {
    Polygon(Vec<Vec<Vec<f64>>>),
    MultiPolygon(Vec<Vec<Vec<Vec<f64>>>>),
}

/// From coordinates of a map to pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Georeference {
    /// Map units a pixel, to the right and down.
    pub(super) scale: [f64; 2],
    /// The map's place of the upper left corner.
    pub(super) origin: [f64; 2],
}

impl Georeference {
    fn pixel(self, map: &[f64]) -> Option<[f64; 2]> {
        let &[x, y, ..] = map else { return None };
        let pixel = [(x - self.origin[0]) / self.scale[0], (self.origin[1] - y) / self.scale[1]];
        pixel.iter().all(|number| number.is_finite()).then_some(pixel)
    }

    /// Of a GeoTIFF whose north is up: tags `ModelPixelScale` and `ModelTiepoint`. Source: OGC
    /// 19-008r4, section 7.
    pub(super) fn read(path: &Path) -> Result<(Self, [usize; 2]), TrainError> {
        let file = std::fs::File::open(path).map_err(TrainError::file(path))?;
        let wrong = |error: tiff::TiffError| malformed(path, "a GeoTIFF", error.to_string());
        let mut tiff = tiff::decoder::Decoder::new(std::io::BufReader::new(file)).map_err(wrong)?;
        let (width, height) = tiff.dimensions().map_err(wrong)?;
        let expected = "a GeoTIFF whose north is up, with ModelPixelScale and ModelTiepoint";
        let mut tag =
            |number| tiff.get_tag_f64_vec(tiff::tags::Tag::Unknown(number)).unwrap_or_default();
        let (scale, tie) = (tag(33_550), tag(33_922));
        let (&[x_scale, y_scale, ..], &[column, row, _, x, y, ..]) = (&scale[..], &tie[..]) else {
            return Err(malformed(path, expected, "neither, or one of them"));
        };
        if !(x_scale > 0.0 && y_scale > 0.0) {
            return Err(malformed(path, expected, format!("pixels of {x_scale} by {y_scale}")));
        }
        let origin = [x - column * x_scale, y + row * y_scale];
        Ok((Self { scale: [x_scale, y_scale], origin }, [width as usize, height as usize]))
    }
}

/// The features of `path` over `image`, classes by the property `class` or all of one, in
/// alphabetical order.
pub(super) fn read(
    path: &Path,
    image: &Path,
    class: &Class,
) -> Result<(Vec<Annotated>, Vec<String>), TrainError> {
    let (georeference, size) = Georeference::read(image)?;
    let bytes = std::fs::read(path).map_err(TrainError::file(path))?;
    let file: File = serde_json::from_slice(&bytes)
        .map_err(|error| malformed(path, "a FeatureCollection of polygons", error.to_string()))?;
    let mut classes = BTreeSet::new();
    let mut regions = Vec::new();
    let mut touches = false;
    for Feature { geometry, properties } in file.features {
        let polygons = match geometry {
            None => continue,
            Some(Geometry::Polygon(rings)) => vec![rings],
            Some(Geometry::MultiPolygon(polygons)) => polygons,
        };
        let name = class.of(properties.as_ref()).ok_or_else(|| {
            malformed(path, format!("{class} in every feature"), "one without it")
        })?;
        for rings in polygons {
            let ring = |ring: &Vec<Vec<f64>>| {
                ring.iter().map(|point| georeference.pixel(point)).collect::<Option<Vec<_>>>()
            };
            let rings: Option<Vec<_>> = rings.iter().map(ring).collect();
            let rings =
                rings.ok_or_else(|| malformed(path, "positions of x and y", "another one"))?;
            let is_inside = |point: &[f64; 2]| {
                (0..2).all(|axis| (0.0..=size[axis] as f64).contains(&point[axis]))
            };
            touches |= rings.iter().flatten().any(is_inside);
            regions.push((name.clone(), Region::Rings(rings)));
        }
        classes.insert(name);
    }
    if !touches {
        let hint = "polygons in the coordinates of the image; write the file in its coordinate \
            system, by ogr2ogr -t_srs";
        return Err(malformed(path, hint, format!("none with a corner on {}", image.display())));
    }
    Ok((vec![Annotated { image: image.to_owned(), size, regions }], classes.into_iter().collect()))
}

/// What a feature's class is.
#[derive(Debug, Clone)]
pub(super) enum Class {
    /// The same for all.
    Named(String),
    /// The value of this property.
    Property(String),
}

impl Class {
    fn of(&self, properties: Option<&serde_json::Map<String, Value>>) -> Option<String> {
        match self {
            Self::Named(name) => Some(name.clone()),
            Self::Property(key) => match properties?.get(key)? {
                Value::String(name) => Some(name.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            },
        }
    }
}

impl std::fmt::Display for Class {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Named(name) => write!(f, "the class {name}"),
            Self::Property(key) => write!(f, "the property {key}"),
        }
    }
}
