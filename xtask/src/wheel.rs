//! Unpacks the needed files of a wheel, which is a zip archive.

use std::fs::{self, File};
use std::io;
use std::path::{self, Path};

use zip::ZipArchive;

use crate::component::Component;
use crate::error::Error;

/// Copies every file that the component wants from `wheel` to its place below `folder`. The
/// archive's checksums are verified on the way.
pub(crate) fn unpack(component: Component, wheel: &Path, folder: &Path) -> Result<(), Error> {
    let archive_error = |source| Error::Wheel { wheel: wheel.to_owned(), source };
    let file = File::open(wheel).map_err(Error::io(wheel))?;
    let mut archive = ZipArchive::new(io::BufReader::new(file)).map_err(archive_error)?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(archive_error)?;
        let name = entry.name().map_err(archive_error)?.into_owned();
        let stays_inside =
            Path::new(&name).components().all(|part| matches!(part, path::Component::Normal(_)));
        if !entry.is_file() || !stays_inside {
            continue;
        }
        let Some(destination) = component.destination(&name) else { continue };
        let path = folder.join(destination);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(Error::io(parent))?;
        }
        let mut output = File::create(&path).map_err(Error::io(&path))?;
        io::copy(&mut entry, &mut output).map_err(Error::io(&path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    #[test]
    fn only_wanted_files_are_unpacked_and_none_outside_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = folder.path().join("torch.whl");
        let mut writer = ZipWriter::new(File::create(&wheel).unwrap());
        for name in [
            "torch/include/a/b.h",
            "torch/include/../../escape.h",
            "torch/lib/libc10.so",
            "torch/version.py",
        ] {
            writer.start_file(name, SimpleFileOptions::default()).unwrap();
            writer.write_all(name.as_bytes()).unwrap();
        }
        writer.finish().unwrap();

        let target = folder.path().join("libtorch");
        fs::create_dir(&target).unwrap();
        unpack(Component::Libtorch, &wheel, &target).unwrap();

        assert_eq!(
            fs::read_to_string(target.join("include/a/b.h")).unwrap(),
            "torch/include/a/b.h"
        );
        assert!(target.join("lib/libc10.so").is_file());
        assert!(!target.join("version.py").exists());
        assert!(!folder.path().join("escape.h").exists());
        assert!(!target.join("escape.h").exists());
    }

    #[test]
    fn a_truncated_wheel_is_named_in_the_error() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = folder.path().join("torch.whl");
        fs::write(&wheel, b"PK\x03\x04 and no more").unwrap();
        let error = unpack(Component::Libtorch, &wheel, folder.path()).unwrap_err();
        assert!(error.to_string().contains("torch.whl: expected a readable wheel"), "{error}");
    }
}
