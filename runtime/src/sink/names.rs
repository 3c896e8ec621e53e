//! Names of results.

use std::collections::HashSet;
use std::iter;
use std::path::Path;

use rszs_bundle::Sha256;

/// Most bytes of an image's part of a name. With the query's part, numbers, ending and what a
/// temporary name adds, a result's name stays within the 255 bytes that most disks allow.
const IMAGE_BYTES: usize = 140;

/// Most bytes of a query's part of a name.
const QUERY_BYTES: usize = 80;

/// A name for the results of each image, in order, no two alike: `(path, below)`, with the folder
/// of the image below the one that was typed.
///
/// The stem of the file, with the folders below the typed one before it. It does not depend on what
/// else is listed, but where an earlier image has that name already: then a digest of its path
/// follows. Case does not tell names apart, because not every disk does. A name that is longer than
/// a disk allows is cut.
pub fn result_names<'a>(images: impl IntoIterator<Item = (&'a Path, &'a Path)>) -> Vec<String> {
    let mut taken = HashSet::new();
    let mut names = Vec::new();
    for (path, below) in images {
        let name = stem(path, below);
        let with_digest = || (0_u32..).map(|turn| format!("{name}-{}", digest(path, turn)));
        let mut candidates = iter::once(name.clone()).chain(iter::once_with(with_digest).flatten());
        // There is always one more digest.
        names.extend(candidates.find(|candidate| taken.insert(candidate.to_lowercase())));
    }
    names
}

/// `name` with what may not stand in a file name replaced.
pub fn file_part(name: &str) -> String {
    cut(
        name.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '-' }).collect(),
        QUERY_BYTES,
    )
}

/// `name` without what exceeds `most` bytes.
fn cut(mut name: String, most: usize) -> String {
    name.truncate(name.floor_char_boundary(most));
    name
}

fn stem(path: &Path, below: &Path) -> String {
    let folders = below.components().map(|part| part.as_os_str().to_string_lossy());
    let parts: Vec<_> =
        folders.chain(path.file_stem().map(|stem| stem.to_string_lossy())).collect();
    cut(parts.join("-"), IMAGE_BYTES)
}

/// Eight letters that follow from the path.
fn digest(path: &Path, turn: u32) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let parts = [absolute.as_os_str().as_encoded_bytes(), &turn.to_le_bytes()];
    let digest = Sha256::of_parts(parts).to_string();
    digest.chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn names(inputs: &[&str]) -> Vec<String> {
        result_names(inputs.iter().map(|path| (Path::new(path), Path::new(""))))
    }

    #[test]
    fn the_stem_is_the_name() {
        assert_eq!(names(&["/in/a.jpg", "/in/b.v2.tif"]), ["a", "b.v2"]);
    }

    #[test]
    fn folders_below_the_typed_one_come_before_it() {
        let image = (Path::new("/in/one/two/a.jpg"), Path::new("one/two"));
        assert_eq!(result_names([image]), ["one-two-a"]);
    }

    #[test]
    fn a_name_does_not_depend_on_what_comes_after_and_equal_ones_stay_apart() {
        let all = names(&["/one/a.jpg", "/two/a.jpg", "/one/A.png", "/two/b.jpg"]);
        assert_eq!((all[0].as_str(), all[3].as_str()), ("a", "b"));
        assert!(
            all[1].starts_with("a-") && all[2].starts_with("A-") && all[1] != all[2],
            "{all:?}"
        );
        assert_eq!(names(&["/x/a.jpg", "/two/a.jpg"])[1], all[1], "of its path alone");
    }

    #[test]
    fn names_that_a_disk_would_refuse_are_cut_and_stay_apart() {
        let long = |end: &str| format!("/in/{}{end}.jpg", "\u{e9}".repeat(120));
        let names = names(&[&long("1"), &long("2")]);
        assert_ne!(names[0], names[1]);
        assert!(
            names.iter().all(|name| name.len() <= IMAGE_BYTES + "-01234567".len()),
            "{names:?}"
        );
        assert_eq!(file_part(&"\u{6c34}".repeat(100)).len(), 78, "26 letters of three bytes");
    }

    #[test]
    fn a_hundred_thousand_images_of_one_name_are_named_at_once() {
        let paths: Vec<String> = (0..100_000).map(|at| format!("/in/{at}/a.jpg")).collect();
        let start = Instant::now();
        let images = paths.iter().map(|path| (Path::new(path), Path::new("")));
        let names: HashSet<String> = result_names(images).into_iter().collect();
        assert_eq!(names.len(), paths.len());
        // In a debug build on a busy machine; each pair compared takes minutes.
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
}
