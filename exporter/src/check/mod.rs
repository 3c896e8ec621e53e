//! Proof that a file computes what the graph says: oracle on one side, engines on the other.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use rszs_engine::LoadError;
use rszs_graph::{Graph, InterpretError, Shape, Tensor, interpret};

use crate::engine::{Engine, RunError};
use crate::lower::{ElementType, HalfError, Peak, interpret_half};
use crate::tolerance::Tolerance;

/// What stands for an engine of half precision.
const ROUNDED: &str = "oracle, 16-bit values rounded";

/// Inputs of a graph and what the oracle makes of them.
#[derive(Debug, Clone)]
pub struct Case {
    /// N.
    pub images: usize,
    /// K.
    pub queries: usize,
    /// Inputs by name.
    pub feeds: BTreeMap<String, Tensor>,
    /// Outputs in the graph's order.
    pub expected: Vec<(String, Tensor)>,
}

/// What an engine gave, compared with the oracle.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Name and version of the engine.
    pub engine: String,
    /// How many sizes of N and K it ran with.
    pub sizes: usize,
    /// The largest difference of each output.
    pub outputs: Vec<(String, Difference)>,
}

/// How far an output is off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The largest difference of any element.
    pub found: f32,
    /// The largest allowed.
    pub allowed: f32,
}

impl Difference {
    fn share(self) -> f32 {
        self.found / self.allowed
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1e} off (allowed {:.1e})", self.found, self.allowed)
    }
}

/// Everything that was compared, and what could not be.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CheckReport {
    /// One entry an engine.
    pub comparisons: Vec<Comparison>,
    /// Why ONNX Runtime was left out, if it was.
    pub without_onnx_runtime: Option<String>,
    /// Of a file in half precision: how near its values came to what that can hold.
    pub peak: Option<Peak>,
}

