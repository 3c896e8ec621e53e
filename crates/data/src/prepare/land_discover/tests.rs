use super::*;
use crate::sets::flair;
use crate::{RgbImage, fixtures};
use std::path::PathBuf;

const THREADS: NonZeroUsize = NonZeroUsize::new(2).unwrap();

/// Fake copies of all five sources, and a folder for the set.
fn sources() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let writers = [
        fixtures::open_earth_map,
        fixtures::love_da,
        fixtures::deep_globe,
        fixtures::sota,
        fixtures::sior,
    ];
    for write in writers {
        write(folder.path()).unwrap();
    }
    let output = folder.path().join("LandDiscover50K");
    (folder, output)
}

fn rebuild(folder: &Path, output: &Path) -> Result<Vec<Rebuilt>, DataError> {
    land_discover(folder, output, THREADS, |_, _| {})
}

fn counts(rebuilt: &[Rebuilt]) -> Vec<(&str, usize, usize)> {
    rebuilt
        .iter()
        .map(|source| (source.source, source.images.written, source.images.kept))
        .collect()
}

#[test]
fn five_fakes_become_a_set_whose_masks_say_what_the_sources_say() {
    let (folder, output) = sources();
    let rebuilt = rebuild(folder.path(), &output).unwrap();
    let expected = [
        ("OpenEarthMap", 3, 0),
        ("LoveDA", 4, 0),
        ("DeepGlobe", 8, 0),
        ("SOTA", 2, 0),
        ("SIOR", 3, 0),
    ];
    assert_eq!(counts(&rebuilt), expected);
    let set = set::open(&output).unwrap();
    let names: Vec<&str> = set.ids(Split::Train).collect();
    assert_eq!(names.len(), 20);
    for (source, recipe) in RECIPES.iter().enumerate() {
        let of_source = catalogue::open(recipe.name, folder.path()).unwrap();
        let split = Split::Train;
        let sample = of_source.sample(split, 0).unwrap();
        let pieces = recipe.names(&sample.id);
        for (piece, name) in pieces.iter().enumerate() {
            let index = names.iter().position(|found| found == name).unwrap();
            let found = set.sample(split, index).unwrap();
            let [left, top, right, bottom] =
                place(sample.mask.width, sample.mask.height, piece, pieces.len());
            assert_eq!(
                (found.mask.width, found.mask.height),
                (right - left, bottom - top),
                "{name}"
            );
            for (x, y) in (left..right).flat_map(|x| (top..bottom).map(move |y| (x, y))) {
                let id = sample.mask.id(x, y);
                let class = RECIPES[source].classes.iter().find(|(known, _)| *known == id);
                let class = class.map_or("background", |(_, class)| class);
                let index = usize::from(found.mask.id(x - left, y - top));
                assert_eq!(PROMPTS[index], class, "{name}: {id} at {x}, {y}");
                assert_eq!(found.image.pixel(x - left, y - top), sample.image.pixel(x, y));
            }
        }
    }
}

