//! What `rszs-calibrate fp16` found, for programs and for people.

use rszs_export::lower::LARGEST_HALF;
use rszs_graph::{Node, Tensor};
use serde::Serialize;

use crate::report::identity::Identity;
use crate::report::table::Table;

/// Nodes of a table for people; JSON has all of them.
const SHOWN: usize = 10;

/// The report.
#[derive(Debug, Clone, Serialize)]
pub struct Fp16Report {
    /// What was measured with what; the engine cut the tiles and computed nothing.
    #[serde(flatten)]
    pub identity: Identity,
    /// Training tiles that were looked at.
    pub tiles: usize,
    /// Every node that computes in 16 bits, the one with the least room first.
    pub nodes: Vec<NodeRange>,
}

/// A node in half precision.
#[derive(Debug, Clone, Serialize)]
pub struct NodeRange {
    /// Its name.
    pub node: String,
    /// Its op.
    pub op: &'static str,
    /// Its largest magnitude in 32 bits.
    pub magnitude: f32,
    /// That, over the largest number that half precision has; it overflows above 1.
    pub share_of_largest: f32,
    /// The largest difference of rounding so far, over the largest magnitude; nothing where
    /// something overflowed.
    pub error: Option<f32>,
}

impl NodeRange {
    /// From its value in 32 bits, and the one with everything rounded.
    pub fn of(node: &Node, exact: &Tensor, rounded: &Tensor) -> Self {
        let (magnitude, distance) = (exact.magnitude(), exact.distance(rounded));
        let error = if distance == 0.0 { 0.0 } else { distance / magnitude };
        Self {
            node: node.name.clone(),
            op: node.op.name(),
            magnitude,
            share_of_largest: magnitude / LARGEST_HALF,
            error: Some(error).filter(|error| error.is_finite()),
        }
    }

    /// Keeps the worst of both.
    pub fn widen(&mut self, other: &Self) {
        self.magnitude = self.magnitude.max(other.magnitude);
        self.share_of_largest = self.share_of_largest.max(other.share_of_largest);
        self.error = self.error.zip(other.error).map(|(error, other)| error.max(other));
    }

    fn error_or_infinite(&self) -> f32 {
        self.error.unwrap_or(f32::INFINITY)
    }
}

impl Fp16Report {
    /// Sorts `nodes`.
    pub fn new(identity: Identity, tiles: usize, mut nodes: Vec<NodeRange>) -> Self {
        nodes.sort_by(|a, b| b.share_of_largest.total_cmp(&a.share_of_largest));
        Self { identity, tiles, nodes }
    }

    /// For people, in Markdown.
    pub fn table(&self) -> String {
        let by_room: Vec<&NodeRange> = self.nodes.iter().collect();
        let mut by_error = by_room.clone();
        by_error.sort_by(|a, b| b.error_or_infinite().total_cmp(&a.error_or_infinite()));
        format!(
            "{}\n\n{} nodes compute in 16 bits; {} training tiles, in the reference \
             interpreter.\n\nThe least room:\n\n{}\nThe largest errors:\n\n{}",
            self.identity.line(),
            self.nodes.len(),
            self.tiles,
            rows(&by_room),
            rows(&by_error),
        )
    }
}

fn rows(nodes: &[&NodeRange]) -> Table {
    let mut table = Table::new(&["node", "op", "largest", "% of 65504", "error %"], 2);
    for range in nodes.iter().take(SHOWN) {
        let error = range
            .error
            .map_or_else(|| "overflow".to_owned(), |error| format!("{:.3}", 100.0 * error));
        let numbers = [
            format!("{:.1}", range.magnitude),
            format!("{:.3}", 100.0 * range.share_of_largest),
            error,
        ];
        table.push([range.node.clone(), range.op.to_owned()].into_iter().chain(numbers).collect());
    }
    table
}
