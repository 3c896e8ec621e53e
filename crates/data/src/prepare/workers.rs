//! Many independent jobs on a few threads.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use crate::error::DataError;

/// Runs `work` on `0..jobs` with at most so many threads; results in the order of the jobs.
/// `progress` hears, on the calling thread, how many are done, and of how many. After an error no
/// further job begins; of several errors the first job's is returned.
pub(super) fn in_parallel<T: Send>(
    threads: NonZeroUsize,
    jobs: usize,
    work: impl Fn(usize) -> Result<T, DataError> + Sync,
    mut progress: impl FnMut(usize, usize),
) -> Result<Vec<T>, DataError> {
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (sender, results) = channel();
    let mut done = std::thread::scope(|scope| {
        for _ in 0..threads.get().min(jobs) {
            let (sender, next, stop, work) = (sender.clone(), &next, &stop, &work);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let job = next.fetch_add(1, Ordering::Relaxed);
                    if job >= jobs {
                        return;
                    }
                    let result = work(job);
                    stop.fetch_or(result.is_err(), Ordering::Relaxed);
                    // The receiver outlives the threads.
                    let _ = sender.send((job, result));
                }
            });
        }
        drop(sender);
        let mut done = Vec::with_capacity(jobs);
        for (job, result) in results {
            done.push((job, result));
            progress(done.len(), jobs);
        }
        done
    });
    done.sort_unstable_by_key(|(job, _)| *job);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const THREADS: NonZeroUsize = NonZeroUsize::new(3).unwrap();

    #[test]
    fn results_come_in_the_order_of_the_jobs_and_all_are_heard_of() {
        let mut heard = Vec::new();
        let squares =
            in_parallel(THREADS, 50, |job| Ok(job * job), |done, total| heard.push((done, total)))
                .unwrap();
        assert!(squares.into_iter().eq((0..50).map(|job| job * job)));
        assert!(heard.into_iter().eq((1..=50).map(|done| (done, 50))));
    }

    #[test]
    fn after_an_error_no_further_job_begins() {
        let begun = AtomicUsize::new(0);
        let work = |job: usize| {
            begun.fetch_add(1, Ordering::Relaxed);
            let error = || DataError::malformed(Path::new("file"), "a", "b");
            if job == 0 {
                Err(error())
            } else {
                std::thread::sleep(std::time::Duration::from_millis(20));
                Ok(())
            }
        };
        assert!(in_parallel(THREADS, 1000, work, |_, _| {}).is_err());
        assert!(begun.into_inner() <= 2 * THREADS.get());
    }
}
