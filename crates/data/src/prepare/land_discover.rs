//! LandDiscover50K from its public sources.
//!
//! | source | pictures | what becomes of it |
//! |---|---|---|
//! | OpenEarthMap, train and val | 3,500 | indices stay |
//! | LoveDA, Train and Val | 4,191 | |
//! | DeepGlobe, train | 3,212 | 803 pictures in quarters |
//! | SOTA (SAMRS, pictures of DOTA 2.0) | 17,480 | |
//! | SIOR (SAMRS, pictures of DIOR) | 23,463 | |
//!
//! GSNet publishes the result and not the script that made it. The counts add up to its 51,846 exactly, which is what speaks for these parts
//! and for the quarters. The indices follow from the order of its 40 classes: 1 to 8 are OpenEarthMap's, 12 to 29 SOTA's, 30 to 39 what SIOR
//! has beyond those. Open remain the names of its files, to which split a picture belonged, and whether LoveDA's pixels without data and
//! the unknown ones of DeepGlobe are its 0, as they are here. Names here begin with their source: `sior_00001`.

use std::num::NonZeroUsize;
use std::path::Path;

use serde::Serialize;

use super::workers::in_parallel;
use super::{Prepared, claim, make_folder, write, write_json, write_whole};
use crate::dense_set::{DenseSet, Provenance, Split};
use crate::error::DataError;
use crate::image::Place;
use crate::land_discover::{GT, IMAGES, PROMPTS, UNFINISHED};
use crate::{catalogue, land_discover as set};

/// What a source gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rebuilt {
    /// Name and folder of the source.
    pub source: &'static str,
    /// Whether its folder was there.
    pub found: bool,
    /// Pictures of the set that come from it.
    pub pictures: Prepared,
    /// As many as LandDiscover50K has of it.
    pub published: usize,
}

impl Rebuilt {
    /// Whether the source gave what the published set has of it.
    pub fn is_whole(&self) -> bool {
        self.pictures.written + self.pictures.kept == self.published
    }
}

/// A source and how its indices become those of the set.
struct Recipe {
    /// In the catalogue, and its folder.
    name: &'static str,
    /// What names of its pictures begin with.
    prefix: &'static str,
    published: usize,
    /// A picture becomes four.
    in_quarters: bool,
    /// `(index of the source, class of the set)`; every other index becomes 0.
    classes: &'static [(u8, &'static str)],
}

const RECIPES: [Recipe; 5] = [
    Recipe {
        name: "OpenEarthMap",
        prefix: "oem",
        published: 3_500,
        in_quarters: false,
        classes: &[
            (1, "bare land"),
            (2, "grass"),
            (3, "pavement"),
            (4, "road"),
            (5, "tree"),
            (6, "water"),
            (7, "agriculture land"),
            (8, "buildings"),
        ],
    },
    Recipe {
        name: "LoveDA",
        prefix: "loveda",
        published: 4_191,
        in_quarters: false,
        classes: &[
            (2, "buildings"),
            (3, "road"),
            (4, "water"),
            (5, "barren land"),
            (6, "forest land"),
            (7, "agriculture land"),
        ],
    },
    Recipe {
        name: "DeepGlobe",
        prefix: "deepglobe",
        published: 3_212,
        in_quarters: true,
        classes: &[
            (0, "urban land"),
            (1, "agriculture land"),
            (2, "grass"),
            (3, "forest land"),
            (4, "water"),
            (5, "barren land"),
        ],
    },
    Recipe {
        name: "SOTA",
        prefix: "sota",
        published: 17_480,
        in_quarters: false,
        classes: &[
            (0, "large-vehicle"),
            (1, "swimming-pool"),
            (2, "helicopter"),
            (3, "bridge"),
            (4, "plane"),
            (5, "ship"),
            (6, "soccer-ball-field"),
            (7, "basketball-court"),
            (8, "ground-track-field"),
            (9, "small-vehicle"),
            (10, "baseball-diamond"),
            (11, "tennis-court"),
            (12, "roundabout"),
            (13, "storage-tank"),
            (14, "harbor"),
            (15, "container-crane"),
            (16, "airport"),
            (17, "helipad"),
        ],
    },
    Recipe {
        name: "SIOR",
        prefix: "sior",
        published: 23_463,
        in_quarters: false,
        classes: &[
            (0, "plane"),
            (1, "airport"),
            (2, "baseball-diamond"),
            (3, "basketball-court"),
            (4, "bridge"),
            (5, "chimney"),
            (6, "expressway service area"),
            (7, "expresswalltoll station"),
            (8, "dam"),
            (9, "golf field"),
            (10, "ground-track-field"),
            (11, "harbor"),
            (12, "overpass"),
            (13, "ship"),
            (14, "stadium"),
            (15, "storage-tank"),
            (16, "tennis-court"),
            (17, "train station"),
            (18, "vehicle"),
            (19, "windmill"),
        ],
    },
];

