//! The things that setup provides, and what is special about each.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::tensorrt::{TensorRtWheel, WHEELS};

/// Raised when what is unpacked changes while the pinned packages stay the same.
const LAYOUT: &str = "1";

/// A thing that setup fetches into the cache and links to from `third_party`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Component {
    /// The CPU part of libtorch: headers and libraries, for the trainer.
    Libtorch,
    /// The shared library of ONNX Runtime, for the exporter's check and the runtime.
    OnnxRuntime,
    /// A Python interpreter with the official `onnx` and `onnxruntime` packages, for tests and the
    /// baseline of the benches.
    PythonTools,
    /// NVIDIA's run-time compiler, for `cargo xtask kernels` and the test that the kernels compile.
    Nvrtc,
    /// Libraries of NVIDIA's, for the tests of `crates/tensorrt` and `rszs-edge` alone.
    TensorRt(TensorRtWheel),
}

impl Component {
    /// What every build and test may need.
    pub(crate) const SETUP: [Component; 4] =
        [Component::Libtorch, Component::OnnxRuntime, Component::PythonTools, Component::Nvrtc];
    /// What only the tests of `crates/tensorrt` and `rszs-edge` need, and pass without.
    pub(crate) const TENSORRT: [Component; 4] = [
        Component::TensorRt(WHEELS[0]),
        Component::TensorRt(WHEELS[1]),
        Component::TensorRt(WHEELS[2]),
        Component::TensorRt(WHEELS[3]),
    ];

    /// Name and version, as people read it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Component::Libtorch => "libtorch 2.11.0",
            Component::OnnxRuntime => "ONNX Runtime 1.31.1",
            Component::PythonTools => "Python test packages",
            Component::Nvrtc => "NVRTC 12.0.140",
            Component::TensorRt(wheel) => wheel.name,
        }
    }

    /// The pinned packages with their hashes, in pip's own format.
    fn requirements(self) -> &'static str {
        match self {
            Component::Libtorch => include_str!("../requirements/libtorch.txt"),
            Component::OnnxRuntime => include_str!("../requirements/onnxruntime.txt"),
            Component::PythonTools => include_str!("../../tests/python/requirements.txt"),
            Component::Nvrtc => include_str!("../requirements/nvrtc.txt"),
            Component::TensorRt(wheel) => wheel.requirements,
        }
    }

    /// Where [`Self::requirements`] is written down, relative to the workspace root.
    pub(crate) fn requirements_path(self) -> &'static str {
        match self {
            Component::Libtorch => "xtask/requirements/libtorch.txt",
            Component::OnnxRuntime => "xtask/requirements/onnxruntime.txt",
            Component::PythonTools => "tests/python/requirements.txt",
            Component::Nvrtc => "xtask/requirements/nvrtc.txt",
            Component::TensorRt(wheel) => wheel.requirements_path,
        }
    }

    /// The folder below the cache. It changes with every pinned hash, so that a folder which exists
    /// is the right one.
    pub(crate) fn cache_name(self) -> String {
        let stem = match self {
            Component::Libtorch => "libtorch-2.11.0",
            Component::OnnxRuntime => "onnxruntime-1.31.1",
            Component::PythonTools => "python-tools",
            Component::Nvrtc => "nvrtc-12.0.140",
            Component::TensorRt(wheel) => wheel.stem(),
        };
        let digest =
            Sha256::new().chain_update(LAYOUT).chain_update(self.requirements()).finalize();
        digest.iter().take(4).fold(format!("{stem}-"), |name, byte| format!("{name}{byte:02x}"))
    }

    /// The link to it, relative to the workspace root.
    pub(crate) fn link(self) -> &'static str {
        match self {
            Component::Libtorch => "third_party/libtorch",
            Component::OnnxRuntime => "third_party/onnxruntime",
            Component::PythonTools => "third_party/python",
            Component::Nvrtc => "third_party/nvrtc",
            Component::TensorRt(wheel) => wheel.link,
        }
    }

    /// Bytes to download on x86-64, for the message before the download.
    pub(crate) fn download_bytes(self) -> u64 {
        match self {
            Component::Libtorch => 543_671_508,
            Component::OnnxRuntime => 23_760_988,
            Component::PythonTools => 70_000_000,
            Component::Nvrtc => 23_410_082,
            Component::TensorRt(wheel) => wheel.download_bytes,
        }
    }

    /// Disk space in use at the moment when the download and the unpacked files both exist.
    pub(crate) fn peak_bytes(self) -> u64 {
        match self {
            Component::Libtorch => 1_100_000_000,
            Component::OnnxRuntime => 60_000_000,
            Component::PythonTools => 400_000_000,
            Component::Nvrtc => 90_000_000,
            Component::TensorRt(_) => 350_000_000,
        }
    }

    /// Refuses a machine for which the pinned packages hold nothing.
    pub(crate) fn check_platform(self) -> Result<(), Error> {
        self.check_platform_named(
            std::env::consts::OS,
            std::env::consts::ARCH,
            cfg!(target_env = "gnu"),
        )
    }

    fn check_platform_named(
        self,
        system: &str,
        architecture: &str,
        gnu: bool,
    ) -> Result<(), Error> {
        let (expected, supported, advice) = match self {
            Component::Libtorch => (
                "Linux on x86_64 with the GNU C library",
                system == "linux" && architecture == "x86_64" && gnu,
                "set LIBTORCH to a libtorch 2.11.0 of your own",
            ),
            Component::OnnxRuntime => (
                "Linux on x86_64 or aarch64 with the GNU C library",
                system == "linux" && matches!(architecture, "x86_64" | "aarch64") && gnu,
                "put a libonnxruntime.so of version 1.24 or newer at \
                 third_party/onnxruntime/lib/libonnxruntime.so",
            ),
            Component::TensorRt(_) | Component::Nvrtc => (
                "Linux on x86_64 with the GNU C library",
                system == "linux" && architecture == "x86_64" && gnu,
                "the tests that need it skip themselves",
            ),
            Component::PythonTools => return Ok(()),
        };
        if supported {
            return Ok(());
        }
        let found = format!(
            "{system} on {architecture}{}",
            if system == "linux" && !gnu { " without it" } else { "" }
        );
        Err(Error::Platform { component: self.name(), expected, found, advice })
    }

    /// Where a file of a wheel goes, relative to the component's folder. `None` for a file that is
    /// not needed.
    pub(crate) fn destination(self, entry: &str) -> Option<PathBuf> {
        match self {
            Component::Libtorch => {
                let path =
                    entry.strip_prefix("torch/").or_else(|| entry.strip_prefix("nvidia/cu13/"))?;
                let header = entry.starts_with("torch/include/");
                (header || LIBTORCH_LIBRARIES.contains(&path)).then(|| PathBuf::from(path))
            }
            Component::OnnxRuntime => (entry == "onnxruntime/capi/libonnxruntime.so.1.31.1")
                .then(|| PathBuf::from(ONNX_RUNTIME_LIBRARY)),
            Component::PythonTools => None,
            Component::Nvrtc => {
                let path = entry.strip_prefix("nvidia/cuda_nvrtc/")?;
                NVRTC_LIBRARIES.contains(&path).then(|| PathBuf::from(path))
            }
            Component::TensorRt(wheel) => wheel.destination(entry),
        }
    }

    /// Files without which the component is of no use, relative to its folder.
    pub(crate) fn expected_files(self) -> &'static [&'static str] {
        match self {
            Component::Libtorch => &LIBTORCH_LIBRARIES,
            Component::OnnxRuntime => &[ONNX_RUNTIME_LIBRARY],
            Component::PythonTools => &["bin/python"],
            Component::Nvrtc => &NVRTC_LIBRARIES,
            Component::TensorRt(wheel) => wheel.libraries,
        }
    }

    /// Small files that no wheel holds: (path relative to the component's folder, content).
    pub(crate) fn written_files(self) -> &'static [(&'static str, &'static str)] {
        match self {
            // The wheel's own libtorch.so asks for the CUDA libraries. Only the linker reads it, so
            // a linker script does.
            Component::Libtorch => &[
                ("lib/libtorch.so", "INPUT ( libtorch_cpu.so libc10.so )\n"),
                ("build-version", "2.11.0\n"),
            ],
            Component::OnnxRuntime
            | Component::PythonTools
            | Component::Nvrtc
            | Component::TensorRt(_) => &[],
        }
    }

    /// True when the user's own `third_party/…` folder stands where the link would go.
    pub(crate) fn is_own_folder(self, root: &Path) -> bool {
        root.join(self.link()).symlink_metadata().is_ok_and(|metadata| metadata.is_dir())
    }
}

