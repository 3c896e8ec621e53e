//! The place of a raster in its coordinate system.

use tiff_reader::{Ifd, TagValue};

use super::geo_keys::{GEOGRAPHIC_CRS, GeoKeys, PIXEL_IS_POINT, PROJECTED_CRS, RASTER_TYPE};
use super::pixel_size::{NoPixelSize, pixel_size_m};
use crate::sidecar::aux_xml;

const ORIENTATION: u16 = 274;
const MODEL_PIXEL_SCALE: u16 = 33550;
const MODEL_TIE_POINTS: u16 = 33922;
const MODEL_TRANSFORMATION: u16 = 34264;
const GEO_KEY_DIRECTORY: u16 = 34735;

/// Numbers of a tie point: column, row, level, then x, y, z.
const TIE_POINT: usize = 6;

/// Why a page has no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    /// It has no tags about one.
    #[error("no tags of GeoTIFF")]
    NoTags,
    /// Points on the ground, which a warp has to fit.
    #[error("ground control points without a transform; warp the file first (gdalwarp)")]
    GroundControlPoints,
    /// Whoever reads the page turns it, and the transform is of the page as it is stored.
    #[error("an orientation of {0}, expected 1 in a file with a transform")]
    Turned(u16),
    /// A coordinate system without a transform, or a transform of nothing.
    #[error("no transform from pixels to coordinates")]
    NoTransform,
}

/// Where the pixels of a page lie.
#[derive(Debug, Clone, PartialEq)]
pub struct RasterPlace {
    /// x and y of the upper left corner of the first pixel, of a step to the right and of a step
    /// down, in the units of the coordinate system.
    pub affine: [[f64; 2]; 3],
    /// EPSG's code of the coordinate system; nothing where none is named.
    pub epsg: Option<u16>,
    /// Metres along the side of a pixel in the middle of the page, or why they are not known.
    pub pixel_size_m: Result<f64, NoPixelSize>,
}

impl RasterPlace {
    /// GDAL's sidecar, where a coordinate system is named.
    pub fn aux_xml(&self) -> Option<String> {
        Some(aux_xml(&format!("EPSG:{}", self.epsg?), self.affine))
    }

    /// Of a page of a TIFF file.
    pub fn of(page: &Ifd) -> Result<Self, NoPlace> {
        let value = |tag| page.tag(tag).map(|tag| &tag.value);
        let numbers = |tag| value(tag).and_then(TagValue::as_f64_vec);
        let directory = value(GEO_KEY_DIRECTORY).and_then(TagValue::as_u16_slice);
        let keys = GeoKeys::of(directory.unwrap_or_default());
        let tie_points = numbers(MODEL_TIE_POINTS).unwrap_or_default();
        let mut affine = if let Some(matrix) = numbers(MODEL_TRANSFORMATION) {
            let [a, b, _, c, d, e, _, f, ..] = matrix[..] else { return Err(NoPlace::NoTransform) };
            [[c, f], [a, d], [b, e]]
        } else if let Some(scale) = numbers(MODEL_PIXEL_SCALE) {
            let ([width, height, ..], [column, row, _, x, y, ..]) = (&scale[..], &tie_points[..])
            else {
                return Err(NoPlace::NoTransform);
            };
            [[x - column * width, y + row * height], [*width, 0.0], [0.0, -height]]
        } else if tie_points.len() > TIE_POINT {
            return Err(NoPlace::GroundControlPoints);
        } else if directory.is_some() {
            return Err(NoPlace::NoTransform);
        } else {
            return Err(NoPlace::NoTags);
        };
        let [corner, right, down] = &mut affine;
        if keys.code(RASTER_TYPE) == Some(PIXEL_IS_POINT) {
            for axis in 0..2 {
                corner[axis] -= f64::midpoint(right[axis], down[axis]);
            }
        }
        if let Some(turned) = value(ORIENTATION).and_then(TagValue::as_u16).filter(|&way| way != 1)
        {
            return Err(NoPlace::Turned(turned));
        }
        let area = right[0] * down[1] - right[1] * down[0];
        if !area.is_normal() || corner.iter().any(|part| !part.is_finite()) {
            return Err(NoPlace::NoTransform);
        }
        let [half_width, half_height] = [page.width(), page.height()].map(|px| f64::from(px) / 2.0);
        let middle =
            [0, 1].map(|axis| corner[axis] + half_width * right[axis] + half_height * down[axis]);
        Ok(Self {
            pixel_size_m: pixel_size_m(&keys, middle, [*right, *down]),
            epsg: keys.code(PROJECTED_CRS).or_else(|| keys.code(GEOGRAPHIC_CRS)),
            affine,
        })
    }
}
