//! ONNX Runtime, loaded at run time from a library file.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ort::environment::Environment;
use ort::ep::{self, ExecutionProvider};
use ort::session::builder::SessionBuilder;
use ort::session::{Session, SessionInputValue};
use ort::value::TensorRef;
use rszs_bundle::Precision;
use rszs_cuda::Device;

use super::library::{Refusal, candidates};
use super::onnxruntime_version::version;
use super::placement::{RECORD, elsewhere, placement};
use super::values::{NamedInput, NamedOutput, Values};
use super::{EngineError, LoadError};

/// The first release of ONNX Runtime, 1.25, whose CUDA provider has a kernel for every operator of
/// a bundle: 1.24 has none for `Resize` of opset 19 (`tests/cuda_kernels.rs`).
pub const LEAST_CUDA_RELEASE: u32 = 25;

/// The library of this process: the first that loads stays, because neither the library nor its
/// environment can be had twice.
static LIBRARY: OnceLock<Library> = OnceLock::new();

struct Library {
    path: PathBuf,
    version: String,
    environment: Environment,
}

/// What computes, in ONNX Runtime's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// The processor.
    Cpu,
    /// A GPU, for a model file of this precision.
    Cuda(Precision),
}

/// One model loaded into ONNX Runtime.
pub struct OnnxRuntimeSession {
    session: Session,
}

impl std::fmt::Debug for OnnxRuntimeSession {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("OnnxRuntimeSession").finish_non_exhaustive()
    }
}

impl OnnxRuntimeSession {
    /// Loads `model`, the bytes of an ONNX file, for `threads` threads. `library` names the library
    /// file; without it the places listed in `library.rs` are tried.
    ///
    /// A GPU that was asked for computes all of the model or the model is refused: ONNX Runtime by
    /// itself would leave what it cannot do there to the processor, without a word.
    pub fn load(
        model: &[u8],
        threads: usize,
        library: Option<&Path>,
        provider: Provider,
    ) -> Result<Self, LoadError> {
        let library = load_library(library)?;
        if matches!(provider, Provider::Cuda(_)) {
            if !ep::CUDA::is_available().unwrap_or_default() {
                return Err(LoadError::NoCudaProvider(library.path.clone()));
            }
            expect_cuda_release(&library.path, &library.version)?;
            // Without one the provider fails, too, in words that name whichever of its libraries is
            // loaded first.
            Device::open(0)?;
        }
        let refused = |error: ort::Error| LoadError::Model {
            engine: "ONNX Runtime",
            reason: one_line(&error.to_string()),
        };
        let builder = Session::builder(&library.environment)
            .map_err(refused)?
            .with_intra_threads(threads)
            .map_err(|error| refused(error.into()))?;
        let mut builder = match provider {
            Provider::Cpu => builder,
            Provider::Cuda(precision) => on_cuda(builder, precision).map_err(refused)?,
        };
        let session = builder.commit_from_memory(model).map_err(refused)?;
        if matches!(provider, Provider::Cuda(_)) {
            let placement = placement(&session).map_err(refused)?;
            if let Some(nodes) = elsewhere(&placement, ep::CUDA::NAME) {
                return Err(LoadError::NotOnGpu { nodes });
            }
        }
        Ok(Self { session })
    }

    /// Whether there is a library, the one named or one that is found; it is loaded then.
    pub fn find(library: Option<&Path>) -> Result<(), LoadError> {
        load_library(library).map(drop)
    }

    /// Version and place of the library in use.
    pub fn library() -> String {
        LIBRARY.get().map_or_else(String::new, |library| {
            format!("{} ({})", library.version, library.path.display())
        })
    }

    /// See [`Engine::leak`](super::Engine::leak).
    pub(super) fn leak(&self) {
        std::mem::forget(self.session.inner());
    }

