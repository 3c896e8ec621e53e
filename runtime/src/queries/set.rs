//! Queries ready for the engine and for the decision.

use rszs_bundle::{
    Bundle, Entry, Name, Row, Temperature, Threshold, ThresholdSource, Vocabulary, normalised,
};
use rszs_hot::{Decision, QueryRule};

use super::colour::free_colour;
use super::free::free_threshold;
use super::support::support_words;
use super::{QueryError, TypedQuery};
use crate::queries::text::{TextError, TextTower};

/// Most queries of one run: a mask file has 256 values, 0 is none of them, and 255 is kept for
/// places without data.
pub(super) const MAX_QUERIES: usize = 254;

/// Fewest rows that the engine is given. With a single row some engines take another path through
/// their matrix products and round differently; a query's mask must not depend on what else is
/// asked for.
const LEAST_ROWS: usize = 2;

/// One query.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// As typed.
    pub name: String,
    /// The vocabulary's name, if it has one.
    pub vocabulary: Option<String>,
    /// Score above which a pixel belongs to the query.
    pub threshold: Threshold,
    /// Where the threshold comes from.
    pub threshold_origin: ThresholdOrigin,
    /// Divides the logits.
    pub temperature: Temperature,
    /// Presence (a cosine) below which the query is absent from a tile.
    pub presence_threshold: Option<f32>,
    /// In masks and overlays.
    pub colour: [u8; 3],
}

/// Where a threshold comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThresholdOrigin {
    /// From the command line.
    Typed,
    /// Measured on labelled images and shipped in the bundle.
    Calibrated,
    /// The mean of the vocabulary's measured words, not measured for this one.
    Borrowed,
    /// Even odds: not measured.
    Default,
}

impl ThresholdOrigin {
    /// As it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Typed => "typed",
            Self::Calibrated => "calibrated",
            Self::Borrowed => "borrowed",
            Self::Default => "default",
        }
    }
}

/// The queries of a run, with everything that the engine and the decision need.
#[derive(Debug, Clone)]
pub struct QuerySet {
    queries: Vec<Query>,
    decision: Decision,
    /// `[K, D]`; nothing for a folded model.
    embeddings: Option<Vec<f32>>,
    /// K of the engine.
    engine_rows: usize,
    /// For each rule, the row of the engine it belongs to.
    rows: Vec<usize>,
    /// One per query, then one per support word.
    rules: Vec<QueryRule>,
}

/// The words that a bundle knows, and what its model does with them.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    /// Names, thresholds, embeddings.
    pub vocabulary: &'a Vocabulary,
    /// The names baked into the model, in the order of its outputs; nothing if the vocabulary is
    /// open.
    pub folded: Option<&'a [Name]>,
    /// Largest K the model accepts, if there is a limit.
    pub max_queries: Option<usize>,
}

impl<'a> From<&'a Bundle> for Words<'a> {
    fn from(bundle: &'a Bundle) -> Self {
        let manifest = bundle.manifest();
        Self {
            vocabulary: bundle.vocabulary(),
            folded: manifest.folded.as_deref(),
            max_queries: manifest.engine.max_queries.map(|most| most as usize),
        }
    }
}

/// Where the engine's rows for a query or support word come from.
enum Source<'a> {
    Vocabulary(Row<'a>),
    Text(Vec<f32>),
}

impl Source<'_> {
    /// The embedding of a free word.
    fn free(&self) -> Option<&[f32]> {
        match self {
            Self::Vocabulary(_) => None,
            Self::Text(embedding) => Some(embedding),
        }
    }
}

impl QuerySet {
    /// Resolves `typed` against the vocabulary of `words`, and what it does not have through
    /// `tower`.
    ///
    /// `tower` is asked for only when a free word occurs, because loading it takes time.
    pub fn resolve(
        typed: &[TypedQuery],
        decision: Decision,
        words: Words<'_>,
        mut tower: impl FnMut() -> Result<Option<TextTower>, TextError>,
    ) -> Result<Self, QueryError> {
        let vocabulary = words.vocabulary;
        QueryError::too_many(MAX_QUERIES, typed.len())?;
        let mut loaded = None;
        let mut queries: Vec<Query> = Vec::with_capacity(typed.len());
        let mut sources = Vec::with_capacity(typed.len());
        for one in typed {
            let source = match vocabulary.resolve(one.name.as_str()) {
                Ok(row) => Source::Vocabulary(row),
                Err(unknown) => {
                    refuse_in_folded(words.folded, one.name.as_str())?;
                    if loaded.is_none() {
                        loaded = tower()?;
                    }
                    let Some(tower) = &mut loaded else { return Err(unknown.into()) };
                    Source::Text(tower.encode(&normalised(one.name.as_str()))?)
                }
            };
            let chosen = typed.iter().filter_map(|one| one.colour);
            let taken: Vec<_> = queries.iter().map(|query| query.colour).chain(chosen).collect();
            let query = query(one, &source, vocabulary, &taken);
            refuse_twice(&queries, &query)?;
            queries.push(query);
            sources.push(source);
        }
        if decision == Decision::Exclusive {
            let is_query =
                |name: &str| queries.iter().any(|query| query.vocabulary.as_deref() == Some(name));
            let free: Vec<&[f32]> = sources.iter().filter_map(Source::free).collect();
            let support = support_words(vocabulary, is_query, &free);
            if let ([only], []) = (queries.as_slice(), support.as_slice()) {
                return Err(QueryError::NothingToCompare { name: only.name.clone() });
            }
            sources.extend(support.into_iter().map(Source::Vocabulary));
        }
        Self::build(queries, &sources, decision, words)
    }

