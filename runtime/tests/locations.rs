//! What a camera's tags do to a run: scale, areas, places. On the default bundle and the embedded
//! engine.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;

use image::{ImageFormat, Rgb, RgbImage};
use rszs_edge::cli::events::{Done, Event, Mask};
use rszs_edge::cli::location_events::Flight;
use tempfile::TempDir;

/// Tags of a camera that looks straight down from `height_m`, 1000 pixels of focal length.
fn tags(height_m: f64, pitch_deg: f64) -> String {
    format!(
        "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><r:RDF \
         xmlns:r=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><r:Description \
         xmlns:drone-dji=\"http://www.dji.com/drone-dji/1.0/\" \
         drone-dji:GpsLatitude=\"52.5\" drone-dji:GpsLongtitude=\"13.4\" \
         drone-dji:RelativeAltitude=\"{height_m:+}\" drone-dji:AbsoluteAltitude=\"+500\" \
         drone-dji:GimbalPitchDegree=\"{pitch_deg:+}\" drone-dji:GimbalYawDegree=\"+0.0\" \
         drone-dji:FlightYawDegree=\"+0.0\" drone-dji:CalibratedFocalLength=\"1000\"/>\
         </r:RDF></x:xmpmeta>"
    )
}

/// Writes a JPEG image of 701x503, with an XMP packet if there is one.
fn photograph(folder: &TempDir, name: &str, packet: Option<&str>) -> String {
    let image = RgbImage::from_fn(701, 503, |x, y| {
        Rgb([(x * 7 % 256) as u8, (y * 5 % 256) as u8, ((x + y) % 256) as u8])
    });
    let mut bytes = Vec::new();
    image.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Jpeg).unwrap();
    if let Some(packet) = packet {
        let payload = [b"http://ns.adobe.com/xap/1.0/\0", packet.as_bytes()].concat();
        let length = (payload.len() as u16 + 2).to_be_bytes();
        let segment = [&[0xff, 0xe1], &length[..], &payload].concat();
        bytes.splice(2..2, segment);
    }
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

struct Run {
    masks: Vec<Mask>,
    done: Vec<Done>,
    flight: Option<Flight>,
    stderr: String,
}

fn run(output: &Path, more: &[&str]) -> Run {
    let bundle = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bundles/nano");
    let found = Command::new(env!("CARGO_BIN_EXE_rszs-edge"))
        .args(["--engine", "embedded", "--queries", "road=0.0001", "--json", "--scores"])
        .args([Path::new("--bundle"), &bundle, Path::new("--output"), output])
        .args(more)
        .output()
        .unwrap();
    let stderr = String::from_utf8(found.stderr).unwrap();
    assert!(found.status.success(), "{stderr}");
    let stdout = String::from_utf8(found.stdout).unwrap();
    let mut run = Run { masks: Vec::new(), done: Vec::new(), flight: None, stderr };
    for line in stdout.lines() {
        match serde_json::from_str(line).unwrap() {
            Event::Mask(mask) => run.masks.push(mask),
            Event::End(end) => run.done.push(end.done.unwrap()),
            Event::Summary(summary) => run.flight = summary.flight,
            Event::Begin(_) | Event::Engine(_) | Event::Region(_) => {}
        }
    }
    run
}

fn scores(folder: &Path, name: &str) -> Vec<u8> {
    image::open(folder.join(format!("{name}.road.score.png"))).unwrap().into_bytes()
}

fn output(folder: &TempDir, name: &str) -> PathBuf {
    folder.path().join(name)
}

#[test]
fn a_cameras_tags_do_what_the_option_does_and_off_what_no_tags_do() {
    let folder = TempDir::new().unwrap();
    let tagged = photograph(&folder, "a.jpg", Some(&tags(50.0, -90.0)));
    let plain = photograph(&folder, "plain.jpg", None);
    let segment = |more: &[&str], image: &str, name: &str| {
        let output = output(&folder, "out");
        let run = run(&output, &[more, &[image]].concat());
        (scores(&output, name), run)
    };
    let by_tags = segment(&[], &tagged, "a");
    let typed = segment(&["--gsd", "0.05"], &tagged, "a");
    let off = segment(&["--gsd", "off"], &tagged, "a");
    let plain = segment(&[], &plain, "plain");
    assert!(by_tags.0 == typed.0);
    assert!(off.0 == plain.0);
    assert!(by_tags.0 != plain.0, "4 times smaller");

    let gsd = by_tags.1.done[0].gsd.clone().unwrap();
    assert!((gsd.metres - 0.05).abs() < 1e-12);
    assert_eq!(gsd.source, "RelativeAltitude, CalibratedFocalLength");
    assert!(gsd.error.is_some_and(|error| error > 0.002 && error < 0.01), "{gsd:?}");
    assert!(by_tags.1.stderr.contains("4 times smaller"), "{}", by_tags.1.stderr);
    assert_eq!(by_tags.1.masks[0].area_m2, typed.1.masks[0].area_m2);
    let typed = typed.1.done[0].gsd.clone().unwrap();
    assert_eq!((typed.source.as_str(), typed.error), ("--gsd", None));
    let off = &off.1;
    assert_eq!((off.done[0].gsd.as_ref(), off.masks[0].area_m2), (None, None));
    assert_eq!(off.done[0].no_gsd.as_deref(), Some("--gsd off"));
}

