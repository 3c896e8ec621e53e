//! What to install, by the machine.

// Where each name of a package comes from, looked up on 2026-11-27:
//
// * `ubuntu-drivers install`: ubuntu/ubuntu-release-notes, issue 213; the program is in
//   `ubuntu-drivers-common` of 22.04 to 26.04.
// * `nvidia-driver`: Debian's package index, section non-free: 535.261.03 in Debian 12, 550.163.01
//   in Debian 13. Both are of CUDA 12.
// * `nvidia-jetpack`: "How to Install and Configure JetPack SDK" of JetPack 6.0 to 6.2 and "JetPack
//   SDK Setup" of the user guides of Orin Nano, AGX Orin and Thor (JetPack 7). It brings TensorRT:
//   10.3 with JetPack 6.1 and 6.2, 10.16 with JetPack 7.2.
// * `tensorrt`: "Debian Package Installation" in NVIDIA's guides to TensorRT 10.16 and 11.3, for
//   Ubuntu 22.04 and later and Debian 12.
// * `tensorrt-rtx-cu13-libs`: the wheel, which `cargo xtask tensorrt` unpacks;
//   `tensorrt-rtx-cu12-libs` is beside it in the index.
// * `onnxruntime-gpu`: the wheels of 1.31.1. Their CUDA provider asks for libcublas.so.13 and
//   libcudart.so.13, which the extra parts `cuda` and `cudnn` install into `nvidia/cu13/lib`. Only
//   Python looks there by itself. The x86-64 wheel holds code for compute capability 7.5, 8.0, 8.6,
//   8.9, 9.0 and 12.0, the one for aarch64 for 8.9, 9.0, 12.0 and 12.1: neither Orin (8.7) nor Thor
//   (11.0).

use std::fs;
use std::path::Path;

use super::engine_line::EngineLine;
use crate::machine::{Machine, file_line};
use rszs_engine::EngineKind;

/// NVIDIA's number among makers of PCI devices.
const NVIDIA: &str = "0x10de";
/// Classes of PCI devices that are GPUs: VGA and 3D controllers.
const GPU_CLASSES: [&str; 2] = ["0x0300", "0x0302"];

/// Kinds of machines that differ in what is to be installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Platform {
    /// Jetson Linux 35 and earlier: TensorRT 8, which nothing here is bound to.
    JetPack5,
    /// Jetson Linux 36: Orin, CUDA 12, TensorRT 10.
    JetPack6,
    /// Jetson Linux 38 and later: Thor, and Orin since 39; CUDA 13.
    JetPack7,
    /// A GPU of NVIDIA's in a slot.
    Desktop,
    /// No GPU of NVIDIA's.
    NoGpu,
}

impl Platform {
    pub(super) fn of(machine: &Machine, root: &Path) -> Self {
        match machine.jetson_linux.as_deref().map(|release| release.trim_start_matches("# R")) {
            Some(release) if release.starts_with("36") => Self::JetPack6,
            Some(release) if release.starts_with(['2', '3']) && release < "36" => Self::JetPack5,
            Some(_) => Self::JetPack7,
            None if machine.nvidia_driver.is_some() || has_gpu(root) => Self::Desktop,
            None => Self::NoGpu,
        }
    }

    /// What brings `kind` to this machine; nothing where nothing does, or nothing is known to.
    fn package(self, kind: EngineKind, has_driver: bool) -> Option<String> {
        let needs_driver = self == Self::Desktop && kind.is_gpu() && !has_driver;
        let text = match (self, kind) {
            _ if needs_driver => {
                "NVIDIA's driver: `sudo ubuntu-drivers install` on Ubuntu, `sudo apt install \
                 nvidia-driver` (non-free) on Debian"
            }
            (Self::JetPack5, EngineKind::TensorRt) => {
                "JetPack 6 or later for TensorRT: JetPack 5 has TensorRT 8, expected 10 or 11"
            }
            (Self::JetPack6 | Self::JetPack7, EngineKind::TensorRt) => {
                "TensorRT: `sudo apt install nvidia-jetpack`"
            }
            (Self::Desktop, EngineKind::TensorRt) => {
                "TensorRT: `sudo apt install tensorrt` from NVIDIA's CUDA repository for your \
                 system"
            }
            (Self::Desktop, EngineKind::TensorRtRtx) => {
                "TensorRT-RTX, instead of TensorRT: `pip install tensorrt-rtx-cu13-libs` (cu12 \
                 with a driver of CUDA 12), and name its folder \
                 tensorrt_rtx_libs in LD_LIBRARY_PATH"
            }
            (Self::Desktop, EngineKind::Cuda) => {
                "ONNX Runtime on the GPU: `pip install 'onnxruntime-gpu[cuda,cudnn]'` in an active \
                 Python environment, and name its folders \
                 nvidia/cu13/lib and nvidia/cudnn/lib in LD_LIBRARY_PATH (needs a driver of CUDA \
                 13)"
            }
            // Their Python is older than what ONNX Runtime 1.24 is published for, so that pip would
            // install 1.23.
            (Self::JetPack5 | Self::JetPack6, EngineKind::Cpu) => {
                "a faster engine on the processor: `pip download --no-deps --only-binary=:all: \
                 --python-version 3.12 --platform \
                 manylinux_2_28_aarch64 onnxruntime`, then `unzip -j onnxruntime-*.whl \
                 '*/libonnxruntime.so.*'` beside the program"
            }
            (_, EngineKind::Cpu) => {
                "a faster engine on the processor: `pip install onnxruntime` in an active \
                 environment of Python 3.11 or later, or put \
                 libonnxruntime.so (1.24 or later) beside the program, or name it with \
                 ORT_DYLIB_PATH"
            }
            // TensorRT-RTX builds for no Orin, and beside TensorRT it adds nothing on a Jetson. The
            // wheels of ONNX Runtime with CUDA hold no code for a Jetson's GPU; what others publish
            // for JetPack 6 is 1.23, older than this program takes.
            (Self::NoGpu | Self::JetPack5 | Self::JetPack6 | Self::JetPack7, _)
            | (_, EngineKind::Embedded) => {
                return None;
            }
        };
        Some(text.to_owned())
    }
}

