//! Real frames: `shared/data/georef/brighton` beside the folder of the project (DJI FC300S, 40 m
//! above a beach). Golden values are of `golden/footprints.py` (exiftool, PROJ) and
//! `golden/match_frames.py` (`OpenCV`).

#![expect(
    clippy::unwrap_used,
    reason = "these are tests; the lint knows functions marked as such alone"
)]

use std::fs::File;
use std::io::Cursor;
use std::path::PathBuf;
use std::process::ExitCode;

use rszs_geo::camera::{
    FocalSource, Footprint, GroundSampleDistance, HeightSource, Metadata, NoPose, Pose,
    PositionSource, Spectrum, WorldFile, YawSource,
};
use rszs_tests::harness::{self, Need};
use rszs_tests::tests;

const SIZE_PX: [u32; 2] = [4000, 2250];

/// Metres of a degree of latitude there, near enough for centimetres.
const DEGREE_M: f64 = 111_200.0;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/georef/brighton")
}

fn metadata(name: &str) -> Metadata {
    Metadata::read(&mut File::open(folder().join(name)).unwrap()).unwrap()
}

fn footprint(name: &str) -> Footprint {
    Footprint::new(Pose::of(&metadata(name), SIZE_PX).unwrap())
}

fn apart_m([lon, lat]: [f64; 2], [other_lon, other_lat]: [f64; 2]) -> f64 {
    let east_m = (lon - other_lon) * DEGREE_M * lat.to_radians().cos();
    east_m.hypot((lat - other_lat) * DEGREE_M)
}

fn tags_are_those_of_exiftool() {
    let metadata = metadata("DJI_0019.JPG");
    let pose = Pose::of(&metadata, SIZE_PX).unwrap();
    let place = [pose.position.longitude_deg, pose.position.latitude_deg];
    assert!(apart_m(place, [-91.994_427_277_8, 46.842_690_666_7]) < 1e-4, "{pose:?}");
    assert_eq!(pose.position.source, PositionSource::Exif);
    assert!((pose.height.metres - 40.1).abs() < 1e-9, "not the 198.61 m above the sea");
    assert_eq!(pose.height.source, HeightSource::AboveTakeOff);
    assert!((pose.direction.yaw_deg - 40.1).abs() < 1e-6, "{pose:?}");
    assert_eq!(pose.direction.yaw_source, YawSource::Flight);
    assert!((pose.direction.off_nadir_deg - 0.1).abs() < 1e-3, "{pose:?}");
    assert_eq!(pose.focal_length.source, FocalSource::KnownCamera);
    assert_eq!(metadata.time(), Some("2016:06:23 16:32:06"));
    assert_eq!(metadata.model(), Some("FC300S"));
    assert_eq!(metadata.size_px(), Some(SIZE_PX));
    assert_eq!(metadata.spectrum(), Spectrum::Visible);
}

fn corners_are_where_geodesics_end() {
    for (name, corners) in CORNERS {
        for (found, expected) in footprint(name).corners().into_iter().zip(corners) {
            let off_m = apart_m(found, expected);
            assert!(off_m < 0.01, "{name}: {found:?}, expected {expected:?}, {off_m} m apart");
        }
    }
}

fn a_world_file_has_the_corners_of_proj() {
    let world = WorldFile::of(&footprint("DJI_0019.JPG")).unwrap();
    assert_eq!(world.epsg(), 32615);
    let [corner, right, down] = world.affine;
    let [width, height] = SIZE_PX.map(f64::from);
    let points = [[0.0, 0.0], [0.0, height], [width, height], [width, 0.0]];
    for ([x, y], [east, north]) in points.into_iter().zip(UTM_CORNERS) {
        let found = [0, 1].map(|axis| corner[axis] + right[axis] * x + down[axis] * y);
        // A tenth of a degree off the vertical makes a trapezium.
        let off_m = (found[0] - east).hypot(found[1] - north);
        assert!(off_m < world.residual_m + 0.005 && world.residual_m < 0.1, "{off_m} {world:?}");
    }
    let lines: Vec<f64> = world.text().lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(lines.len(), 6);
    assert!((lines[4] - 576_658.9).abs() < 0.2 && (lines[5] - 5_188_210.7).abs() < 0.2);
}

fn the_size_of_a_pixel_is_the_height_over_the_focal_length() {
    let found = GroundSampleDistance::of(&metadata("DJI_0019.JPG"), SIZE_PX).unwrap();
    assert!((found.metres - 0.017_134).abs() < 1e-6, "{found:?}");
    assert!(found.error_m > 0.001 && found.error_m < 0.002, "{found:?}");
    let whole = "RelativeAltitude, FocalLength and the sensor of the camera's model";
    assert_eq!(found.source, whole);
}

