//! Sums by a thread of their own, so that the backward pass goes on meanwhile.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use tch::{Kind, Tensor};

use super::Transport;
use crate::TrainError;
use crate::device::upload;

/// Connected processes that add up numbers, one call after the other, in the same order on all.
/// Each call replaces every number by its sum over all ranks.
pub(super) trait Ranks {
    /// This process, from 0.
    fn rank(&self) -> usize;

    /// W, the number of processes.
    fn size(&self) -> usize;

    /// Counts and losses.
    fn sum_exact(&mut self, numbers: &mut [f64]) -> Result<(), TrainError>;

    /// Gradients.
    fn sum_bucket(&mut self, numbers: &mut [f32]) -> Result<(), TrainError>;
}

/// A thread that makes every call to some [`Ranks`].
#[derive(Debug)]
pub(crate) struct SumThread {
    rank: usize,
    size: usize,
    /// What the thread is to sum, and what it has summed: in the same order.
    work: Option<Sender<Numbers>>,
    sums: Receiver<Result<Numbers, TrainError>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Numbers {
    Exact(Vec<f64>),
    Bucket(Tensor),
}

impl SumThread {
    /// Lets the thread `join` the other ranks; returns when it has.
    pub(super) fn start<R: Ranks>(
        join: impl FnOnce() -> Result<R, TrainError> + Send + 'static,
    ) -> Result<Self, TrainError> {
        let (work, waiting) = channel::<Numbers>();
        let (done, sums) = channel();
        let (joined, who) = channel();
        let thread = thread::spawn(move || {
            let mut ranks = match join() {
                Ok(ranks) => ranks,
                Err(error) => return drop(joined.send(Err(error))),
            };
            drop(joined.send(Ok((ranks.rank(), ranks.size()))));
            // It ends with the sender of its work, or with the connection: after a lost rank there
            // is nothing to sum with.
            for numbers in waiting {
                let sum = sum(&mut ranks, numbers);
                let failed = sum.is_err();
                if done.send(sum).is_err() || failed {
                    return;
                }
            }
        });
        let (rank, size) = who.recv().expect("a thread that joins ranks says how it went")?;
        Ok(Self { rank, size, work: Some(work), sums, thread: Some(thread) })
    }

    /// A thread that has ended left its reason among the sums.
    fn give(&self, numbers: Numbers) {
        drop(self.work.as_ref().map(|work| work.send(numbers)));
    }

    fn take(&self) -> Result<Numbers, TrainError> {
        let ended = || TrainError::Rank {
            rank: self.rank,
            size: self.size,
            reason: "its connections ended".to_owned(),
        };
        self.sums.recv().map_err(|_| ended())?
    }
}

impl Transport for SumThread {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn sum(&mut self, numbers: &mut [f64]) -> Result<(), TrainError> {
        self.give(Numbers::Exact(numbers.to_vec()));
        if let Numbers::Exact(sums) = self.take()? {
            numbers.copy_from_slice(&sums);
        }
        Ok(())
    }

    fn start(&mut self, bucket: Tensor) -> Result<(), TrainError> {
        self.give(Numbers::Bucket(bucket));
        Ok(())
    }

    fn finish(&mut self) -> Result<Tensor, TrainError> {
        match self.take()? {
            Numbers::Bucket(sum) => Ok(sum),
            Numbers::Exact(_) => unreachable!("sums come in the order in which they were started"),
        }
    }
}

impl Drop for SumThread {
    /// Waits until this rank has taken its leave: a process that ended before would take the leave
    /// from it.
    fn drop(&mut self) {
        self.work = None;
        // A panic of the thread was seen by whoever asked for its sums.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn sum(ranks: &mut impl Ranks, numbers: Numbers) -> Result<Numbers, TrainError> {
    match numbers {
        Numbers::Exact(mut numbers) => {
            ranks.sum_exact(&mut numbers)?;
            Ok(Numbers::Exact(numbers))
        }
        Numbers::Bucket(bucket) => {
            let mut numbers = vec![0.0_f32; bucket.numel()];
            // sync: once a bucket, and not in the thread that asks the device for the backward pass
            bucket.f_to_kind(Kind::Float)?.f_copy_data(&mut numbers, bucket.numel())?;
            ranks.sum_bucket(&mut numbers)?;
            Ok(Numbers::Bucket(upload(&Tensor::f_from_slice(&numbers)?, bucket.device())?))
        }
    }
}
