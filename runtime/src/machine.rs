//! What the program runs on. Linux tells it in `/proc`, `/sys` and `/etc`; what it does not tell
//! stays empty.

use std::fs;
use std::num::NonZero;
use std::path::Path;
use std::thread::available_parallelism;

use serde::{Deserialize, Serialize};

/// A computer, as far as it matters for speed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Name of the processor or board.
    pub processor: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Operating system and architecture.
    pub system: String,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Frequency governor of the first core, such as `performance`.
    pub governor: Option<String>,
    /// Release of Jetson Linux, such as `# R36 (release), REVISION: 4.0`.
    pub jetson_linux: Option<String>,
    /// Power mode of a Jetson, as `nvpmodel` keeps it.
    pub power_mode: Option<String>,
    /// The kernel's NVIDIA driver.
    pub nvidia_driver: Option<String>,
}

impl Machine {
    /// This machine.
    pub fn here() -> Self {
        Self::below(Path::new("/"))
    }

    /// The machine whose files are below `root`.
    fn below(root: &Path) -> Self {
        let read = |path: &str| file_line(&root.join(path));
        Self {
            processor: read("proc/device-tree/model")
                .or_else(|| field(&root.join("proc/cpuinfo"), "model name"))
                .or_else(|| arm_processor(&root.join("proc/cpuinfo")))
                .unwrap_or_else(|| "unknown".to_owned()),
            cores: available_parallelism().map_or(1, NonZero::get),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            memory_bytes: field(&root.join("proc/meminfo"), "MemTotal")
                .and_then(|text| kilobytes(&text)),
            governor: read("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            jetson_linux: read("etc/nv_tegra_release").map(first_two_parts),
            power_mode: read("var/lib/nvpmodel/status"),
            nvidia_driver: read("proc/driver/nvidia/version"),
        }
    }
}

/// The first line of a file, without what surrounds it; device trees end theirs with a zero byte.
pub fn file_line(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text
        .lines()
        .next()?
        .trim_matches(|character: char| character.is_whitespace() || character == '\0');
    (!line.is_empty()).then(|| line.to_owned())
}

/// What stands behind `name` and a colon in a file of such lines.
pub fn field(path: &Path, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| {
        Some(line.strip_prefix(name)?.trim_start().strip_prefix(':')?.trim().to_owned())
    })
}

/// Linux names a processor of ARM's by numbers alone; a server has no device tree that would name
/// the board.
fn arm_processor(cpu_info: &Path) -> Option<String> {
    Some(format!(
        "ARM implementer {}, part {}",
        field(cpu_info, "CPU implementer")?,
        field(cpu_info, "CPU part")?
    ))
}

/// Bytes of `24512 kB`.
pub fn kilobytes(text: &str) -> Option<u64> {
    Some(text.strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// `# R36 (release), REVISION: 4.0, GCID: …`: the rest is of no use to people.
fn first_two_parts(line: String) -> String {
    let parts: Vec<&str> = line.splitn(3, ',').take(2).collect();
    parts.join(",")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    fn board() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("proc/device-tree/model", "NVIDIA Jetson Orin Nano Developer Kit\0");
        write("proc/meminfo", "MemTotal:        7990000 kB\nMemFree:          100000 kB\n");
        write("var/lib/nvpmodel/status", "pmode:0002\n");
        write(
            "etc/nv_tegra_release",
            "# R36 (release), REVISION: 4.0, GCID: 37537400, BOARD: generic\n",
        );
        write("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "schedutil\n");
        root
    }

    #[test]
    fn a_board_is_read_from_its_files() {
        let machine = Machine::below(board().path());
        assert_eq!(machine.processor, "NVIDIA Jetson Orin Nano Developer Kit");
        assert_eq!(machine.memory_bytes, Some(7_990_000 * 1024));
        assert_eq!(machine.jetson_linux.as_deref(), Some("# R36 (release), REVISION: 4.0"));
        let tuning =
            (machine.governor.as_deref(), machine.power_mode.as_deref(), machine.nvidia_driver);
        assert_eq!(tuning, (Some("schedutil"), Some("pmode:0002"), None));
    }

    #[test]
    fn a_server_with_an_arm_processor_is_named_by_its_numbers() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("proc")).unwrap();
        let cpu_info = "processor\t: 0\nFeatures\t: fp asimd asimddp\nCPU implementer\t: 0x41\nCPU \
            part\t: 0xd0c\n";
        fs::write(root.path().join("proc/cpuinfo"), cpu_info).unwrap();
        assert_eq!(Machine::below(root.path()).processor, "ARM implementer 0x41, part 0xd0c");
    }

    #[test]
    fn a_machine_that_tells_nothing_is_unknown() {
        let root = tempfile::tempdir().unwrap();
        let machine = Machine::below(root.path());
        assert_eq!((machine.processor.as_str(), machine.memory_bytes), ("unknown", None));
    }
}
