//! Which products stay in float: those that disturb the logits most for what they cost.

use std::collections::{BTreeMap, BTreeSet};

use rszs_graph::{Graph, Product};
use serde::Serialize;

use crate::error::Error;
use crate::int8::probe::{Probe, ProbeContext};

/// A product and what quantizing it alone does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sensitivity {
    /// Name of the node.
    pub product: String,
    /// Its multiply-accumulates.
    pub macs: u64,
    /// Root mean square of the change of all logits.
    pub noise: f64,
}

/// Quantizes each of `products` alone and compares the logits of `tiles`. `step` hears of each and
/// may stop the run.
pub fn measure(
    graph: &Graph,
    products: &[Product],
    magnitudes: &BTreeMap<String, f32>,
    tiles: &[&[u8]],
    context: ProbeContext<'_>,
    mut step: impl FnMut() -> Result<(), Error>,
) -> Result<Vec<Sensitivity>, Error> {
    let graph = graph.showing(&[logits(graph)]);
    let expected = logits_of(&graph, tiles, context)?;
    let mut found = Vec::with_capacity(products.len());
    for product in products {
        let alone = BTreeSet::from([product.name.clone()]);
        let quantized = graph.quantize(&alone, magnitudes, &context.checkpoint.parameters)?;
        let noise = root_mean_square(&expected, &logits_of(&quantized, tiles, context)?);
        found.push(Sensitivity { product: product.name.clone(), macs: product.macs, noise });
        step()?;
    }
    Ok(found)
}

/// The products that stay in float: the most noise for a multiply-accumulate first, as long as all
/// of them have at most `share` of the multiply-accumulates.
pub fn left_in_float(sensitivities: &[Sensitivity], share: f64) -> BTreeSet<String> {
    let mut order: Vec<&Sensitivity> = sensitivities.iter().collect();
    let worth = |one: &Sensitivity| one.noise.powi(2) / one.macs.max(1) as f64;
    order.sort_by(|a, b| worth(b).total_cmp(&worth(a)));
    let most = sensitivities.iter().map(|one| one.macs).sum::<u64>() as f64 * share;
    let mut left = BTreeSet::new();
    let mut macs = 0;
    for one in order {
        if (macs + one.macs) as f64 <= most {
            macs += one.macs;
            left.insert(one.product.clone());
        }
    }
    left
}

/// Root mean square of the differences.
pub fn root_mean_square(expected: &[f32], found: &[f32]) -> f64 {
    let squares =
        expected.iter().zip(found).map(|(expected, found)| f64::from(expected - found).powi(2));
    (squares.sum::<f64>() / expected.len().max(1) as f64).sqrt()
}

/// The logits of all `tiles`, one tile after the other.
pub fn logits_of(
    graph: &Graph,
    tiles: &[&[u8]],
    context: ProbeContext<'_>,
) -> Result<Vec<f32>, Error> {
    let mut probe = Probe::new(graph, context)?;
    let mut all = Vec::new();
    for tile in tiles {
        if let Some((_, logits)) = probe.run(tile)?.next() {
            all.extend_from_slice(logits);
        }
    }
    Ok(all)
}

/// Name of the node behind the output `logits`.
fn logits(graph: &Graph) -> &str {
    graph.outputs().first().map_or("logits", |(_, id)| graph.node(*id).name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sensitivity(product: &str, macs: u64, noise: f64) -> Sensitivity {
        Sensitivity { product: product.to_owned(), macs, noise }
    }

    #[test]
    fn the_worst_for_their_cost_stay_in_float_within_the_share() {
        let all = [
            sensitivity("heavy and noisy", 80, 0.9),
            sensitivity("light and noisy", 5, 0.5),
            sensitivity("light and quiet", 5, 0.01),
            sensitivity("light", 10, 0.1),
        ];
        let left = |share| left_in_float(&all, share).into_iter().collect::<Vec<_>>();
        assert_eq!(left(0.0), [""; 0]);
        assert_eq!(left(0.05), ["light and noisy"]);
        assert_eq!(left(0.15), ["light", "light and noisy"]);
        assert_eq!(left(1.0).len(), 4);
    }

    #[test]
    fn noise_is_the_root_of_the_mean_square() {
        let found = root_mean_square(&[1.0, 2.0, 3.0, 4.0], &[1.0, 2.0, 3.0, 8.0]);
        assert!((found - 2.0).abs() < 1e-12, "{found}");
    }
}
