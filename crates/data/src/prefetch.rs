//! Batches made ahead of the trainer by threads of their own, in order.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use crate::error::DataError;
use crate::sampler::{Batch, Sampler};

/// A thread and the queue it fills.
type Worker = (Receiver<Result<Batch, DataError>>, JoinHandle<()>);

/// Batches `first_step`, `first_step + 1`, … of a sampler. Threads stop when this is dropped.
#[derive(Debug)]
pub struct Prefetch {
    /// Thread t makes the steps t, t + threads, …; asking them in turn gives the order back,
    /// whichever is faster.
    workers: Vec<Worker>,
    turn: usize,
}

impl Prefetch {
    /// Starts `threads` threads that hold at most `ahead` finished batches each.
    pub fn start(sampler: &Arc<Sampler>, first_step: u64, threads: usize, ahead: usize) -> Self {
        assert!(threads > 0, "no thread to make batches");
        let worker = |thread: usize| {
            let (sender, receiver) = sync_channel(ahead);
            let sampler = Arc::clone(sampler);
            let handle = std::thread::spawn(move || {
                for step in (first_step + thread as u64..).step_by(threads) {
                    let batch = sampler.batch(step);
                    let last = batch.is_err();
                    if sender.send(batch).is_err() || last {
                        return;
                    }
                }
            });
            (receiver, handle)
        };
        Self { workers: (0..threads).map(worker).collect(), turn: 0 }
    }

    /// The next batch; waits for it. After an error the thread that met it has stopped, and asking
    /// on panics.
    pub fn next_batch(&mut self) -> Result<Batch, DataError> {
        let (receiver, _) = &self.workers[self.turn];
        self.turn = (self.turn + 1) % self.workers.len();
        receiver.recv().expect("a thread that makes batches ended without an error")
    }
}

impl Drop for Prefetch {
    fn drop(&mut self) {
        for (receiver, handle) in self.workers.drain(..) {
            // Without a receiver the thread's next send ends it.
            drop(receiver);
            // A panic of the thread was seen by whoever asked for its batch.
            drop(handle.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::Augment;
    use crate::dense_set::Split;
    use crate::fixtures;
    use crate::sampler::Source;
    use crate::sets::flood_area;

    fn sampler(root: &std::path::Path) -> Arc<Sampler> {
        let set = Arc::new(flood_area::open(root).unwrap());
        let source = Source { set, weight: 1.0, loss_weight: 1.0, augment: Augment::train(8) };
        Arc::new(Sampler::new(vec![source], Split::Train, 2, 9).unwrap())
    }

    #[test]
    fn batches_come_in_order_and_equal_those_made_directly() {
        let folder = tempfile::tempdir().unwrap();
        let sampler = sampler(&fixtures::flood_area(folder.path()).unwrap());
        let mut prefetch = Prefetch::start(&sampler, 40, 3, 2);
        for step in 40..60 {
            assert_eq!(prefetch.next_batch().unwrap(), sampler.batch(step).unwrap());
        }
    }

    #[test]
    fn an_unreadable_sample_reaches_the_one_who_asks() {
        let folder = tempfile::tempdir().unwrap();
        let root = fixtures::flood_area(folder.path()).unwrap();
        let sampler = sampler(&root);
        for file in std::fs::read_dir(root.join("images")).unwrap() {
            std::fs::write(file.unwrap().path(), "x").unwrap();
        }
        let mut prefetch = Prefetch::start(&sampler, 0, 2, 1);
        assert!(matches!(prefetch.next_batch(), Err(DataError::NotAImage { .. })));
    }

    #[test]
    fn dropping_it_stops_the_threads() {
        let folder = tempfile::tempdir().unwrap();
        let sampler = sampler(&fixtures::flood_area(folder.path()).unwrap());
        drop(Prefetch::start(&sampler, 0, 2, 1));
        assert_eq!(Arc::strong_count(&sampler), 1);
    }
}
