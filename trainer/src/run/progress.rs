//! What a person sees of a run: steps done, speed, memory, time left.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::device::device_memory::DeviceUse;
use crate::run::tell;

/// Steps done, speed, memory and time left. A bar on a terminal; otherwise a line a minute. On
/// stderr.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    images_per_step: usize,
    window: (Instant, u64),
    last_line: Instant,
    /// Whether anything was said yet.
    is_silent: bool,
    step: u64,
    steps: u64,
}

impl Progress {
    /// Without a terminal, this often.
    const LINE_EVERY: Duration = Duration::from_mins(1);

    /// Starts the clock at `step` of `steps`.
    pub fn start(step: u64, steps: u64, images_per_step: usize) -> Self {
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} left {eta} {msg}");
        let bar = ProgressBar::new(steps)
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_position(step);
        bar.reset_eta();
        let now = Instant::now();
        Self {
            bar,
            images_per_step,
            window: (now, step),
            last_line: now,
            is_silent: true,
            step,
            steps,
        }
    }

    /// Counts one step. The first one tells that there is progress, and how long it may take.
    pub fn advance(&mut self) {
        self.step += 1;
        self.bar.inc(1);
        if self.is_silent && self.bar.is_hidden() {
            self.is_silent = false;
            let (since, _) = self.window;
            let step_s = since.elapsed().as_secs_f64();
            let left_s = (self.steps.saturating_sub(self.step)) as f64 * step_s;
            tell(&format!(
                "step {}/{}: {step_s:.1} s for the first, left about {left_s:.0} s",
                self.step, self.steps
            ));
        }
    }

    /// Images a second since the last call, or since the start.
    pub fn take_images_per_s(&mut self) -> f64 {
        let (since, step) = self.window;
        let now = Instant::now();
        self.window = (now, self.step);
        ((self.step - step) as f64 * self.images_per_step as f64)
            / (now - since).as_secs_f64().max(1e-9)
    }

    /// Shows `message`, beside memory of the process and, where there is one, of the device;
    /// `images_per_s` gives the time left.
    pub(crate) fn show(&mut self, message: &str, images_per_s: f64, device: Option<DeviceUse>) {
        let memory = peak_resident_bytes()
            .map_or_else(String::new, |bytes| format!(", {} MiB", bytes >> 20));
        let device = device.map_or_else(String::new, |device| format!(", {device}"));
        let message = format!("{images_per_s:.1} images/s{memory}{device} {message}");
        if self.bar.is_hidden() {
            if self.last_line.elapsed() >= Self::LINE_EVERY || self.step == self.steps {
                self.last_line = Instant::now();
                let left_s = (self.steps - self.step) as f64 * self.images_per_step as f64
                    / images_per_s.max(1e-9);
                tell(&format!("step {}/{} {message}, left {left_s:.0} s", self.step, self.steps));
            }
        } else {
            self.bar.set_message(message);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// The most memory that this process held at once, as Linux counts it; elsewhere unknown.
pub fn peak_resident_bytes() -> Option<u64> {
    peak_of(&std::fs::read_to_string("/proc/self/status").ok()?)
}

/// `VmHWM:     1234 kB`, where kB is 1024 bytes (`proc_pid_status(5)`).
fn peak_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_in_bytes() {
        assert_eq!(peak_of("Name:\tx\nVmHWM:\t   2048 kB\nVmRSS:\t 1 kB\n"), Some(2 << 20));
        assert_eq!(peak_of("Name:\tx\n"), None);
    }
}
