//! Gradient boosting of oblivious trees on bytes, for two classes.
//!
//! All nodes of a level ask the same question, so a tree is a table of 2^depth leaves. Source:
//! Friedman 2001, "Greedy function approximation"; leaves and gains by second order as in
//! arXiv:1603.02754, oblivious trees as in arXiv:1706.09516.

/// Numbers that describe a pixel.
pub(super) const FEATURES: usize = 37;

/// One pixel.
pub(super) type Row = [u8; FEATURES];

const TREES: usize = 120;
const DEPTH: usize = 6;
const RATE: f32 = 0.15;
/// Bytes are compared in steps of 8.
const BINS: usize = 32;
const BIN_SHIFT: u32 = 3;
/// Keeps leaves with few pixels small.
const REGULARISATION: f32 = 5.0;

/// Sum of trees.
#[derive(Debug)]
pub(super) struct Ensemble {
    bias: f32,
    trees: Vec<Tree>,
}

#[derive(Debug)]
struct Tree {
    questions: [Question; DEPTH],
    leaves: [f32; 1 << DEPTH],
}

/// Whether a feature is above a byte.
#[derive(Debug, Clone, Copy, Default)]
struct Question {
    feature: usize,
    above: u8,
}

/// First and second derivative of the loss.
#[derive(Debug, Clone, Copy, Default)]
struct Gradient {
    first: f32,
    second: f32,
}

impl Ensemble {
    /// Fits `examples`, which hold both classes.
    pub(super) fn fit(examples: &[(Row, bool)]) -> Self {
        let positives = examples.iter().filter(|example| example.1).count() as f32;
        let bias = (positives / (examples.len() as f32 - positives)).ln();
        let mut logits = vec![bias; examples.len()];
        let mut trees = Vec::with_capacity(TREES);
        for _ in 0..TREES {
            let gradients: Vec<Gradient> = logits
                .iter()
                .zip(examples)
                .map(|(logit, (_, is_there))| {
                    let probability = 1.0 / (1.0 + (-logit).exp());
                    Gradient {
                        first: f32::from(u8::from(*is_there)) - probability,
                        second: probability * (1.0 - probability),
                    }
                })
                .collect();
            let tree = Tree::fit(examples, &gradients);
            for (logit, (row, _)) in logits.iter_mut().zip(examples) {
                *logit += tree.value(row);
            }
            trees.push(tree);
        }
        Self { bias, trees }
    }

    /// The logit of one pixel.
    pub(super) fn logit(&self, row: &Row) -> f32 {
        self.bias + self.trees.iter().map(|tree| tree.value(row)).sum::<f32>()
    }
}

impl Tree {
    fn fit(examples: &[(Row, bool)], gradients: &[Gradient]) -> Self {
        let mut leaf_of = vec![0_u8; examples.len()];
        let mut questions = [Question::default(); DEPTH];
        for (level, question) in questions.iter_mut().enumerate() {
            let leaves = 1 << level;
            *question = best_question(examples, gradients, &leaf_of, leaves);
            for (leaf, (row, _)) in leaf_of.iter_mut().zip(examples) {
                *leaf = *leaf << 1 | u8::from(question.is_above(row));
            }
        }
        let mut sums = [Gradient::default(); 1 << DEPTH];
        for (leaf, gradient) in leaf_of.iter().zip(gradients) {
            sums[usize::from(*leaf)].add(*gradient);
        }
        let leaves = sums.map(|sum| RATE * sum.first / (sum.second + REGULARISATION));
        Self { questions, leaves }
    }

    fn value(&self, row: &Row) -> f32 {
        let leaf = self
            .questions
            .iter()
            .fold(0, |leaf, question| leaf << 1 | usize::from(question.is_above(row)));
        self.leaves[leaf]
    }
}

impl Question {
    fn is_above(self, row: &Row) -> bool {
        row[self.feature] > self.above
    }
}

impl Gradient {
    fn add(&mut self, other: Self) {
        self.first += other.first;
        self.second += other.second;
    }

    /// What a leaf with this sum takes off the loss.
    fn gain(self) -> f32 {
        self.first * self.first / (self.second + REGULARISATION)
    }
}

/// The question that takes most off the loss when every leaf asks it.
fn best_question(
    examples: &[(Row, bool)],
    gradients: &[Gradient],
    leaf_of: &[u8],
    leaves: usize,
) -> Question {
    let mut best = (f32::NEG_INFINITY, Question::default());
    let mut histogram = vec![Gradient::default(); leaves * BINS];
    for feature in 0..FEATURES {
        histogram.fill(Gradient::default());
        for (((row, _), gradient), leaf) in examples.iter().zip(gradients).zip(leaf_of) {
            let bin = usize::from(row[feature] >> BIN_SHIFT);
            histogram[usize::from(*leaf) * BINS + bin].add(*gradient);
        }
        let mut gains = [0.0_f32; BINS - 1];
        for bins in histogram.chunks_exact(BINS) {
            let mut above = Gradient::default();
            for bin in bins {
                above.add(*bin);
            }
            let mut below = Gradient::default();
            for (gain, bin) in gains.iter_mut().zip(bins) {
                below.add(*bin);
                above.first -= bin.first;
                above.second -= bin.second;
                *gain += below.gain() + above.gain();
            }
        }
        for (bin, gain) in gains.into_iter().enumerate() {
            if gain > best.0 {
                let above = ((bin + 1) << BIN_SHIFT) as u8 - 1;
                best = (gain, Question { feature, above });
            }
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use rszs_data::Rng;

    use super::*;

    #[test]
    fn a_rule_of_two_features_is_learned_through_noise() {
        let mut rng = Rng::new(5);
        let mut draw = |count: usize| -> Vec<(Row, bool)> {
            (0..count)
                .map(|_| {
                    let row: Row = std::array::from_fn(|_| rng.below(256) as u8);
                    let is_there = (row[3] > 100) != (row[7] > 160);
                    (row, is_there != rng.chance(0.1))
                })
                .collect()
        };
        let (train, test) = (draw(8000), draw(2000));
        let ensemble = Ensemble::fit(&train);
        let right =
            test.iter().filter(|(row, there)| (ensemble.logit(row) > 0.0) == *there).count();
        // 90 % is all that the noise allows.
        assert!(right > 1700, "{right} of 2000");
    }
}
