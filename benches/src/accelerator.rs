//! Memory and energy of an accelerator while frames are measured. Where nothing tells, there is no number: none is not zero.
//!
//! Graphics cards are asked through NVIDIA's `nvidia-smi`, a Jetson through the files of its INA3221 sensor. Both are sampled by a thread of its own:
//! what lies between two samples is not seen.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Time between two samples: asking costs some milliseconds of a core, which frames would have to share.
const INTERVAL: Duration = Duration::from_millis(500);

/// What was seen while frames were measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accelerator {
    /// Most memory in use on the first card, by all programs. A Jetson's GPU has none of its own: see the peak of the process.
    pub peak_memory_bytes: Option<u64>,
    /// Energy of the card, or of the whole Jetson.
    pub energy_j: Option<f64>,
}

/// One look.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sample {
    memory_bytes: Option<u64>,
    power_w: Option<f64>,
}

/// Samples until it is stopped.
#[derive(Debug)]
pub struct Watch(Option<(Sender<()>, JoinHandle<Accelerator>)>);

impl Watch {
    /// Begins, if this machine has anything to ask.
    pub fn start(root: &Path) -> Self {
        let Some(source) = Source::find(root) else { return Self(None) };
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
    last: Option<(Instant, f64)>,
    total: Accelerator,
}

impl Seen {
    fn add(&mut self, at: Instant, Sample { memory_bytes, power_w }: Sample) {
        // `None` is less than any number.
        self.total.peak_memory_bytes = self.total.peak_memory_bytes.max(memory_bytes);
        if let (Some((before, power_before)), Some(power)) = (self.last, power_w) {
            let joules = (at - before).as_secs_f64() * f64::midpoint(power_before, power);
            *self.total.energy_j.get_or_insert(0.0) += joules;
        }
        self.last = power_w.map(|power| (at, power));
    }
}

/// Who is asked.
#[derive(Debug)]
enum Source {
    NvidiaSmi,
    /// Voltage and current of the input of a Jetson, in thousandths.
    Ina3221 {
        millivolts: PathBuf,
        milliamperes: PathBuf,
    },
}

impl Source {
    fn find(root: &Path) -> Option<Self> {
        if let Some(rail) = input_rail(root) {
            return Some(rail);
        }
        (Self::NvidiaSmi.sample() != Sample::default()).then_some(Self::NvidiaSmi)
    }

    fn sample(&self) -> Sample {
        match self {
            Self::NvidiaSmi => {
                let query = ["--query-gpu=memory.used,power.draw", "--format=csv,noheader,nounits", "--id=0"];
                let output = Command::new("nvidia-smi").args(query).output().ok().filter(|out| out.status.success());
                output.map(|output| of_line(&String::from_utf8_lossy(&output.stdout))).unwrap_or_default()
            }
            Self::Ina3221 { millivolts, milliamperes } => {
                let number = |path: &Path| fs::read_to_string(path).ok()?.trim().parse::<f64>().ok();
                let power_w =
                    number(millivolts).zip(number(milliamperes)).map(|(volts, amperes)| volts * amperes / 1e6);
                Sample { memory_bytes: None, power_w }
            }
        }
    }
}

/// `1234, 56.78` as mebibytes and watts; what a card does not tell is `[N/A]`.
fn of_line(line: &str) -> Sample {
    let mut parts = line.trim().split(',').map(|part| part.trim().parse::<f64>().ok());
    let memory_bytes = parts.next().flatten().map(|mebibytes| (mebibytes * f64::from(1 << 20)) as u64);
    Sample { memory_bytes, power_w: parts.next().flatten() }
}

/// The board's input, `VDD_IN`, as Orin NX and Nano measure it. AGX boards have no sensor for the whole and tell nothing here.
fn input_rail(root: &Path) -> Option<Source> {
    let monitors = fs::read_dir(root.join("sys/class/hwmon")).ok()?;
    let mut folders: Vec<PathBuf> = monitors.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    let line = |path: PathBuf| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    for folder in folders.iter().filter(|folder| line(folder.join("name")).as_deref() == Some("ina3221")) {
        for channel in 1..=3 {
            if line(folder.join(format!("in{channel}_label"))).as_deref() == Some("VDD_IN") {
                return Some(Source::Ina3221 {
                    millivolts: folder.join(format!("in{channel}_input")),
                    milliamperes: folder.join(format!("curr{channel}_input")),
                });
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn a_card_tells_memory_and_power_or_says_that_it_does_not() {
        assert_eq!(of_line("1024, 81.50\n"), Sample { memory_bytes: Some(1 << 30), power_w: Some(81.5) });
        assert_eq!(of_line("[N/A], [N/A]\n"), Sample::default());
        assert_eq!(of_line(""), Sample::default());
    }

    #[test]
    fn energy_is_power_over_time_and_memory_its_peak() {
        let (mut seen, start) = (Seen::default(), Instant::now());
        for (ms, power, memory) in [(0, 10.0, 5), (1000, 20.0, 9), (3000, 20.0, 7)] {
            let sample = Sample { memory_bytes: Some(memory), power_w: Some(power) };
            seen.add(start + Duration::from_millis(ms), sample);
        }
        assert_eq!(seen.total, Accelerator { peak_memory_bytes: Some(9), energy_j: Some(15.0 + 40.0) });
    }

    #[test]
    fn a_jetson_is_read_from_its_sensor() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("sys/class/hwmon/hwmon3");
        fs::create_dir_all(&folder).unwrap();
        for (file, text) in
            [("name", "ina3221\n"), ("in1_label", "VDD_IN\n"), ("in1_input", "5000\n"), ("curr1_input", "3000\n")]
        {
            fs::write(folder.join(file), text).unwrap();
        }
        let sample = Source::find(root.path()).unwrap().sample();
        assert_eq!(sample, Sample { memory_bytes: None, power_w: Some(15.0) });
        let seen = Watch::start(root.path()).stop();
        assert!(seen.energy_j.is_some() && seen.peak_memory_bytes.is_none(), "{seen:?}");
    }

    #[test]
    fn what_nothing_tells_is_not_zero() {
        let mut seen = Seen::default();
        seen.add(Instant::now(), Sample::default());
        seen.add(Instant::now(), Sample::default());
        assert_eq!(seen.total, Accelerator { peak_memory_bytes: None, energy_j: None });
    }
}
