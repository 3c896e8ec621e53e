//! Gradients summed over ranks in buckets, while the backward pass goes on.

use std::collections::BTreeSet;
use std::mem::take;

use tch::Tensor;

use super::{Communicator, Transport};
use crate::{Parameters, TrainError};

/// A bucket is sent once it holds this much: small enough that the last one, which nothing hides,
/// is short, also where a model is small. 1 to 8 MiB took the same time over TCP on one machine
/// (`reports/scaling.md`).
const BUCKET_BYTES: usize = 4 << 20;
/// Gradients are float32.
const NUMBER_BYTES: usize = 4;

/// One sum over all ranks of every gradient. All ranks add the same names in the same order.
#[derive(Debug)]
pub struct GradientSum<'a> {
    /// Nothing where one process trains.
    transport: Option<&'a mut dyn Transport>,
    parameters: &'a Parameters,
    bucket_bytes: usize,
    added: BTreeSet<String>,
    /// Gradients of the bucket that fills.
    filling: Vec<Tensor>,
    filled_bytes: usize,
    /// Gradients of the buckets that are on their way, oldest first.
    sent: Vec<Vec<Tensor>>,
}

impl<'a> GradientSum<'a> {
    /// A sum of the gradients of `parameters`, in buckets of 4 MiB.
    pub fn new(communicator: &'a mut Communicator, parameters: &'a Parameters) -> Self {
        Self::in_buckets_of(BUCKET_BYTES, communicator, parameters)
    }

    /// The same in buckets of another size.
    pub fn in_buckets_of(
        bucket_bytes: usize,
        communicator: &'a mut Communicator,
        parameters: &'a Parameters,
    ) -> Self {
        let transport = communicator.transport();
        let (added, filling, sent) = (BTreeSet::new(), Vec::new(), Vec::new());
        Self { transport, parameters, bucket_bytes, added, filling, filled_bytes: 0, sent }
    }

    /// Takes gradients that will not change any more; sends a bucket that is full.
    pub fn add(&mut self, names: &[String]) -> Result<(), TrainError> {
        if self.transport.is_none() {
            return Ok(());
        }
        for name in names {
            let gradient = self.parameters.get(name)?.grad();
            if gradient.defined() && self.added.insert(name.clone()) {
                self.filled_bytes += gradient.numel() * NUMBER_BYTES;
                self.filling.push(gradient);
            }
            if self.filled_bytes >= self.bucket_bytes {
                self.send()?;
            }
        }
        Ok(())
    }

    /// Takes every gradient that was not added, and returns once each is the sum over all ranks.
    pub fn finish(mut self) -> Result<(), TrainError> {
        let parameters = self.parameters;
        let names: Vec<String> = parameters.trainable().map(|(name, _)| name.to_owned()).collect();
        self.add(&names)?;
        self.send()?;
        let Some(transport) = self.transport else { return Ok(()) };
        let _guard = tch::no_grad_guard();
        for gradients in self.sent {
            let lengths: Vec<i64> =
                gradients.iter().map(|gradient| gradient.numel() as i64).collect();
            let sums = transport.finish()?.f_split_with_sizes(lengths, 0)?;
            for (mut gradient, sum) in gradients.into_iter().zip(sums) {
                let sum = sum.f_view_as(&gradient)?;
                gradient.f_copy_(&sum)?;
            }
        }
        Ok(())
    }

    fn send(&mut self) -> Result<(), TrainError> {
        let Some(transport) = self.transport.as_mut().filter(|_| !self.filling.is_empty()) else {
            return Ok(());
        };
        let _guard = tch::no_grad_guard();
        let flat: Result<Vec<Tensor>, _> =
            self.filling.iter().map(|gradient| gradient.f_flatten(0, -1)).collect();
        transport.start(Tensor::f_cat(&flat?, 0)?)?;
        self.sent.push(take(&mut self.filling));
        self.filled_bytes = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parallel::{Environment, TransportKind};
    use tch::{Device, Kind};

    /// Shapes whose bytes do not divide those of a bucket.
    const SHAPES: [(&str, i64); 4] = [("a", 3), ("b", 1000), ("c", 7), ("d", 512)];

    /// The gradients of a rank after a sum in buckets of so many bytes, finished from the last to
    /// the first; `d` is not named.
    fn summed(rank: usize, port: u16, bucket_bytes: usize) -> Vec<Vec<f32>> {
        let environment = Environment { rank, size: 2, address: "127.0.0.1".to_owned(), port };
        let mut communicator =
            Communicator::connect(&environment, "a test", TransportKind::Tcp, None).unwrap();
        let mut parameters = Parameters::empty(Device::Cpu);
        for (seed, (name, length)) in SHAPES.into_iter().enumerate() {
            parameters.insert(name, Tensor::zeros([length], (Kind::Float, Device::Cpu))).unwrap();
            let numbers =
                (0..length).map(|index| (index as f32 + 1.0) / (seed + 3 * rank + 2) as f32);
            let factors = Tensor::from_slice(&numbers.collect::<Vec<_>>());
            (parameters.get(name).unwrap() * factors).sum(Kind::Float).backward();
        }
        let mut sum = GradientSum::in_buckets_of(bucket_bytes, &mut communicator, &parameters);
        for names in [["c"].as_slice(), &["a", "b"]] {
            sum.add(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).unwrap();
        }
        sum.finish().unwrap();
        parameters.iter().map(|(_, tensor)| Vec::try_from(tensor.grad()).unwrap()).collect()
    }

    #[test]
    fn buckets_of_any_size_give_both_ranks_the_bits_of_one_message() {
        let both = |bucket_bytes| {
            let port =
                std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
                    - 1;
            let other = std::thread::spawn(move || summed(1, port, bucket_bytes));
            (summed(0, port, bucket_bytes), other.join().unwrap())
        };
        let (whole, other) = both(usize::MAX);
        assert_eq!(whole, other);
        assert_eq!(whole[1][9].to_bits(), (10.0_f32 / 3.0 + 10.0 / 6.0).to_bits());
        for bucket_bytes in [1, 13, 4096] {
            assert_eq!(both(bucket_bytes), (whole.clone(), whole.clone()), "{bucket_bytes} bytes");
        }
    }
}
