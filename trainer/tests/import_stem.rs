//! EfficientNet-Lite's weights as a stem compute what `efficientnet-lite-pytorch` computes, and the
//! files that it is published in, of PyTorch before 1.6, are read or refused. Goldens:
//! `tests/python/write_stem.py`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rszs_graph::{Builder, DType, Graph, N, Node, Tensor as Values, interpret};
use rszs_network::{StageConfig, StemConfig, stem};
use rszs_tests::Tolerance;
use rszs_train::import::{Published, Towers};
use rszs_train::{Mode, Parameters, eval};
use tch::{Device, Tensor};

const MAPS: [&str; 3] = ["stride_4", "stride_8", "stride_16"];

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/published").join(name)
}

/// The stem of `write_stem.py`.
fn graph() -> Graph {
    let stage = |[blocks, kernel, stride, expansion, channels]: [usize; 5]| StageConfig {
        blocks,
        kernel,
        stride,
        expansion,
        channels,
    };
    let stages =
        [[1, 3, 1, 1, 4], [2, 3, 2, 6, 6], [2, 5, 2, 2, 8], [1, 3, 2, 3, 12], [2, 5, 1, 2, 12]];
    let config = StemConfig {
        channels: 8,
        stages: stages.map(stage).to_vec(),
        ..StemConfig::efficientnet_lite2()
    };
    let b = Builder::new();
    let pixels = b.input("pixels", DType::F32, [N, 3.into(), 64.into(), 64.into()]);
    let maps = b.scoped("stem", || stem::stem(&b, pixels, &config));
    let ids = [maps.stride_4, maps.stride_8, maps.stride_16].map(rszs_graph::Value::id);
    let outputs: Vec<_> = MAPS.into_iter().zip(ids).collect();
    b.finish(&outputs).unwrap()
}

fn shapes(graph: &Graph) -> BTreeMap<String, Vec<i64>> {
    let shape = |node: &Node| node.shape.at(1, 1).into_iter().map(|length| length as i64).collect();
    graph.params().map(|node| (node.name.clone(), shape(node))).collect()
}

fn values(tensor: &Tensor) -> Values {
    let shape: Vec<usize> = tensor.size().iter().map(|&length| length as usize).collect();
    Values::new(shape, Vec::<f32>::try_from(tensor.flatten(0, -1)).unwrap())
}

fn imported(graph: &Graph) -> Towers {
    Towers::take_stem(
        Published::read(&golden("efficientnet_lite.pth"), true).unwrap(),
        &shapes(graph),
    )
    .unwrap()
}

/// Maps of the golden file, and its input.
fn expected() -> BTreeMap<String, Tensor> {
    Published::read(&golden("efficientnet_lite.safetensors"), false).unwrap().tensors
}

#[test]
fn libtorch_computes_efficientnet_lites_maps_from_its_weights() {
    support::single_thread();
    let (graph, expected) = (graph(), expected());
    let mut parameters = Parameters::empty(Device::Cpu);
    for (name, tensor) in imported(&graph).parameters {
        parameters.insert(&name, tensor).unwrap();
    }
    let feeds = BTreeMap::from([("pixels", expected["pixels"].shallow_clone())]);
    let found = tch::no_grad(|| eval(&graph, &MAPS, &feeds, &parameters, Mode::Evaluate)).unwrap();
    for map in MAPS {
        Tolerance::Float32.check(&values(&expected[map]), &values(&found[map])).unwrap();
    }
}

#[test]
fn the_oracle_computes_efficientnet_lites_maps_from_its_weights() {
    let (graph, expected) = (graph(), expected());
    let parameters = imported(&graph)
        .parameters
        .iter()
        .map(|(name, tensor)| (name.clone(), values(tensor)))
        .collect();
    let feeds = BTreeMap::from([("pixels".to_owned(), values(&expected["pixels"]))]);
    let found: BTreeMap<_, _> =
        interpret(&graph, &feeds, &parameters).unwrap().into_iter().collect();
    for map in MAPS {
        Tolerance::Float32.check(&values(&expected[map]), &found[map]).unwrap();
    }
}

#[test]
fn what_lies_behind_the_stem_is_known_not_to_be_needed() {
    let unused = imported(&graph()).unused;
    assert_eq!(
        unused.iter().filter(|(_, reason)| *reason == "later stages than the stem's").count(),
        18
    );
    assert_eq!(
        unused.iter().filter(|(_, reason)| *reason == "the head of ImageNet's classes").count(),
        8
    );
    assert_eq!(unused.len(), 26);
}

