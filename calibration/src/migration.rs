//! Which activations have outliers that are moved into the weights behind them, and how far.
//!
//! `SmoothQuant` (arXiv:2211.10438): channel c of an activation is divided by
//! `a_c^α / w_c^(1 - α)`, with a the largest magnitude of the channel and w that of its row in the
//! weights. α is searched for each activation on its own, on one half of the observed rows, and the
//! migration is kept only if the products behind it come out less wrong on the other half.

use std::collections::{BTreeMap, BTreeSet};

use rszs_graph::{Builder, Element, Graph, Init, Migration, N, Tensor, interpret};
use serde::Serialize;

use crate::error::Error;
use crate::observer::{MagnitudeHistogram, Observer};
use crate::probe::{Bench, Probe};

/// The largest channel over the median one: with less, one scale fits all channels, and there is
/// nothing to move.
pub const UNEVEN: f32 = 4.0;

/// Tried for α, from a little to nearly all of the unevenness.
const ALPHAS: [f32; 9] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/// A migration is kept if the error falls below this share of what it was: less is the luck of the
/// rows.
const LARGEST_ERROR: f64 = 0.95;

/// Rows of an activation that errors are measured on.
const ROWS: usize = 512;

/// No channel is scaled by more than 2 to the power of this: half precision has 30 powers of two
/// around 1.
const LARGEST_EXPONENT: i32 = 8;

/// An activation with uneven channels, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Migrated {
    /// The node that makes it.
    pub source: String,
    /// The products that read it.
    pub products: Vec<String>,
    /// Its largest channel over its median one, by largest magnitudes.
    pub unevenness: f32,
    /// The best α; nothing if the activation stays as it is.
    pub alpha: Option<f32>,
    /// Root mean square error of the products in INT8 over their root mean square, as it was.
    pub error_before: f64,
    /// The same with the best α.
    pub error_after: f64,
}

/// What was seen of an activation, `[rows, C]`.
#[derive(Debug, Default)]
struct Seen {
    /// Largest magnitude of each channel, over all rows of all tiles.
    maxima: Vec<f32>,
    rows: Vec<f32>,
}

/// Moves outliers of the activations that `products` read: the parameters that change, and every
/// activation that was uneven.
pub fn migrate(
    graph: &Graph,
    products: &BTreeSet<String>,
    tiles: &[Vec<u8>],
    observer: Observer,
    bench: Bench<'_>,
) -> Result<(BTreeMap<String, Tensor>, Vec<Migrated>), Error> {
    let is_asked =
        |migration: &Migration| migration.products.iter().any(|name| products.contains(name));
    let migrations: Vec<Migration> = graph.migrations().into_iter().filter(is_asked).collect();
    let mut parameters = bench.checkpoint.parameters.clone();
    let mut found = Vec::new();
    if migrations.is_empty() {
        return Ok((parameters, found));
    }
    let sources: Vec<&str> = migrations.iter().map(|migration| migration.source.as_str()).collect();
    let seen = look(graph, &sources, tiles, bench)?;
    for (migration, seen) in migrations.iter().zip(&seen) {
        let unevenness = unevenness(&seen.maxima);
        if unevenness >= UNEVEN {
            let weights: Vec<&Tensor> =
                migration.weights.iter().map(|name| &parameters[name]).collect();
            let search = search(seen, &weights, observer)?;
            if let Some(exponents) = search.exponents() {
                migration.apply(exponents, &mut parameters);
            }
            found.push(Migrated {
                source: migration.source.clone(),
                products: migration.products.clone(),
                unevenness,
                alpha: search.exponents().map(|_| search.alpha),
                error_before: search.error_before,
                error_after: search.error_after,
            });
        }
    }
    Ok((parameters, found))
}

/// Channel maxima and evenly spread rows of every node in `sources`.
fn look(
    graph: &Graph,
    sources: &[&str],
    tiles: &[Vec<u8>],
    bench: Bench<'_>,
) -> Result<Vec<Seen>, Error> {
    let graph = graph.showing(sources);
    let channels = graph.outputs().iter().map(|(_, id)| {
        let shape = graph.node(*id).shape.at(1, 1);
        shape.last().copied().unwrap_or(1)
    });
    let channels: Vec<usize> = channels.collect();
    let mut probe = Probe::new(&graph, bench)?;
    let mut seen: Vec<Seen> =
        channels.iter().map(|&count| Seen { maxima: vec![0.0; count], rows: vec![] }).collect();
    let rows_a_tile = (ROWS / tiles.len()).max(1);
    for tile in tiles {
        for (((name, values), &channels), seen) in probe.run(tile)?.zip(&channels).zip(&mut seen) {
            if let Some(&found) = values.iter().find(|value| !value.is_finite()) {
                return Err(Error::NotFinite { node: name.to_owned(), found });
            }
            for row in values.chunks_exact(channels) {
                seen.maxima
                    .iter_mut()
                    .zip(row)
                    .for_each(|(largest, value)| *largest = largest.max(value.abs()));
            }
            let rows = values.len() / channels;
            for index in 0..rows_a_tile.min(rows) {
                let row = index * rows / rows_a_tile.min(rows);
                seen.rows.extend_from_slice(&values[row * channels..][..channels]);
            }
        }
    }
    Ok(seen)
}

