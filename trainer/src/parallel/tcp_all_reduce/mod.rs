//! Sums over ranks through rank 0, over TCP.
//!
//! A message is its length in bytes (u64), then its numbers, little-endian. Every rank sends its
//! own to rank 0, which adds them in the order of ranks, so that sums repeat to the bit, and sends
//! the sum to all. A rank that ends closes its connection: rank 0 sees it where it waits for the
//! numbers, and tells the others with the length [`LOST`] and the rank.

mod watch;

use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::ops::AddAssign;
use std::time::{Duration, Instant};

use super::Environment;
use crate::TrainError;

/// How long ranks wait for each other at the start. Machines of a cluster start minutes apart.
const PATIENCE: Duration = Duration::from_mins(5);
/// How long rank 0 waits for the others to hear that one is lost.
const FAREWELL: Duration = Duration::from_secs(3);
/// Between two looks for a rank.
const PAUSE: Duration = Duration::from_millis(20);
/// What a connection begins with.
const GREETING: [u8; 8] = *b"rszs-1\r\n";
/// What others know of a rank whose connection is closed.
const ENDED: &str =
    "it ended; its own messages say why, and the same command goes on from the last state";
/// In place of a length: a rank was lost, and which.
const LOST: u64 = u64::MAX;

/// One rank's connections.
#[derive(Debug)]
pub(super) struct TcpAllReduce {
    rank: usize,
    size: usize,
    /// Of rank 0 to ranks 1, 2, …; of others to rank 0 alone.
    peers: Vec<TcpStream>,
}

/// A number that can be sent and added.
pub(super) trait Number: Copy + AddAssign {
    fn write(self, bytes: &mut Vec<u8>);
    fn read(bytes: &[u8]) -> Vec<Self>;
}

impl Number for f32 {
    fn write(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }

    fn read(bytes: &[u8]) -> Vec<Self> {
        bytes.as_chunks().0.iter().map(|&number| Self::from_le_bytes(number)).collect()
    }
}

impl Number for f64 {
    fn write(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }

    fn read(bytes: &[u8]) -> Vec<Self> {
        bytes.as_chunks().0.iter().map(|&number| Self::from_le_bytes(number)).collect()
    }
}

impl TcpAllReduce {
    /// Connects this rank; returns when its connections stand. `job` is what all ranks must agree
    /// on.
    pub(super) fn join(environment: &Environment, job: u64) -> Result<Self, TrainError> {
        let Environment { rank, size, .. } = *environment;
        let peers =
            if rank == 0 { gather(environment, job)? } else { vec![connect(environment, job)?] };
        Ok(Self { rank, size, peers })
    }

    pub(super) fn rank(&self) -> usize {
        self.rank
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Replaces each number by its sum over all ranks.
    pub(super) fn sum<T: Number>(&mut self, numbers: &mut [T]) -> Result<(), TrainError> {
        if self.rank == 0 { self.lead(numbers) } else { self.follow(numbers) }
    }

    fn lead<T: Number>(&mut self, numbers: &mut [T]) -> Result<(), TrainError> {
        for peer in 0..self.peers.len() {
            let received =
                receive(&mut self.peers[peer]).map_err(|error| self.lose(peer + 1, &error))?;
            let others = T::read(&received);
            if others.len() != numbers.len() || received.len() != size_of_val(numbers) {
                let reason =
                    format!("{} bytes where rank 0 has {}", received.len(), size_of_val(numbers));
                return Err(
                    self.lose(peer + 1, &io::Error::new(io::ErrorKind::InvalidData, reason))
                );
            }
            numbers.iter_mut().zip(others).for_each(|(sum, other)| *sum += other);
        }
        let message = message(numbers);
        for peer in 0..self.peers.len() {
            self.peers[peer].write_all(&message).map_err(|error| self.lose(peer + 1, &error))?;
        }
        Ok(())
    }

    fn follow<T: Number>(&mut self, numbers: &mut [T]) -> Result<(), TrainError> {
        let peer = &mut self.peers[0];
        // A connection that is closed may still hold the reason: read it before giving up.
        let sent = peer.write_all(&message(numbers));
        let received = receive(peer).map_err(|error| match error.downcast::<LostRank>() {
            Ok(LostRank(rank)) => self.lost(rank, ENDED.to_owned()),
            Err(error) => self.lost(0, reason(&sent.err().unwrap_or(error))),
        })?;
        numbers.iter_mut().zip(T::read(&received)).for_each(|(number, sum)| *number = sum);
        Ok(())
    }

    /// Tells every other rank that one is lost.
    fn lose(&self, rank: usize, error: &io::Error) -> TrainError {
        let message = [LOST.to_le_bytes(), (rank as u64).to_le_bytes()].concat();
        let others =
            || (1..).zip(&self.peers).filter(|&(peer, _)| peer != rank).map(|(_, stream)| stream);
        // Another rank that is lost, too, hears nothing and needs nothing.
        others().for_each(|mut stream| drop(stream.write_all(&message)));
        // A connection that is closed with numbers unread takes back what was just sent: wait until
        // the others have heard.
        let end = Instant::now() + FAREWELL;
        for mut stream in others() {
            let left = end.saturating_duration_since(Instant::now()).max(PAUSE);
            let heard = stream
                .set_read_timeout(Some(left))
                .and_then(|()| io::copy(&mut stream, &mut io::sink()));
            drop(heard);
        }
        self.lost(rank, reason(error))
    }

    fn lost(&self, rank: usize, reason: String) -> TrainError {
        TrainError::Rank { rank, size: self.size, reason }
    }
}

/// What rank 0 told of a rank that ended.
#[derive(Debug, thiserror::Error)]
#[error("rank {0} ended")]
struct LostRank(usize);

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe => ENDED.to_owned(),
        _ => error.to_string(),
    }
}

