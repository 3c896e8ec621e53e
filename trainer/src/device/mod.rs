//! Where a command computes: the processor, or one CUDA device.
//!
//! Parameters, their average, moments, batches and losses are on that device. Files are written
//! from copies on the processor and read there, images are decoded there, and what an evaluation
//! counts comes back there.

pub(crate) mod device_memory;

use std::env;
use std::str::FromStr;

use tch::{Cuda, Device, TchError, Tensor};

use crate::TrainError;

/// What `--device` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The CUDA device of this rank where libtorch sees any, else the processor.
    Auto,
    /// The processor.
    Cpu,
    /// The CUDA device of this rank: its number on this machine, 0 for a single process.
    Cuda,
    /// One CUDA device by its number.
    CudaNumber(usize),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda),
            _ => {
                let number = text.strip_prefix("cuda:").and_then(|number| number.parse().ok());
                number
                    .map(Self::CudaNumber)
                    .ok_or_else(|| "expected auto, cpu, cuda or cuda:N, as in cuda:1".to_owned())
            }
        }
    }
}

/// The processes of one machine that share its devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LocalRanks {
    /// This process, from 0; unknown where a launcher of several does not say.
    rank: Option<usize>,
    /// How many there are, as far as this is known.
    size: usize,
}

/// What the libtorch that is loaded has of CUDA, whichever one the program was linked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    devices: usize,
    /// Whether its CUDA part is loaded.
    has_cuda_part: bool,
}

impl DeviceChoice {
    /// The device of this process. Its number among the ranks of a machine is `LOCAL_RANK`, which
    /// torchrun and `--nproc` set, or Open MPI's `OMPI_COMM_WORLD_LOCAL_RANK`.
    pub fn open(self) -> Result<Device, TrainError> {
        self.resolve(LocalRanks::read()?, Seen::here())
    }

    /// The device of the first of `ranks` processes on this machine; refuses a choice that they
    /// cannot share, before they are started.
    pub fn expect_for(self, ranks: usize) -> Result<Device, TrainError> {
        self.resolve(LocalRanks { rank: Some(0), size: ranks }, Seen::here())
    }

    fn resolve(self, ranks: LocalRanks, seen: Seen) -> Result<Device, TrainError> {
        let number = match self {
            Self::Cpu => return Ok(Device::Cpu),
            Self::Auto if seen.devices == 0 => return Ok(Device::Cpu),
            Self::Auto | Self::Cuda => None,
            Self::CudaNumber(number) => Some(number),
        };
        if seen.devices == 0 && !seen.has_cuda_part {
            let found = "one without its CUDA part, as `cargo xtask setup` fetches it";
            let hint = "run with a libtorch 2.11.0 with CUDA (trainer/README.md), or give --device \
                cpu";
            return Err(refuse(number, "a libtorch with CUDA", found, hint));
        }
        if seen.devices == 0 {
            let hint = "install NVIDIA's driver of CUDA 13 or later, look at nvidia-smi and \
                CUDA_VISIBLE_DEVICES, or give --device cpu";
            return Err(refuse(number, "a CUDA device", "none that libtorch sees", hint));
        }
        let found = format!("{} in all", seen.devices);
        if let Some(number) = number {
            if ranks.size > 1 {
                let found = format!("{} processes on this machine for one device", ranks.size);
                return Err(refuse(
                    Some(number),
                    "one process",
                    &found,
                    "give --device cuda: each takes its own",
                ));
            }
            let hint = "give the number of a device that is there, from 0";
            let is_there = number < seen.devices;
            return if is_there {
                Ok(Device::Cuda(number))
            } else {
                Err(refuse(Some(number), "that device", &found, hint))
            };
        }
        let Some(rank) = ranks.rank else {
            let expected =
                "the number of this rank on its machine, from 0 (or give --device cuda:N)"
                    .to_owned();
            return Err(TrainError::Environment {
                name: "LOCAL_RANK",
                expected,
                found: "nothing".to_owned(),
            });
        };
        let needed = ranks.size.max(rank + 1);
        if needed > seen.devices {
            let hint = "start fewer processes, or give --device cpu";
            return Err(refuse(
                None,
                &format!("a device for each of {needed} processes"),
                &found,
                hint,
            ));
        }
        Ok(Device::Cuda(rank))
    }
}

