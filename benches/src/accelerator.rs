//! Memory, energy, clocks and temperature of an accelerator while frames are measured. Where
//! nothing tells, there is no number: none is not zero.
//!
//! A graphics card is asked through NVIDIA's management library, a Jetson through the files of its
//! kernel. Both are sampled by a thread of its own: what lies between two samples is not seen.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::clock_reasons::ClockReasons;
use crate::nvml::{Nvml, Reading};
use crate::sample::{ChipState, Sample};
use crate::tegra::Tegra;

/// Time between two samples: asking costs some milliseconds of a core, which frames would have to
/// share.
const INTERVAL: Duration = Duration::from_millis(500);

/// What was seen while frames were measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accelerator {
    /// Most memory in use on the first card, by all programs. A Jetson's GPU has none of its own:
    /// see the peak of the process.
    pub peak_memory_bytes: Option<u64>,
    /// Energy of the card, or of the whole Jetson.
    pub energy_j: Option<f64>,
    /// Before the first frame.
    #[serde(default)]
    pub before: ChipState,
    /// After the last.
    #[serde(default)]
    pub after: ChipState,
    /// Lowest clock of all samples.
    #[serde(default)]
    pub least_clock_mhz: Option<f64>,
    /// Every reason for which clocks were not higher in any sample.
    #[serde(default)]
    pub clock_reasons: Option<ClockReasons>,
}

impl Accelerator {
    /// Why what was measured meanwhile is not to be trusted, if anything tells. Heat of a card does
    /// not matter to what ran beside it.
    pub fn invalidated_by(&self, is_gpu: bool) -> Option<String> {
        if let (Some(before), Some(after)) =
            (self.before.over_current_count, self.after.over_current_count)
            && after > before
        {
            return Some(format!(
                "the board was slowed down for its power supply {} times",
                after - before
            ));
        }
        let slowdowns = self.clock_reasons.unwrap_or_default().slowdowns();
        (is_gpu && !slowdowns.is_empty()).then(|| format!("the GPU was slowed down: {slowdowns}"))
    }
}

/// Samples until it is stopped.
#[derive(Debug)]
pub struct Watch(Option<(Sender<()>, JoinHandle<Accelerator>)>);

impl Watch {
    /// Begins, if the machine whose files are below `root` and whose management library is `nvml`
    /// has anything to ask.
    pub fn start(root: &Path, nvml: impl AsRef<OsStr>) -> Self {
        let source = Tegra::find(root).map(Source::Tegra);
        let Some(source) = source.or_else(|| Nvml::open(nvml).map(Source::Card)) else {
            return Self(None);
        };
        let (stop, stopped) = channel();
        let watching = std::thread::spawn(move || {
            let mut seen = Seen::default();
            loop {
                seen.add(Instant::now(), source.sample());
                if stopped.recv_timeout(INTERVAL) != Err(RecvTimeoutError::Timeout) {
                    seen.add(Instant::now(), source.sample());
                    return seen.total;
                }
            }
        });
        Self(Some((stop, watching)))
    }

    /// Ends and tells what was seen; nothing where there was nothing to ask.
    pub fn stop(self) -> Accelerator {
        let Some((stop, watching)) = self.0 else { return Accelerator::default() };
        drop(stop);
        watching.join().unwrap_or_default()
    }
}

/// Samples so far.
#[derive(Debug, Default)]
struct Seen {
    last: Option<(Instant, Sample)>,
    total: Accelerator,
}

impl Seen {
    fn add(&mut self, at: Instant, sample: Sample) {
        let Sample { memory_bytes, power_w, reasons, chip } = sample;
        let total = &mut self.total;
        // `None` is less than any number.
        total.peak_memory_bytes = total.peak_memory_bytes.max(memory_bytes);
        total.least_clock_mhz =
            [total.least_clock_mhz, chip.clock_mhz].into_iter().flatten().reduce(f64::min);
        if let Some(reasons) = reasons {
            total.clock_reasons = Some(total.clock_reasons.unwrap_or_default().union(reasons));
        }
        match self.last {
            Some((before, Sample { power_w: Some(power_before), .. })) => {
                if let Some(power) = power_w {
                    let joules = (at - before).as_secs_f64() * f64::midpoint(power_before, power);
                    *total.energy_j.get_or_insert(0.0) += joules;
                }
            }
            Some(_) => (),
            None => total.before = chip,
        }
        total.after = chip;
        self.last = Some((at, sample));
    }
}

/// Who is asked.
#[derive(Debug)]
enum Source {
    Card(Nvml),
    Tegra(Tegra),
}

impl Source {
    fn sample(&self) -> Sample {
        match self {
            Self::Card(card) => {
                let Reading {
                    memory_bytes,
                    power_w,
                    power_limit_w,
                    clock_mhz,
                    memory_clock_mhz,
                    celsius,
                    reasons,
                } = card.read();
                let chip = ChipState {
                    clock_mhz,
                    memory_clock_mhz,
                    celsius,
                    power_limit_w,
                    over_current_count: None,
                };
                Sample { memory_bytes, power_w, reasons, chip }
            }
            Self::Tegra(board) => board.sample(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_is_power_over_time_and_memory_its_peak() {
        let (mut seen, start) = (Seen::default(), Instant::now());
        for (ms, power, memory, clock) in
            [(0, 10.0, 5, 1700.0), (1000, 20.0, 9, 1200.0), (3000, 20.0, 7, 1500.0)]
        {
            let chip = ChipState { clock_mhz: Some(clock), ..ChipState::default() };
            let sample =
                Sample { memory_bytes: Some(memory), power_w: Some(power), reasons: None, chip };
            seen.add(start + Duration::from_millis(ms), sample);
        }
        let clock = |clock| ChipState { clock_mhz: Some(clock), ..ChipState::default() };
        let expected = Accelerator {
            peak_memory_bytes: Some(9),
            energy_j: Some(15.0 + 40.0),
            before: clock(1700.0),
            after: clock(1500.0),
            least_clock_mhz: Some(1200.0),
            clock_reasons: None,
        };
        assert_eq!(seen.total, expected);
    }

    #[test]
    fn a_slowdown_between_the_ends_is_kept_and_counts_for_the_gpu_alone() {
        let mut seen = Seen::default();
        for bits in [0x4, 0x4 | 0x40, 0x1] {
            let reasons = Some(ClockReasons::from_bits(bits));
            seen.add(Instant::now(), Sample { reasons, ..Sample::default() });
        }
        assert_eq!(seen.total.clock_reasons, Some(ClockReasons::from_bits(0x45)));
        let reason = seen.total.invalidated_by(true);
        assert_eq!(reason.as_deref(), Some("the GPU was slowed down: hw_thermal_slowdown"));
        assert_eq!(seen.total.invalidated_by(false), None);
    }

    #[test]
    fn a_board_short_of_power_invalidates_every_engine() {
        let state = |count| ChipState { over_current_count: Some(count), ..ChipState::default() };
        let seen = Accelerator { before: state(3), after: state(5), ..Accelerator::default() };
        let reason = seen.invalidated_by(false);
        assert_eq!(
            reason.as_deref(),
            Some("the board was slowed down for its power supply 2 times")
        );
        assert_eq!(Accelerator { after: state(3), ..seen }.invalidated_by(true), None);
    }

    #[test]
    fn what_nothing_tells_is_not_zero() {
        let mut seen = Seen::default();
        seen.add(Instant::now(), Sample::default());
        seen.add(Instant::now(), Sample::default());
        assert_eq!(seen.total, Accelerator::default());
        assert_eq!(seen.total.invalidated_by(true), None);
    }
}
