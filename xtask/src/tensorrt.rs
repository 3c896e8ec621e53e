//! The wheels with NVIDIA's libraries, for the tests of `crates/tensorrt`.

use std::path::PathBuf;

/// One wheel, of which the libraries are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TensorRtWheel {
    /// Name and version, as people read it.
    pub(crate) name: &'static str,
    /// The pinned package with its hash, in pip's own format.
    pub(crate) requirements: &'static str,
    /// Where that is written down, relative to the workspace root.
    pub(crate) requirements_path: &'static str,
    /// The link to the unpacked libraries, relative to the workspace root; its last part begins the
    /// cache folder's name.
    pub(crate) link: &'static str,
    pub(crate) download_bytes: u64,
    /// The libraries, relative to the component's folder.
    pub(crate) libraries: &'static [&'static str],
}

macro_rules! wheel {
    ($name:literal, $stem:literal, $download_bytes:literal, $libraries:expr) => {
        TensorRtWheel {
            name: $name,
            requirements: include_str!(concat!("../requirements/", $stem, ".txt")),
            requirements_path: concat!("xtask/requirements/", $stem, ".txt"),
            link: concat!("third_party/", $stem),
            download_bytes: $download_bytes,
            libraries: $libraries,
        }
    };
}

const RTX_LIBRARIES: &[&str] = &["lib/libtensorrt_rtx.so.1", "lib/libtensorrt_onnxparser_rtx.so.1"];

/// TensorRT-RTX parses and builds without a GPU, in both generations of the interface; lean
/// TensorRT loads, logs and refuses.
pub(crate) const WHEELS: [TensorRtWheel; 4] = [
    wheel!("TensorRT-RTX 1.7.1", "tensorrt-rtx-1.7", 95_153_708, RTX_LIBRARIES),
    wheel!("TensorRT-RTX 1.4.0", "tensorrt-rtx-1.4", 86_448_863, RTX_LIBRARIES),
    wheel!("lean TensorRT 11.4.0", "tensorrt-lean-11", 44_375_636, &["lib/libnvinfer_lean.so.11"]),
    wheel!("lean TensorRT 10.16.1", "tensorrt-lean-10", 44_233_690, &["lib/libnvinfer_lean.so.10"]),
];

impl TensorRtWheel {
    /// First part of the folder's name in the cache.
    pub(crate) fn stem(&self) -> &'static str {
        self.link.trim_start_matches("third_party/")
    }

    /// Where a file of the wheel goes. `None` for a file that is not needed.
    pub(crate) fn destination(&self, entry: &str) -> Option<PathBuf> {
        let (_, file) = entry.rsplit_once('/')?;
        let path = PathBuf::from("lib").join(file);
        self.libraries.iter().any(|library| path.as_os_str() == *library).then_some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_kept_and_plugins_are_not() {
        let [rtx, _, lean, _] = WHEELS;
        let destination = rtx.destination("tensorrt_rtx_libs/libtensorrt_rtx.so.1");
        assert_eq!(destination, Some("lib/libtensorrt_rtx.so.1".into()));
        assert_eq!(lean.destination("tensorrt_lean_libs/libnvinfer_vc_plugin.so.11"), None);
        assert_eq!(rtx.stem(), "tensorrt-rtx-1.7");
    }
}
