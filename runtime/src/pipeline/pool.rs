//! Buffers that are lent out and come back by themselves.

use std::ops::{Deref, DerefMut};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// A fixed number of buffers.
#[derive(Debug)]
pub(super) struct Pool<T> {
    home: SyncSender<T>,
    waiting: Receiver<T>,
}

/// A buffer of a pool. Dropped anywhere, on any thread, it goes home.
#[derive(Debug)]
pub(super) struct Pooled<T> {
    buffer: Option<T>,
    home: SyncSender<T>,
}

impl<T> Pool<T> {
    /// A pool of these buffers and never more.
    pub(super) fn new(buffers: impl ExactSizeIterator<Item = T>) -> Self {
        let (home, waiting) = sync_channel(buffers.len());
        for buffer in buffers {
            let _ = home.try_send(buffer);
        }
        Self { home, waiting }
    }

    /// Waits for a buffer.
    pub(super) fn take(&self) -> Pooled<T> {
        // The pool itself holds a sender, so this waits and cannot fail.
        Pooled { buffer: self.waiting.recv().ok(), home: self.home.clone() }
    }
}

impl<T> Deref for Pooled<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.buffer.as_ref().expect("a buffer leaves its holder only when that is dropped")
    }
}

impl<T> DerefMut for Pooled<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.buffer.as_mut().expect("a buffer leaves its holder only when that is dropped")
    }
}

impl<T> Drop for Pooled<T> {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            // There is room for every buffer; if the pool is gone, nobody needs it any more.
            let _ = self.home.try_send(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_goes_home_with_what_it_holds() {
        let pool = Pool::new(std::iter::once(Vec::<u8>::new()));
        let mut buffer = pool.take();
        buffer.push(7);
        std::thread::spawn(move || drop(buffer)).join().unwrap();
        assert_eq!(*pool.take(), [7]);
    }
}