fn refuse(number: Option<usize>, expected: &str, found: &str, hint: &'static str) -> TrainError {
    let device = number.map_or("cuda".to_owned(), |number| format!("cuda:{number}"));
    TrainError::Device { device, expected: expected.to_owned(), found: found.to_owned(), hint }
}

impl LocalRanks {
    fn read() -> Result<Self, TrainError> {
        Self::of(|name| env::var(name).ok())
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Self, TrainError> {
        let number = |name: &'static str| -> Result<Option<usize>, TrainError> {
            let invalid = |found: String| {
                let expected = "a whole number".to_owned();
                TrainError::Environment { name, expected, found }
            };
            variable(name).map(|value| value.parse().map_err(|_| invalid(value))).transpose()
        };
        let is_alone = number("WORLD_SIZE")?.is_none_or(|size| size == 1);
        // Open MPI has names of its own.
        let rank = number("LOCAL_RANK")?.or(number("OMPI_COMM_WORLD_LOCAL_RANK")?);
        let size = number("LOCAL_WORLD_SIZE")?.or(number("OMPI_COMM_WORLD_LOCAL_SIZE")?);
        Ok(Self { rank: rank.or(is_alone.then_some(0)), size: size.unwrap_or(1) })
    }
}

impl Seen {
    fn here() -> Self {
        Self {
            devices: Cuda::device_count().try_into().unwrap_or(0),
            has_cuda_part: tch::utils::has_cudart(),
        }
    }
}

