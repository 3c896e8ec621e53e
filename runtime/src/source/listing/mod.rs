//! From what was typed to a list of images.

mod kind;
mod walk;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use super::SourceError;
use kind::{FileKind, is_apple_double};
use rszs_engine::Interrupt;
use walk::{Found, Walk};

/// What stands for an image on standard input.
const STDIN: &str = "-";

/// One image to segment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input {
    /// The scene inside the program.
    Scene,
    /// What comes through standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl Input {
    /// What people and JSON call it.
    pub fn name(&self) -> String {
        match self {
            Self::Scene => "scene.jpg".to_owned(),
            Self::Stdin => STDIN.to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// Its path; for what is no file, a name that results can be named after.
    pub fn path(&self) -> &Path {
        match self {
            Self::Scene => Path::new("scene.jpg"),
            Self::Stdin => Path::new("stdin"),
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
    /// Its folder, from the one that was typed; empty where it lies in that, or was typed itself.
    pub below: PathBuf,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Listing {
    /// The images, in order, each file once.
    pub images: Vec<Listed>,
    /// Files of formats that are not read, by the ends of their names in capitals. Notes of cameras
    /// and systems about images are not among them.
    pub passed_over: BTreeMap<String, usize>,
    /// Paths of the files, without links on the way to them.
    pub canonical_paths: HashSet<PathBuf>,
    canonical_folders: HashMap<PathBuf, PathBuf>,
}

/// Finds the images that `typed` stands for; none typed stands for the scene.
///
/// What stands for nothing is an error in its place, so that it is reported in order and the rest
/// is still done.
pub fn list_inputs(typed: &[OsString]) -> Vec<Listed> {
    Listing::of(typed, false, &Interrupt::new()).images
}

impl Listing {
    /// Finds the images that `typed` stands for, with those in subfolders of folders if it
    /// `is_recursive`. Ends early when the `interrupt` is raised.
    pub fn of(typed: &[OsString], is_recursive: bool, interrupt: &Interrupt) -> Self {
        let mut listing = Self::default();
        if typed.is_empty() {
            listing.push(Input::Scene, PathBuf::new());
        }
        for one in typed {
            if let Err(error) = listing.add(one, is_recursive, interrupt) {
                listing.push_error(&one.display().to_string(), error);
            }
        }
        listing
    }

    fn add(
        &mut self,
        typed: &OsStr,
        is_recursive: bool,
        interrupt: &Interrupt,
    ) -> Result<(), SourceError> {
        let path = Path::new(typed);
        if typed == STDIN {
            self.push(Input::Stdin, PathBuf::new());
            return Ok(());
        }
        // An existing file wins over a glob: cameras and browsers write names like `img[1].jpg`.
        if path.is_dir() {
            let walk = Walk::folder(path, is_recursive);
            return self.add_found(walk, interrupt, || SourceError::EmptyFolder(path.to_owned()));
        }
        let is_there = fs::symlink_metadata(path).is_ok();
        // A glob is text; a name that is none is a name.
        match typed.to_str().filter(|typed| !is_there && typed.contains(['*', '?', '['])) {
            Some(pattern) => {
                let walk = Walk::glob(pattern)?;
                self.add_found(walk, interrupt, || SourceError::NoMatch(pattern.to_owned()))
            }
            // The shell has made names of a glob: a Mac's notes are among them.
            None if is_there && is_apple_double(path) => Ok(()),
            None => {
                if self.is_new(path) {
                    self.push(Input::File(path.to_owned()), PathBuf::new());
                }
                Ok(())
            }
        }
    }

    /// Adds what `walk` finds; `nothing` is the error if there is no image.
    fn add_found(
        &mut self,
        walk: Walk,
        interrupt: &Interrupt,
        nothing: impl FnOnce() -> SourceError,
    ) -> Result<(), SourceError> {
        let mut has_found = false;
        for found in walk.take_while(|_| !interrupt.is_raised()) {
            match found {
                Found::File { path, below, kind: FileKind::Image } => {
                    has_found = true;
                    if self.is_new(&path) {
                        self.push(Input::File(path), below);
                    }
                }
                Found::File { kind: FileKind::Other(extension), .. } => {
                    *self.passed_over.entry(extension).or_default() += 1;
                }
                Found::File { kind: FileKind::Passed, .. } => {}
                Found::Unreadable { path, source } => {
                    has_found = true;
                    let image = path.display().to_string();
                    let source = source.into();
                    self.push_error(&image, SourceError::Unreadable { path, source });
                }
            }
        }
        if has_found || interrupt.is_raised() { Ok(()) } else { Err(nothing()) }
    }

    fn push(&mut self, input: Input, below: PathBuf) {
        self.images.push(Listed { image: input.name(), input: Ok(input), below });
    }

    fn push_error(&mut self, image: &str, error: SourceError) {
        let (image, below) = (image.to_owned(), PathBuf::new());
        self.images.push(Listed { image, input: Err(error), below });
    }

    /// Whether the file at `path` was not seen before.
    fn is_new(&mut self, path: &Path) -> bool {
        let canonical = self.canonical(path);
        self.canonical_paths.insert(canonical)
    }

    /// The path without links. Each folder is asked for once: a flight has a hundred thousand files
    /// in a few.
    fn canonical(&mut self, path: &Path) -> PathBuf {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return path.to_owned();
        };
        if path.is_symlink() {
            return fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        }
        let canonical = self.canonical_folders.entry(folder.to_owned()).or_insert_with(|| {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned())
        });
        canonical.join(name)
    }
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
        let folder = folder_with(&["a.jpg", "sub/c.jpg", "sub/c.mask.png", "sub/d/e.jpg"]);
        assert_eq!(names(&folder, &["/**/*.jpg"]), ["a.jpg", "sub/c.jpg", "sub/d/e.jpg"]);
        assert_eq!(names(&folder, &["/s*/*.jpg"]), ["sub/c.jpg"]);
        assert_eq!(names(&folder, &["/s*/**/e.*"]), ["sub/d/e.jpg"]);
    }

    #[test]
    fn subfolders_are_looked_into_where_that_is_asked_for() {
        let folder = folder_with(&["a.jpg", "sub/deep/c.jpg", "sub/c.mask.png"]);
        let typed = [folder.path().into()];
        let listing = Listing::of(&typed, true, &Interrupt::new());
        let below: Vec<&Path> = listing.images.iter().map(|one| one.below.as_path()).collect();
        assert_eq!(below, [Path::new(""), Path::new("sub/deep")]);
    }

    #[test]
    fn links_are_followed_and_never_in_circles() {
        use std::os::unix::fs::symlink;
        let folder = folder_with(&["a.jpg", "elsewhere/b.jpg"]);
        let root = folder.path().join("t");
        fs::create_dir(&root).unwrap();
        symlink(".", root.join("l1")).unwrap();
        symlink("../t", root.join("l2")).unwrap();
        symlink("../elsewhere", root.join("l3")).unwrap();
        symlink("../elsewhere", root.join("l4")).unwrap();
        symlink("../a.jpg", root.join("linked.jpg")).unwrap();
        assert_eq!(names(&folder, &["/t/**/*.jpg"]), ["t/l3/b.jpg", "t/linked.jpg"]);
        assert_eq!(names(&folder, &["/t/l4/*.jpg"]), ["t/l4/b.jpg"]);
    }

    #[test]
    fn what_is_no_image_is_passed_over_and_counted() {
        let folder = folder_with(&[
            "a.jpg",
            "._a.jpg",
            "Thumbs.db",
            "a.xmp",
            "a.jpg.aux.xml",
            "b.MP4",
            "c.mp4",
            "d.dng",
        ]);
        for typed in [folder.path().to_owned(), folder.path().join("*")] {
            let listing = Listing::of(&[typed.into()], false, &Interrupt::new());
            assert_eq!(listing.images.len(), 1, "{listing:?}");
            let counted = [("DNG".to_owned(), 1), ("MP4".to_owned(), 2)];
            assert_eq!(listing.passed_over.into_iter().collect::<Vec<_>>(), counted);
        }
    }

    #[test]
    fn notes_of_a_mac_are_passed_over_where_they_are_typed() {
        let folder = folder_with(&["a.jpg"]);
        fs::write(folder.path().join("._a.jpg"), b"\0\x05\x16\x07\0\x02\0\0").unwrap();
        assert_eq!(names(&folder, &["/._a.jpg", "/a.jpg"]), ["a.jpg"]);
    }

    #[test]
    fn a_folder_that_cannot_be_read_is_told_and_the_rest_goes_on() {
        use std::os::unix::fs::PermissionsExt;
        let folder = folder_with(&["a.jpg", "shut/b.jpg", "z/c.jpg"]);
        let shut = folder.path().join("shut");
        fs::set_permissions(&shut, fs::Permissions::from_mode(0o000)).unwrap();
        let is_root = fs::read_dir(&shut).is_ok();
        let found = names(&folder, &["/**/*.jpg"]);
        fs::set_permissions(&shut, fs::Permissions::from_mode(0o700)).unwrap();
        let middle = if is_root { "shut/b.jpg" } else { "error" };
        assert_eq!(found, ["a.jpg", middle, "z/c.jpg"]);
    }

    #[test]
    fn nothing_is_listed_after_an_interrupt() {
        let folder = folder_with(&["a.jpg", "b.jpg"]);
        let interrupt = Interrupt::new();
        interrupt.raise();
        assert!(Listing::of(&[folder.path().into()], false, &interrupt).images.is_empty());
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