fn a_point_is_within_the_stated_error_of_itself_in_the_next_frame() {
    let [first, second] = ["DJI_0019.JPG", "DJI_0020.JPG"].map(footprint);
    for [a, b] in MATCHES {
        let apart_m = apart_m(first.ground(a), second.ground(b));
        let stated_m = first.view_error_m(a).hypot(second.view_error_m(b));
        assert!(apart_m < stated_m, "{a:?} {b:?}: {apart_m} m apart, stated {stated_m} m");
        assert!(stated_m < 10.0, "{stated_m} m is no statement");
    }
}

fn a_frame_that_a_program_turned_over_has_no_place() {
    let metadata = metadata("DJI_0027.JPG");
    let refusal = Pose::of(&metadata, SIZE_PX).unwrap_err();
    assert!(matches!(&refusal, NoPose::Edited { program } if program.contains("Photo Viewer")));
    // Its pixels are as large as before.
    assert!(GroundSampleDistance::of(&metadata, SIZE_PX).is_ok());
}

fn damaged_tags_are_left_out_and_nothing_else_happens() {
    let mut whole = std::fs::read(folder().join("DJI_0019.JPG")).unwrap();
    whole.truncate(80_000);
    let mut state = 7_u32;
    let mut random = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    let mut with_a_pose = 0;
    for round in 0..3000 {
        let mut bytes = whole.clone();
        for _ in 0..=random(8) {
            // EXIF's directories are at the start, XMP 50 kB behind it.
            let at = if random(2) == 0 { random(1200) } else { random(bytes.len()) };
            bytes[at] = random(256) as u8;
        }
        if round % 8 == 0 {
            bytes.truncate(random(80_000));
        }
        let metadata = Metadata::read(&mut Cursor::new(bytes)).unwrap();
        if let Ok(pose) = Pose::of(&metadata, SIZE_PX) {
            with_a_pose += 1;
            let place = Footprint::new(pose).place([0.0, 0.0]);
            assert!(place.error_m.is_finite() && place.latitude_deg.is_finite(), "{pose:?}");
        }
    }
    assert!(with_a_pose > 300, "{with_a_pose}");
}

fn main() -> ExitCode {
    let folder = folder();
    let missing = (!folder.exists()).then(|| format!("needs {}", folder.display()));
    let need = Need::unless(missing);
    harness::run(tests![
        need;
        tags_are_those_of_exiftool,
        corners_are_where_geodesics_end,
        a_world_file_has_the_corners_of_proj,
        the_size_of_a_pixel_is_the_height_over_the_focal_length,
        a_point_is_within_the_stated_error_of_itself_in_the_next_frame,
        a_frame_that_a_program_turned_over_has_no_place,
        damaged_tags_are_left_out_and_nothing_else_happens,
    ])
}

/// Top left, bottom left, bottom right, top right.
const CORNERS: [(&str, [[f64; 2]; 4]); 2] = [
    (
        "DJI_0019.JPG",
        [
            [-91.994_607_709, 46.843_022_616],
            [-91.994_932_676, 46.842_757_014],
            [-91.994_245_971, 46.842_360_236],
            [-91.993_919_849, 46.842_625_169],
        ],
    ),
    (
        "DJI_0020.JPG",
        [
            [-91.994_456_830, 46.843_114_996],
            [-91.994_799_672, 46.842_860_193],
            [-91.994_140_968, 46.842_441_659],
            [-91.993_797_019, 46.842_695_757],
        ],
    ),
];

/// The corners of the first in EPSG:32615.
const UTM_CORNERS: [[f64; 2]; 4] = [
    [576_658.861, 5_188_210.684],
    [576_634.461, 5_188_180.853],
    [576_687.385, 5_188_137.432],
    [576_711.874, 5_188_167.191],
];

/// Points of `DJI_0019.JPG` and of `DJI_0020.JPG`.
const MATCHES: [[[f64; 2]; 2]; 12] = [
    [[3921.2, 645.9], [3870.7, 1394.5]],
    [[3738.9, 20.0], [3659.1, 774.1]],
    [[3720.9, 34.8], [3641.4, 789.8]],
    [[3703.2, 28.8], [3623.4, 783.7]],
    [[3299.6, 130.6], [3223.3, 904.6]],
    [[3254.4, 169.2], [3180.8, 945.5]],
    [[3199.0, 216.6], [3125.3, 995.9]],
    [[3047.8, 1231.4], [3012.0, 2037.6]],
    [[3218.1, 187.2], [3143.4, 964.9]],
    [[3245.2, 185.4], [3170.6, 961.9]],
    [[3292.2, 302.5], [3223.0, 1079.9]],
    [[3083.3, 1128.6], [3043.9, 1933.9]],
];