/// The largest over the median; 1 where all are zero.
fn unevenness(maxima: &[f32]) -> f32 {
    let mut sorted = maxima.to_vec();
    sorted.sort_by(f32::total_cmp);
    match (sorted.last(), sorted.get(sorted.len() / 2)) {
        (Some(&largest), Some(&median)) if largest > 0.0 => largest / median.max(f32::MIN_POSITIVE),
        _ => 1.0,
    }
}

/// What the search over α found.
#[derive(Debug)]
struct Search {
    alpha: f32,
    exponents: Vec<i32>,
    error_before: f64,
    error_after: f64,
}

impl Search {
    /// By how much each channel is to be scaled down, in powers of two; nothing if the products
    /// gain too little.
    fn exponents(&self) -> Option<&[i32]> {
        (self.error_after < LARGEST_ERROR * self.error_before).then_some(&self.exponents)
    }
}

/// Chooses α on every other row, and measures it on the rest.
fn search(seen: &Seen, weights: &[&Tensor], observer: Observer) -> Result<Search, Error> {
    let channels = seen.maxima.len();
    let halves = [0, 1].map(|half| {
        let rows = seen.rows.chunks_exact(channels).skip(half).step_by(2);
        rows.flatten().copied().collect::<Vec<f32>>()
    });
    let mut best: Option<(f64, f32, Vec<i32>)> = None;
    for alpha in ALPHAS {
        let exponents = exponents(&seen.maxima, weights, alpha);
        let error = error(&halves[0], &seen.maxima, &exponents, weights, observer)?;
        if best.as_ref().is_none_or(|(least, ..)| error < *least) {
            best = Some((error, alpha, exponents));
        }
    }
    let (_, alpha, exponents) = best.unwrap_or((0.0, 0.0, vec![0; channels]));
    let error = |exponents: &[i32]| error(&halves[1], &seen.maxima, exponents, weights, observer);
    Ok(Search {
        alpha,
        error_before: error(&vec![0; channels])?,
        error_after: error(&exponents)?,
        exponents,
    })
}

/// The factors of α in powers of two, around that of the median channel: a common factor changes
/// nothing.
fn exponents(maxima: &[f32], weights: &[&Tensor], alpha: f32) -> Vec<i32> {
    let row_maximum = |channel: usize| {
        let rows = weights.iter().map(|weight| {
            let width = weight.values.len() / weight.shape[0];
            &weight.values[channel * width..][..width]
        });
        rows.flatten().fold(0.0_f32, |largest, value| largest.max(value.abs()))
    };
    let factors: Vec<f32> = maxima
        .iter()
        .enumerate()
        .map(|(channel, &activation)| match (activation, row_maximum(channel)) {
            // A channel that is always zero, or that no product reads, may be scaled as one likes.
            (activation, weight) if activation <= 0.0 || weight <= 0.0 => 0.0,
            (activation, weight) => alpha * activation.log2() - (1.0 - alpha) * weight.log2(),
        })
        .collect();
    let mut sorted = factors.clone();
    sorted.sort_by(f32::total_cmp);
    let median = sorted[sorted.len() / 2];
    let exponent = |factor: f32| (factor - median).round() as i32;
    factors
        .into_iter()
        .map(|factor| exponent(factor).clamp(-LARGEST_EXPONENT, LARGEST_EXPONENT))
        .collect()
}

