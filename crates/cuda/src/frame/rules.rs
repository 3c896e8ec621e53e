//! How each row of logits is read, on the device.

use rszs_hot::QueryRule;

use super::FrameError;
use crate::{Device, DeviceBuffer, Stream};

/// One query, or one support word that competes with the queries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameRule {
    /// Threshold and temperature.
    pub rule: QueryRule,
    /// Its row of the engine, below K.
    pub engine_row: usize,
    /// What happens where it is absent, if that is looked at.
    pub absence: Option<Absence>,
}

/// A query is absent from a tile where its presence is low. Its logits there are held down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Absence {
    /// Presence (a cosine) below which it is absent.
    pub least_presence: f32,
    /// What its logits do not exceed where it is absent.
    pub highest_logit: f32,
}

/// Rules in device memory, `[R]` each.
#[derive(Debug)]
pub(super) struct DeviceRules {
    pub(super) count: usize,
    pub(super) engine_rows: DeviceBuffer<u32>,
    pub(super) least_presences: DeviceBuffer<f32>,
    pub(super) absent_logits: DeviceBuffer<f32>,
    pub(super) threshold_logits: DeviceBuffer<f32>,
    pub(super) inverse_temperatures: DeviceBuffer<f32>,
}

impl DeviceRules {
    pub(super) fn new(
        device: &Device,
        rules: &[FrameRule],
        stream: &Stream,
    ) -> Result<Self, FrameError> {
        let floats = |value: &dyn Fn(&FrameRule) -> f32| {
            let values: Vec<f32> = rules.iter().map(value).collect();
            let mut buffer = device.buffer(values.len())?;
            buffer.write(&values, stream)?;
            Ok::<_, FrameError>(buffer)
        };
        let rows: Vec<u32> = rules.iter().map(|rule| rule.engine_row as u32).collect();
        let mut engine_rows = device.buffer(rows.len())?;
        engine_rows.write(&rows, stream)?;
        Ok(Self {
            count: rules.len(),
            engine_rows,
            // No presence is below minus infinity: such a query is never absent.
            least_presences: floats(&|rule| {
                rule.absence.map_or(f32::NEG_INFINITY, |absence| absence.least_presence)
            })?,
            absent_logits: floats(&|rule| {
                rule.absence.map_or(f32::INFINITY, |absence| absence.highest_logit)
            })?,
            threshold_logits: floats(&|rule| rule.rule.threshold_logit())?,
            inverse_temperatures: floats(&|rule| rule.rule.inverse_temperature())?,
        })
    }
}
