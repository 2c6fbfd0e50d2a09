//! A strict reading of the client's HTTP/1 bytes, before anything lenient sees them.
//!
//! Requests are smuggled where two readers of one byte stream find different ends of a message:
//! two lengths, a line feed that ends a line for one reader only, `Transfer-Encoding : chunked`,
//! a chunk size of `0x5`. What is not exactly what RFC 9112 says is therefore refused here, so
//! that the HTTP implementation behind, and the upstream behind that, cannot disagree.

use std::fmt;

mod bytes;
mod chunk;
mod head;
mod lines;

use chunk::ChunkLine;
use head::{Body, Head};
use lines::Lines;

/// Bytes of the trailer fields of one request, at most; less if heads may have less.
const TRAILER_BYTES_MAX: usize = 8 * 1024;

/// What begins a connection with HTTP/2 prior knowledge (RFC 9113 section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Hard sizes of a request's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Request line, field lines and the empty line, with their line ends.
    pub head_bytes: usize,
    /// Field lines; trailers may have as many again.
    pub headers: usize,
}

/// Why a connection's bytes are not HTTP/1 as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    /// 400, 414, 417, 431, 501 or 505.
    pub status: u16,
    /// For people: lower-case, without a final dot.
    pub reason: &'static str,
}

impl Malformed {
    const fn new(status: u16, reason: &'static str) -> Self {
        Self { status, reason }
    }

    const fn bad(reason: &'static str) -> Self {
        Self::new(400, reason)
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)
    }
}

impl std::error::Error for Malformed {}

/// What may happen to the bytes that were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Verdict {
    /// How many of them, from the first on, may be handed on now.
    pub pass: usize,
    /// What is wrong with the bytes after those; nothing on this connection passes any more.
    pub fault: Option<Malformed>,
}

/// Where in the stream of messages the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Between messages: nothing has come since the last one ended.
    Idle,
    /// A head has begun and not ended.
    Head,
    /// A head has passed and its body has not ended.
    Body,
    /// A head that offers another protocol has passed; see [`Framing::resume`].
    Undecided,
    /// The stream is no longer HTTP/1 ([`Framing::release`]).
    Released,
    /// A fault was found.
    Faulty,
}

/// Follows one connection from head to body to head.
///
/// It holds no bytes. Its caller keeps those that have not passed and shows them again, from the
/// first of them on, with whatever came after:
///
/// 1. read from the client to the end of a buffer;
/// 2. call [`inspect`](Self::inspect) with the whole buffer;
/// 3. hand on the first `pass` bytes and remove them from the buffer;
/// 4. if there is a `fault`, read no more: answer it once all requests that have passed are
///    answered, and close.
///
/// A head, a chunk's size line and the trailers pass whole or not at all; the bytes of a body pass
/// as they come. So a buffer of [`keeps_at_most`](Self::keeps_at_most) bytes is never full with
/// nothing to hand on. What passes and what is refused does not depend on how the bytes are cut.
#[derive(Debug)]
pub struct Framing {
    limits: HeadLimits,
    state: State,
}

#[derive(Debug)]
enum State {
    Head(Head),
    /// Bytes of a body with a length that have not come; at least 1.
    Length(u64),
    ChunkSize(ChunkLine),
    /// Bytes of a chunk that have not come; at least 1.
    ChunkBytes {
        left: u64,
        line: ChunkLine,
    },
    ChunkEnd(ChunkLine),
    Trailers(Lines),
    Undecided,
    Released,
    Faulty {
        fault: Malformed,
        in_body: bool,
    },
}

impl Framing {
    /// Starts before the first byte of a connection.
    #[must_use]
    pub const fn new(limits: HeadLimits) -> Self {
        Self { limits, state: State::Head(Head::new()) }
    }

    /// Looks at all bytes that have not passed yet.
    pub fn inspect(&mut self, input: &[u8]) -> Verdict {
        let mut rest = input;
        let fault = loop {
            if rest.is_empty() {
                break None;
            }
            match self.step(rest) {
                Ok(Some(pass)) => rest = rest.get(pass..).unwrap_or_default(),
                Ok(None) => break None,
                Err(fault) => {
                    let in_body = self.breaks_body() || self.phase() == Phase::Body;
                    self.state = State::Faulty { fault, in_body };
                    break Some(fault);
                }
            }
        };
        Verdict { pass: input.len() - rest.len(), fault }
    }

