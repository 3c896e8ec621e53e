//! From a checkpoint to what is shipped.
//!
//! ```text
//! checkpoint ── lower ──> model.onnx ─┐
//! word file ── text_tower ──> rows ───┼── bundle ── check (ONNX Runtime, embedded) ──> directory
//! tokenizer ──────────────────────────┘
//! ```
//!
//! The network is interpreted here twice: by the oracle of `rszs-graph`, and by an engine that
//! reads the file just written. What differs by more than a named tolerance is not shipped.
//!
//! Letters: N images, K queries, D joint width, H W pixels.

pub mod bundle;
pub mod check;
pub mod checkpoint;
pub mod engine;
pub mod golden;
pub mod lower;
pub mod memory_plan;
pub mod onnx;
pub mod template_set;
pub mod text_tower;
pub mod tolerance;
pub mod unpack;
pub mod vocabulary;
pub mod words;
