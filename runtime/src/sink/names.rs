//! Names of results.

use std::collections::BTreeMap;
use std::path::Path;

/// A name for the results of each input, in order, no two alike.
///
/// The stem of the file where it is the only one of that stem; else with its folder's name before it, then with its extension
/// after it, and with a number where even that is not enough. Case does not tell names apart, because not every disk does.
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
    name.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '-' }).collect()
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
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn with_folder(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match absolute.parent().and_then(Path::file_name) {
        Some(folder) => format!("{}-{}", folder.to_string_lossy(), stem(path)),
        None => stem(path),
    }
}

fn with_folder_and_extension(path: &Path) -> String {
    match path.extension() {
        Some(extension) => format!("{}-{}", with_folder(path), extension.to_string_lossy()),
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
        assert_eq!(names(&["/in/a.jpg", "/in/a.png", "/in/A.tif"]), ["in-a-jpg", "in-a-png", "in-A-tif"]);
    }

    #[test]
    fn what_is_still_alike_is_numbered() {
        assert_eq!(names(&["/x/in/a.jpg", "/y/in/a.jpg"]), ["in-a-jpg", "in-a-jpg-2"]);
    }

    #[test]
    fn a_longer_name_never_takes_the_place_of_another_input() {
        let names = names(&["/one/a.jpg", "/two/a.jpg", "/x/one-a.jpg"]);
        assert_eq!(alike(&names), Vec::<Vec<usize>>::new(), "{names:?}");
    }
}
