//! Sums over TCP by a thread of their own, so that the backward pass goes on meanwhile.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use tch::{Kind, Tensor};

use super::Transport;
use super::star::Star;
use crate::TrainError;
use crate::device::upload;

/// Ranks connected through rank 0.
#[derive(Debug)]
pub(super) struct Tcp {
    rank: usize,
    size: usize,
    /// What the thread is to sum, and what it has summed: in the same order.
    work: Sender<Numbers>,
    sums: Receiver<Result<Numbers, TrainError>>,
}

#[derive(Debug)]
enum Numbers {
    Exact(Vec<f64>),
    Bucket(Tensor),
}

impl Tcp {
    /// Sums over connections that stand.
    pub(super) fn over(mut star: Star) -> Self {
        let (rank, size) = (star.rank(), star.size());
        let (work, waiting) = channel::<Numbers>();
        let (done, sums) = channel();
        // It ends with the sender of its work, or with the connection: after a lost rank there is nothing to sum with.
        thread::spawn(move || {
            for numbers in waiting {
                let sum = sum(&mut star, numbers);
                let failed = sum.is_err();
                if done.send(sum).is_err() || failed {
                    return;
                }
            }
        });
        Self { rank, size, work, sums }
    }

    /// A thread that has ended left its reason among the sums.
    fn give(&self, numbers: Numbers) {
        drop(self.work.send(numbers));
    }

    fn take(&self) -> Result<Numbers, TrainError> {
        let ended =
            || TrainError::Rank { rank: self.rank, size: self.size, reason: "its connections ended".to_owned() };
        self.sums.recv().map_err(|_| ended())?
    }
}

impl Transport for Tcp {
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

fn sum(star: &mut Star, numbers: Numbers) -> Result<Numbers, TrainError> {
    match numbers {
        Numbers::Exact(mut numbers) => {
            star.sum(&mut numbers)?;
            Ok(Numbers::Exact(numbers))
        }
        Numbers::Bucket(bucket) => {
            let mut numbers = vec![0.0_f32; bucket.numel()];
            // sync: once a bucket, and not in the thread that asks the device for the backward pass
            bucket.f_to_kind(Kind::Float)?.f_copy_data(&mut numbers, bucket.numel())?;
            star.sum(&mut numbers)?;
            Ok(Numbers::Bucket(upload(&Tensor::f_from_slice(&numbers)?, bucket.device())?))
        }
    }
}
