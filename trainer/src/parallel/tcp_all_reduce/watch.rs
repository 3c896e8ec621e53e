//! What ranks say to each other beside their sums, and whether all are still there.

use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{ENDED, LostRank, TcpAllReduce, reason, receive};
use crate::TrainError;

/// A look that does not wait.
const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

impl TcpAllReduce {
    /// What each rank says, in the order of ranks. All ranks call this together.
    pub(in crate::parallel) fn exchange(&mut self, text: &str) -> Result<Vec<String>, TrainError> {
        // A place for each rank, which the others fill with zeros: bytes are exact in float32, and
        // so are their lengths in float64.
        let mut lengths = vec![0.0_f64; self.size];
        lengths[self.rank] = text.len() as f64;
        self.sum(&mut lengths)?;
        let longest = lengths.iter().fold(0.0_f64, |longest, &length| longest.max(length)) as usize;
        let mut bytes = vec![0.0_f32; longest * self.size];
        for (place, byte) in bytes[longest * self.rank..].iter_mut().zip(text.bytes()) {
            *place = f32::from(byte);
        }
        self.sum(&mut bytes)?;
        let of_rank = |(rank, length): (usize, &f64)| {
            let bytes = &bytes[longest * rank..][..*length as usize];
            String::from_utf8_lossy(&bytes.iter().map(|&byte| byte as u8).collect::<Vec<_>>())
                .into_owned()
        };
        Ok(lengths.iter().enumerate().map(of_rank).collect())
    }

    /// Fails once a rank has ended, and names it. Does not wait. For the time between two sums, in
    /// which rank 0 sends nothing but that.
    pub(in crate::parallel) fn watch(&mut self) -> Result<(), TrainError> {
        // Of rank 0: another rank may be ahead and have sent its next numbers.
        let what = if self.rank == 0 { PollFlags::RDHUP } else { PollFlags::IN | PollFlags::RDHUP };
        let mut places: Vec<PollFd> =
            self.peers.iter().map(|peer| PollFd::from_borrowed_fd(peer.as_fd(), what)).collect();
        if poll(&mut places, Some(&AT_ONCE))
            .map_err(|error| self.lost(self.rank, error.to_string()))?
            == 0
        {
            return Ok(());
        }
        let Some(peer) = places.iter().position(|place| !place.revents().is_empty()) else {
            return Ok(());
        };
        if self.rank == 0 {
            return Err(self.lose(peer + 1, &std::io::ErrorKind::UnexpectedEof.into()));
        }
        Err(match receive(&mut self.peers[0]) {
            Ok(_) => self.lost(0, "sums numbers where this rank waits for gradients".to_owned()),
            Err(error) => match error.downcast::<LostRank>() {
                Ok(LostRank(rank)) => self.lost(rank, ENDED.to_owned()),
                Err(error) => self.lost(0, reason(&error)),
            },
        })
    }
}