    pub(super) fn run(
        &mut self,
        inputs: &[NamedInput<'_>],
        outputs: &mut [NamedOutput<'_>],
    ) -> Result<(), EngineError> {
        let failed = |error: ort::Error| EngineError::Run(one_line(&error.to_string()));
        let mut values: Vec<(Cow<'_, str>, SessionInputValue<'_>)> =
            Vec::with_capacity(inputs.len());
        for input in inputs {
            values.push((Cow::Borrowed(input.name), view(input).map_err(failed)?));
        }
        let results = self.session.run(values).map_err(failed)?;
        for output in outputs {
            let missing = || EngineError::OutputMissing(output.name.to_owned());
            let (shape, found) = results
                .get(output.name)
                .ok_or_else(missing)?
                .try_extract_tensor::<f32>()
                .map_err(failed)?;
            let shape: Vec<usize> = shape.iter().map(|side| *side as usize).collect();
            output.take(&shape, found)?;
        }
        Ok(())
    }
}

/// One whose version cannot be read is seen by the placement of its nodes.
fn expect_cuda_release(library: &Path, version: &str) -> Result<(), LoadError> {
    let release: Option<u32> = version.split('.').nth(1).and_then(|release| release.parse().ok());
    match release {
        Some(found) if found < LEAST_CUDA_RELEASE => Err(LoadError::OldCudaProvider {
            library: library.to_owned(),
            found: version.to_owned(),
        }),
        _ => Ok(()),
    }
}

fn on_cuda(builder: SessionBuilder, precision: Precision) -> ort::Result<SessionBuilder> {
    // The golden set's tolerance of fp32 leaves no room for products with the mantissa of 10 bits
    // of TF32.
    let cuda = ep::CUDA::default().with_device_id(0).with_tf32(precision != Precision::Fp32);
    Ok(builder
        .with_execution_providers([cuda.build().error_on_failure()])?
        .with_config_entry(RECORD, "1")?)
}

/// The input where it lies: nothing is copied.
fn view<'a>(input: &NamedInput<'a>) -> ort::Result<SessionInputValue<'a>> {
    Ok(match input.values {
        Values::U8(values) => TensorRef::from_array_view((input.shape, values))?.into(),
        Values::I32(values) => TensorRef::from_array_view((input.shape, values))?.into(),
        Values::F32(values) => TensorRef::from_array_view((input.shape, values))?.into(),
    })
}

fn load_library(typed: Option<&Path>) -> Result<&'static Library, LoadError> {
    if let Some(library) = LIBRARY.get() {
        return Ok(library);
    }
    let mut refusals = Vec::new();
    for candidate in candidates(typed, &mut refusals) {
        match ort::init_from(&candidate) {
            Ok(builder) => {
                let environment =
                    builder.with_name("rszs-edge").with_telemetry(false).build().map_err(
                        |error| LoadError::Library {
                            path: candidate.clone(),
                            reason: one_line(&error.to_string()),
                        },
                    )?;
                let version =
                    version(&candidate).unwrap_or_else(|| "of unknown version".to_owned());
                return Ok(LIBRARY.get_or_init(|| Library {
                    path: candidate,
                    version,
                    environment,
                }));
            }
            Err(error) => refusals.push(Refusal { reason: refusal(&error), place: candidate }),
        }
    }
    Err(LoadError::NoLibrary(refusals))
}

fn refusal(error: &ort::LoadDynamicError) -> String {
    match error {
        ort::LoadDynamicError::Dlopen { error, .. } => one_line(&error.to_string()),
        ort::LoadDynamicError::MissingApi { .. } => {
            "no library of ONNX Runtime (OrtGetApiBase is not in it)".to_owned()
        }
        ort::LoadDynamicError::InvalidVersionString => "its version cannot be read".to_owned(),
        ort::LoadDynamicError::BadVersion { version_str, .. } => {
            format!("expected version 1.{} or later, found {version_str}", ort::MINOR_VERSION)
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn where_nodes_are_is_what_onnx_runtime_says() {
        let model = include_bytes!("../../../bundles/nano/model.fp32.onnx");
        let library = load_library(None).unwrap();
        let builder =
            Session::builder(&library.environment).unwrap().with_config_entry(RECORD, "1").unwrap();
        let session = { builder }.commit_from_memory(model).unwrap();
        let placement = placement(&session).unwrap();
        assert_eq!(placement.keys().collect::<Vec<_>>(), [ep::CPU::NAME]);
        assert_eq!(placement[ep::CPU::NAME]["Conv"], 59);
        assert_eq!(elsewhere(&placement, ep::CPU::NAME), None);
        assert!(elsewhere(&placement, ep::CUDA::NAME).unwrap().contains("59 Conv"));
    }

    #[test]
    fn a_library_without_all_kernels_is_too_old_for_a_gpu() {
        let release = |version| expect_cuda_release(Path::new("/lib/ort.so"), version);
        assert_eq!(
            release("1.24.4").unwrap_err().to_string(),
            "/lib/ort.so: expected ONNX Runtime 1.25 or later for the GPU, found 1.24.4, which \
             leaves Resize to the processor (pip install --upgrade onnxruntime-gpu)"
        );
        for version in ["1.25.0", "1.31.1", "of unknown version"] {
            release(version).unwrap();
        }
    }

    #[test]
    fn the_version_is_the_release() {
        let library = load_library(None).unwrap();
        let numbers: Vec<u32> =
            library.version.split('.').map(|part| part.parse().unwrap()).collect();
        assert!(numbers.len() == 3 && numbers[1] >= ort::MINOR_VERSION, "{}", library.version);
        assert!(OnnxRuntimeSession::library().starts_with(&library.version));
    }
}
