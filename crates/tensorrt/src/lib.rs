//! TensorRT and TensorRT-RTX from Rust, without NVIDIA's headers.
//!
//! The libraries are loaded while the program runs and their C++ objects are called through their
//! virtual tables, with the slots of the version that was found: TensorRT 10 and 11, TensorRT-RTX
//! 1.3 to 1.7. One program per processor architecture serves them all; building it needs no C++
//! compiler, no CUDA and no TensorRT. Other versions are refused.
//!
//! ```no_run
//! use rszs_tensorrt::{Builder, BuilderConfig, Family, Library, Logger, Network};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let library = Library::find(Family::TensorRt, None, Logger::new(|line| eprintln!("{line}")))?;
//! let builder = Builder::new(&library)?;
//! let onnx = std::fs::read("model.onnx")?;
//! let network = Network::parse(&builder, &onnx)?;
//! let mut config = BuilderConfig::new(&builder)?;
//! config.add_profile(&[("tiles", [&[1, 256, 256, 3], &[1, 256, 256, 3], &[4, 256, 256, 3]])])?;
//! std::fs::write("model.plan", network.build(&config)?.bytes())?;
//! # Ok(())
//! # }
//! ```
//!
//! Three floors: `sys` (the foreign ABI), `result` (each foreign call returns a `Result`), `safe`
//! (what is public). All the unsafe code of calling TensorRT is in the lower two; in the third,
//! lifetimes keep what the library needs alive in the right order:
//!
//! ```compile_fail,E0505
//! # use rszs_tensorrt::{Builder, Error, Network};
//! # fn wrong(builder: Builder<'_>, onnx: &[u8]) -> Result<(), Error> {
//! let network = Network::parse(&builder, onnx)?;
//! drop(builder); // a network does not outlive its builder
//! drop(network);
//! # Ok(())
//! # }
//! ```
//!
//! ```compile_fail,E0505
//! # use rszs_tensorrt::{Builder, Error, Network};
//! # fn wrong(builder: &Builder<'_>, onnx: Vec<u8>) -> Result<(), Error> {
//! let network = Network::parse(builder, &onnx)?;
//! drop(onnx); // nor the bytes that its weights are in
//! drop(network);
//! # Ok(())
//! # }
//! ```
//!
//! ```compile_fail,E0597
//! # use rszs_tensorrt::{Error, Runtime};
//! # fn wrong(runtime: &Runtime<'_>, plan: &[u8]) -> Result<(), Error> {
//! let context;
//! {
//!     let engine = runtime.deserialize(plan)?;
//!     // SAFETY: nothing runs.
//!     context = unsafe { engine.create_context(0)? };
//! } // a context does not outlive its engine, not even until the end of the function
//! # Ok(())
//! # }
//! ```
//!
//! What it does not do: build networks layer by layer, choose precisions (that is the ONNX file's),
//! allocate GPU memory, or look into an ONNX file before NVIDIA's parser does. Read
//! `reports/without_gpu.md`, which says what ran where, before you rely on it.

mod result;
mod safe;
mod sys;
mod version;

pub use result::CallError;
pub use safe::{
    BuildProgress, Builder, BuilderConfig, BuilderFlag, ContextId, DataType, Direction, Engine,
    EngineTensor, Error, ExecutionContext, Library, LibraryFiles, LoadError, LoadedPlan, LogLine,
    LogLines, Logger, Network, ParseFault, Plan, ProfileShapes, Runtime, Severity, TensorInfo,
};
pub use sys::driver::DriverError;
pub use sys::loader::LoaderError;
pub use version::{Family, Version};