/// What would make this program work here, or faster.
pub(super) fn advice(
    platform: Platform,
    has_driver: bool,
    has_bundle: bool,
    engines: &[EngineLine],
) -> Vec<String> {
    let mut advice = Vec::new();
    if !has_bundle {
        advice.push(
            "name a bundle with --bundle DIR, or copy one to bundles/nano beside the program"
                .to_owned(),
        );
    }
    let passed = |kind: EngineKind| {
        engines.iter().any(|engine| engine.engine == kind.name() && engine.passed)
    };
    let was_tried = |kind: EngineKind| engines.iter().any(|engine| engine.engine == kind.name());
    let missing = EngineKind::ALL
        .into_iter()
        .take_while(|&kind| !passed(kind))
        .filter(|&kind| was_tried(kind));
    for text in missing.filter_map(|kind| platform.package(kind, has_driver)) {
        if !advice.contains(&text) {
            advice.push(text);
        }
    }
    advice
}

/// Whether a GPU of NVIDIA's is on the PCI bus, with or without a driver.
fn has_gpu(root: &Path) -> bool {
    let Ok(devices) = fs::read_dir(root.join("sys/bus/pci/devices")) else { return false };
    devices.flatten().any(|device| {
        let read = |name| file_line(&device.path().join(name)).unwrap_or_default();
        read("vendor") == NVIDIA && GPU_CLASSES.iter().any(|class| read("class").starts_with(class))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    fn platform(release: Option<&str>, pci: &[(&str, &str)]) -> Platform {
        let root = tempfile::tempdir().unwrap();
        for (number, (vendor, class)) in pci.iter().enumerate() {
            let device = root.path().join(format!("sys/bus/pci/devices/{number}"));
            fs::create_dir_all(&device).unwrap();
            fs::write(device.join("vendor"), format!("{vendor}\n")).unwrap();
            fs::write(device.join("class"), format!("{class}\n")).unwrap();
        }
        let machine = Machine {
            jetson_linux: release.map(str::to_owned),
            nvidia_driver: None,
            ..Machine::here()
        };
        Platform::of(&machine, root.path())
    }

    #[test]
    fn a_machine_is_known_by_its_release_or_its_gpu() {
        assert_eq!(platform(Some("# R32 (release), REVISION: 7.1"), &[]), Platform::JetPack5);
        assert_eq!(platform(Some("# R35 (release), REVISION: 6.0"), &[]), Platform::JetPack5);
        assert_eq!(platform(Some("# R36 (release), REVISION: 4.0"), &[]), Platform::JetPack6);
        assert_eq!(platform(Some("# R38 (release), REVISION: 2.1"), &[]), Platform::JetPack7);
        assert_eq!(platform(Some("# R39 (release), REVISION: 2.0"), &[]), Platform::JetPack7);
        assert_eq!(
            platform(None, &[("0x8086", "0x020000"), ("0x10de", "0x030000")]),
            Platform::Desktop
        );
        // Its sound, and another maker's GPU.
        assert_eq!(
            platform(None, &[("0x10de", "0x040300"), ("0x1002", "0x030000")]),
            Platform::NoGpu
        );
    }

    fn line(engine: &'static str, passed: bool) -> EngineLine {
        EngineLine { engine, passed, ..EngineLine::default() }
    }

    #[test]
    fn what_is_better_than_the_best_engine_is_advised() {
        let engines = [
            line("tensorrt", false),
            line("tensorrt-rtx", false),
            line("cuda", false),
            line("cpu", true),
        ];
        let texts = advice(Platform::JetPack6, true, true, &engines);
        assert_eq!(texts, ["TensorRT: `sudo apt install nvidia-jetpack`"]);
        let texts = advice(Platform::JetPack5, true, true, &engines);
        assert!(texts.len() == 1 && texts[0].contains("TensorRT 8, expected 10"), "{texts:?}");
        let texts = advice(Platform::Desktop, true, true, &engines);
        assert!(
            texts[0].contains("apt install tensorrt") && texts[2].contains("onnxruntime-gpu"),
            "{texts:?}"
        );
        let texts = advice(Platform::JetPack7, true, true, &engines);
        assert_eq!(
            texts,
            ["TensorRT: `sudo apt install nvidia-jetpack`"],
            "no wheel has code for its GPU"
        );
        let texts = advice(Platform::Desktop, false, true, &engines);
        assert!(texts.len() == 1 && texts[0].contains("nvidia-driver"), "{texts:?}");
        assert!(advice(Platform::NoGpu, false, true, &engines).is_empty());
        assert!(advice(Platform::Desktop, true, true, &[line("tensorrt", true)]).is_empty());
    }
}
