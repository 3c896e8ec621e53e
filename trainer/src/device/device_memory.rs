//! Memory of the CUDA device that a run computes on.

use std::fmt;

use serde::Serialize;
use tch::Device;

use crate::TrainError;

/// Looks at the memory of a CUDA device, if a run computes on one.
#[derive(Debug)]
pub(crate) struct DeviceMemory {
    /// Nothing on the processor.
    device: Option<rszs_cuda::Device>,
    peak_bytes: u64,
}

/// What is used of the whole device, as its driver counts it: by this process, with what libtorch
/// keeps for later, and by all others. libtorch's own counts would tell these apart; its C
/// interface does not give them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct DeviceUse {
    #[serde(rename = "device_used_bytes")]
    pub(crate) used_bytes: u64,
    /// The most that was seen. What was freed between two looks goes unseen, but libtorch gives
    /// nothing back while there is room.
    #[serde(rename = "device_peak_used_bytes")]
    pub(crate) peak_bytes: u64,
}

impl DeviceMemory {
    /// Of `device`, which is open in this process.
    pub(crate) fn of(device: Device) -> Result<Self, TrainError> {
        let device = match device {
            Device::Cuda(number) => Some(rszs_cuda::Device::open(number as u32)?),
            _ => None,
        };
        Ok(Self { device, peak_bytes: 0 })
    }

    /// What is used now; nothing on the processor. The device is not waited for.
    pub(crate) fn look(&mut self) -> Result<Option<DeviceUse>, TrainError> {
        let Some(device) = &self.device else { return Ok(None) };
        let memory = device.memory()?;
        let used_bytes = (memory.total_bytes - memory.free_bytes) as u64;
        self.peak_bytes = self.peak_bytes.max(used_bytes);
        Ok(Some(DeviceUse { used_bytes, peak_bytes: self.peak_bytes }))
    }
}

impl fmt::Display for DeviceUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "device {} MiB, peak {} MiB", self.used_bytes >> 20, self.peak_bytes >> 20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_stays_when_memory_is_given_back() {
        rszs_cuda_simulator::load();
        let mut memory = DeviceMemory::of(Device::Cuda(1)).unwrap();
        assert_eq!(memory.look().unwrap(), Some(DeviceUse { used_bytes: 0, peak_bytes: 0 }));
        let buffer = rszs_cuda::Device::open(1).unwrap().buffer::<u8>(3 << 20).unwrap();
        let full = DeviceUse { used_bytes: 3 << 20, peak_bytes: 3 << 20 };
        assert_eq!(memory.look().unwrap(), Some(full));
        drop(buffer);
        let after = memory.look().unwrap().unwrap();
        assert_eq!(after, DeviceUse { used_bytes: 0, ..full });
        assert_eq!(after.to_string(), "device 0 MiB, peak 3 MiB");
    }

    #[test]
    fn the_processor_has_none() {
        assert_eq!(DeviceMemory::of(Device::Cpu).unwrap().look().unwrap(), None);
    }
}
