//! Texts that put an image on a map for programs that find them beside it.
//!
//! An affine has three parts: x and y of the upper left corner of the first pixel, of a step to the
//! right and of a step down, in the units of the coordinate system.

/// The six lines of a world file: x and y of a step to the right, of a step down, and of the centre
/// of the first pixel, y of a column's before x of a row's (ESRI).
pub fn world_file(affine: [[f64; 2]; 3]) -> String {
    let [[left, top], right, down] = affine;
    let centre = [left + f64::midpoint(right[0], down[0]), top + f64::midpoint(right[1], down[1])];
    let lines = [right[0], right[1], down[0], down[1], centre[0], centre[1]];
    lines.map(|line| format!("{line:.12}\n")).concat()
}

/// GDAL's sidecar (`.aux.xml`): a coordinate system, as WKT or as EPSG's code, and the affine.
pub fn aux_xml(coordinate_system: &str, affine: [[f64; 2]; 3]) -> String {
    let [[left, top], right, down] = affine;
    format!(
        "<PAMDataset>\n  <SRS dataAxisToSRSAxisMapping=\"1,2\">{coordinate_system}</SRS>\n  \
         <GeoTransform>{left:.12}, {:.15}, {:.15}, {top:.12}, {:.15}, {:.15}</GeoTransform>\n\
         </PAMDataset>\n",
        right[0], down[0], right[1], down[1]
    )
}