#[test]
fn a_file_without_tags_says_nothing_of_places() {
    let folder = TempDir::new().unwrap();
    let plain = photograph(&folder, "plain.jpg", None);
    let run = run(&output(&folder, "out"), &[&plain]);
    let line = serde_json::to_string(&run.done[0]).unwrap();
    for word in ["gsd", "georeference", "spectrum"] {
        assert!(!line.contains(word), "{word} in {line}");
    }
    assert_eq!(run.stderr, "");
}

/// A GeoTIFF of 64 by 64 pixels of 5 cm in UTM.
fn geotiff(folder: &TempDir, name: &str) -> String {
    use tiff::encoder::{TiffEncoder, colortype::RGB8};
    use tiff::tags::Tag;

    let path = folder.path().join(name);
    let mut file = TiffEncoder::new(fs::File::create(&path).unwrap()).unwrap();
    let mut page = file.new_image::<RGB8>(64, 64).unwrap();
    let tags: [(Tag, &[f64]); 2] = [
        (Tag::ModelPixelScaleTag, &[0.05, 0.05, 0.0]),
        (Tag::ModelTiepointTag, &[0.0, 0.0, 0.0, 600_000.0, 4_000_000.0, 0.0]),
    ];
    for (tag, values) in tags {
        page.encoder().write_tag(tag, values).unwrap();
    }
    let keys: &[u16] = &[1, 1, 0, 1, 3072, 0, 1, 32610];
    page.encoder().write_tag(Tag::GeoKeyDirectoryTag, keys).unwrap();
    let pixels: Vec<u8> = (0..64 * 64 * 3_u32).map(|at| (at * 7 % 251) as u8).collect();
    page.write_data(&pixels).unwrap();
    path.to_str().unwrap().to_owned()
}

/// GDAL, through `rasterio` 1.4.4, gives the masks of eight real files the code and the transform
/// that the files have, to 1e-12.
#[test]
fn the_mask_of_a_geotiff_lies_where_the_file_does() {
    let folder = TempDir::new().unwrap();
    let (image, out) = (geotiff(&folder, "a.tif"), output(&folder, "out"));
    let run = run(&out, &[&image]);
    let done = &run.done[0];
    let raster = done.raster.as_ref().unwrap();
    assert_eq!(raster.epsg, Some(32610));
    assert_eq!(raster.transform.to_vec(), [600_000.0, 0.05, 0.0, 4_000_000.0, 0.0, -0.05]);
    let gsd = done.gsd.as_ref().unwrap();
    assert!((gsd.metres - 0.05).abs() < 1e-12 && gsd.source == "GeoTIFF", "{gsd:?}");
    assert_eq!(done.reduction, 4);
    let world = fs::read_to_string(out.join("a.mask.pgw")).unwrap();
    let numbers: Vec<f64> = world.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(numbers, [0.05, 0.0, 0.0, -0.05, 600_000.025, 3_999_999.975]);
    let sidecar = fs::read_to_string(out.join("a.mask.png.aux.xml")).unwrap();
    assert!(sidecar.contains(">EPSG:32610</SRS>"), "{sidecar}");
}

#[test]
fn images_of_one_run_are_seen_each_at_its_own_scale() {
    let folder = TempDir::new().unwrap();
    let heights = [50.0, 50.0, 200.0, 20.0];
    let images: Vec<String> = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
        .iter()
        .zip(heights)
        .map(|(name, height)| photograph(&folder, name, Some(&tags(height, -90.0))))
        .collect();
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    let run = run(&output(&folder, "out"), &images);
    let reductions: Vec<u32> = run.done.iter().map(|done| done.reduction).collect();
    assert_eq!(reductions, [4, 4, 1, 8]);
    let names: Vec<&str> = run.masks.iter().map(|mask| mask.image.as_str()).collect();
    assert_eq!(names, images, "in the order of the inputs");
}

