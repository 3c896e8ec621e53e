//! Aerial scenes with sentences: 8,973 images of AID, the scene each shows, and RSICD's captions.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use crate::dense_set::{DenseSet, Provenance, Split};
use crate::error::DataError;
use crate::rng::hash_name;

/// The set. `images` has no masks; sample `index` of a split has the captions and the scene of
/// that index here.
#[derive(Debug)]
pub struct AidRsicd {
    images: Arc<DenseSet>,
    scenes: Vec<String>,
    train: Vec<Description>,
    val: Vec<Description>,
}

#[derive(Debug)]
struct Description {
    scene: usize,
    captions: Vec<String>,
}

/// One line of `captions.jsonl`.
#[derive(Deserialize)]
struct Line {
    image: String,
    cls: String,
    captions: Vec<String>,
}

impl AidRsicd {
    /// Opens the folder `aid_rsicd`. One image in twenty, chosen by a hash of its name, is
    /// validation.
    pub fn open(root: &Path) -> Result<Self, DataError> {
        let path = root.join("captions.jsonl");
        let text = std::fs::read_to_string(&path)
            .map_err(DataError::io(&path, "the captions, a JSON object a line"))?;
        let mut lines = Vec::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let line: Line = serde_json::from_str(line).map_err(|error| {
                let expected = format!("image, cls and captions in line {}", number + 1);
                DataError::malformed(&path, expected, error)
            })?;
            let image = root.join("images").join(&line.image);
            if line.captions.is_empty() {
                return Err(DataError::Empty {
                    path,
                    expected: format!("a caption for {}", line.image),
                });
            }
            // A listed name must stay inside the folder.
            if Path::new(&line.image)
                .components()
                .any(|part| !matches!(part, std::path::Component::Normal(_)))
            {
                return Err(DataError::malformed(
                    &path,
                    "image names inside the folder images",
                    &line.image,
                ));
            }
            if !image.is_file() {
                return Err(DataError::Missing { path: image, list: path });
            }
            lines.push((line, image));
        }
        if lines.is_empty() {
            return Err(DataError::Empty { path, expected: "at least one line".to_owned() });
        }
        lines.sort_by(|(a, _), (b, _)| a.image.cmp(&b.image));
        let scenes: Vec<String> = lines
            .iter()
            .map(|(line, _)| words(&line.cls))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let (mut train, mut val, mut images) = (Vec::new(), Vec::new(), Vec::new());
        for (line, image) in lines {
            let scene = scenes.binary_search(&words(&line.cls)).expect("every scene was collected");
            let description = Description { scene, captions: line.captions };
            let split = split_of(&line.image);
            match split {
                Split::Train => train.push(description),
                Split::Val => val.push(description),
            }
            images.push((split, line.image.trim_end_matches(".jpg").to_owned(), image));
        }
        let images = Arc::new(DenseSet::of_images(provenance(), images));
        Ok(Self { images, scenes, train, val })
    }

    /// The images, without masks.
    pub fn images(&self) -> &Arc<DenseSet> {
        &self.images
    }

    /// The scene names in lower case, sorted: "airport", "bare land", …
    pub fn scenes(&self) -> &[String] {
        &self.scenes
    }

    /// Place in [`AidRsicd::scenes`] of what image `index` shows.
    pub fn scene(&self, split: Split, index: usize) -> usize {
        self.descriptions(split)[index].scene
    }

    /// The sentences about image `index`, at least one. Other images may have the same
    /// sentence.
    pub fn captions(&self, split: Split, index: usize) -> &[String] {
        &self.descriptions(split)[index].captions
    }

    fn descriptions(&self, split: Split) -> &[Description] {
        match split {
            Split::Train => &self.train,
            Split::Val => &self.val,
        }
    }
}

fn split_of(name: &str) -> Split {
    if hash_name(name).is_multiple_of(20) { Split::Val } else { Split::Train }
}

/// "`BareLand`" to "bare land".
fn words(scene: &str) -> String {
    let mut words = String::new();
    for letter in scene.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

fn provenance() -> Provenance {
    Provenance {
        name: "aid_rsicd".to_owned(),
        metres_per_px: None,
        licence: "AID: academic use; RSICD: not stated; not to be redistributed".to_owned(),
        credit: "Xia et al. 2017 (AID), Lu et al. 2017 (RSICD)".to_owned(),
        research_only: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn captions_and_scenes_follow_their_image_into_its_split() {
        let folder = tempfile::tempdir().unwrap();
        let set = AidRsicd::open(&fixtures::aid_rsicd(folder.path()).unwrap()).unwrap();
        assert_eq!(set.scenes(), ["bare land", "river"]);
        let total: usize =
            [Split::Train, Split::Val].into_iter().map(|split| set.images().len(split)).sum();
        assert_eq!(total, 40);
        assert!(!set.images().is_empty(Split::Val));
        for split in [Split::Train, Split::Val] {
            for (index, id) in set.images().ids(split).enumerate() {
                assert_eq!(set.captions(split, index)[0], format!("this is {id} ."));
                let scene = &set.scenes()[set.scene(split, index)];
                assert_eq!(scene.starts_with("river"), id.starts_with("River"), "{id} is {scene}");
            }
        }
    }

    #[test]
    fn a_listed_image_that_is_not_there_and_a_broken_line_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = fixtures::aid_rsicd(folder.path()).unwrap();
        std::fs::remove_file(root.join("images/River/river_3.jpg")).unwrap();
        assert!(
            AidRsicd::open(&root)
                .unwrap_err()
                .to_string()
                .contains("river_3.jpg: expected this file beside")
        );
        std::fs::write(root.join("captions.jsonl"), "{\"image\": 7}\n").unwrap();
        assert!(AidRsicd::open(&root).unwrap_err().to_string().contains("in line 1, found"));
    }

    #[test]
    fn a_name_that_leaves_the_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let root = fixtures::aid_rsicd(folder.path()).unwrap();
        let line = r#"{"image": "../../secret.jpg", "cls": "River", "captions": ["a ."]}"#;
        std::fs::write(root.join("captions.jsonl"), line).unwrap();
        assert!(AidRsicd::open(&root).unwrap_err().to_string().contains("names inside the folder"));
    }
}
