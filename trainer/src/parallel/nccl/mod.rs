//! Gradients summed by NCCL, from device to device, while the backward pass goes on.
//!
//! A bucket is summed in place, on a stream of its own that first waits for libtorch's. libtorch
//! works on the legacy default stream of a device (its C interface sets no other), and a stream
//! that does not block runs beside that.
//!
//! Two things stay on TCP. Counts and losses are a few numbers, which the processor has or wants
//! anyway. And NCCL does not notice a rank of the same machine that dies: its kernels wait for
//! ever. So whoever waits for a bucket asks the device again and again, and looks at the
//! connections meanwhile. It costs nothing that the processor waits there: it is about to read the
//! norm of the gradients.
#![allow(unsafe_code, reason = "NCCL takes the address of a tensor")]

mod library;
mod rank_info;

use std::collections::VecDeque;
use std::fmt::Display;
use std::time::{Duration, Instant};

use rszs_cuda::{Device, Event, Stream};
use tch::{Kind, Tensor};

use self::library::{Group, NcclError};
use self::rank_info::{NcclHandles, RankInfo};
use super::tcp;
use super::tcp_all_reduce::TcpAllReduce;
use super::{Transport, TransportKind};
use crate::TrainError;
use crate::run::tell;

/// Between two looks at the device.
const PAUSE: Duration = Duration::from_micros(50);
/// How long a broken group waits to hear that a rank was lost, which is then the reason.
const HEARSAY: Duration = Duration::from_secs(1);

/// Ranks that sum gradients by NCCL and everything else through rank 0.
#[derive(Debug)]
struct Nccl {
    // Dropped first: it gives up what is on its way, before the memory of that is given back.
    group: Group,
    /// Buckets on their way, oldest first.
    buckets: VecDeque<Bucket>,
    stream: Stream,
    device: Device,
    tcp: TcpAllReduce,
}

#[derive(Debug)]
struct Bucket {
    numbers: Tensor,
    /// Behind the sum on the stream.
    summed: Event,
}

/// NCCL where every rank has it and a CUDA device, this one number `ordinal`; else TCP for `auto`,
/// which says why where a rank is on a device.
pub(super) fn nccl_or_tcp(
    mut tcp: TcpAllReduce,
    kind: TransportKind,
    ordinal: Option<u32>,
) -> Result<Box<dyn Transport>, TrainError> {
    let (rank_info, handles) = RankInfo::of(ordinal);
    let ranks = rank_info.exchange(&mut tcp)?;
    if let Some(shared) = rank_info::shared_device(&ranks) {
        let hint = "start one process a device, and give --device cuda".to_owned();
        return Err(refuse(kind, "a device for each rank", shared, hint));
    }
    if let (Some(handles), None) = (handles, rank_info::obstacle(&ranks)) {
        let transport = Nccl::join(tcp, handles)?;
        return Ok(Box::new(transport));
    }
    let obstacle = rank_info::obstacle(&ranks).unwrap_or_default();
    if kind == TransportKind::Nccl {
        let hint = "or give --transport tcp".to_owned();
        return Err(refuse(kind, "NCCL and a CUDA device for every rank", obstacle, hint));
    }
    if tcp.rank() == 0 && rank_info::any_on_cuda(&ranks) {
        tell(&format!("gradients are summed over TCP, through processors: {obstacle}"));
    }
    Ok(Box::new(tcp::over(tcp)?))
}

fn refuse(kind: TransportKind, expected: &str, found: String, hint: String) -> TrainError {
    TrainError::Transport { transport: kind.name(), expected: expected.to_owned(), found, hint }
}

