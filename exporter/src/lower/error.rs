//! What keeps a graph from becoming an ONNX file.

/// Why a graph cannot be written as ONNX.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LowerError {
    /// A parameter has no values.
    #[error(
        "{name}: expected values of shape {shape}, found none (a checkpoint of another config?)"
    )]
    MissingParameter {
        /// The parameter.
        name: String,
        /// Its shape.
        shape: String,
    },
    /// A parameter has another shape than the graph says.
    #[error("{name}: expected {expected}, found {found:?} (a checkpoint of another config?)")]
    WrongShape {
        /// The parameter.
        name: String,
        /// Its shape in the graph.
        expected: String,
        /// Shape of the values.
        found: Vec<usize>,
    },
    /// An output is called like another node.
    #[error("{name}: expected a name for this output that no node has; rename the output")]
    NameTaken {
        /// The output.
        name: String,
    },
    /// A size that no input shows is needed at run time.
    #[error(
        "{name}: expected an input with an axis {symbol}, found none; its shape cannot be computed"
    )]
    UnknownSymbol {
        /// The node.
        name: String,
        /// `N` or `K`.
        symbol: &'static str,
    },
    /// A number beyond 65504.
    #[error(
        "{name}: expected magnitudes of at most 65504 for half precision, found {found}; export \
         fp32 alone"
    )]
    TooLargeForHalf {
        /// Parameter or constant.
        name: String,
        /// The first such number.
        found: String,
    },
    /// Numbers so small that half precision makes most of them zero.
    #[error(
        "{name}: expected magnitudes that half precision can tell from zero, found {lost} of {of} \
         that it cannot; export fp32 alone"
    )]
    TooSmallForHalf {
        /// Parameter or constant.
        name: String,
        /// How many would become zero.
        lost: usize,
        /// How many are not zero.
        of: usize,
    },
    /// Protobuf ends at 2 GiB.
    #[error("expected a file below 2 GiB, found {bytes} bytes; a protobuf cannot be larger")]
    TooLarge {
        /// Size of the file.
        bytes: usize,
    },
}
