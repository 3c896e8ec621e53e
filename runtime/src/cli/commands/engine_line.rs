//! One engine and the bundle's golden set.

use rszs_bundle::Bundle;
use serde::Serialize;

use rszs_engine::{Skipped, Started};

/// One engine's result, a line of `--json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct EngineLine {
    /// As `--engine` has it.
    pub(super) engine: &'static str,
    /// Whether a run would use it.
    pub(super) passed: bool,
    /// Version and place of its library; nothing if it did not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) library: Option<String>,
    /// Of the model it ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) precision: Option<String>,
    /// Largest absolute difference of any logit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logits_difference: Option<f32>,
    /// Largest absolute difference of any presence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) presence_difference: Option<f32>,
    /// What is allowed for either.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tolerance: Option<f32>,
    /// Why it did not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

impl EngineLine {
    pub(super) fn new(result: &Result<Started, Skipped>, bundle: &Bundle) -> Self {
        match result {
            Ok(started) => Self {
                engine: started.kind.name(),
                passed: true,
                library: Some(started.kind.library()),
                precision: Some(started.precision.to_string()),
                logits_difference: Some(started.deviation.logits),
                presence_difference: Some(started.deviation.presence),
                tolerance: Some(bundle.golden().tolerance.of(started.precision)),
                reason: None,
            },
            Err(skipped) => Self {
                engine: skipped.kind.name(),
                passed: false,
                library: None,
                precision: None,
                logits_difference: None,
                presence_difference: None,
                tolerance: None,
                reason: Some(skipped.reason.clone()),
            },
        }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let Self {
            engine,
            library,
            precision,
            logits_difference,
            presence_difference,
            tolerance,
            reason,
            ..
        } = self;
        match (library, precision, logits_difference, presence_difference, tolerance) {
            (Some(library), Some(precision), Some(logits), Some(presence), Some(tolerance)) => {
                format!(
                    "{engine:<12} passed  {precision}, logits off by {logits:.1e}, presence by \
                     {presence:.1e}, of {tolerance:.1e} allowed ({library})"
                )
            }
            _ => format!("{engine:<12} no      {}", reason.as_deref().unwrap_or_default()),
        }
    }
}