    /// Where the client is, as of the last call of [`inspect`](Self::inspect).
    #[must_use]
    pub const fn phase(&self) -> Phase {
        match &self.state {
            State::Head(head) if head.has_begun() => Phase::Head,
            State::Head(_) => Phase::Idle,
            State::Length(_)
            | State::ChunkSize(_)
            | State::ChunkBytes { .. }
            | State::ChunkEnd(_)
            | State::Trailers(_) => Phase::Body,
            State::Undecided => Phase::Undecided,
            State::Released => Phase::Released,
            State::Faulty { .. } => Phase::Faulty,
        }
    }

    /// Whether the fault is in a body, its chunks or its trailers, so that a request whose head has
    /// passed is not whole. False for a fault in a head, and without a fault.
    #[must_use]
    pub const fn breaks_body(&self) -> bool {
        matches!(self.state, State::Faulty { in_body: true, .. })
    }

    /// Lets everything pass from now on: the connection was upgraded to another protocol
    /// (RFC 9110 section 7.8). Without effect after a fault.
    pub const fn release(&mut self) {
        if !matches!(self.state, State::Faulty { .. }) {
            self.state = State::Released;
        }
    }

    /// Goes on with the next head: the client offered another protocol, and the answer was an
    /// ordinary one. Without effect in any other phase.
    ///
    /// Nothing passes between the head with the offer (`Upgrade`, RFC 9110 section 7.8) and this, or
    /// [`release`](Self::release): what the bytes after it are, only the answer tells.
    pub const fn resume(&mut self) {
        if matches!(self.state, State::Undecided) {
            self.state = State::next_message();
        }
    }

    /// The most bytes that can be kept back without a fault, but for what comes while an offer is
    /// undecided, which the caller bounds by not reading on.
    #[must_use]
    pub const fn keeps_at_most(&self) -> usize {
        // The empty line before a request line, and the shortest chunk line's bound.
        let head = self.limits.head_bytes + 2;
        if head > chunk::LINE_BYTES_MAX { head } else { chunk::LINE_BYTES_MAX }
    }

    /// Takes one piece of a message: how much of the input it is, or none if it is not whole.
    fn step(&mut self, input: &[u8]) -> Result<Option<usize>, Malformed> {
        let (pass, next) = match &mut self.state {
            State::Head(head) => {
                let Some((pass, body)) = head.read(input, self.limits)? else {
                    return Ok(None);
                };
                (pass, State::of(body))
            }
            State::Length(left) => {
                let (pass, left) = take(*left, input);
                (pass, if left == 0 { State::next_message() } else { State::Length(left) })
            }
            State::ChunkSize(line) => {
                let Some((pass, size)) = line.read(input)? else {
                    return Ok(None);
                };
                let next = match size {
                    0 => State::Trailers(Lines::new()),
                    left => State::ChunkBytes { left, line: *line },
                };
                (pass, next)
            }
            State::ChunkBytes { left, line } => {
                let (pass, left) = take(*left, input);
                let line = *line;
                let next = match left {
                    0 => State::ChunkEnd(line),
                    left => State::ChunkBytes { left, line },
                };
                (pass, next)
            }
            State::ChunkEnd(line) => match input {
                [b'\r', b'\n', ..] => (2, State::ChunkSize(*line)),
                [b'\r'] => return Ok(None),
                _ => return Err(Malformed::bad("a chunk that is longer than its size")),
            },
            State::Trailers(lines) => {
                let Some(pass) = head::read_trailers(lines, input, self.limits)? else {
                    return Ok(None);
                };
                (pass, State::next_message())
            }
            State::Undecided => return Ok(None),
            State::Released => return Ok(Some(input.len())),
            State::Faulty { fault, .. } => return Err(*fault),
        };
        self.state = next;
        Ok(Some(pass))
    }
}

impl State {
    const fn next_message() -> Self {
        Self::Head(Head::new())
    }

    const fn of(body: Body) -> Self {
        match body {
            Body::Length(0) => Self::next_message(),
            Body::Length(left) => Self::Length(left),
            Body::Chunked => Self::ChunkSize(ChunkLine::new()),
            Body::Undecided => Self::Undecided,
        }
    }
}

/// How much of the input belongs to a body of which `left` bytes have not come, and how many are
/// left after it.
fn take(left: u64, input: &[u8]) -> (usize, u64) {
    let pass = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
    (pass, left.saturating_sub(pass as u64))
}

/// Whether a connection begins with HTTP/2 prior knowledge; none if more bytes are needed.
#[must_use]
pub fn is_http2_preface(prefix: &[u8]) -> Option<bool> {
    if prefix.len() >= HTTP2_PREFACE.len() {
        return Some(prefix.starts_with(HTTP2_PREFACE));
    }
    if HTTP2_PREFACE.starts_with(prefix) { None } else { Some(false) }
}

#[cfg(test)]
mod tests;
