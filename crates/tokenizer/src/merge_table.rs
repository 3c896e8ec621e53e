//! The table of merges and the vocabulary that follows from it.

use crate::TokenizerError;
use crate::byte_symbols;
use std::collections::HashMap;

/// Twice CLIP's own 48,894: what is longer is no table of merges.
const MERGES_LIMIT: usize = 100_000;
/// Ids below this one are single bytes.
pub(crate) const BYTE_IDS: u32 = 512;

/// Merges by rank, on symbol ids.
#[derive(Clone, Debug)]
pub(crate) struct MergeTable {
    pairs: Vec<(String, String)>,
    /// Both sides of a merge to its rank and the id of the result.
    ranks: HashMap<(u32, u32), (u32, u32)>,
    byte_ids: [u32; 256],
}

impl MergeTable {
    /// Checks `pairs` (most important first) and numbers the symbols.
    pub(crate) fn new(pairs: Vec<(String, String)>) -> Result<Self, TokenizerError> {
        if pairs.len() > MERGES_LIMIT {
            return Err(TokenizerError::TooManyMerges { limit: MERGES_LIMIT, found: pairs.len() });
        }
        let mut ids: HashMap<String, u32> = HashMap::with_capacity(BYTE_IDS as usize + pairs.len());
        for (id, (_, symbol)) in (0..).zip(byte_symbols::in_vocabulary_order()) {
            ids.insert(symbol.to_string(), id);
            ids.insert(format!("{symbol}</w>"), id + 256);
        }
        // Two merges may spell the same symbol ("ab c", "a bc"): as in CLIP the last one's id
        // stands for all of them.
        for (id, (number, (left, right))) in (BYTE_IDS..).zip((1..).zip(&pairs)) {
            for symbol in [left, right] {
                if !ids.contains_key(symbol) {
                    return Err(TokenizerError::UnknownSymbol { number, symbol: symbol.clone() });
                }
            }
            ids.insert(format!("{left}{right}"), id);
        }
        let mut ranks = HashMap::with_capacity(pairs.len());
        for (rank, (left, right)) in (0..).zip(&pairs) {
            let sides = (ids[left], ids[right]);
            if ranks.insert(sides, (rank, ids[&format!("{left}{right}")])).is_some() {
                return Err(TokenizerError::Repeated {
                    number: rank as usize + 1,
                    found: format!("{left} {right}"),
                });
            }
        }
        Ok(Self { pairs, ranks, byte_ids: byte_symbols::ids() })
    }

    /// Both sides of every merge, most important first.
    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }

    /// Symbols of `word` after all merges; nothing for an empty word.
    pub(crate) fn symbols(&self, word: &str) -> Vec<u32> {
        let mut symbols: Vec<u32> =
            word.bytes().map(|byte| self.byte_ids[usize::from(byte)]).collect();
        if let Some(last) = symbols.last_mut() {
            *last += 256;
        }
        while let Some(((left, right), (_, merged))) = symbols
            .windows(2)
            .filter_map(|pair| self.ranks.get_key_value(&(pair[0], pair[1])))
            .min_by_key(|(_, (rank, _))| *rank)
        {
            replace_pair(&mut symbols, (*left, *right), *merged);
        }
        symbols
    }
}

/// Replaces each occurrence of `pair`, from the left, by `merged`.
pub(crate) fn replace_pair(symbols: &mut Vec<u32>, pair: (u32, u32), merged: u32) {
    let mut kept = 0;
    let mut at = 0;
    while at < symbols.len() {
        let is_pair = symbols.get(at + 1).is_some_and(|&right| (symbols[at], right) == pair);
        symbols[kept] = if is_pair { merged } else { symbols[at] };
        at += if is_pair { 2 } else { 1 };
        kept += 1;
    }
    symbols.truncate(kept);
}
