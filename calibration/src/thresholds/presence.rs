//! Presence thresholds: below which presence of a query in a tile the tile shows none of it.
//!
//! The network gives a presence, a cosine, for every query and tile (paper, section 3.6: the
//! alignment of a whole image with a text). A query that is absent from a tile by its presence
//! gets no pixel there: a filter against false alarms that costs nothing. Every candidate is tried
//! on the same tiles, and the score threshold that goes with it is chosen afresh: a filter that
//! keeps dry places out lets the threshold fall.

/// What is tried: none, and cosines in steps that are finer than what two splits of a set agree on.
pub const CANDIDATES: [Option<f32>; 7] =
    [None, Some(0.2), Some(0.3), Some(0.4), Some(0.5), Some(0.6), Some(0.7)];

/// A presence threshold must win at least this much of what thresholds are to be best at; less is
/// noise.
pub const LEAST_GAIN: f64 = 0.002;