/// A device for a person: `cpu`, `cuda:0`.
pub fn name(device: Device) -> String {
    match device {
        Device::Cuda(number) => format!("cuda:{number}"),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// Waits until `device` has done all that was asked of it, for a clock that is about to be read.
pub(crate) fn synchronize(device: Device) {
    if let Device::Cuda(number) = device {
        Cuda::synchronize(number as i64);
    }
}

/// A tensor on `device`; the same tensor where it is there already.
///
/// From the processor to a CUDA device it goes through pinned memory and the call does not wait:
/// libtorch keeps that memory until the copy is done, and what is asked of the device afterwards
/// comes after the copy. `pin_memory` would do the same and warn at every call: tch gives it a
/// device, which libtorch no longer wants.
pub(crate) fn upload(tensor: &Tensor, device: Device) -> Result<Tensor, TchError> {
    if !device.is_cuda() || tensor.device().is_cuda() {
        return tensor.f_to_device(device);
    }
    let non_blocking = true;
    tensor.f_internal_pin_memory(device)?.f_to_device_(device, tensor.kind(), non_blocking, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALONE: LocalRanks = LocalRanks { rank: Some(0), size: 1 };
    const NO_LIBTORCH: Seen = Seen { devices: 0, has_cuda_part: false };
    const NO_DRIVER: Seen = Seen { devices: 0, has_cuda_part: true };
    const TWO: Seen = Seen { devices: 2, has_cuda_part: true };

    fn refusal(choice: DeviceChoice, ranks: LocalRanks, seen: Seen) -> String {
        choice.resolve(ranks, seen).unwrap_err().to_string()
    }

    #[test]
    fn choices_are_read_and_others_refused_with_the_known_ones() {
        let read = |text: &str| text.parse::<DeviceChoice>();
        assert_eq!(read("auto"), Ok(DeviceChoice::Auto));
        assert_eq!(read("cpu"), Ok(DeviceChoice::Cpu));
        assert_eq!(read("cuda"), Ok(DeviceChoice::Cuda));
        assert_eq!(read("cuda:11"), Ok(DeviceChoice::CudaNumber(11)));
        for wrong in ["gpu", "cuda:", "cuda:-1", "cuda1", "CPU", ""] {
            assert!(read(wrong).unwrap_err().contains("auto, cpu, cuda or cuda:N"), "{wrong}");
        }
    }

    #[test]
    fn auto_takes_the_device_of_the_rank_and_the_processor_where_there_is_none() {
        let second = LocalRanks { rank: Some(1), size: 2 };
        assert_eq!(DeviceChoice::Auto.resolve(second, TWO).unwrap(), Device::Cuda(1));
        assert_eq!(DeviceChoice::Cuda.resolve(second, TWO).unwrap(), Device::Cuda(1));
        assert_eq!(DeviceChoice::Auto.resolve(ALONE, TWO).unwrap(), Device::Cuda(0));
        assert_eq!(DeviceChoice::CudaNumber(1).resolve(ALONE, TWO).unwrap(), Device::Cuda(1));
        for seen in [NO_LIBTORCH, NO_DRIVER] {
            assert_eq!(DeviceChoice::Auto.resolve(second, seen).unwrap(), Device::Cpu);
        }
        assert_eq!(DeviceChoice::Cpu.resolve(second, TWO).unwrap(), Device::Cpu);
    }

    #[test]
    fn what_is_missing_is_said() {
        let message = refusal(DeviceChoice::Cuda, ALONE, NO_LIBTORCH);
        assert!(message.contains("device cuda: expected a libtorch with CUDA"), "{message}");
        let message = refusal(DeviceChoice::CudaNumber(0), ALONE, NO_DRIVER);
        assert!(
            message.contains("cuda:0: expected a CUDA device") && message.contains("driver"),
            "{message}"
        );
        let message = refusal(DeviceChoice::CudaNumber(2), ALONE, TWO);
        assert!(message.contains("cuda:2: expected that device, found 2 in all"), "{message}");
    }

    #[test]
    fn ranks_do_not_share_a_device() {
        let three = LocalRanks { rank: Some(0), size: 3 };
        for choice in [DeviceChoice::Auto, DeviceChoice::Cuda] {
            let message = refusal(choice, three, TWO);
            assert!(
                message.contains("a device for each of 3 processes, found 2 in all"),
                "{message}"
            );
        }
        // A launcher that sets no LOCAL_WORLD_SIZE.
        let message = refusal(DeviceChoice::Cuda, LocalRanks { rank: Some(2), size: 1 }, TWO);
        assert!(message.contains("each of 3 processes"), "{message}");
        let message =
            refusal(DeviceChoice::CudaNumber(1), LocalRanks { rank: Some(0), size: 2 }, TWO);
        assert!(message.contains("2 processes on this machine for one device"), "{message}");
    }

    #[test]
    fn the_rank_on_a_machine_is_the_launchers() {
        let read = |pairs: &[(&str, &str)]| {
            LocalRanks::of(|name| {
                pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(read(&[]).unwrap(), ALONE);
        let torchrun = [("LOCAL_RANK", "3"), ("LOCAL_WORLD_SIZE", "4"), ("WORLD_SIZE", "8")];
        assert_eq!(read(&torchrun).unwrap(), LocalRanks { rank: Some(3), size: 4 });
        let mpirun = [("OMPI_COMM_WORLD_LOCAL_RANK", "3"), ("OMPI_COMM_WORLD_LOCAL_SIZE", "4")];
        assert_eq!(read(&mpirun).unwrap(), LocalRanks { rank: Some(3), size: 4 });
        let unknown = read(&[("WORLD_SIZE", "8")]).unwrap();
        assert_eq!(unknown.rank, None);
        assert!(refusal(DeviceChoice::Cuda, unknown, TWO).starts_with("environment LOCAL_RANK"));
        assert_eq!(DeviceChoice::CudaNumber(1).resolve(unknown, TWO).unwrap(), Device::Cuda(1));
        assert!(read(&[("LOCAL_RANK", "x")]).unwrap_err().to_string().contains("found x"));
    }
}