impl Nccl {
    /// Makes the group: all ranks call this together.
    fn join(mut tcp: TcpAllReduce, handles: NcclHandles) -> Result<Self, TrainError> {
        let NcclHandles { library, device } = handles;
        // Rank 0 makes it and the others are told: theirs is empty.
        let mine = match tcp.rank() {
            0 => library.unique_id().map_err(|error| broken(&tcp, &error))?.to_vec(),
            _ => Vec::new(),
        };
        let ids = tcp.exchange(&serde_json::to_string(&mine)?)?;
        let id: Vec<u8> = serde_json::from_str(&ids[0])?;
        let stream = device.stream().map_err(|error| broken(&tcp, &error))?;
        device.make_current().map_err(|error| broken(&tcp, &error))?;
        let group = Group::begin(library, tcp.size(), tcp.rank(), &id)
            .map_err(|error| broken(&tcp, &error))?;
        let mut nccl = Self { group, buckets: VecDeque::new(), stream, device, tcp };
        nccl.settle()?;
        if nccl.tcp.rank() == 0 {
            tell(&format!("gradients are summed by NCCL {}", nccl.group.version()));
        }
        Ok(nccl)
    }

    /// Returns once NCCL has taken what was last asked of it.
    fn settle(&mut self) -> Result<(), TrainError> {
        while !self.look()? {
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Whether NCCL has taken what was asked of it; an error once it broke or a rank was lost.
    fn look(&mut self) -> Result<bool, TrainError> {
        self.tcp.watch()?;
        match self.group.is_ready() {
            Ok(is_ready) => Ok(is_ready),
            Err(error) => Err(self.explain(&error)),
        }
    }

    /// Why NCCL failed: a rank that was lost, if one is within a moment; else what NCCL says.
    fn explain(&mut self, error: &NcclError) -> TrainError {
        let begun = Instant::now();
        while begun.elapsed() < HEARSAY {
            if let Err(lost) = self.tcp.watch() {
                return lost;
            }
            std::thread::sleep(PAUSE);
        }
        broken(&self.tcp, error)
    }

    /// What `call` gives of the driver, or its error with this rank.
    fn driver<T>(
        &self,
        call: impl FnOnce() -> Result<T, rszs_cuda::Error>,
    ) -> Result<T, TrainError> {
        call().map_err(|error| broken(&self.tcp, &error))
    }
}

impl Transport for Nccl {
    fn rank(&self) -> usize {
        self.tcp.rank()
    }

    fn size(&self) -> usize {
        self.tcp.size()
    }

    fn sum(&mut self, numbers: &mut [f64]) -> Result<(), TrainError> {
        self.tcp.sum(numbers)
    }

    fn start(&mut self, bucket: Tensor) -> Result<(), TrainError> {
        let numbers = bucket.f_to_kind(Kind::Float)?.f_contiguous()?;
        let (address, count) = (numbers.data_ptr(), numbers.numel());
        let (computed, summed) =
            self.driver(|| Ok((self.device.event()?, self.device.event()?)))?;
        self.driver(|| computed.record_on_default_stream())?;
        self.driver(|| self.stream.wait(&computed))?;
        self.buckets.push_back(Bucket { numbers, summed });
        // SAFETY: the bucket is float32 without gaps, on the device of the stream. It stays in
        // `buckets` until the stream has come behind the sum, or, after an error, until `group` was
        // dropped.
        let asked = unsafe { self.group.sum(address, count, &self.stream) };
        asked.map_err(|error| self.explain(&error))?;
        // Only then is the sum on the stream, and the event behind it.
        self.settle()?;
        let bucket = &self.buckets[self.buckets.len() - 1];
        self.driver(|| bucket.summed.record(&self.stream))
    }

    fn finish(&mut self) -> Result<Tensor, TrainError> {
        while !self.driver(|| self.buckets[0].summed.is_reached())? {
            self.look()?;
            std::thread::sleep(PAUSE);
        }
        let bucket = self.buckets.pop_front().expect("looked at above");
        Ok(bucket.numbers)
    }
}

fn broken(tcp: &TcpAllReduce, reason: &dyn Display) -> TrainError {
    TrainError::Rank { rank: tcp.rank(), size: tcp.size(), reason: reason.to_string() }
}