#[test]
fn a_mask_has_a_place_where_the_camera_looks_down_and_a_reason_where_not() {
    let folder = TempDir::new().unwrap();
    let down = photograph(&folder, "down.jpg", Some(&tags(50.0, -90.0)));
    let oblique = photograph(&folder, "oblique.jpg", Some(&tags(50.0, -47.0)));
    let run = run(&output(&folder, "out"), &[&down, &oblique]);
    let place = run.masks[0].location.unwrap();
    let [x, y] = run.masks[0].centroid.unwrap();
    // 5 cm a pixel; 111,278 m a degree of latitude there (PROJ).
    assert!((place.latitude - 52.5 + (y - 251.5) * 0.05 / 111_278.0).abs() < 1e-8, "{place:?}");
    assert!(place.longitude > 13.399 && place.longitude < 13.401, "{place:?} {x}");
    assert!(place.error_m > 4.0 && place.error_m < 8.0, "{place:?}");
    assert_eq!(run.masks[1].location, None);
    let reason = "the camera looks 43° off the vertical, expected at most 5°";
    assert_eq!(run.done[1].no_georeference.as_deref(), Some(reason));
    assert_eq!(run.done[1].no_gsd.as_deref(), Some(reason));
    assert!(run.stderr.contains(&format!("no georeference: {reason}")), "{}", run.stderr);
}

#[test]
fn a_flight_is_one_file_for_the_map_and_images_without_a_place_are_in_it_with_the_reason() {
    let folder = TempDir::new().unwrap();
    let down = photograph(&folder, "down.jpg", Some(&tags(50.0, -90.0)));
    let oblique = photograph(&folder, "oblique.jpg", Some(&tags(50.0, -47.0)));
    let plain = photograph(&folder, "plain.jpg", None);
    let out = output(&folder, "out");
    let run = run(&out, &[&down, &oblique, &plain]);
    let read = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&fs::read(out.join(name)).unwrap()).unwrap()
    };
    let regions = read("regions.geojson");
    let features = regions["features"].as_array().unwrap();
    let areas: f64 =
        features.iter().map(|one| one["properties"]["area_m2"].as_f64().unwrap()).sum();
    let expected = run.masks[0].area_m2.unwrap();
    assert!((areas - expected).abs() < 0.01 * features.len() as f64, "{areas}, {expected}");
    for feature in features {
        let properties = &feature["properties"];
        assert_eq!(properties["frame"], down);
        assert_eq!(properties["query"], "road");
        assert!(properties["error_m"].as_f64().unwrap() > 4.0);
        let ring = feature["geometry"]["coordinates"][0].as_array().unwrap();
        assert_eq!(ring.first(), ring.last());
    }
    let footprints = read("footprints.geojson");
    let [first, second] = footprints["features"].as_array().unwrap().as_slice() else {
        panic!("{footprints}")
    };
    assert_eq!(first["geometry"]["type"], "Polygon");
    assert!(second["geometry"].is_null());
    let reason = second["properties"]["no_georeference"].as_str().unwrap();
    assert!(reason.starts_with("the camera looks 43"), "{reason}");
    assert!(run.stderr.contains("regions.geojson"), "{}", run.stderr);
    assert_eq!(run.flight.unwrap().files.len(), 3);
    let page = fs::read_to_string(out.join("flight.html")).unwrap();
    assert!(page.contains("2 images, 1 of them on the map"), "{page}");
    assert!(page.contains("no georeference: the camera looks 43"), "{page}");
    assert!(!page.contains("http"), "needs a network");
}

#[test]
fn areas_of_a_flight_count_overlaps_once() {
    let folder = TempDir::new().unwrap();
    let twice = ["a.jpg", "b.jpg"].map(|name| photograph(&folder, name, Some(&tags(50.0, -90.0))));
    let run = run(&output(&folder, "out"), &[&twice[0], &twice[1]]);
    let flight = run.flight.unwrap();
    // 701 by 503 pixels of 5 cm, on cells of 40 cm.
    let seen_m2 = flight.seen_m2.unwrap();
    assert!((seen_m2 - 701.0 * 503.0 * 0.0025).abs() < 15.0, "{seen_m2}");
    let once = run.masks[0].area_m2.unwrap();
    assert!((flight.areas[0].area_m2 - once).abs() < 15.0, "{flight:?}, {once}");
}

#[test]
fn a_mask_lies_where_its_image_was_taken_or_nowhere() {
    let folder = TempDir::new().unwrap();
    let image = photograph(&folder, "a.jpg", Some(&tags(50.0, -90.0)));
    let out = output(&folder, "out");
    let run_once = || run(&out, &[&image]).done.remove(0).files;
    let sidecars = ["a.mask.pgw", "a.mask.png.aux.xml"].map(|name| out.join(name));
    let files = run_once();
    for path in &sidecars {
        assert!(files.contains(&path.display().to_string()), "{files:?}");
    }
    assert!(fs::read_to_string(&sidecars[1]).unwrap().contains("UTM zone 33N"));
    // The same name, an image that has no place: the mask must not lie where the last one did.
    photograph(&folder, "a.jpg", Some(&tags(50.0, -20.0)));
    run_once();
    assert!(sidecars.iter().all(|path| !path.exists()));
}