const LIBTORCH_LIBRARIES: [&str; 5] = [
    "lib/libc10.so",
    "lib/libtorch_cpu.so",
    "lib/libgomp.so.1",
    "lib/libcudart.so.13",
    "lib/libcupti.so.13",
];

const ONNX_RUNTIME_LIBRARY: &str = "lib/libonnxruntime.so";

const NVRTC_LIBRARIES: [&str; 2] = ["lib/libnvrtc.so.12", "lib/libnvrtc-builtins.so.12.0"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtorch_keeps_headers_and_cpu_libraries_only() {
        let destination = |entry| Component::Libtorch.destination(entry);
        assert_eq!(
            destination("torch/include/torch/script.h"),
            Some("include/torch/script.h".into())
        );
        assert_eq!(destination("torch/lib/libtorch_cpu.so"), Some("lib/libtorch_cpu.so".into()));
        assert_eq!(
            destination("nvidia/cu13/lib/libcudart.so.13"),
            Some("lib/libcudart.so.13".into())
        );
        assert_eq!(destination("torch/lib/libtorch_cuda.so"), None);
        assert_eq!(destination("torch/lib/libtorch.so"), None);
        assert_eq!(destination("torch/nn/functional.py"), None);
    }

    #[test]
    fn onnx_runtime_is_found_under_its_plain_name() {
        let destination =
            Component::OnnxRuntime.destination("onnxruntime/capi/libonnxruntime.so.1.31.1");
        assert_eq!(destination, Some("lib/libonnxruntime.so".into()));
    }

    #[test]
    fn every_requirement_carries_a_hash() {
        for component in Component::SETUP.into_iter().chain(Component::TENSORRT) {
            let text = component.requirements().replace("\\\n", " ");
            for line in text
                .lines()
                .filter(|line| line.contains("==") && !line.trim_start().starts_with('#'))
            {
                assert!(
                    line.contains("--hash=sha256:"),
                    "{}: {line}",
                    component.requirements_path()
                );
            }
        }
    }

    #[test]
    fn another_processor_is_told_to_set_libtorch() {
        let error = Component::Libtorch.check_platform_named("linux", "aarch64", true).unwrap_err();
        assert_eq!(
            error.to_string(),
            "libtorch 2.11.0: expected Linux on x86_64 with the GNU C library, found linux on \
             aarch64; \
             set LIBTORCH to a libtorch 2.11.0 of your own"
        );
        assert!(Component::OnnxRuntime.check_platform_named("linux", "aarch64", true).is_ok());
        assert!(Component::OnnxRuntime.check_platform_named("linux", "x86_64", false).is_err());
    }
}