impl Recipe {
    /// The set's index for each index of the source.
    fn indices(&self) -> [u8; 256] {
        let mut indices = [0; 256];
        for (id, class) in self.classes {
            let index = PROMPTS.iter().position(|prompt| prompt == class).expect("a class of the set");
            indices[usize::from(*id)] = index as u8;
        }
        indices
    }

    fn names(&self, id: &str) -> Vec<String> {
        if self.in_quarters {
            (0..4).map(|quarter| format!("{}_{id}_{quarter}", self.prefix)).collect()
        } else {
            vec![format!("{}_{id}", self.prefix)]
        }
    }
}

/// Puts the set together in `output` from the folders `OpenEarthMap`, `LoveDA`, `DeepGlobe`, `SOTA` and `SIOR` below `sources`, with so many
/// threads. `progress` hears how many pictures of the sources are done, and of how many.
///
/// A source without a folder is left out, and one that gives more or fewer pictures than the published set has is taken as it is; both show in
/// what is returned, which is also in `sources.json`. Anything wrong inside a source is an error, as is no source at all.
pub fn land_discover(
    sources: &Path,
    output: &Path,
    threads: NonZeroUsize,
    progress: impl FnMut(usize, usize),
) -> Result<Vec<Rebuilt>, DataError> {
    let mut opened: Vec<Option<DenseSet>> = Vec::new();
    for recipe in &RECIPES {
        let is_there = sources.join(recipe.name).is_dir();
        let set = if is_there { Some(catalogue::open(recipe.name, sources)?.keeping(0)) } else { None };
        opened.push(set);
    }
    if opened.iter().all(Option::is_none) {
        let names = RECIPES.map(|recipe| recipe.name).join(", ");
        return Err(DataError::Empty { path: sources.to_path_buf(), expected: format!("some of the folders {names}") });
    }
    claim(output, &Provenance { name: "LandDiscover50K from its sources".to_owned(), ..set::provenance() })?;
    let note = b"Some pictures are missing. Give the command that makes this folder again.\n";
    write_whole(&output.join(UNFINISHED), |path| write(path, note))?;
    [IMAGES, GT].iter().try_for_each(|folder| make_folder(&output.join(folder)))?;

    let mut jobs: Vec<Job> = Vec::new();
    for (source, set) in opened.iter().enumerate() {
        let Some(set) = set else { continue };
        for split in [Split::Train, Split::Val] {
            jobs.extend(set.ids(split).enumerate().map(|(index, id)| Job { source, set, split, index, id }));
        }
    }
    let indices = RECIPES.each_ref().map(Recipe::indices);
    let convert = |at: usize| {
        let job = &jobs[at];
        job.write(&RECIPES[job.source].names(job.id), &indices[job.source], output)
    };
    let done = in_parallel(threads, jobs.len(), convert, progress)?;

    let mut rebuilt: Vec<Rebuilt> = RECIPES
        .iter()
        .zip(&opened)
        .map(|(recipe, set)| Rebuilt {
            source: recipe.name,
            found: set.is_some(),
            pictures: Prepared::default(),
            published: recipe.published,
        })
        .collect();
    jobs.iter().zip(done).for_each(|(job, counts)| rebuilt[job.source].pictures += counts);
    write_json(&output.join("sources.json"), &rebuilt)?;
    let unfinished = output.join(UNFINISHED);
    std::fs::remove_file(&unfinished).map_err(|source| DataError::Write { path: unfinished, source })?;
    Ok(rebuilt)
}

/// One picture of a source.
struct Job<'a> {
    /// Place in [`RECIPES`].
    source: usize,
    set: &'a DenseSet,
    split: Split,
    index: usize,
    id: &'a str,
}

