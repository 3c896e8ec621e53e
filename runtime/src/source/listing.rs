//! From what was typed to a list of images.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::{RESULT_ENDINGS, SourceError};

/// Extensions by which a folder's images are known.
const EXTENSIONS: [&str; 7] = ["jpg", "jpeg", "png", "tif", "tiff", "webp", "bmp"];

/// One image to segment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input {
    /// The scene inside the program.
    Scene,
    /// A file.
    File(PathBuf),
}

impl Input {
    /// What people and JSON call it.
    pub fn name(&self) -> String {
        match self {
            Self::Scene => "scene.jpg".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// Its path; for the scene, a name that results can be named after.
    pub fn path(&self) -> &Path {
        match self {
            Self::Scene => Path::new("scene.jpg"),
            Self::File(path) => path,
        }
    }
}

/// One image to segment, or what stands for none.
#[derive(Debug)]
pub struct Listed {
    /// What people and JSON call it.
    pub image: String,
    /// The image, or why there is none.
    pub input: Result<Input, SourceError>,
}

/// Finds the images that `typed` stands for, in order, each file once; none typed stands for the
/// scene.
///
/// What stands for nothing is an error in its place, so that it is reported in order and the rest
/// is still done.
pub fn list_inputs(typed: &[OsString]) -> Vec<Listed> {
    if typed.is_empty() {
        return vec![Listed { image: Input::Scene.name(), input: Ok(Input::Scene) }];
    }
    let mut seen = BTreeSet::new();
    let mut listed = Vec::new();
    for one in typed {
        match expand(one) {
            Ok(paths) => {
                let new = paths
                    .into_iter()
                    .filter(|path| seen.insert(fs::canonicalize(path).unwrap_or(path.clone())));
                let inputs = new.map(Input::File);
                listed.extend(inputs.map(|input| Listed { image: input.name(), input: Ok(input) }));
            }
            Err(error) => {
                listed.push(Listed { image: one.display().to_string(), input: Err(error) });
            }
        }
    }
    listed
}

fn expand(typed: &OsStr) -> Result<Vec<PathBuf>, SourceError> {
    let path = PathBuf::from(typed);
    // An existing file wins over a glob: `img[1].jpg` is a name that cameras and browsers write.
    if path.is_dir() {
        return images_in(&path);
    }
    let is_there = fs::symlink_metadata(&path).is_ok();
    // A glob is text; a name that is none is a name.
    let Some(typed) = typed.to_str().filter(|typed| !is_there && typed.contains(['*', '?', '[']))
    else {
        return Ok(vec![path]);
    };
    let pattern = glob::glob(typed)
        .map_err(|error| SourceError::Pattern { pattern: typed.to_owned(), reason: error.msg })?;
    let mut paths = Vec::new();
    for entry in pattern {
        match entry {
            Ok(path) if path.is_dir() || is_result(&path) => {}
            Ok(path) => paths.push(path),
            Err(error) => {
                return Err(SourceError::Unreadable {
                    path: error.path().to_owned(),
                    source: io::Error::from(error).into(),
                });
            }
        }
    }
    if paths.is_empty() { Err(SourceError::NoMatch(typed.to_owned())) } else { Ok(paths) }
}

fn images_in(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let unreadable = |source: io::Error| SourceError::Unreadable {
        path: folder.to_owned(),
        source: source.into(),
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if has_image_extension(&path) && !is_result(&path) && !path.is_dir() {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() { Err(SourceError::EmptyFolder(folder.to_owned())) } else { Ok(paths) }
}

fn has_image_extension(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension))
}

/// Whether an earlier run wrote this file: masks of masks are never what anybody wants.
fn is_result(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    RESULT_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"x").unwrap();
        }
        folder
    }

    fn names(folder: &tempfile::TempDir, typed: &[&str]) -> Vec<String> {
        let typed: Vec<OsString> =
            typed.iter().map(|one| format!("{}{one}", folder.path().display()).into()).collect();
        let relative =
            |input: Input| input.path().strip_prefix(folder.path()).unwrap().display().to_string();
        list_inputs(&typed)
            .into_iter()
            .map(|one| one.input.map_or_else(|_| "error".to_owned(), relative))
            .collect()
    }

    #[test]
    fn nothing_typed_is_the_scene() {
        assert!(matches!(list_inputs(&[]).as_slice(), [Listed { input: Ok(Input::Scene), .. }]));
    }

    #[test]
    fn a_folder_is_its_images_in_order_without_results_and_subfolders() {
        let folder = folder_with(&[
            "b.JPG",
            "a.tif",
            "notes.txt",
            "a.mask.png",
            "b.overlay.png",
            "sub/c.jpg",
        ]);
        assert_eq!(names(&folder, &[""]), ["a.tif", "b.JPG"]);
    }

    #[test]
    fn a_glob_reaches_subfolders() {
        let folder = folder_with(&["a.jpg", "sub/c.jpg", "sub/c.mask.png"]);
        assert_eq!(names(&folder, &["/**/*.jpg"]), ["a.jpg", "sub/c.jpg"]);
    }

    #[test]
    fn a_file_named_like_a_glob_is_a_file() {
        let folder = folder_with(&["img[1].jpg", "img1.jpg"]);
        assert_eq!(names(&folder, &["/img[1].jpg"]), ["img[1].jpg"]);
    }

    #[test]
    fn a_name_that_is_no_text_is_a_name() {
        use std::os::unix::ffi::OsStrExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(OsStr::from_bytes(b"bad\xff[1].jpg"));
        fs::write(&path, b"x").unwrap();
        let listed = list_inputs(&[path.clone().into_os_string()]);
        assert_eq!(listed[0].input.as_ref().unwrap(), &Input::File(path));
    }

    #[test]
    fn a_file_named_twice_is_done_once() {
        let folder = folder_with(&["a.jpg", "b.jpg"]);
        assert_eq!(names(&folder, &["/b.jpg", "", "/a.jpg"]), ["b.jpg", "a.jpg"]);
    }

    #[test]
    fn a_missing_file_stays_in_the_list_to_fail_in_its_turn() {
        let folder = folder_with(&["a.jpg"]);
        assert_eq!(names(&folder, &["/missing.jpg", "/a.jpg"]), ["missing.jpg", "a.jpg"]);
    }

    #[test]
    fn empty_folders_and_globs_without_match_are_errors() {
        let folder = folder_with(&["notes.txt"]);
        assert_eq!(names(&folder, &["", "/*.jpg", "/[.jpg"]), ["error", "error", "error"]);
    }
}
