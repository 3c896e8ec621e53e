//! NVIDIA's devices that predictions are made for, by their published peaks.
//!
//! Sources: NVIDIA Ampere GA102 GPU Architecture whitepaper 2.1, appendix A (RTX 3090); Jetson AGX
//! Orin Series Technical Brief 1.2: the GPU of AGX Orin 64 GB has 16 multiprocessors at 1.3 GHz,
//! 170 sparse INT8 TOPS, 5.3 FP32 TFLOP/s. That is 4096 dense 8-bit operations and 256 of FP32 a
//! multiprocessor and cycle, and with 8 multiprocessors it gives the published TOPS of Orin Nano
//! (40 sparse at 625 MHz) and Orin Nano Super (67 sparse at 1020 MHz). All numbers are for dense
//! matrices; DLA cores are left out. Both documents were read by way of pages that quote them; that
//! the RTX 3090 reaches half of its 142 TFLOP/s where sums are kept in 32 bits, none of those pages
//! repeats.

use clap::ValueEnum;
use rszs_bundle::Precision;

/// A device with published peaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// `GeForce` RTX 3090
    Rtx3090,
    /// Jetson AGX Orin, 64 GB, MAXN
    AgxOrin,
    /// Jetson Orin NX, 16 GB, 918 MHz
    OrinNx,
    /// Jetson Orin Nano, 8 GB, 625 MHz
    OrinNano,
    /// Jetson Orin Nano, 8 GB, in its Super mode of 1020 MHz
    OrinNanoSuper,
}

/// What a device can do at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// Multiply-accumulates a second in 32-bit floats, without tensor cores.
    pub fp32: f64,
    /// In 16-bit floats on tensor cores, summed in 32 bits.
    pub fp16: f64,
    /// In 8-bit integers on tensor cores.
    pub int8: f64,
    /// Bytes a second from memory.
    pub bandwidth: f64,
}

impl Device {
    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rtx3090 => "RTX 3090",
            Self::AgxOrin => "AGX Orin 64 GB",
            Self::OrinNx => "Orin NX 16 GB",
            Self::OrinNano => "Orin Nano 8 GB",
            Self::OrinNanoSuper => "Orin Nano Super",
        }
    }

    /// Its peaks.
    pub fn peak(self) -> Peak {
        match self {
            // 35.6 TFLOP/s, 71 (142 where sums are kept in 16 bits), 284 TOPS, 936 GB/s.
            Self::Rtx3090 => Peak { fp32: 17.8e12, fp16: 35.5e12, int8: 142e12, bandwidth: 936e9 },
            Self::AgxOrin => orin(16.0, 1.3e9, 204.8e9),
            Self::OrinNx => orin(8.0, 0.918e9, 102.4e9),
            Self::OrinNano => orin(8.0, 0.625e9, 68e9),
            Self::OrinNanoSuper => orin(8.0, 1.02e9, 102e9),
        }
    }
}

impl Peak {
    /// Multiply-accumulates a second of the products that a file of `precision` has narrowed.
    pub fn of(&self, precision: Precision) -> f64 {
        match precision {
            Precision::Fp32 => self.fp32,
            Precision::Fp16 => self.fp16,
            Precision::Int8 | Precision::Int8Fp16 => self.int8,
        }
    }
}

/// The GPU of an Orin by its multiprocessors and its clock. NVIDIA publishes no other rate for
/// 16-bit products with 32-bit sums than half that of 8-bit products.
fn orin(multiprocessors: f64, hertz: f64, bandwidth: f64) -> Peak {
    let a_cycle = multiprocessors * hertz;
    Peak { fp32: 128.0 * a_cycle, fp16: 1024.0 * a_cycle, int8: 2048.0 * a_cycle, bandwidth }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sparse INT8 TOPS: two operations a multiply-accumulate, twice as many where half of the
    /// weights are zero.
    fn sparse_tops(device: Device) -> f64 {
        device.peak().int8 * 4.0 / 1e12
    }

    #[test]
    fn rates_give_the_published_tops() {
        let published = [
            (Device::Rtx3090, 568.0),
            (Device::AgxOrin, 170.0),
            (Device::OrinNano, 40.0),
            (Device::OrinNanoSuper, 67.0),
        ];
        for (device, tops) in published {
            let found = sparse_tops(device);
            assert!((found / tops - 1.0).abs() < 0.03, "{}: {found} of {tops}", device.name());
        }
        let tflops = 2.0 * Device::AgxOrin.peak().fp32 / 1e12;
        assert!((tflops - 5.3).abs() < 0.05, "{tflops}");
    }
}
