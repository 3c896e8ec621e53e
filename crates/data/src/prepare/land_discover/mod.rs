//! LandDiscover50K from its public sources.
//!
//! | source | images | what becomes of it |
//! |---|---|---|
//! | OpenEarthMap, train and val | 3,500 | indices stay |
//! | LoveDA, Train and Val | 4,191 | |
//! | DeepGlobe, train | 3,212 | 803 images in quarters |
//! | SOTA (SAMRS, images of DOTA 2.0) | 17,480 | |
//! | SIOR (SAMRS, images of DIOR) | 23,463 | |
//!
//! GSNet publishes the result and not the script that made it. The counts add up to its 51,846
//! exactly, which is what speaks for these parts and for the quarters. The indices follow from the
//! order of its 40 classes: 1 to 8 are OpenEarthMap's, 12 to 29 SOTA's, 30 to 39 what SIOR has
//! beyond those. Open remain the names of its files, to which split an image belonged, and whether
//! LoveDA's pixels without data and the unknown ones of DeepGlobe are its 0, as they are here.
//! Names here begin with their source: `sior_00001`.

use std::num::NonZeroUsize;
use std::path::Path;

use serde::Serialize;

use super::workers::in_parallel;
use super::{Prepared, claim, make_folder, write, write_json};
use crate::catalogue;
use crate::dense_set::{DenseSet, Provenance, Split};
use crate::error::DataError;
use crate::image::Place;
use crate::sets::land_discover as set;
use crate::sets::land_discover::{GT, IMAGES, PROMPTS, UNFINISHED};

/// What a source gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rebuilt {
    /// Name and folder of the source.
    pub source: &'static str,
    /// Whether its folder was there.
    pub found: bool,
    /// Images of the set that come from it.
    pub images: Prepared,
    /// As many as LandDiscover50K has of it.
    pub published: usize,
}

impl Rebuilt {
    /// Whether the source gave what the published set has of it.
    pub fn is_whole(&self) -> bool {
        self.images.written + self.images.kept == self.published
    }
}

/// A source and how its indices become those of the set.
struct Recipe {
    /// In the catalogue, and its folder.
    name: &'static str,
    /// What names of its images begin with.
    prefix: &'static str,
    published: usize,
    /// An image becomes four.
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
            let index =
                PROMPTS.iter().position(|prompt| prompt == class).expect("a class of the set");
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

/// Puts the set together in `output` from the folders `OpenEarthMap`, `LoveDA`, `DeepGlobe`, `SOTA`
/// and `SIOR` below `sources`, with so many threads. `progress` hears how many images of the
/// sources are done, and of how many.
///
/// A source without a folder is left out, and one that gives more or fewer images than the
/// published set has is taken as it is; both show in what is returned, which is also in
/// `sources.json`. Anything wrong inside a source is an error, as is no source at all.
pub fn land_discover(
    sources: &Path,
    output: &Path,
    threads: NonZeroUsize,
    progress: impl FnMut(usize, usize),
) -> Result<Vec<Rebuilt>, DataError> {
    let mut opened: Vec<Option<DenseSet>> = Vec::new();
    for recipe in &RECIPES {
        let is_there = sources.join(recipe.name).is_dir();
        let set =
            if is_there { Some(catalogue::open(recipe.name, sources)?.keeping(0)) } else { None };
        opened.push(set);
    }
    if opened.iter().all(Option::is_none) {
        let names = RECIPES.map(|recipe| recipe.name).join(", ");
        return Err(DataError::Empty {
            path: sources.to_path_buf(),
            expected: format!("some of the folders {names}"),
        });
    }
    claim(
        output,
        &Provenance { name: "LandDiscover50K from its sources".to_owned(), ..set::provenance() },
    )?;
    let note = b"Some images are missing. Give the command that makes this folder again.\n";
    write(&output.join(UNFINISHED), note)?;
    [IMAGES, GT].iter().try_for_each(|folder| make_folder(&output.join(folder)))?;

    let mut jobs: Vec<Job> = Vec::new();
    for (source, set) in opened.iter().enumerate() {
        let Some(set) = set else { continue };
        for split in [Split::Train, Split::Val] {
            jobs.extend(set.ids(split).enumerate().map(|(index, id)| Job {
                source,
                set,
                split,
                index,
                id,
            }));
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
            images: Prepared::default(),
            published: recipe.published,
        })
        .collect();
    jobs.iter().zip(done).for_each(|(job, counts)| rebuilt[job.source].images += counts);
    write_json(&output.join("sources.json"), &rebuilt)?;
    let unfinished = output.join(UNFINISHED);
    std::fs::remove_file(&unfinished)
        .map_err(|source| DataError::Write { path: unfinished, source })?;
    Ok(rebuilt)
}

/// One image of a source.
struct Job<'a> {
    /// Place in [`RECIPES`].
    source: usize,
    set: &'a DenseSet,
    split: Split,
    index: usize,
    id: &'a str,
}

impl Job<'_> {
    /// Writes the image as the pieces `names`, one or four, unless they are there.
    fn write(
        &self,
        names: &[String],
        indices: &[u8; 256],
        output: &Path,
    ) -> Result<Prepared, DataError> {
        let paths = |name: &String| {
            [IMAGES, GT].map(|folder| output.join(folder).join(format!("{name}.png")))
        };
        let is_missing = |name: &&String| !paths(name).iter().all(|path| path.is_file());
        let missing = names.iter().filter(is_missing).count();
        if missing > 0 {
            let sample = self.set.sample(self.split, self.index)?;
            let mut mask = sample.mask.clone();
            mask.ids.iter_mut().for_each(|id| *id = indices[usize::from(*id)]);
            for (piece, name) in names.iter().enumerate().filter(|(_, name)| is_missing(name)) {
                let place = place(mask.width, mask.height, piece, names.len());
                let [image, ids] = paths(name);
                write(&image, &sample.image.cut(place).to_png(&image)?)?;
                write(&ids, &mask.cut(place).to_png(&ids)?)?;
            }
        }
        Ok(Prepared { written: missing, kept: names.len() - missing })
    }
}

/// Where piece `piece` of `pieces`, one or four, of an image lies; row by row.
fn place(width: usize, height: usize, piece: usize, pieces: usize) -> Place {
    let across = if pieces == 1 { 1 } else { 2 };
    let (column, row) = (piece % across, piece / across);
    let edge = |length: usize, part: usize| length * part / across;
    [edge(width, column), edge(height, row), edge(width, column + 1), edge(height, row + 1)]
}

#[cfg(test)]
mod tests;
