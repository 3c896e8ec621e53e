//! What killed processes left.

use std::fs::{self, File};
use std::path::Path;

use crate::pending::ENDING;

/// Removes from `folder` the temporaries that killed processes left of files whose names end with
/// one of `endings`; `""` stands for every name. A file that is still being written is locked and
/// stays; so does one that cannot be opened.
pub fn remove_leftovers(folder: &Path, endings: &[&str]) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let is_leftover = is_temporary(&entry.file_name().to_string_lossy(), endings);
        if !is_leftover || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        if let Ok(file) = File::open(entry.path())
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether `name` is a temporary name of a file whose own name ends with one of `endings`. Earlier
/// releases wrote the process id alone.
fn is_temporary(name: &str, endings: &[&str]) -> bool {
    let Some((own, made_by)) =
        name.strip_prefix('.').and_then(|name| name.strip_suffix(ENDING)?.rsplit_once('.'))
    else {
        return false;
    };
    let (process, unique) = made_by.split_once('-').unwrap_or((made_by, "0"));
    process.parse::<u32>().is_ok()
        && u64::from_str_radix(unique, 16).is_ok()
        && endings.iter().any(|ending| own.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PendingFile;
    use crate::tests::names;

    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let strangers = [
            ".a.mask.png.part",
            ".a.mask.png.x.part",
            ".a.mask.png.17-x.part",
            ".a.txt.17-00000000000000ff.part",
            "a.mask.png.17-00000000000000ff.part",
        ];
        let left = [".a.mask.png.17-00000000000000ff.part", ".a.mask.png.17.part"];
        for name in strangers.iter().chain(&left) {
            fs::write(folder.path().join(name), b"half").unwrap();
        }
        let mut under_way = PendingFile::create(&folder.path().join("b.mask.png")).unwrap();
        under_way.write(b"whole").unwrap();
        remove_leftovers(folder.path(), &[".mask.png"]);
        under_way.put_in_place().unwrap();
        let mut expected = [&strangers[..], &["b.mask.png"]].concat();
        expected.sort_unstable();
        assert_eq!(names(folder.path()), expected);
    }

    #[test]
    fn a_temporary_of_another_owner_stays_when_a_file_of_that_name_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let other = format!(".a.{}-00000000000000ff.part", std::process::id());
        fs::write(folder.path().join(&other), b"theirs").unwrap();
        crate::replace(&folder.path().join("a"), b"ours").unwrap();
        assert!(crate::replace(&folder.path().join("a/b"), b"ours").is_err());
        assert_eq!(names(folder.path()), [other.as_str(), "a"]);
    }
}
