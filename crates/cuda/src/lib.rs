//! CUDA through the driver alone: a device, streams, graphs, buffers; and the frame path on them
//! ([`frame`]).
//!
//! The driver is loaded while the program runs. Building needs nothing of NVIDIA's, and on a
//! machine without a driver or without a device [`Device::open`] says so instead of ending the
//! program.
//!
//! ```no_run
//! use rszs_cuda::Device;
//!
//! # fn main() -> Result<(), rszs_cuda::Error> {
//! let device = Device::open(0)?;
//! let stream = device.stream()?;
//! let mut pinned = device.host_buffer::<u8>(1 << 20)?;
//! pinned.wait_mut()?.fill(7);
//! let mut on_device = device.buffer::<u8>(1 << 20)?;
//! on_device.upload(&mut pinned, 1 << 20, &stream)?;
//! stream.synchronize()?;
//! # Ok(())
//! # }
//! ```
//!
//! Types and declarations are those of cudarc's lowest floor, `sys`, which also finds the library.
//! Its others do not fit: the highest orders every buffer by events of its own, which a graph
//! capture does not take, and all take a code of the driver's for an enum of one version.
#![allow(unsafe_code, reason = "every call of the driver is a foreign function")]

mod buffer;
mod device;
mod driver;
mod error;
mod event;
pub mod frame;
mod functions;
mod graph;
mod host;
mod module;
mod plain;
mod stream;

pub use buffer::{DeviceBuffer, copy_on_device};
pub use device::{Device, DeviceDescription, DeviceMemory};
pub use error::Error;
pub use event::Event;
pub use graph::Graph;
pub use host::HostBuffer;
pub use plain::Plain;
pub use stream::Stream;