fn message<T: Number>(numbers: &[T]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 + size_of_val(numbers));
    bytes.extend((size_of_val(numbers) as u64).to_le_bytes());
    for number in numbers {
        number.write(&mut bytes);
    }
    bytes
}

fn receive(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = receive_number(stream)?;
    if length == LOST {
        return Err(io::Error::other(LostRank(receive_number(stream)? as usize)));
    }
    let mut bytes = Vec::new();
    stream.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn receive_number(stream: &mut TcpStream) -> io::Result<u64> {
    let mut number = [0; 8];
    stream.read_exact(&mut number)?;
    Ok(u64::from_le_bytes(number))
}

/// Rank 0: a connection from every other rank, in the order of ranks.
fn gather(environment: &Environment, job: u64) -> Result<Vec<TcpStream>, TrainError> {
    let Environment { size, port, .. } = *environment;
    let failed = |rank, reason: String| TrainError::Rank { rank, size, reason };
    let listener = match environment.address.parse::<IpAddr>() {
        Ok(loopback) if loopback.is_loopback() => TcpListener::bind((loopback, port + 1)),
        _ => TcpListener::bind(("::", port + 1))
            .or_else(|_| TcpListener::bind(("0.0.0.0", port + 1))),
    };
    let listener = listener.map_err(|error| failed(0, format!("port {}: {error}", port + 1)))?;
    listener.set_nonblocking(true).map_err(|error| failed(0, error.to_string()))?;
    let mut peers: Vec<Option<TcpStream>> = (1..size).map(|_| None).collect();
    let start = Instant::now();
    while let Some(missing) = peers.iter().position(Option::is_none) {
        match listener.accept() {
            // A stranger that does not greet is let go.
            Ok((stream, _)) => {
                let Ok((rank, theirs, stream)) = greeted(stream) else { continue };
                if rank == 0 || rank >= size || peers[rank - 1].is_some() {
                    return Err(failed(rank, "came twice, or is not of this run".to_owned()));
                }
                if theirs != job {
                    return Err(failed(
                        rank,
                        "trains another description, --from, words or --transport than rank 0"
                            .to_owned(),
                    ));
                }
                peers[rank - 1] = Some(stream);
            }
            Err(error)
                if error.kind() == io::ErrorKind::WouldBlock && start.elapsed() < PATIENCE =>
            {
                std::thread::sleep(PAUSE);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(failed(
                    missing + 1,
                    format!("did not come within {} s", PATIENCE.as_secs()),
                ));
            }
            Err(error) => return Err(failed(0, error.to_string())),
        }
    }
    Ok(peers.into_iter().flatten().collect())
}

/// The rank and job that a connection says it is of.
fn greeted(mut stream: TcpStream) -> io::Result<(usize, u64, TcpStream)> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut greeting = [0; 8];
    stream.read_exact(&mut greeting)?;
    if greeting != GREETING {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let (rank, job) = (receive_number(&mut stream)?, receive_number(&mut stream)?);
    stream.set_read_timeout(None)?;
    Ok((rank as usize, job, stream))
}

/// Another rank: the connection to rank 0, which may not listen yet.
fn connect(environment: &Environment, job: u64) -> Result<TcpStream, TrainError> {
    let Environment { rank, size, address, port } = environment;
    let start = Instant::now();
    let attempt = || -> io::Result<TcpStream> {
        let addresses: Vec<_> = (address.as_str(), port + 1).to_socket_addrs()?.collect();
        let mut stream = TcpStream::connect(addresses.as_slice())?;
        stream.set_nodelay(true)?;
        let numbers = [(*rank as u64).to_le_bytes(), job.to_le_bytes()].concat();
        stream.write_all(&[GREETING.as_slice(), &numbers].concat())?;
        Ok(stream)
    };
    loop {
        match attempt() {
            Ok(stream) => return Ok(stream),
            Err(error) if start.elapsed() > PATIENCE => {
                let reason = format!("{address}:{}: {error}", port + 1);
                return Err(TrainError::Rank { rank: 0, size: *size, reason });
            }
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}