    fn build(
        queries: Vec<Query>,
        sources: &[Source<'_>],
        decision: Decision,
        words: Words<'_>,
    ) -> Result<Self, QueryError> {
        let mut rules = Vec::with_capacity(sources.len());
        for (index, source) in sources.iter().enumerate() {
            let (name, threshold, temperature) = match (queries.get(index), source) {
                (Some(query), _) => (query.name.as_str(), query.threshold, query.temperature),
                (None, Source::Vocabulary(row)) => {
                    (row.entry.name.as_str(), Threshold::EVEN, row.entry.temperature)
                }
                (None, Source::Text(_)) => continue,
            };
            let rule = QueryRule::new(threshold.get(), temperature.get());
            rules.push(rule.map_err(|source| QueryError::Rule { name: name.to_owned(), source })?);
        }
        if let Some(folded) = words.folded {
            let names: Vec<String> = folded.iter().map(|name| normalised(name.as_str())).collect();
            let rows = sources
                .iter()
                .map(|source| folded_row(source, &names))
                .collect::<Result<_, _>>()?;
            return Ok(Self {
                queries,
                decision,
                embeddings: None,
                engine_rows: names.len(),
                rows,
                rules,
            });
        }
        let engine_rows = sources.len().max(LEAST_ROWS);
        let most = words.max_queries.unwrap_or(usize::MAX);
        if engine_rows > most {
            return Err(QueryError::TooMany { most, found: sources.len() });
        }
        let embedding = |source: &Source<'_>| match source {
            Source::Vocabulary(row) => row.embedding.to_vec(),
            Source::Text(embedding) => embedding.clone(),
        };
        // Missing rows repeat the first; nobody looks at their results.
        let padded = (0..engine_rows).map(|row| sources.get(row).unwrap_or(&sources[0]));
        let embeddings = padded.flat_map(embedding).collect();
        Ok(Self {
            queries,
            decision,
            embeddings: Some(embeddings),
            engine_rows,
            rows: (0..rules.len()).collect(),
            rules,
        })
    }

    /// The queries, in the order of their index: the first has value 1 in a mask file.
    pub fn queries(&self) -> &[Query] {
        &self.queries
    }

    /// How a pixel gets its queries.
    pub fn decision(&self) -> Decision {
        self.decision
    }

    /// `[K, D]` for the engine; nothing for a folded model.
    pub fn embeddings(&self) -> Option<&[f32]> {
        self.embeddings.as_deref()
    }

    /// K of the engine, padding included.
    pub fn engine_rows(&self) -> usize {
        self.engine_rows
    }

    /// For each rule, the row of the engine it belongs to.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// One rule per query, then one per support word.
    pub fn rules(&self) -> &[QueryRule] {
        &self.rules
    }
}

fn query(typed: &TypedQuery, source: &Source<'_>, words: &Vocabulary, taken: &[[u8; 3]]) -> Query {
    let (vocabulary, threshold, origin, temperature, presence_threshold, colour) = match source {
        Source::Vocabulary(Row { entry, .. }) => (
            Some(entry.name.to_string()),
            entry.threshold,
            origin(entry),
            entry.temperature,
            entry.presence_threshold.map(rszs_bundle::PresenceThreshold::get),
            if taken.contains(&entry.colour) { free_colour(taken) } else { entry.colour },
        ),
        Source::Text(_) => {
            let (threshold, origin) = match free_threshold(words) {
                Some(borrowed) => (borrowed, ThresholdOrigin::Borrowed),
                None => (Threshold::EVEN, ThresholdOrigin::Default),
            };
            (None, threshold, origin, Temperature::ONE, None, free_colour(taken))
        }
    };
    Query {
        name: typed.name.to_string(),
        vocabulary,
        threshold: typed.threshold.unwrap_or(threshold),
        threshold_origin: if typed.threshold.is_some() { ThresholdOrigin::Typed } else { origin },
        temperature,
        presence_threshold,
        colour: typed.colour.unwrap_or(colour),
    }
}

fn origin(entry: &Entry) -> ThresholdOrigin {
    match entry.threshold_source {
        ThresholdSource::Default => ThresholdOrigin::Default,
        ThresholdSource::Calibrated { .. } => ThresholdOrigin::Calibrated,
    }
}

fn refuse_twice(before: &[Query], new: &Query) -> Result<(), QueryError> {
    let identity = |query: &Query| normalised(query.vocabulary.as_deref().unwrap_or(&query.name));
    match before.iter().find(|query| identity(query) == identity(new)) {
        Some(first) => {
            Err(QueryError::Twice { first: first.name.clone(), second: new.name.clone() })
        }
        None => Ok(()),
    }
}

fn refuse_in_folded(folded: Option<&[Name]>, name: &str) -> Result<(), QueryError> {
    let Some(folded) = folded else { return Ok(()) };
    let known: Vec<&str> = folded.iter().map(Name::as_str).collect();
    Err(QueryError::NotFolded { name: name.to_owned(), known: known.join(", ") })
}

fn folded_row(source: &Source<'_>, names: &[String]) -> Result<usize, QueryError> {
    let name = match source {
        Source::Vocabulary(row) => row.entry.name.as_str(),
        Source::Text(_) => "",
    };
    let row = names.iter().position(|known| *known == normalised(name));
    row.ok_or_else(|| QueryError::NotFolded { name: name.to_owned(), known: names.join(", ") })
}