/// A file that must not be shipped.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// An engine computes something else than the graph says.
    #[error(
        "{output}: expected the oracle's numbers ({tolerance:?}), found them {difference} in \
         {engine}; the file is not shipped"
    )]
    Mismatch {
        /// The output.
        output: String,
        /// Named tolerance.
        tolerance: Tolerance,
        /// How far it is off.
        difference: Difference,
        /// Name and version of the engine.
        engine: String,
    },
    /// An engine gave other outputs.
    #[error("expected the output {name}, found none from {engine}")]
    NoOutput {
        /// The output.
        name: String,
        /// Name and version of the engine.
        engine: String,
    },
    /// An engine cannot load the file.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// An engine cannot run the file.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The oracle cannot run it in half precision.
    #[error(transparent)]
    Half(#[from] HalfError),
    /// The oracle cannot.
    #[error("oracle: {0}")]
    Oracle(#[from] InterpretError),
}

impl Case {
    /// Asks the oracle.
    pub fn new(
        graph: &Graph,
        feeds: BTreeMap<String, Tensor>,
        parameters: &BTreeMap<String, Tensor>,
        images: usize,
        queries: usize,
    ) -> Result<Self, InterpretError> {
        let expected = interpret(graph, &feeds, parameters)?;
        Ok(Self { images, queries, feeds, expected })
    }

    /// The same case for fewer images and queries: the first of each. No output of ours depends on
    /// the others, so the oracle need not be asked again; and a file that only works for one size
    /// is found out.
    #[must_use]
    pub fn first(&self, graph: &Graph, images: usize, queries: usize) -> Self {
        let shape_of_input = |name: &str| {
            graph.inputs().find(|(node, _)| node.name == name).map(|(node, _)| &node.shape)
        };
        let cut = |tensor: &Tensor, shape: Option<&Shape>| {
            shape.map_or_else(|| tensor.clone(), |shape| corner(tensor, &shape.at(images, queries)))
        };
        let feeds = self
            .feeds
            .iter()
            .map(|(name, tensor)| (name.clone(), cut(tensor, shape_of_input(name))))
            .collect();
        let outputs = self.expected.iter().zip(graph.outputs());
        let expected = outputs
            .map(|((name, tensor), (_, id))| {
                (name.clone(), cut(tensor, Some(&graph.node(*id).shape)))
            })
            .collect();
        Self { images, queries, feeds, expected }
    }
}

/// Loads `model` into every engine at hand, runs every case and compares. Gives the best engine
/// back, for more work.
pub fn check(
    model: &[u8],
    graph: &Graph,
    cases: &[Case],
    library: Option<&Path>,
) -> Result<(Engine, CheckReport), CheckError> {
    let mut report = CheckReport::default();
    let mut best = Engine::embedded(model)?;
    report.comparisons.push(compare_all(&mut best, graph, cases, Tolerance::Float32)?);
    match Engine::onnx_runtime(model, library) {
        Ok(mut engine) => {
            report.comparisons.push(compare_all(&mut engine, graph, cases, Tolerance::Float32)?);
            best = engine;
        }
        // A library that was asked for by name must be there.
        Err(error @ LoadError::NoLibrary(_)) if library.is_none() => {
            report.without_onnx_runtime = Some(error.to_string());
        }
        Err(error) => return Err(error.into()),
    }
    Ok((best, report))
}

/// The same for a `model` in half precision: in ONNX Runtime, and in the oracle with every 16-bit
/// value and sum rounded. Without ONNX Runtime's library nothing could prove the file, and it is
/// refused.
pub fn check_half(
    model: &[u8],
    graph: &Graph,
    parameters: &BTreeMap<String, Tensor>,
    cases: &[Case],
    library: Option<&Path>,
) -> Result<CheckReport, CheckError> {
    let mut engine = Engine::onnx_runtime(model, library)?;
    let mut report = CheckReport::default();
    report.comparisons.push(compare_all(&mut engine, graph, cases, Tolerance::Float16)?);
    // The first case holds what the others do.
    if let Some(case) = cases.first() {
        let run = interpret_half(graph, &case.feeds, parameters, ElementType::F16)?;
        let compare = |(name, expected): &(String, Tensor)| {
            Ok((name.clone(), compare(ROUNDED, name, expected, &run.outputs, Tolerance::Float16)?))
        };
        let outputs = case.expected.iter().map(compare).collect::<Result<_, CheckError>>()?;
        report.comparisons.push(Comparison { engine: ROUNDED.to_owned(), sizes: 1, outputs });
        report.peak = Some(run.peak);
    }
    Ok(report)
}

/// Runs every case and keeps, for each output, the largest difference.
fn compare_all(
    engine: &mut Engine,
    graph: &Graph,
    cases: &[Case],
    tolerance: Tolerance,
) -> Result<Comparison, CheckError> {
    let mut comparison =
        Comparison { engine: engine.name().to_owned(), sizes: cases.len(), outputs: Vec::new() };
    for case in cases {
        let found = engine.run(graph, &case.feeds)?;
        for (name, expected) in &case.expected {
            let difference = compare(engine.name(), name, expected, &found, tolerance)?;
            match comparison.outputs.iter_mut().find(|(output, _)| output == name) {
                Some((_, largest)) if largest.share() >= difference.share() => {}
                Some((_, largest)) => *largest = difference,
                None => comparison.outputs.push((name.clone(), difference)),
            }
        }
    }
    Ok(comparison)
}

fn compare(
    engine: &str,
    name: &str,
    expected: &Tensor,
    found: &[(String, Tensor)],
    tolerance: Tolerance,
) -> Result<Difference, CheckError> {
    let Some((_, tensor)) = found.iter().find(|(output, _)| output == name) else {
        return Err(CheckError::NoOutput { name: name.to_owned(), engine: engine.to_owned() });
    };
    let difference =
        Difference { found: expected.distance(tensor), allowed: tolerance.allowed(expected) };
    // Infinite where shapes differ or something is not a number.
    if difference.found > difference.allowed {
        let (output, engine) = (name.to_owned(), engine.to_owned());
        return Err(CheckError::Mismatch { output, tolerance, difference, engine });
    }
    Ok(difference)
}

/// The elements with small indices: the first `shape[axis]` of every axis.
fn corner(tensor: &Tensor, shape: &[usize]) -> Tensor {
    let mut cut = tensor.clone();
    for (axis, &length) in shape.iter().enumerate() {
        let inner: usize = cut.shape[axis + 1..].iter().product();
        let block = cut.shape[axis] * inner;
        let kept = cut
            .values
            .chunks_exact(block.max(1))
            .flat_map(|chunk| &chunk[..length * inner])
            .copied()
            .collect();
        cut.shape[axis] = length;
        cut = Tensor::new(cut.shape, kept);
    }
    cut
}

impl fmt::Display for CheckReport {
    /// One line an engine.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Comparison { engine, sizes, outputs } in &self.comparisons {
            let outputs: Vec<String> =
                outputs.iter().map(|(name, difference)| format!("{name} {difference}")).collect();
            writeln!(f, "{engine}: {}; sizes of N and K: {sizes}", outputs.join(", "))?;
        }
        if let Some(peak) = &self.peak {
            writeln!(f, "{peak}")?;
        }
        match &self.without_onnx_runtime {
            Some(reason) => writeln!(f, "NOT compared with ONNX Runtime: {reason}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
