//! Tags of GeoTIFF as the `tiff` crate writes them. `rasterio` 1.4.4 reads the same transforms.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Cursor;

use rszs_geo::raster::{NoPixelSize, NoPlace, RasterPlace};
use tiff::encoder::{TiffEncoder, colortype::Gray8};
use tiff::tags::Tag;
use tiff_reader::TiffFile;

const SCALE: &[f64] = &[0.5, 0.25, 0.0];
const TIE_POINT: &[f64] = &[0.0, 0.0, 0.0, 600_000.0, 4_000_000.0, 0.0];
const UTM_10: [u16; 4] = [3072, 0, 1, 26910];
const PIXEL_IS_POINT: [u16; 4] = [1025, 0, 1, 2];

/// The place of a page of 4 by 2 pixels with these tags.
fn place(reals: &[(Tag, &[f64])], keys: &[[u16; 4]]) -> Result<RasterPlace, NoPlace> {
    let mut bytes = Cursor::new(Vec::new());
    let mut file = TiffEncoder::new(&mut bytes).unwrap();
    let mut page = file.new_image::<Gray8>(4, 2).unwrap();
    for (tag, values) in reals {
        page.encoder().write_tag(*tag, *values).unwrap();
    }
    if !keys.is_empty() {
        let directory = [&[[1, 1, 0, keys.len() as u16]], keys].concat().concat();
        page.encoder().write_tag(Tag::GeoKeyDirectoryTag, &directory[..]).unwrap();
    }
    page.write_data(&[0; 8]).unwrap();
    let file = TiffFile::from_bytes(bytes.into_inner()).unwrap();
    RasterPlace::of(file.ifd(0).unwrap())
}

const PLAIN: [(Tag, &[f64]); 2] =
    [(Tag::ModelPixelScaleTag, SCALE), (Tag::ModelTiepointTag, TIE_POINT)];

#[test]
fn a_scale_and_a_tie_point_place_a_page() {
    let place = place(&PLAIN, &[UTM_10]).unwrap();
    assert_eq!(place.affine, [[600_000.0, 4_000_000.0], [0.5, 0.0], [0.0, -0.25]]);
    assert_eq!(place.epsg, Some(26910));
    assert_eq!(place.pixel_size_m, Ok(0.125_f64.sqrt()));
    let sidecar = place.aux_xml().unwrap();
    assert!(sidecar.contains(">EPSG:26910</SRS>"), "{sidecar}");
}

#[test]
fn a_point_is_the_centre_of_its_pixel() {
    let place = place(&PLAIN, &[UTM_10, PIXEL_IS_POINT]).unwrap();
    assert_eq!(place.affine[0].to_vec(), [599_999.75, 4_000_000.125]);
}

#[test]
fn a_matrix_may_turn_a_page() {
    let matrix: &[f64] = &[
        0.0, 2.0, 0.0, 10.0, //
        -2.0, 0.0, 0.0, 20.0, //
        0.0, 0.0, 0.0, 0.0, //
        0.0, 0.0, 0.0, 1.0,
    ];
    let place = place(&[(Tag::ModelTransformationTag, matrix)], &[]).unwrap();
    assert_eq!(place.affine, [[10.0, 20.0], [0.0, -2.0], [2.0, 0.0]]);
    assert_eq!((place.epsg, place.aux_xml()), (None, None));
    assert_eq!(place.pixel_size_m, Err(NoPixelSize::NoCrs));
}

#[test]
fn what_is_no_place_says_why() {
    let points = [TIE_POINT, TIE_POINT].concat();
    assert_eq!(place(&[], &[]), Err(NoPlace::NoTags));
    assert_eq!(place(&[], &[UTM_10]), Err(NoPlace::NoTransform));
    assert_eq!(place(&PLAIN[..1], &[UTM_10]), Err(NoPlace::NoTransform));
    let points = place(&[(Tag::ModelTiepointTag, &points)], &[UTM_10]);
    assert_eq!(points, Err(NoPlace::GroundControlPoints));
    let flat: &[f64] = &[0.5, 0.0, 0.0];
    let flat = place(&[(Tag::ModelPixelScaleTag, flat), PLAIN[1]], &[UTM_10]);
    assert_eq!(flat, Err(NoPlace::NoTransform));
    let endless: &[f64] = &[f64::INFINITY, 0.5, 0.0];
    let endless = place(&[(Tag::ModelPixelScaleTag, endless), PLAIN[1]], &[UTM_10]);
    assert_eq!(endless, Err(NoPlace::NoTransform));
}
