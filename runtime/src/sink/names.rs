//! Names of results.

use std::collections::BTreeMap;
use std::path::Path;

/// Most bytes of an image's part of a name. With the query's part, numbers, ending and what a
/// temporary name adds, a result's name stays within the 255 bytes that most disks allow.
const IMAGE_BYTES: usize = 140;

/// Most bytes of a query's part of a name.
const QUERY_BYTES: usize = 80;

/// A name for the results of each input, in order, no two alike.
///
/// The stem of the file where it is the only one of that stem; else with its folder's name before
/// it, then with its extension after it, and with a number where even that is not enough. Case does
/// not tell names apart, because not every disk does. A name that is longer than a disk allows is
/// cut.
pub fn result_names(inputs: &[&Path]) -> Vec<String> {
    let mut names: Vec<String> = inputs.iter().map(|path| stem(path)).collect();
    for longer in [with_folder, with_folder_and_extension] {
        for index in alike(&names).into_iter().flatten() {
            names[index] = longer(inputs[index]);
        }
    }
    while let Some(group) = alike(&names).into_iter().next() {
        for (number, index) in (2..).zip(group.into_iter().skip(1)) {
            names[index] = format!("{}-{number}", names[index]);
        }
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

/// Groups of names that are alike, as indices.
fn alike(names: &[String]) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, name) in names.iter().enumerate() {
        groups.entry(name.to_lowercase()).or_default().push(index);
    }
    groups.into_values().filter(|group| group.len() > 1).collect()
}

fn stem(path: &Path) -> String {
    cut(path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), IMAGE_BYTES)
}

fn with_folder(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match absolute.parent().and_then(Path::file_name) {
        Some(folder) => cut(format!("{}-{}", folder.to_string_lossy(), stem(path)), IMAGE_BYTES),
        None => stem(path),
    }
}

fn with_folder_and_extension(path: &Path) -> String {
    match path.extension() {
        Some(extension) => {
            cut(format!("{}-{}", with_folder(path), extension.to_string_lossy()), IMAGE_BYTES)
        }
        None => with_folder(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(inputs: &[&str]) -> Vec<String> {
        let paths: Vec<&Path> = inputs.iter().map(Path::new).collect();
        result_names(&paths)
    }

    #[test]
    fn a_stem_of_its_own_is_the_name() {
        assert_eq!(names(&["/in/a.jpg", "/in/b.v2.tif"]), ["a", "b.v2"]);
    }

    #[test]
    fn equal_stems_of_two_folders_get_their_folders() {
        assert_eq!(names(&["/one/a.jpg", "/two/a.jpg", "/two/b.jpg"]), ["one-a", "two-a", "b"]);
    }

    #[test]
    fn equal_stems_of_one_folder_get_their_extensions() {
        assert_eq!(
            names(&["/in/a.jpg", "/in/a.png", "/in/A.tif"]),
            ["in-a-jpg", "in-a-png", "in-A-tif"]
        );
    }

    #[test]
    fn what_is_still_alike_is_numbered() {
        assert_eq!(names(&["/x/in/a.jpg", "/y/in/a.jpg"]), ["in-a-jpg", "in-a-jpg-2"]);
    }

    #[test]
    fn names_that_a_disk_would_refuse_are_cut_and_stay_apart() {
        let long = |end: &str| format!("/in/{}{end}.jpg", "\u{e9}".repeat(120));
        let names = names(&[&long("1"), &long("2")]);
        assert_eq!(alike(&names), Vec::<Vec<usize>>::new(), "{names:?}");
        assert!(names.iter().all(|name| name.len() <= IMAGE_BYTES + "-2".len()), "{names:?}");
        assert_eq!(file_part(&"\u{6c34}".repeat(100)).len(), 78, "26 letters of three bytes");
    }

    #[test]
    fn a_longer_name_never_takes_the_place_of_another_input() {
        let names = names(&["/one/a.jpg", "/two/a.jpg", "/x/one-a.jpg"]);
        assert_eq!(alike(&names), Vec::<Vec<usize>>::new(), "{names:?}");
    }
}
