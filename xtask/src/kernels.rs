//! `cargo xtask kernels`: from CUDA C++ to the PTX that programs carry.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::nvrtc::{Nvrtc, Output};

const FOLDER: &str = "crates/cuda/kernels";
const SOURCE: &str = "frame.cu";
const PTX: &str = "frame.ptx";
const LIBRARY: &str = "third_party/nvrtc/lib/libnvrtc.so.12";

/// The least architecture of the committed PTX: A100. Everything newer takes it.
const PTX_ARCHITECTURE: &str = "compute_80";

/// What the kernels are proven to assemble for: desktop Ampere, Jetson Orin, Ada, Hopper.
const ARCHITECTURES: [&str; 4] = ["sm_86", "sm_87", "sm_89", "sm_90"];

/// Name of an architecture and bytes of what it gets.
type Sizes = Vec<(&'static str, usize)>;

/// Compiles for every architecture and writes the PTX.
pub(crate) fn write(root: &Path) -> Result<Sizes, Error> {
    let (sizes, ptx) = compile(root)?;
    let path = root.join(FOLDER).join(PTX);
    fs::write(&path, ptx).map_err(Error::io(&path))?;
    Ok(sizes)
}

/// Compiles for every architecture and compares the PTX with the committed one.
pub(crate) fn check(root: &Path) -> Result<Sizes, Error> {
    let (sizes, ptx) = compile(root)?;
    let path = root.join(FOLDER).join(PTX);
    let committed = fs::read(&path).map_err(Error::io(&path))?;
    if committed == ptx { Ok(sizes) } else { Err(Error::StalePtx { ptx: path }) }
}

fn compile(root: &Path) -> Result<(Sizes, Vec<u8>), Error> {
    let nvrtc = Nvrtc::load(&root.join(LIBRARY))?;
    let folder = root.join(FOLDER);
    let path = folder.join(SOURCE);
    let source = fs::read_to_string(&path).map_err(Error::io(&path))?;
    let compile = |architecture, output| {
        let options = options(architecture, &folder);
        let failed = |log| Error::Kernel {
            source_file: PathBuf::from(FOLDER).join(SOURCE),
            architecture,
            log,
        };
        nvrtc.compile(&source, SOURCE, &options, output).map_err(failed)
    };
    let mut ptx = compile(PTX_ARCHITECTURE, Output::Ptx)?;
    // NVRTC ends it as a C string; the file is text.
    ptx.retain(|byte| *byte != 0);
    let mut sizes = vec![(PTX_ARCHITECTURE, ptx.len())];
    for architecture in ARCHITECTURES {
        sizes.push((architecture, compile(architecture, Output::Cubin)?.len()));
    }
    Ok((sizes, ptx))
}

/// No fused multiply-add: a kernel gives the bits of its twin on the processor. Nothing in the
/// options reaches the PTX but the architecture.
fn options(architecture: &str, folder: &Path) -> Vec<String> {
    vec![
        format!("--gpu-architecture={architecture}"),
        "--fmad=false".to_owned(),
        "--std=c++17".to_owned(),
        format!("--include-path={}", folder.display()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    fn the_committed_ptx_is_what_the_sources_give_and_every_architecture_takes_them() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        if !root.join(LIBRARY).exists() {
            eprintln!("skipped: this needs {LIBRARY} (`cargo xtask setup` fetches it)");
            return;
        }
        let sizes = check(root).unwrap();
        assert_eq!(sizes.len(), 1 + ARCHITECTURES.len());
        assert!(sizes.iter().all(|(_, bytes)| *bytes > 10_000), "{sizes:?}");
    }

    #[test]
    fn the_ptx_asks_for_no_newer_driver_and_rounds_every_operation() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let ptx = fs::read_to_string(root.join(FOLDER).join(PTX)).unwrap();
        assert!(ptx.contains(".version 8.0\n"), "CUDA 12.0 takes 8.0");
        assert!(ptx.contains(".target sm_80\n"));
        // An operation without `.rn` may be fused with another by the driver, and would then give
        // other bits than the processor.
        let operations: Vec<&str> =
            ptx.split_whitespace().filter_map(|word| word.strip_suffix(".f32")).collect();
        let is_arithmetic = |word: &&&str| {
            ["add.", "sub.", "mul.", "div.", "fma.", "mad.", "rcp.", "sqrt."]
                .iter()
                .any(|start| word.starts_with(start))
        };
        let is_rounded = |word: &&&str| word.split('.').nth(1) == Some("rn");
        let rounded = operations.iter().filter(is_arithmetic).filter(is_rounded).count();
        assert!(rounded > 100, "{rounded}");
        assert_eq!(operations.iter().filter(is_arithmetic).count(), rounded);
        assert!(
            !operations.iter().any(|word| word.starts_with("fma.") || word.contains(".ftz")),
            "{operations:?}"
        );
    }
}
