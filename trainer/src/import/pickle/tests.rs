//! What the machine reads, and what it refuses.

use std::fs::File;
use std::io::Read;

use super::machine::read;
use super::tree::{Id, Node, Tree};

fn refusal(bytes: &[u8]) -> String {
    read(bytes).unwrap_err().to_string()
}

#[test]
fn opcodes_of_other_protocols_are_refused() {
    // Protocol 4 begins with a frame.
    assert_eq!(
        refusal(b"\x80\x04\x95"),
        "byte 3: expected an opcode of torch.save's protocol 2, found 0x95"
    );
    // INST, which calls what it names.
    assert_eq!(
        refusal(b"(ios\nsystem\n."),
        "byte 2: expected an opcode of torch.save's protocol 2, found 0x69"
    );
}

#[test]
fn names_that_hold_no_tensors_are_refused() {
    for name in [
        "os\nsystem",
        "builtins\neval",
        "torch\nload",
        "torch._utils\n_rebuild_tensor_v3",
        "__torch\nA",
    ] {
        let message = refusal(format!("Nc{name}\n").as_bytes());
        let name = name.replace('\n', ".");
        assert_eq!(message, format!("byte 1: expected only what holds tensors, found {name}"));
    }
}

#[test]
fn nothing_but_known_names_can_be_called() {
    // A class of objects is made, never called; nor is a value.
    assert!(
        refusal(b"cargparse\nNamespace\n)R.")
            .contains("expected the arguments that PyTorch writes")
    );
    assert!(refusal(b"N)R.").contains("expected a name and its arguments"));
    assert!(refusal(b"N)\x81.").contains("expected a class of objects that are their attributes"));
}

#[test]
fn a_cut_or_empty_stack_is_an_error() {
    for bytes in [
        &b""[..],
        b".",
        b"(.",
        b"K",
        b"t.",
        b"X\xff\xff\xff\x7fa",
        b"h\x00.",
        b"cos",
        b"}s.",
        b"Q",
        b"}Nb.",
    ] {
        assert!(read(bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn whole_numbers_of_every_length_are_read() {
    let bytes =
        b"(K\x07M\x00\x01J\xff\xff\xff\xff\x8a\x00\x8a\x01\x80\x8a\x05\x00\x00\x00\x00\x01t.";
    let (Tree { nodes, root }, length) = read(bytes).unwrap();
    assert_eq!(length, bytes.len());
    let Node::Sequence(items) = &nodes[root.0] else { panic!("{nodes:?}") };
    let number = |item: &Id| match nodes[item.0] {
        Node::Number(number) => number,
        _ => panic!("{nodes:?}"),
    };
    assert_eq!(items.iter().map(number).collect::<Vec<_>>(), [7, 256, -1, 0, -128, 1 << 32]);
}

#[test]
fn a_dictionary_in_itself_and_a_tree_of_many_copies_end() {
    // d = {}; d["a"] = d.
    let (circle, _) = read(b"}q\x00X\x01\0\0\0ah\x00s.").unwrap();
    assert!(circle.tensors(circle.root()).is_err());
    // Each of 40 dictionaries holds the one before twice.
    let mut bytes = b"}q\x00".to_vec();
    for _ in 0..40 {
        bytes.extend(b"}(X\x01\0\0\0ah\x00X\x01\0\0\0bh\x00uq\x00");
    }
    bytes.push(b'.');
    let (copies, _) = read(&bytes).unwrap();
    assert!(copies.tensors(copies.root()).is_err());
}

#[test]
fn a_changed_byte_or_a_cut_gives_an_error_or_another_tree_never_a_panic() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/published/gsnet_rsib.pth");
    let mut zip = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
    let mut bytes = Vec::new();
    zip.by_name("gsnet_rsib/data.pkl").unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(read(&bytes).map(|(tree, _)| tree.tensors(tree.root()).unwrap().len()).unwrap(), 34);
    for at in (0..bytes.len()).step_by(7) {
        assert!(read(&bytes[..at]).is_err());
        let right = bytes[at];
        for wrong in [0xff, right ^ 1, b'R', b'Q'] {
            bytes[at] = wrong;
            if let Ok((tree, _)) = read(&bytes) {
                let _ = tree.tensors(tree.root());
            }
        }
        bytes[at] = right;
    }
}
