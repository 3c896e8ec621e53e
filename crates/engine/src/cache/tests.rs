#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::{Arc, Mutex};

use rszs_bundle::{Precision, Sha256};

use super::*;
use crate::Interrupt;

const HERE: Surroundings<'static> = Surroundings {
    library: "TensorRT 10.3.0",
    device: "Orin",
    device_uuid: [7; 16],
    compute_capability: (8, 7),
    driver: (12, 6),
    kernel_driver: None,
};

fn key(surroundings: &Surroundings<'_>) -> CacheKey {
    CacheKey::of_plan(surroundings, Sha256::of(b"model"), Precision::Fp16, "tiles 1 to 4")
}

/// A cache with one plan, and the plan's file.
fn cache() -> (tempfile::TempDir, EngineCache, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let cache = EngineCache::open(Some(&folder.path().join("engines"))).unwrap();
    cache.write(&key(&HERE), b"a plan").unwrap();
    let path = cache.path(&key(&HERE));
    (folder, cache, path)
}

fn fault(cache: &EngineCache) -> String {
    cache.read(&key(&HERE)).unwrap_err().to_string()
}

#[test]
fn what_is_written_is_read_and_belongs_to_the_user_alone() {
    let (_folder, cache, path) = cache();
    assert_eq!(cache.read(&key(&HERE)).unwrap().unwrap(), b"a plan");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&cache.folder).unwrap().mode() & 0o777, 0o700);
    assert_eq!(fs::read_dir(&cache.folder).unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn everything_a_plan_depends_on_is_in_its_key() {
    let others = [
        Surroundings { library: "TensorRT 10.3.1", ..HERE },
        Surroundings { device: "Thor", ..HERE },
        Surroundings { device_uuid: [8; 16], ..HERE },
        Surroundings { compute_capability: (8, 6), ..HERE },
        Surroundings { driver: (12, 8), ..HERE },
        Surroundings { kernel_driver: Some("560.35"), ..HERE },
    ];
    for other in &others {
        assert_ne!(key(other), key(&HERE), "{other:?}");
        assert_ne!(CacheKey::of_timings(other), CacheKey::of_timings(&HERE), "{other:?}");
    }
    let plan = |model: &[u8], precision, shapes| {
        CacheKey::of_plan(&HERE, Sha256::of(model), precision, shapes)
    };
    assert_ne!(plan(b"another", Precision::Fp16, "tiles 1 to 4"), key(&HERE));
    assert_ne!(plan(b"model", Precision::Fp32, "tiles 1 to 4"), key(&HERE));
    assert_ne!(plan(b"model", Precision::Fp16, "tiles 1 to 8"), key(&HERE));
}

#[test]
fn nothing_is_no_fault() {
    let (_folder, cache, _) = cache();
    assert_eq!(cache.read(&CacheKey::of_timings(&HERE)).unwrap(), None);
}

#[test]
fn a_file_that_was_cut_off_is_named() {
    let (_folder, cache, path) = cache();
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert!(fault(&cache).ends_with("expected 86 bytes, found 85 (cut off?)"), "{}", fault(&cache));
    fs::write(&path, &whole[..10]).unwrap();
    assert!(fault(&cache).contains("expected 80 bytes, found 10"), "{}", fault(&cache));
    fs::write(&path, [&whole[..], b"x"].concat()).unwrap();
    assert!(fault(&cache).contains("expected 86 bytes, found 87"), "{}", fault(&cache));
}

#[test]
fn a_changed_byte_is_found_wherever_it_is() {
    let (_folder, cache, path) = cache();
    let whole = fs::read(&path).unwrap();
    for place in 0..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        fs::write(&path, changed).unwrap();
        assert!(cache.read(&key(&HERE)).is_err(), "byte {place}");
    }
}

#[test]
fn a_plan_of_another_key_under_this_name_is_foreign() {
    let (_folder, cache, path) = cache();
    let other = key(&Surroundings { device: "Thor", ..HERE });
    cache.write(&other, b"of another device").unwrap();
    fs::copy(cache.path(&other), path).unwrap();
    assert!(fault(&cache).ends_with("found one for another"), "{}", fault(&cache));
}

#[test]
fn a_file_that_others_can_write_or_own_is_not_read() {
    let (_folder, cache, path) = cache();
    fs::set_permissions(&path, Permissions::from_mode(0o620)).unwrap();
    assert!(fault(&cache).ends_with("found mode 620"), "{}", fault(&cache));
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    // Only root can give a file away.
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&path, Some(1234), None).unwrap();
        assert!(
            fault(&cache).ends_with("expected it to belong to user 0, found user 1234"),
            "{}",
            fault(&cache)
        );
    }
}

#[test]
fn a_link_is_not_followed() {
    let (_folder, cache, path) = cache();
    let moved = path.with_extension("moved");
    fs::rename(&path, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, &path).unwrap();
    assert!(matches!(cache.read(&key(&HERE)), Err(CacheFault::Unreadable { .. })));
}

#[test]
fn a_folder_that_others_can_write_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(
        EngineCache::open(Some(folder.path())),
        Err(CacheFault::Mode { mode: 0o777, .. })
    ));
    fs::write(folder.path().join("file"), b"").unwrap();
    assert!(matches!(
        EngineCache::open(Some(&folder.path().join("file"))),
        Err(CacheFault::Kind { .. })
    ));
}

#[test]
fn the_plans_that_were_used_last_are_kept() {
    let (_folder, cache, first) = cache();
    let name = |number: usize| format!("tiles 1 to {number}");
    let plan =
        |number| CacheKey::of_plan(&HERE, Sha256::of(b"model"), Precision::Fp32, &name(number));
    File::open(&first).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    for number in 1..MOST_PLANS {
        cache.write(&plan(number), b"a plan").unwrap();
    }
    assert!(first.exists());
    cache.write(&CacheKey::of_timings(&HERE), b"timings").unwrap();
    cache.write(&plan(0), b"one more").unwrap();
    assert!(!first.exists() && cache.path(&plan(1)).exists());
    assert!(cache.path(&CacheKey::of_timings(&HERE)).exists(), "timings are no plan");
}

#[test]
fn a_second_build_waits_for_the_first_and_can_be_stopped() {
    let (_folder, cache, _) = cache();
    let first = cache.lock(&BuildWatch::default()).unwrap().unwrap();
    assert!(!first.has_waited);
    let interrupt = Interrupt::new();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (hear, raise) = (Arc::clone(&heard), interrupt.clone());
    let watch = BuildWatch::new(
        move |news| {
            hear.lock().unwrap().push(format!("{news:?}"));
            raise.raise();
        },
        interrupt,
    );
    assert!(cache.lock(&watch).unwrap().is_none(), "it was asked to stop");
    assert_eq!(*heard.lock().unwrap(), ["Waiting"]);
    drop(first);
    assert!(!cache.lock(&BuildWatch::default()).unwrap().unwrap().has_waited);
}
