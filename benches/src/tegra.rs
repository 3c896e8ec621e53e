//! What the kernel of a Jetson tells of its GPU, its supply and its power.
//!
//! Orin's GPU is `17000000.gpu` in `devfreq`, Thor's is `gpu-gpc-0`. Over-current and under-voltage
//! are counted by `soctherm_oc`, which throttles the board's clocks ("Platform Power and
//! Performance" in NVIDIA's Jetson Linux Developer Guide).

use std::fs;
use std::path::{Path, PathBuf};

use rszs_edge::machine::file_line;

use crate::sample::{ChipState, Sample};

/// The files of one board; any of them may be missing.
#[derive(Debug, Default)]
pub(crate) struct Tegra {
    /// Voltage and current of the board's input, in thousandths.
    input: Option<[PathBuf; 2]>,
    /// Clock of the GPU in hertz.
    clock: Option<PathBuf>,
    /// Temperature of the GPU in thousandths of a degree.
    temperature: Option<PathBuf>,
    /// Times that the board was slowed down for its supply, by cause.
    events: Vec<PathBuf>,
}

impl Tegra {
    /// The board whose files are below `root`, if it is one.
    pub(crate) fn find(root: &Path) -> Option<Self> {
        let monitors = folders(&root.join("sys/class/hwmon"));
        let named = |name: &'static str| {
            monitors
                .iter()
                .filter(move |path| file_line(&path.join("name")).as_deref() == Some(name))
        };
        let input = named("ina3221").find_map(|monitor| input_rail(monitor));
        let events = named("soctherm_oc")
            .flat_map(|monitor| (1..=3).map(|cause| monitor.join(format!("oc{cause}_event_cnt"))));
        let events: Vec<PathBuf> = events.filter(|path| path.exists()).collect();
        if input.is_none() && events.is_empty() && !root.join("etc/nv_tegra_release").exists() {
            return None;
        }
        let is_gpu = |path: &PathBuf| path.ends_with("17000000.gpu") || path.ends_with("gpu-gpc-0");
        let clock = folders(&root.join("sys/class/devfreq"))
            .into_iter()
            .find(is_gpu)
            .map(|gpu| gpu.join("cur_freq"));
        let zones = folders(&root.join("sys/class/thermal"));
        let zone = zones
            .into_iter()
            .find(|zone| file_line(&zone.join("type")).as_deref() == Some("gpu-thermal"));
        Some(Self { input, clock, temperature: zone.map(|zone| zone.join("temp")), events })
    }

    pub(crate) fn sample(&self) -> Sample {
        let thousandth = |path: &PathBuf| number(path).map(|value| value / 1e3);
        let power_w = self
            .input
            .as_ref()
            .and_then(|[volts, amperes]| Some(thousandth(volts)? * thousandth(amperes)?));
        let counts: Vec<f64> = self.events.iter().filter_map(|path| number(path)).collect();
        let chip = ChipState {
            clock_mhz: self.clock.as_deref().and_then(number).map(|hertz| hertz / 1e6),
            celsius: self.temperature.as_ref().and_then(thousandth),
            over_current_count: (!counts.is_empty()).then(|| counts.iter().sum::<f64>() as u64),
            ..ChipState::default()
        };
        Sample { power_w, chip, ..Sample::default() }
    }
}

/// The board's input, `VDD_IN`, as Orin NX and Nano measure it. AGX boards have no sensor for the
/// whole and tell nothing here.
fn input_rail(monitor: &Path) -> Option<[PathBuf; 2]> {
    let channel = (1..=3).find(|channel| {
        file_line(&monitor.join(format!("in{channel}_label"))).as_deref() == Some("VDD_IN")
    })?;
    Some([monitor.join(format!("in{channel}_input")), monitor.join(format!("curr{channel}_input"))])
}

fn number(path: &Path) -> Option<f64> {
    file_line(path)?.parse().ok()
}

fn folders(above: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(above).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    folders.sort();
    folders
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn a_board_is_read_from_its_files() {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("sys/class/hwmon/hwmon3/name", "ina3221"),
            ("sys/class/hwmon/hwmon3/in1_label", "VDD_IN"),
            ("sys/class/hwmon/hwmon3/in1_input", "5000"),
            ("sys/class/hwmon/hwmon3/curr1_input", "3000"),
            ("sys/class/hwmon/hwmon4/name", "soctherm_oc"),
            ("sys/class/hwmon/hwmon4/oc1_event_cnt", "2"),
            ("sys/class/hwmon/hwmon4/oc3_event_cnt", "5"),
            ("sys/class/devfreq/17000000.gpu/cur_freq", "1020000000"),
            ("sys/class/devfreq/bwmgr/cur_freq", "3199000000"),
            ("sys/class/thermal/thermal_zone1/type", "gpu-thermal"),
            ("sys/class/thermal/thermal_zone1/temp", "51250"),
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{text}\n")).unwrap();
        }
        let chip = ChipState {
            clock_mhz: Some(1020.0),
            celsius: Some(51.25),
            over_current_count: Some(7),
            ..ChipState::default()
        };
        let sample = Tegra::find(root.path()).unwrap().sample();
        assert_eq!(sample, Sample { power_w: Some(15.0), chip, ..Sample::default() });
    }

    #[test]
    fn a_machine_without_such_files_is_no_board() {
        assert!(Tegra::find(tempfile::tempdir().unwrap().path()).is_none());
    }
}
