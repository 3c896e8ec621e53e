//! The network as data.
//!
//! A [`Graph`] is a list of [`Node`]s in evaluation order, each with one of a closed set of [`Op`]s
//! and a [`Shape`] that may hold two symbols: `N`, the number of images in a batch, and `K`, the
//! number of queries (or of prompts, in a text tower). The same graph is trained (libtorch),
//! exported (ONNX), costed ([`Cost`], [`TrainingMemory`]) and checked ([`interpret`], the oracle).
//! Every consumer matches on [`Op`] without a wildcard, so an op that trains but cannot be exported
//! does not compile.
//!
//! Letters used throughout: N images, K queries, T tokens, C channels, D joint width, H and W
//! pixels.
//!
//! ```
//! use rszs_graph::{Builder, DType, Init, N};
//!
//! let builder = Builder::new();
//! let x = builder.input("x", DType::F32, [N, 4.into()]);
//! let y = builder.scoped("layer", || {
//!     let weight = builder.param("weight", [4, 2], Init::Normal { standard_deviation: 0.02 });
//!     x.matmul(weight).relu()
//! });
//! let graph = builder.finish(&[("y", y.id())])?;
//! assert_eq!(graph.params().next().map(|node| node.name.as_str()), Some("layer.weight"));
//! # Ok::<(), rszs_graph::GraphError>(())
//! ```

mod builder;
mod cost;
mod dim;
mod dump;
mod fold;
mod fold_normalization;
mod graph;
mod infer;
mod initial;
mod interpret;
mod memory;
mod mixed_precision;
mod op;
mod quantize;
mod scales;
mod tensor;
mod value;

pub use builder::Builder;
pub use cost::{Cost, NodeCost, Parameters, Totals};
pub use dim::{Dim, K, N, Shape};
pub use fold_normalization::CentredPixels;
pub use graph::{Graph, GraphError, Node, NodeId};
pub use initial::{initial_parameters, initial_value};
pub use interpret::{
    InterpretError, Rounding, interpret, interpret_rounded, interpret_with, output_shapes,
};
pub use memory::{BlockOf, Training, TrainingMemory};
pub use mixed_precision::mixed_precision;
pub use op::{DType, Init, Op};
pub use quantize::{Product, QuantizeError};
pub use scales::Scales;
pub use tensor::Tensor;
pub use value::Value;
