//! Lines of `metrics.jsonl`.

use serde::Serialize;
use tch::Tensor;

use crate::LossScale;
use crate::TrainError;
use crate::device::device_memory::DeviceUse;
use crate::evaluate::SetScores;
use crate::loss::Loss;
use crate::parallel::Communicator;
use crate::run::data_digest::DataDigest;

/// The numbers of one step.
#[derive(Clone, Copy, Default)]
pub(super) struct StepNumbers {
    pub(super) total: f64,
    pub(super) segmentation: f64,
    pub(super) alignment: f64,
    /// Nothing for a step that was skipped.
    pub(super) gradient_norm: Option<f64>,
    pub(super) learning_rate: f64,
    /// How long the step waited for its batch, on the rank that waited longest.
    pub(super) data_wait_s: f64,
}

impl StepNumbers {
    /// Adds the losses of one part of a batch.
    pub(super) fn add(&mut self, part: &Loss) -> Result<(), TrainError> {
        let mut losses = [0.0_f32; 3];
        let all = Tensor::f_stack(&[&part.total, &part.segmentation, &part.alignment], 0)?;
        all.f_copy_data(&mut losses, 3)?; // sync: once a part
        let [total, segmentation, alignment] = losses.map(f64::from);
        self.total += total;
        self.segmentation += segmentation;
        self.alignment += alignment;
        Ok(())
    }

    /// Makes the losses of this rank's share those of the whole batch.
    pub(super) fn sum(&mut self, communicator: &mut Communicator) -> Result<(), TrainError> {
        let mut losses = [self.total, self.segmentation, self.alignment];
        communicator.sum(&mut losses)?;
        [self.total, self.segmentation, self.alignment] = losses;
        Ok(())
    }
}

/// Means since the last line of metrics.
#[derive(Default)]
pub(super) struct LossWindow {
    steps: Vec<StepNumbers>,
}

impl LossWindow {
    pub(super) fn add(&mut self, step: &StepNumbers) {
        self.steps.push(*step);
    }

    pub(super) fn take(
        &mut self,
        step: u64,
        images_per_s: f64,
        peak_resident_bytes: Option<u64>,
        device_memory: Option<DeviceUse>,
        loss_scale: Option<&LossScale>,
    ) -> StepRecord {
        let steps = std::mem::take(&mut self.steps);
        let norms: Vec<f64> = steps.iter().filter_map(|losses| losses.gradient_norm).collect();
        let mean = |part: fn(&StepNumbers) -> f64| {
            steps.iter().map(part).sum::<f64>() / steps.len().max(1) as f64
        };
        StepRecord {
            kind: "step",
            step,
            loss: mean(|losses| losses.total),
            segmentation: mean(|losses| losses.segmentation),
            alignment: mean(|losses| losses.alignment),
            gradient_norm: norms.iter().sum::<f64>() / norms.len().max(1) as f64,
            learning_rate: steps.last().map_or(0.0, |losses| losses.learning_rate),
            images_per_s,
            data_wait_s: mean(|numbers| numbers.data_wait_s),
            peak_resident_bytes,
            device_memory,
            loss_scale: loss_scale.map(LossScale::factor),
            skipped_steps: loss_scale.map(LossScale::skipped),
        }
    }
}

/// Also the content of `run.json`.
#[derive(Serialize)]
pub(super) struct StartRecord<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) step: u64,
    pub(super) config: &'a toml::Table,
    pub(super) exclude_queries: &'a [String],
    pub(super) seed: u64,
    pub(super) command: &'a str,
    pub(super) git: &'a str,
    pub(super) data: &'a DataDigest,
}

#[derive(Serialize)]
pub(super) struct StepRecord {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) step: u64,
    pub(super) loss: f64,
    pub(super) segmentation: f64,
    pub(super) alignment: f64,
    pub(super) gradient_norm: f64,
    pub(super) learning_rate: f64,
    pub(super) images_per_s: f64,
    /// Of a step, on the rank that waited longest.
    pub(super) data_wait_s: f64,
    pub(super) peak_resident_bytes: Option<u64>,
    /// On a CUDA device alone.
    #[serde(flatten)]
    pub(super) device_memory: Option<DeviceUse>,
    /// Of float16 alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) loss_scale: Option<f64>,
    /// Since the start of the run; of float16 alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) skipped_steps: Option<u64>,
}

impl StepRecord {
    /// Name and value of each curve.
    pub(super) fn curves(&self) -> Vec<(&'static str, f64)> {
        let of_all = [
            ("train/loss", self.loss),
            ("train/segmentation", self.segmentation),
            ("train/alignment", self.alignment),
            ("train/gradient_norm", self.gradient_norm),
            ("train/learning_rate", self.learning_rate),
            ("train/images_per_s", self.images_per_s),
            ("train/data_wait_s", self.data_wait_s),
        ];
        let of_device = self.device_memory.map(|memory| {
            let mebibytes = |bytes| bytes as f64 / f64::from(1 << 20);
            [
                ("train/device_used_mib", mebibytes(memory.used_bytes)),
                ("train/device_peak_used_mib", mebibytes(memory.peak_bytes)),
            ]
        });
        let of_all = of_all.into_iter().chain(of_device.into_iter().flatten());
        of_all.chain(self.loss_scale.map(|factor| ("train/loss_scale", factor))).collect()
    }
}

#[derive(Serialize)]
pub(super) struct EvaluationRecord<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) step: u64,
    pub(super) scores: &'a SetScores,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_of_a_device_is_in_a_step_where_there_is_a_device() {
        let record = |memory| LossWindow::default().take(7, 2.0, None, memory, None);
        let on_processor = record(None);
        assert!(!serde_json::to_string(&on_processor).unwrap().contains("device"));
        assert!(on_processor.curves().iter().all(|(name, _)| !name.contains("device")));
        let on_device = record(Some(DeviceUse { used_bytes: 2 << 20, peak_bytes: 3 << 20 }));
        let json = serde_json::to_value(&on_device).unwrap();
        assert_eq!(
            (&json["device_used_bytes"], &json["device_peak_used_bytes"]),
            (&(2 << 20).into(), &(3 << 20).into())
        );
        let curves = on_device.curves();
        assert!(
            curves.contains(&("train/device_used_mib", 2.0))
                && curves.contains(&("train/device_peak_used_mib", 3.0))
        );
    }
}