/// Root mean square error of the products of `rows`, `[rows, C]`, by `weights` in INT8, over the
/// root mean square of the products.
fn error(
    rows: &[f32],
    maxima: &[f32],
    exponents: &[i32],
    weights: &[&Tensor],
    observer: Observer,
) -> Result<f64, Error> {
    let channels = maxima.len();
    let scaled = |values: &[f32]| -> Vec<f32> {
        values
            .iter()
            .zip(exponents.iter().cycle())
            .map(|(value, &exponent)| value * 2.0_f32.powi(-exponent))
            .collect()
    };
    let x = Tensor::new([rows.len() / channels, channels], scaled(rows));
    let mut histogram = MagnitudeHistogram::default();
    // Not every row is here: what the largest of all tiles is, the range must know.
    for values in [&x.values, &scaled(maxima)] {
        histogram
            .add(values)
            .map_err(|found| Error::NotFinite { node: "activation".to_owned(), found })?;
    }
    let magnitudes = BTreeMap::from([("x".to_owned(), histogram.range(observer))]);
    let feeds = BTreeMap::from([("x".to_owned(), x)]);
    let (mut wrong, mut all) = (0.0, 0.0);
    for &weight in weights {
        let mut weight = weight.clone();
        let width = weight.values.len() / channels;
        for (row, &exponent) in weight.values.chunks_exact_mut(width).zip(exponents) {
            for value in row {
                *value *= 2.0_f32.powi(exponent);
            }
        }
        let graph = product(channels, width)?;
        let parameters = BTreeMap::from([("weight".to_owned(), weight)]);
        let quantized =
            graph.quantize(&BTreeSet::from(["matmul".to_owned()]), &magnitudes, &parameters)?;
        let [exact, found] =
            [&graph, &quantized].map(|graph| interpret(graph, &feeds, &parameters));
        for ((_, exact), (_, found)) in exact?.iter().zip(&found?) {
            for (exact, found) in exact.values.iter().zip(&found.values) {
                wrong += f64::from(exact - found).powi(2);
                all += f64::from(*exact).powi(2);
            }
        }
    }
    Ok(if all > 0.0 { (wrong / all).sqrt() } else { 0.0 })
}

/// `x: [N, C]` by `weight: [C, width]`.
fn product(channels: usize, width: usize) -> Result<Graph, Error> {
    let builder = Builder::new();
    let x = builder.input("x", Element::F32, [N, channels.into()]);
    let y = x.matmul(builder.param("weight", [channels, width], Init::Constant(0.0)));
    Ok(builder.finish(&[("y", y.id())])?)
}

#[cfg(test)]
mod tests {
    use rszs_graph::initial_value;

    use super::*;

    const CHANNELS: usize = 16;

    /// 64 rows of normal values, channel 5 of them `outlier` times as large, and a weight.
    fn example(outlier: f32) -> (Seen, Tensor) {
        let normal = |name: &str, shape| {
            initial_value(name, Init::Normal { standard_deviation: 1.0 }, shape, 3)
        };
        let mut rows = normal("rows", vec![64, CHANNELS]).values;
        rows.iter_mut().skip(5).step_by(CHANNELS).for_each(|value| *value *= outlier);
        let mut maxima = vec![0.0_f32; CHANNELS];
        for row in rows.chunks_exact(CHANNELS) {
            maxima
                .iter_mut()
                .zip(row)
                .for_each(|(largest, value)| *largest = largest.max(value.abs()));
        }
        (Seen { maxima, rows }, normal("weight", vec![CHANNELS, 8]))
    }

    #[test]
    fn an_outlier_channel_is_moved_and_the_products_are_less_wrong() {
        let (seen, weight) = example(60.0);
        assert!(unevenness(&seen.maxima) > UNEVEN, "{:?}", seen.maxima);
        let search = search(&seen, &[&weight], Observer::Minmax).unwrap();
        let exponents = search.exponents().unwrap();
        assert!(
            (0..CHANNELS).all(|channel| channel == 5 || exponents[channel] < exponents[5]),
            "{exponents:?}"
        );
        assert!(search.error_after < 0.7 * search.error_before, "{search:?}");
    }

    #[test]
    fn flat_channels_stay_as_they_are() {
        let (seen, weight) = example(1.0);
        assert!(unevenness(&seen.maxima) < UNEVEN, "{:?}", seen.maxima);
        // Even if somebody asked: nothing is to be won.
        let search = search(&seen, &[&weight], Observer::Minmax).unwrap();
        assert_eq!(search.exponents(), None, "{search:?}");
    }

    #[test]
    fn a_dead_channel_and_a_dead_row_do_no_harm() {
        let (mut seen, mut weight) = example(60.0);
        seen.maxima[2] = 0.0;
        seen.rows.iter_mut().skip(2).step_by(CHANNELS).for_each(|value| *value = 0.0);
        weight.values[7 * 8..8 * 8].fill(0.0);
        let search = search(&seen, &[&weight], Observer::Minmax).unwrap();
        assert!(search.exponents().is_some() && search.error_after.is_finite(), "{search:?}");
        assert!(search.exponents.iter().all(|exponent| exponent.abs() <= LARGEST_EXPONENT));
    }
}
