use super::*;
use crate::fixtures;

fn open(root: &Path) -> Result<DenseSet, DataError> {
    crate::sets::flood_area::open(root)
}

#[test]
fn a_sample_is_decoded_once_and_shared() {
    let folder = tempfile::tempdir().unwrap();
    let set = open(&fixtures::flood_area(folder.path()).unwrap()).unwrap();
    let first = set.sample(Split::Val, 0).unwrap();
    assert!(Arc::ptr_eq(&first, &set.sample(Split::Val, 0).unwrap()));
}

#[test]
fn a_sample_for_which_there_is_no_room_is_decoded_again() {
    let folder = tempfile::tempdir().unwrap();
    let root = fixtures::flood_area(folder.path()).unwrap();
    let one = 16 * 12 * 4;
    let set = open(&root).unwrap().keeping(one);
    let [first, second] = [0, 1].map(|index| set.sample(Split::Val, index).unwrap());
    assert!(Arc::ptr_eq(&first, &set.sample(Split::Val, 0).unwrap()));
    assert!(!Arc::ptr_eq(&second, &set.sample(Split::Val, 1).unwrap()));
    assert_eq!(second, set.sample(Split::Val, 1).unwrap());
}

#[test]
fn an_image_without_its_mask_and_a_mask_without_its_image_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let root = fixtures::flood_area(folder.path()).unwrap();
    std::fs::rename(root.join("masks/003.png"), root.join("masks/999.png")).unwrap();
    assert!(open(&root).unwrap_err().to_string().contains("999.jpg: expected this file beside"));
    std::fs::remove_file(root.join("masks/999.png")).unwrap();
    assert!(open(&root).unwrap_err().to_string().contains("003.png: expected this file beside"));
}

#[test]
fn a_mask_of_another_size_is_refused_with_both_sizes() {
    let folder = tempfile::tempdir().unwrap();
    let root = fixtures::flood_area(folder.path()).unwrap();
    IndexMask::filled(5, 7, 0).write_png(&root.join("masks/000.png")).unwrap();
    let message = open(&root).unwrap().sample(Split::Val, 0).unwrap_err().to_string();
    assert!(message.contains("found 5x7"), "{message}");
}

#[test]
fn an_index_outside_the_table_is_named_with_its_pixel() {
    let folder = tempfile::tempdir().unwrap();
    let root = fixtures::flood_area(folder.path()).unwrap();
    let path = root.join("masks/000.png");
    let mut mask = IndexMask::read(&path).unwrap();
    mask.ids[2 * mask.width + 3] = 77;
    mask.write_png(&path).unwrap();
    let message = open(&root).unwrap().sample(Split::Val, 0).unwrap_err().to_string();
    assert!(
        message.contains("expected class indices 0, 1 or 255, found 77 at x 3, y 2"),
        "{message}"
    );
}

#[test]
fn a_missing_and_an_empty_folder_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(open(folder.path()), Err(DataError::Io { .. })));
    std::fs::create_dir(folder.path().join("images")).unwrap();
    assert!(matches!(open(folder.path()), Err(DataError::Empty { .. })));
}