#[test]
fn numbers_are_those_of_the_published_class_list() {
    let of = |name: &str| RECIPES.iter().find(|recipe| recipe.name == name).unwrap().indices();
    let first = |name: &str, count: usize| of(name)[..count].to_vec();
    assert_eq!(first("OpenEarthMap", 9), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(first("LoveDA", 8), [0, 0, 8, 4, 6, 10, 9, 7]);
    assert_eq!(first("DeepGlobe", 7), [11, 7, 2, 9, 6, 10, 0]);
    assert!(first("SOTA", 18).into_iter().eq(12..30));
    let sior = [16, 28, 22, 19, 15, 30, 31, 32, 33, 34, 20, 26, 35, 17, 36, 25, 23, 37, 38, 39];
    assert_eq!(first("SIOR", 20), sior);
    assert!(RECIPES.iter().all(|recipe| recipe.indices()[255] == 0), "what nobody labelled");
    assert_eq!(RECIPES.iter().map(|recipe| recipe.published).sum::<usize>(), 51_846);
}

#[test]
fn every_class_of_a_source_has_its_number_and_what_is_left_is_background() {
    let left = [("OpenEarthMap", 0), ("LoveDA", 1), ("DeepGlobe", 0), ("SOTA", 0), ("SIOR", 0)];
    let (folder, _) = sources();
    for (recipe, (name, unnumbered)) in RECIPES.iter().zip(left) {
        let set = catalogue::open(name, folder.path()).unwrap();
        let concepts = set.classes().concepts().iter().map(|concept| concept.positive[0]);
        assert!(concepts.eq(recipe.classes.iter().map(|(id, _)| *id)), "{name}");
        let stated =
            set.classes().classes().iter().filter(|class| !set.classes().ignores(class.id)).count();
        assert_eq!(stated - recipe.classes.len(), unnumbered, "{name}");
    }
}

#[test]
fn a_second_call_writes_what_is_missing_and_nothing_else() {
    let (folder, output) = sources();
    rebuild(folder.path(), &output).unwrap();
    let path = output.join("GT_ID/deepglobe_119_2.png");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let rebuilt = rebuild(folder.path(), &output).unwrap();
    assert_eq!(counts(&rebuilt)[2], ("DeepGlobe", 1, 7));
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert_eq!(rebuilt.iter().map(|source| source.images.written).sum::<usize>(), 1);
}

#[test]
fn an_interrupted_set_is_refused_until_it_is_taken_up() {
    let (folder, output) = sources();
    let damaged = folder.path().join("SIOR/JPEGImages-test/11726.jpg");
    let whole = std::fs::read(&damaged).unwrap();
    std::fs::write(&damaged, &whole[..whole.len() / 2]).unwrap();
    let message = rebuild(folder.path(), &output).unwrap_err().to_string();
    assert!(message.starts_with(damaged.to_str().unwrap()), "{message}");
    let message = set::open(&output).unwrap_err().to_string();
    assert!(message.contains("was interrupted: give its command again"), "{message}");
    std::fs::write(&damaged, whole).unwrap();
    rebuild(folder.path(), &output).unwrap();
    assert_eq!(set::open(&output).unwrap().len(Split::Train), 20);
}

#[test]
fn a_source_without_a_folder_is_left_out_and_said_to_be_and_can_come_later() {
    let (folder, output) = sources();
    let (there, away) = (folder.path().join("SOTA"), folder.path().join("later"));
    std::fs::rename(&there, &away).unwrap();
    let rebuilt = rebuild(folder.path(), &output).unwrap();
    assert!(!rebuilt[3].found && !rebuilt[3].is_whole() && rebuilt[4].found);
    let written: serde_json::Value =
        serde_json::from_slice(&std::fs::read(output.join("sources.json")).unwrap()).unwrap();
    assert_eq!((&written[3]["source"], &written[3]["found"]), (&"SOTA".into(), &false.into()));
    std::fs::rename(&away, &there).unwrap();
    assert_eq!(counts(&rebuild(folder.path(), &output).unwrap())[3], ("SOTA", 2, 0));
}

#[test]
fn each_source_can_be_trained_on_alone() {
    let (folder, output) = sources();
    rebuild(folder.path(), &output).unwrap();
    let counts = set::PARTS.map(|part| {
        let part = catalogue::open(part, folder.path()).unwrap();
        (part.name().to_owned(), part.len(Split::Train), part.classes() == &set::classes())
    });
    let expected = [("oem", 3), ("loveda", 4), ("deepglobe", 8), ("sota", 2), ("sior", 3)];
    assert_eq!(
        counts,
        expected.map(|(source, count)| (format!("LandDiscover50K_{source}"), count, true))
    );
    std::fs::remove_dir_all(&output).unwrap();
    fixtures::land_discover(folder.path()).unwrap();
    let message = catalogue::open(set::PARTS[1], folder.path()).unwrap_err().to_string();
    assert_eq!(
        message,
        "LandDiscover50K_loveda: expected images of LandDiscover50K whose names begin with \
         loveda_, found none"
    );
}

#[test]
fn no_source_at_all_and_a_folder_of_something_else_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let message = rebuild(folder.path(), &folder.path().join("out")).unwrap_err().to_string();
    assert!(
        message.contains("expected some of the folders OpenEarthMap, LoveDA, DeepGlobe"),
        "{message}"
    );
    let (folder, _) = sources();
    let other = fixtures::flair(folder.path()).unwrap();
    let message = rebuild(folder.path(), &other).unwrap_err().to_string();
    assert!(message.contains("found other files (choose another folder)"), "{message}");
    assert!(flair::open(&other).is_ok(), "left alone");
}

#[test]
fn quarters_cover_an_image_once() {
    let mut covered = RgbImage::filled(7, 5, [0; 3]);
    for [left, top, right, bottom] in (0..4).map(|piece| place(7, 5, piece, 4)) {
        for (x, y) in (left..right).flat_map(|x| (top..bottom).map(move |y| (x, y))) {
            covered.set_pixel(x, y, covered.pixel(x, y).map(|times| times + 1));
        }
    }
    assert!(covered.pixels.iter().all(|&times| times == 1));
    assert_eq!(
        [0, 3].map(|piece| place(2448, 2448, piece, 4)),
        [[0, 0, 1224, 1224], [1224, 1224, 2448, 2448]]
    );
}
