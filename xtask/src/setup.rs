//! `cargo xtask setup` and `cargo xtask tensorrt`: fetch, verify, unpack, cache, link. A second run
//! only looks.

use std::fs;
use std::io;
use std::path::Path;

use crate::cache;
use crate::component::Component;
use crate::error::Error;
use crate::pip::Python;
use crate::report;
use crate::wheel;

/// Provides the components. One that is not to be had does not keep the others from being fetched.
pub(crate) fn run(components: &[Component], root: &Path, python: &Path) -> Result<(), Error> {
    let cache = cache::folder()?;
    let mut missing = 0;
    for &component in components {
        match provide(component, root, &cache, python) {
            Ok(()) => {}
            Err(error) if error.stops_setup() => return Err(error),
            Err(error) => {
                report::error(&error);
                missing += 1;
            }
        }
    }
    if missing > 0 {
        return Err(Error::Incomplete { missing, of: components.len() });
    }
    let names: Vec<_> = components.iter().map(|component| component.name()).collect();
    report::line(&format!("setup: {}: in place, cached in {}", names.join(", "), cache.display()));
    Ok(())
}

fn provide(component: Component, root: &Path, cache: &Path, python: &Path) -> Result<(), Error> {
    if let Some(source) = users_own(component, root) {
        report::line(&format!("{}: using {source}", component.name()));
        return Ok(());
    }
    let folder = cache.join(component.cache_name());
    if !cache::is_complete(component, &folder) {
        component.check_platform()?;
        let _lock = cache::lock(cache)?;
        // Another setup may have been faster.
        if !cache::is_complete(component, &folder) {
            let fetched = fetch(component, root, cache, &folder, &Python::find(python)?);
            fetched.map_err(|error| name_full_disk(error, component, cache))?;
        }
    }
    if !cache::is_linked(component, root, &folder) {
        cache::link(component, root, &folder)?;
        report::line(&format!(
            "{}: {} -> {}",
            component.name(),
            component.link(),
            folder.display()
        ));
    }
    Ok(())
}

/// What the user has put in the component's place, if anything.
fn users_own(component: Component, root: &Path) -> Option<String> {
    if component == Component::Libtorch
        && let Some(libtorch) = std::env::var_os("LIBTORCH")
        // Cargo sets it to the link itself for every program that it starts.
        && Path::new(&libtorch) != root.join(component.link())
    {
        return Some(format!("LIBTORCH={}", libtorch.display()));
    }
    component
        .is_own_folder(root)
        .then(|| format!("the folder {}, which no setup has made", component.link()))
}

fn fetch(
    component: Component,
    root: &Path,
    cache: &Path,
    folder: &Path,
    python: &Python,
) -> Result<(), Error> {
    let name = component.name();
    report::line(&format!(
        "{name}: downloading {} from the Python package index, once, into {}",
        report::megabytes(component.download_bytes()),
        cache.display(),
    ));
    let working = cache::working_folder(cache)?;
    let unpacked = working.path.join("unpacked");
    match component {
        Component::Libtorch
        | Component::OnnxRuntime
        | Component::Nvrtc
        | Component::TensorRt(_) => {
            let wheels = working.path.join("wheels");
            python.download(component, root, &wheels)?;
            unpack_all(component, &wheels, &unpacked)?;
        }
        Component::PythonTools => python.install(component, root, &unpacked)?,
    }
    let size_bytes = cache::publish(component, &unpacked, folder)?;
    report::line(&format!(
        "{name}: hashes match {}, unpacked {}",
        component.requirements_path(),
        report::megabytes(size_bytes),
    ));
    Ok(())
}

fn unpack_all(component: Component, wheels: &Path, unpacked: &Path) -> Result<(), Error> {
    for wheel in fs::read_dir(wheels).map_err(Error::io(wheels))? {
        wheel::unpack(component, &wheel.map_err(Error::io(wheels))?.path(), unpacked)?;
    }
    for (path, content) in component.written_files() {
        let path = unpacked.join(path);
        fs::write(&path, content).map_err(Error::io(&path))?;
    }
    Ok(())
}

fn name_full_disk(error: Error, component: Component, cache: &Path) -> Error {
    match error {
        Error::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
            Error::DiskFull {
                component: component.name(),
                folder: cache.to_owned(),
                needed_bytes: component.peak_bytes(),
            }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_while_unpacking_says_how_much_is_needed() {
        let error =
            Error::Io { path: "libtorch_cpu.so".into(), source: io::ErrorKind::StorageFull.into() };
        let named = name_full_disk(error, Component::Libtorch, Path::new("/cache/rszs"));
        assert!(
            named.to_string().starts_with("/cache/rszs: expected 1100 MB of free space"),
            "{named}"
        );
    }

    #[test]
    fn a_folder_in_the_place_of_the_link_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("third_party/onnxruntime")).unwrap();
        provide(Component::OnnxRuntime, root.path(), Path::new("/nowhere"), Path::new("no python"))
            .unwrap();
        assert!(root.path().join("third_party/onnxruntime").is_dir());
    }
}