impl Job<'_> {
    /// Writes the picture as the pieces `names`, one or four, unless they are there.
    fn write(&self, names: &[String], indices: &[u8; 256], output: &Path) -> Result<Prepared, DataError> {
        let paths = |name: &String| [IMAGES, GT].map(|folder| output.join(folder).join(format!("{name}.png")));
        let is_missing = |name: &&String| !paths(name).iter().all(|path| path.is_file());
        let missing = names.iter().filter(is_missing).count();
        if missing > 0 {
            let sample = self.set.sample(self.split, self.index)?;
            let mut mask = sample.mask.clone();
            mask.ids.iter_mut().for_each(|id| *id = indices[usize::from(*id)]);
            for (piece, name) in names.iter().enumerate().filter(|(_, name)| is_missing(name)) {
                let place = place(mask.width, mask.height, piece, names.len());
                let [picture, ids] = paths(name);
                write_whole(&picture, |path| sample.image.cut(place).write_png(path))?;
                write_whole(&ids, |path| mask.cut(place).write_png(path))?;
            }
        }
        Ok(Prepared { written: missing, kept: names.len() - missing })
    }
}

/// Where piece `piece` of `pieces`, one or four, of a picture lies; row by row.
fn place(width: usize, height: usize, piece: usize, pieces: usize) -> Place {
    let across = if pieces == 1 { 1 } else { 2 };
    let (column, row) = (piece % across, piece / across);
    let edge = |length: usize, part: usize| length * part / across;
    [edge(width, column), edge(height, row), edge(width, column + 1), edge(height, row + 1)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RgbImage, fixtures, flair};
    use std::path::PathBuf;

    const THREADS: NonZeroUsize = NonZeroUsize::new(2).unwrap();

    /// Fake copies of all five sources, and a folder for the set.
    fn sources() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let writers =
            [fixtures::open_earth_map, fixtures::love_da, fixtures::deep_globe, fixtures::sota, fixtures::sior];
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
        rebuilt.iter().map(|source| (source.source, source.pictures.written, source.pictures.kept)).collect()
    }

    #[test]
    fn five_fakes_become_a_set_whose_masks_say_what_the_sources_say() {
        let (folder, output) = sources();
        let rebuilt = rebuild(folder.path(), &output).unwrap();
        let expected = [("OpenEarthMap", 3, 0), ("LoveDA", 4, 0), ("DeepGlobe", 8, 0), ("SOTA", 2, 0), ("SIOR", 3, 0)];
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
                let [left, top, right, bottom] = place(sample.mask.width, sample.mask.height, piece, pieces.len());
                assert_eq!((found.mask.width, found.mask.height), (right - left, bottom - top), "{name}");
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
            let stated = set.classes().classes().iter().filter(|class| !set.classes().ignores(class.id)).count();
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
        assert_eq!(rebuilt.iter().map(|source| source.pictures.written).sum::<usize>(), 1);
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
        assert_eq!(counts, expected.map(|(source, count)| (format!("LandDiscover50K_{source}"), count, true)));
        std::fs::remove_dir_all(&output).unwrap();
        fixtures::land_discover(folder.path()).unwrap();
        let message = catalogue::open(set::PARTS[1], folder.path()).unwrap_err().to_string();
        assert_eq!(
            message,
            "LandDiscover50K_loveda: expected pictures of LandDiscover50K whose names begin with loveda_, found none"
        );
    }

    #[test]
    fn no_source_at_all_and_a_folder_of_something_else_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let message = rebuild(folder.path(), &folder.path().join("out")).unwrap_err().to_string();
        assert!(message.contains("expected some of the folders OpenEarthMap, LoveDA, DeepGlobe"), "{message}");
        let (folder, _) = sources();
        let other = fixtures::flair(folder.path()).unwrap();
        let message = rebuild(folder.path(), &other).unwrap_err().to_string();
        assert!(message.contains("found other files (choose another folder)"), "{message}");
        assert!(flair::open(&other).is_ok(), "left alone");
    }

    #[test]
    fn quarters_cover_a_picture_once() {
        let mut covered = RgbImage::filled(7, 5, [0; 3]);
        for [left, top, right, bottom] in (0..4).map(|piece| place(7, 5, piece, 4)) {
            for (x, y) in (left..right).flat_map(|x| (top..bottom).map(move |y| (x, y))) {
                covered.set_pixel(x, y, covered.pixel(x, y).map(|times| times + 1));
            }
        }
        assert!(covered.pixels.iter().all(|&times| times == 1));
        assert_eq!([0, 3].map(|piece| place(2448, 2448, piece, 4)), [[0, 0, 1224, 1224], [1224, 1224, 2448, 2448]]);
    }
}
