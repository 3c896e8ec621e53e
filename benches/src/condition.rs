//! Whether the machine slowed down meanwhile. Linux tells most of it in `/proc` and `/sys`; what it
//! does not tell stays empty.

use std::fs;
use std::path::Path;

use rszs_edge::machine::{field, file_line, kilobytes};
use serde::{Deserialize, Serialize};

/// A clock that falls below this share of what it was at the start has been throttled, or shared.
const LEAST_CLOCK: f64 = 0.8;

/// What may change during a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Mean clock of the cores.
    pub clock_mhz: Option<f64>,
    /// Hottest sensor.
    pub hottest_celsius: Option<f64>,
    /// Times that the processor was slowed down for heat since it was started, over all cores.
    pub throttle_count: Option<u64>,
}

impl Condition {
    /// Now.
    pub fn now(root: &Path) -> Self {
        let cores = folders(&root.join("sys/devices/system/cpu"), "cpu");
        let numbers = |file: &str| -> Vec<f64> {
            cores.iter().filter_map(|core| file_line(&core.join(file))?.parse().ok()).collect()
        };
        let mut clocks: Vec<f64> =
            numbers("cpufreq/scaling_cur_freq").iter().map(|khz| khz / 1e3).collect();
        if clocks.is_empty() {
            let cpu_info = fs::read_to_string(root.join("proc/cpuinfo")).unwrap_or_default();
            let lines =
                cpu_info.lines().filter_map(|line| line.strip_prefix("cpu MHz")?.split_once(": "));
            clocks = lines.filter_map(|(_, mhz)| mhz.parse().ok()).collect();
        }
        let throttles = numbers("thermal_throttle/core_throttle_count");
        let zones = folders(&root.join("sys/class/thermal"), "thermal_zone");
        let degrees =
            zones.iter().filter_map(|zone| file_line(&zone.join("temp"))?.parse::<f64>().ok());
        Self {
            clock_mhz: (!clocks.is_empty())
                .then(|| clocks.iter().sum::<f64>() / clocks.len() as f64),
            hottest_celsius: degrees.map(|thousandths| thousandths / 1e3).reduce(f64::max),
            throttle_count: (!throttles.is_empty()).then(|| throttles.iter().sum::<f64>() as u64),
        }
    }

    /// Why what was measured between `self` and `later` is not to be trusted, if anything tells.
    pub fn invalidated_by(&self, later: &Self) -> Option<String> {
        if let (Some(before), Some(after)) = (self.throttle_count, later.throttle_count)
            && after > before
        {
            return Some(format!(
                "the processor was slowed down for heat {} times",
                after - before
            ));
        }
        let (before, after) = (self.clock_mhz?, later.clock_mhz?);
        (after < LEAST_CLOCK * before)
            .then(|| format!("the clock fell from {before:.0} to {after:.0} MHz"))
    }
}

/// Forgets the peak of resident memory, so that the next one is that of the next configuration.
/// Where it cannot be forgotten, peaks only grow.
pub fn reset_peak_memory() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// Largest resident memory in bytes since it was reset.
pub fn peak_memory_bytes() -> Option<u64> {
    kilobytes(&field(Path::new("/proc/self/status"), "VmHWM")?)
}

/// Folders called `prefix` and a number.
fn folders(above: &Path, prefix: &str) -> Vec<std::path::PathBuf> {
    let is_numbered = |name: &str| {
        name.strip_prefix(prefix)
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let entries = fs::read_dir(above).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_str().is_some_and(is_numbered))
        .map(|entry| entry.path())
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    fn board(clock_khz: u32, throttles: u32) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for core in 0..2 {
            let folder = format!("sys/devices/system/cpu/cpu{core}");
            write(&format!("{folder}/cpufreq/scaling_cur_freq"), &format!("{clock_khz}\n"));
            write(
                &format!("{folder}/thermal_throttle/core_throttle_count"),
                &format!("{throttles}\n"),
            );
        }
        write("sys/devices/system/cpu/cpufreq/boost", "1");
        write("sys/class/thermal/thermal_zone0/temp", "48500\n");
        write("sys/class/thermal/thermal_zone1/temp", "51250\n");
        root
    }

    #[test]
    fn a_board_is_read_from_its_files() {
        let root = board(1_510_400, 3);
        let condition = Condition::now(root.path());
        let expected = Condition {
            clock_mhz: Some(1510.4),
            hottest_celsius: Some(51.25),
            throttle_count: Some(6),
        };
        assert_eq!(condition, expected);
    }

    #[test]
    fn throttling_and_falling_clocks_invalidate_a_run() {
        let before = Condition::now(board(1_500_000, 3).path());
        let slowed = before.invalidated_by(&Condition::now(board(1_500_000, 4).path()));
        assert_eq!(slowed.as_deref(), Some("the processor was slowed down for heat 2 times"));
        let fell = before.invalidated_by(&Condition::now(board(1_100_000, 3).path()));
        assert_eq!(fell.as_deref(), Some("the clock fell from 1500 to 1100 MHz"));
        assert_eq!(before.invalidated_by(&Condition::now(board(1_400_000, 3).path())), None);
    }

    #[test]
    fn a_machine_that_tells_nothing_invalidates_nothing() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(Condition::now(root.path()), Condition::default());
        assert_eq!(Condition::default().invalidated_by(&Condition::default()), None);
    }
}
