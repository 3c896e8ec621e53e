//! Moments of a step and the bytes that are alive at each.

/// A tensor's life, first and last moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    first: usize,
    last: usize,
}

/// Node `i` of `n` runs forward at moment `i` and backward at moment `2n - i`; moment `n` lies
/// between the passes.
#[derive(Debug)]
pub(super) struct Timeline {
    nodes: usize,
    bytes: Vec<u64>,
}

impl Timeline {
    pub(super) fn new(nodes: usize) -> Self {
        Self { nodes, bytes: vec![0; 2 * nodes + 1] }
    }

    /// From one node to another, both forward; `nodes` as the second is the end of the pass.
    pub(super) fn forward(&self, from: usize, to: usize) -> Span {
        Span { first: from, last: to.min(self.nodes) }
    }

    /// From a node forward to a node backward.
    pub(super) fn until_backward(&self, from: usize, to: usize) -> Span {
        Span { first: from, last: 2 * self.nodes - to }
    }

    /// From one node to an earlier one, both backward.
    pub(super) fn backward(&self, from: usize, to: usize) -> Span {
        Span { first: 2 * self.nodes - from, last: 2 * self.nodes - to }
    }

    /// Made again as the backward pass comes to the `last` node of a block, until it has passed
    /// `to`.
    pub(super) fn recomputed(&self, last: usize, to: usize) -> Span {
        self.backward(last, to)
    }

    /// Counts one tensor at every moment of its lives, which may overlap.
    pub(super) fn add(&mut self, bytes: u64, mut spans: Vec<Span>) {
        spans.sort_unstable();
        let mut next = 0;
        for span in spans {
            for moment in span.first.max(next)..=span.last {
                self.bytes[moment] += bytes;
            }
            next = next.max(span.last + 1);
        }
    }

    /// Alive between the passes.
    pub(super) fn kept_bytes(&self) -> u64 {
        self.bytes[self.nodes]
    }

    /// The most that is alive at once.
    pub(super) fn peak_bytes(&self) -> u64 {
        self.bytes.iter().copied().max().unwrap_or(0)
    }
}
