//! A stable text form of a graph and its hash.

use std::fmt::{self, Write as _};

use sha2::{Digest, Sha256};

use crate::{Graph, Node, Op, Scales};

impl fmt::Display for Graph {
    /// One line a node: `name: shape = op(inputs) {attributes}`, then the outputs. Initial values
    /// are not part of it: two graphs that compute the same have the same text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for node in &self.nodes {
            let inputs: Vec<&str> =
                node.inputs.iter().map(|&id| self.node(id).name.as_str()).collect();
            write!(f, "{}: {} = {}({})", node.name, node.shape, node.op.name(), inputs.join(", "))?;
            writeln!(f, "{}", Attributes(node))?;
        }
        for (name, id) in &self.outputs {
            writeln!(f, "output {name} = {}", self.node(*id).name)?;
        }
        Ok(())
    }
}

impl Graph {
    /// SHA-256 of the text form, in hexadecimal.
    pub fn hash(&self) -> String {
        sha256(self.to_string().bytes())
    }
}

/// A constant of at most this many numbers is printed, a longer one hashed.
const SHORT_CONSTANT: usize = 8;

fn sha256(bytes: impl Iterator<Item = u8>) -> String {
    let digest = Sha256::digest(bytes.collect::<Vec<u8>>());
    digest.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

struct Attributes<'a>(&'a Node);

impl fmt::Display for Attributes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.op {
            Op::Input { dtype } => write!(f, " {{{dtype:?}}}"),
            Op::Constant { values } if values.len() <= SHORT_CONSTANT => {
                write!(f, " {{{values:?}}}")
            }
            Op::Constant { values } => {
                write!(f, " {{sha256 {}}}", sha256(values.iter().flat_map(|x| x.to_le_bytes())))
            }
            Op::Affine { scale, offset } => write!(f, " {{scale {scale:?}, offset {offset:?}}}"),
            Op::Conv2d { stride, padding, groups } => {
                write!(f, " {{stride {stride}, padding {padding}, groups {groups}}}")
            }
            Op::ConvTranspose2d { stride } => write!(f, " {{stride {stride}}}"),
            Op::AvgPool2d { size } => write!(f, " {{size {size}}}"),
            Op::Mean { axes } => write!(f, " {{axes {axes:?}}}"),
            Op::LayerNorm { epsilon } => write!(f, " {{epsilon {epsilon:e}}}"),
            Op::GroupNorm { groups, epsilon } => {
                write!(f, " {{groups {groups}, epsilon {epsilon:e}}}")
            }
            Op::Transpose { permutation } => write!(f, " {{{permutation:?}}}"),
            Op::Concat { axis } => write!(f, " {{axis {axis}}}"),
            Op::Slice { axis, start, end } => write!(f, " {{axis {axis}, {start}..{end}}}"),
            Op::Quantize { scales } | Op::Dequantize { scales } => match scales {
                Scales::Tensor(scale) => write!(f, " {{scale {scale:?}}}"),
                Scales::Channels { axis, values } => {
                    write!(
                        f,
                        " {{axis {axis}, sha256 {}}}",
                        sha256(values.iter().flat_map(|x| x.to_le_bytes()))
                    )
                }
            },
            Op::Dropout { probability } | Op::DropPath { probability } => {
                write!(f, " {{probability {probability}}}")
            }
            Op::Param { .. }
            | Op::Cast
            | Op::Add
            | Op::Sub
            | Op::Mul
            | Op::Div
            | Op::Relu
            | Op::Relu6
            | Op::Gelu
            | Op::QuickGelu
            | Op::Sigmoid
            | Op::MatMul
            | Op::Resize { .. }
            | Op::L2Normalize
            | Op::Softmax
            | Op::Reshape
            | Op::Expand
            | Op::Gather => Ok(()),
        }
    }
}
