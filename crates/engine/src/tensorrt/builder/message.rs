//! What parent and child write to each other: lines of JSON, and behind those that announce them,
//! bytes.

use std::io::{self, BufRead, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::EngineKind;
use crate::tensorrt::PlanRequest;
use crate::tensorrt::build::Built;

/// What the parent wants, all that is ever written to the child's stdin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order<'a> {
    /// Number of the parent's process.
    pub(super) parent: u32,
    /// Whose library builds.
    pub(super) kind: EngineKind,
    /// What is to be built.
    pub(super) request: &'a PlanRequest<'a>,
    /// Timings of an earlier build, or nothing.
    pub(super) timings: &'a [u8],
}

/// The line before timings and model.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OrderLine<R> {
    pub(super) parent: u32,
    pub(super) kind: EngineKind,
    pub(super) request: R,
    timings_bytes: u64,
    model_bytes: u64,
}

/// An order as the child has read it; its request is without the model.
pub(super) struct ReadOrder {
    pub(super) line: OrderLine<PlanRequest<'static>>,
    pub(super) timings: Vec<u8>,
    pub(super) model: Vec<u8>,
}

/// What the child tells, a line each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Message {
    /// [`BuildNews::Phase`](crate::BuildNews::Phase).
    Phase { name: String, steps: u32 },
    /// [`BuildNews::Step`](crate::BuildNews::Step).
    Step { done: u32 },
    /// A warning or an error of the library's log, for the case that it is the last.
    Said { line: String },
    /// The library wrote something else to its log.
    Alive {},
    /// There is no plan; the last message.
    Failed { reason: String },
    /// There is one; the last message. So many bytes follow, the plan's first.
    Built { plan_bytes: u64, timings_bytes: Option<u64> },
}

impl Order<'_> {
    pub(super) fn write(&self, mut to: impl Write) -> io::Result<()> {
        let (timings_bytes, model_bytes) =
            (self.timings.len() as u64, self.request.model.len() as u64);
        let line = OrderLine {
            parent: self.parent,
            kind: self.kind,
            request: self.request,
            timings_bytes,
            model_bytes,
        };
        write_line(&mut to, &line)?;
        to.write_all(self.timings)?;
        to.write_all(self.request.model)?;
        to.flush()
    }
}

impl ReadOrder {
    pub(super) fn read(mut from: impl BufRead) -> io::Result<Self> {
        let Some(line) = read_line::<OrderLine<PlanRequest<'static>>>(&mut from)? else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let timings = read_bytes(&mut from, line.timings_bytes)?;
        let model = read_bytes(&mut from, line.model_bytes)?;
        Ok(Self { line, timings, model })
    }
}

impl Message {
    pub(super) fn write(&self, mut to: impl Write) -> io::Result<()> {
        write_line(&mut to, self)?;
        to.flush()
    }

    /// The next message; nothing at the end.
    pub(super) fn read(from: impl BufRead) -> io::Result<Option<Self>> {
        read_line(from)
    }
}

/// Writes what a build gave, the message and the bytes behind it.
pub(super) fn write_built(mut to: impl Write, built: &Built) -> io::Result<()> {
    let timings_bytes = built.timings.as_ref().map(|timings| timings.len() as u64);
    write_line(&mut to, &Message::Built { plan_bytes: built.plan.len() as u64, timings_bytes })?;
    to.write_all(&built.plan)?;
    to.write_all(built.timings.as_deref().unwrap_or_default())?;
    to.flush()
}

/// Reads what follows [`Message::Built`].
pub(super) fn read_built(
    mut from: impl Read,
    plan_bytes: u64,
    timings_bytes: Option<u64>,
) -> io::Result<Built> {
    let plan = read_bytes(&mut from, plan_bytes)?;
    let timings = timings_bytes.map(|bytes| read_bytes(&mut from, bytes)).transpose()?;
    Ok(Built { plan, timings })
}

fn write_line(to: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    to.write_all(&line)
}

fn read_line<T: DeserializeOwned>(mut from: impl BufRead) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    // A line that was cut off is that of a process that ended while it wrote.
    if line.pop() != Some(b'\n') {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&line)?))
}

fn read_bytes(from: impl Read, count: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(count).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == count { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