#[test]
fn a_stem_of_other_sizes_is_refused_by_name() {
    let mut shapes = shapes(&graph());
    shapes.get_mut("stem.first.weight").unwrap()[0] = 32;
    let published = Published::read(&golden("efficientnet_lite.pth"), true).unwrap();
    let message = Towers::take_stem(published, &shapes).unwrap_err().to_string();
    let expected = "5 of another shape: _conv_stem.weight: expected [32, 3, 3, 3], found [8, 3, 3, \
        3], _bn0.weight: expected [32]";
    assert!(message.contains(expected), "{message}");
}

/// What reading the golden file says after `change`, without its path.
fn refusal(change: impl FnOnce(&mut Vec<u8>)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lite.pth");
    let mut bytes = fs::read(golden("efficientnet_lite.pth")).unwrap();
    change(&mut bytes);
    fs::write(&path, bytes).unwrap();
    let message = Published::read(&path, true).unwrap_err().to_string();
    message.strip_prefix(&format!("{}: ", path.display())).unwrap_or(&message).to_owned()
}

/// Where the numbers of the last storage begin: they are one i64 or floats, behind a count of 8
/// bytes.
fn position(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes.windows(wanted.len()).position(|window| window == wanted).unwrap()
}

#[test]
fn a_file_of_old_pytorch_wants_a_permission() {
    let message = Published::read(&golden("efficientnet_lite.pth"), false).unwrap_err().to_string();
    assert!(
        message.contains("--allow-pickle reads the tensors in it and runs nothing"),
        "{message}"
    );
}

#[test]
fn a_cut_file_of_old_pytorch_is_refused_wherever_it_is_cut() {
    let length = fs::metadata(golden("efficientnet_lite.pth")).unwrap().len() as usize;
    for cut in (2..length).step_by(991).chain([20, 21, 30, length - 1]) {
        let message = refusal(|bytes| bytes.truncate(cut));
        let known = [
            "expected a file of torch.save",
            "the pickled object, ",
            "the list of storages, ",
            "numbers of ",
        ];
        let system = "the description of the writer's machine, ";
        assert!(
            known.into_iter().chain([system]).any(|start| message.contains(start)),
            "{cut}: {message}"
        );
    }
    let message = refusal(|bytes| bytes.truncate(length - 1));
    assert!(message.ends_with("; the file is damaged or cut; fetch it again"), "{message}");
}

#[test]
fn more_numbers_than_the_file_has_are_refused_before_any_memory_is_taken() {
    // 216 numbers of the first convolution become 65,535, then nearly 2³¹.
    for (count, said) in [(&b"M\xff\xff"[..], "65535"), (&b"J\xff\xff\xff\x7f"[..], "2147483647")] {
        let message = refusal(|bytes| {
            let at = position(bytes, b"cpuq\x07K\xd8");
            bytes.splice(at + 5..at + 7, count.iter().copied());
        });
        let start = format!("expected {said} numbers of Float in storage ");
        let counted = format!("expected {said} numbers in storage ");
        assert!(message.starts_with(&start) || message.starts_with(&counted), "{message}");
    }
}

#[test]
fn a_count_that_is_not_the_pickles_is_refused() {
    let length = fs::metadata(golden("efficientnet_lite.pth")).unwrap().len() as usize;
    let numbers = Published::read(&golden("efficientnet_lite.pth"), true).unwrap().tensors;
    assert_eq!(numbers["_conv_stem.weight"].numel(), 216);
    let message = refusal(|bytes| {
        // The list of storages ends before the first count.
        let at = position(bytes, b"e.") + 2;
        assert!(at < length);
        bytes[at + 7] = 0x7f;
    });
    assert!(message.contains(" numbers in storage ") && message.contains("found 91"), "{message}");
}

#[test]
fn bytes_behind_the_last_storage_are_refused() {
    let message = refusal(|bytes| bytes.extend([0; 3]));
    assert_eq!(
        message,
        "expected the end of the file after its storages, found 3 more bytes; the file is damaged \
         or cut; fetch it again"
    );
}

#[test]
fn another_pickle_is_refused_with_what_to_do() {
    assert_eq!(
        refusal(|bytes| *bytes = b"\x80\x02}q\x00X\x01\0\0\0aK\x01s.".to_vec()),
        "expected a file of torch.save, as it was before PyTorch 1.6, found another pickle, or \
         another version of the format; \
         save the tensors with safetensors, or with torch.save of PyTorch 1.6 or later"
    );
}
