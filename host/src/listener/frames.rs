//! A client's HTTP/2 frames, followed ahead of hyper by their heads alone.
//!
//! hyper's HTTP/2 looks at what frames say. Here is looked at what it does not mind: a connection that
//! does not begin with settings, frames of a size that their type cannot have, which it takes for
//! another error, and clients that send frames without end which bring nothing.
//!
//! Only hyper can say goodbye, so whoever is to leave is made to: [`Error::frames`] are frames of
//! ours, put in the place of the client's next ones, to which it has no other answer. It costs the
//! head of a frame, nine bytes, so a body passes at the cost of one look for up to 16 KiB.

use std::time::{Duration, Instant};

use super::framing::HTTP2_PREFACE;
use crate::clock;

/// The head of a frame (RFC 9113 section 4.1).
const HEAD_BYTES: usize = 9;

/// What a frame costs beyond its bytes, in bytes: as much as one that carries so many.
const FRAME_COST: u64 = 32;

/// What a frame may carry (RFC 9113 section 4.2); hyper ends the connection for more.
const FRAME_BYTES_MAX: usize = 16 * 1024;

/// The setting `SETTINGS_INITIAL_WINDOW_SIZE` (RFC 9113 section 6.5.2).
const INITIAL_WINDOW_SIZE: u16 = 4;

/// The largest of all windows (RFC 9113 section 6.9.1).
const WINDOW_MAX: u32 = 0x7fff_ffff;

/// How far the cost of frames that bring nothing may be ahead of the bytes that bring something, in
/// either direction. It is 14 000 pings, or 9000 window updates of a client that gets nothing.
const COST_MAX: u64 = 320 * 1024;

/// Who takes longer to get there starts again: a thousand pings in a second are no flood.
const COST_WINDOW: Duration = Duration::from_secs(10);

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const ACK: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const WITH_PRIORITY: u8 = 0x20;

/// What a connection is ended for (RFC 9113 section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Error {
    /// `PROTOCOL_ERROR`.
    Protocol,
    /// `FLOW_CONTROL_ERROR`.
    FlowControl,
    /// `FRAME_SIZE_ERROR`.
    FrameSize,
    /// `ENHANCE_YOUR_CALM`.
    Calm,
}

/// What may happen to bytes that were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) struct Seen {
    /// How many of them, from the first on, may be handed on now.
    pub(super) pass: usize,
    /// Whether a request began or a body went on.
    pub(super) moved: bool,
    /// What is wrong with what comes after those; nothing of the client passes any more.
    pub(super) error: Option<Error>,
}

/// Where in its frames a client is.
#[derive(Debug)]
pub(super) struct Frames {
    /// Bytes of the preface or of a frame that have not come.
    left: usize,
    stage: Stage,
    /// The stream whose header block has not ended.
    block: Option<u32>,
    /// What frames cost that brought nothing, less what passed that was something; in bytes.
    cost: u64,
    /// When `cost` was nothing.
    since: Instant,
    /// How many CONTINUATION frames hyper bears for one header block.
    continuations: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Preface,
    /// Of the settings that have to come first (RFC 9113 section 3.4).
    Settings,
    Frames,
    Ended,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Frames {
    /// Starts before the preface. `header_list_bytes` is what hyper was told.
    pub(super) fn new(header_list_bytes: u32) -> Self {
        // h2 bears as many as it takes to fill the list, and a quarter more; at least 5.
        let full = usize::try_from(header_list_bytes / (16 * 1024)).unwrap_or(usize::MAX);
        Self {
            left: HTTP2_PREFACE.len(),
            stage: Stage::Preface,
            block: None,
            cost: 0,
            since: clock::now(),
            continuations: full.saturating_add(full / 4).max(5),
        }
    }

    /// Looks at all bytes that have not passed yet. A frame's head passes whole or not at all, and so do
    /// settings.
    pub(super) fn inspect(&mut self, input: &[u8]) -> Seen {
        let (mut rest, mut moved) = (input, false);
        let error = loop {
            let (now, later) = rest.split_at(self.left.min(rest.len()));
            self.left -= now.len();
            rest = later;
            if rest.is_empty() {
                break None;
            }
            if self.stage == Stage::Preface {
                self.stage = Stage::Settings;
            }
            let Some(head) = Head::read(rest) else { break None };
            let settings = match head.kind {
                SETTINGS if head.length <= FRAME_BYTES_MAX => {
                    match rest.get(HEAD_BYTES..HEAD_BYTES + head.length) {
                        None => break None,
                        settings => settings,
                    }
                }
                _ => None,
            };
            match self.step(head, settings.unwrap_or_default()) {
                Ok(brings) => moved |= brings,
                Err(error) => break Some(error),
            }
            self.left = HEAD_BYTES + head.length;
        };
        if error.is_some() {
            self.stage = Stage::Ended;
        }
        Seen { pass: input.len() - rest.len(), moved, error }
    }

    /// Whether frames of ours may take the place of the client's: all before has passed whole.
    pub(super) const fn is_between(&self) -> bool {
        self.left == 0 && matches!(self.stage, Stage::Frames)
    }

    /// Notes that nothing of the client passes any more.
    pub(super) const fn end(&mut self) {
        self.stage = Stage::Ended;
    }

    /// Notes bytes that the client was sent.
    pub(super) const fn wrote(&mut self, bytes: usize) {
        self.cost = self.cost.saturating_sub(bytes as u64);
    }

    /// Judges one frame by its head, and settings by themselves; whether it brings something.
    fn step(&mut self, head: Head, settings: &[u8]) -> Result<bool, Error> {
        let is_first = self.stage == Stage::Settings;
        if is_first && (head.kind != SETTINGS || head.flags & ACK != 0) {
            return Err(Error::Protocol);
        }
        self.stage = Stage::Frames;
        if !head.has_size() {
            return Err(Error::FrameSize);
        }
        if has_too_large_a_window(settings) {
            return Err(Error::FlowControl);
        }
        if matches!(head.kind, HEADERS | CONTINUATION) {
            self.block = (head.flags & END_HEADERS == 0).then_some(head.stream);
        }
        if matches!(head.kind, DATA | HEADERS) && head.length > 0 {
            self.cost = self.cost.saturating_sub(head.length as u64);
            return Ok(true);
        }
        self.cost += FRAME_COST + head.length as u64;
        if self.cost > COST_MAX {
            let now = clock::now();
            if now.saturating_duration_since(self.since) < COST_WINDOW {
                return Err(Error::Calm);
            }
            (self.cost, self.since) = (0, now);
        }
        Ok(is_first)
    }

    /// Frames that make hyper end the connection with this error, to be read where the client's
    /// would come.
    pub(super) fn ending(&self, error: Error) -> Vec<u8> {
        match error {
            // PING belongs to no stream (RFC 9113 section 6.7).
            Error::Protocol => Head { length: 8, kind: PING, flags: 0, stream: 1 }
                .bytes()
                .into_iter()
                .chain([0; 8])
                .collect(),
            // One of them makes the connection's window too large, whatever is left of it.
            Error::FlowControl => {
                let head = Head { length: 4, kind: WINDOW_UPDATE, flags: 0, stream: 0 };
                let update = [&head.bytes()[..], &WINDOW_MAX.to_be_bytes()].concat();
                update.repeat(2)
            }
            // No frame may be as large as this one claims to be.
            Error::FrameSize => {
                Head { length: 0xff_ffff, kind: DATA, flags: 0, stream: 0 }.bytes().to_vec()
            }
            // A header block that never ends.
            Error::Calm => {
                let stream = self.block.unwrap_or(1);
                let begin = Head { length: 0, kind: HEADERS, flags: 0, stream };
                let more = Head { kind: CONTINUATION, ..begin };
                let begin = self.block.is_none().then(|| begin.bytes());
                let more = std::iter::repeat_n(more.bytes(), self.continuations.saturating_add(1));
                begin.into_iter().chain(more).flatten().collect()
            }
        }
    }
}

/// Whether streams would get a window that cannot be (RFC 9113 section 6.5.2).
fn has_too_large_a_window(settings: &[u8]) -> bool {
    let (settings, _) = settings.as_chunks::<6>();
    settings.iter().any(|&[a, b, c, d, e, f]| {
        u16::from_be_bytes([a, b]) == INITIAL_WINDOW_SIZE
            && u32::from_be_bytes([c, d, e, f]) > WINDOW_MAX
    })
}

impl Head {
    /// None if it is not whole.
    fn read(input: &[u8]) -> Option<Self> {
        let &[a, b, c, kind, flags, d, e, f, g] = input.first_chunk::<HEAD_BYTES>()?;
        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        // The reserved bit says nothing (RFC 9113 section 4.1).
        let stream = u32::from_be_bytes([d & 0x7f, e, f, g]);
        Some(Self { length, kind, flags, stream })
    }

    fn bytes(self) -> [u8; HEAD_BYTES] {
        let [_, _, _, _, _, a, b, c] = (self.length as u64).to_be_bytes();
        let [d, e, f, g] = self.stream.to_be_bytes();
        [a, b, c, self.kind, self.flags, d, e, f, g]
    }

    /// Whether the type allows this length (RFC 9113 section 4.2). How large frames may be at most,
    /// hyper knows.
    const fn has_size(self) -> bool {
        match self.kind {
            HEADERS => self.length >= self.least(),
            PRIORITY => self.length == 5,
            RST_STREAM | WINDOW_UPDATE => self.length == 4,
            PING => self.length == 8,
            SETTINGS if self.flags & ACK != 0 => self.length == 0,
            SETTINGS => self.length.is_multiple_of(6),
            GOAWAY => self.length >= 8,
            _ => true,
        }
    }

    /// What the flags of HEADERS take before the header block (RFC 9113 section 6.2), in bytes.
    const fn least(self) -> usize {
        let padding = if self.flags & PADDED != 0 { 1 } else { 0 };
        let priority = if self.flags & WITH_PRIORITY != 0 { 5 } else { 0 };
        padding + priority
    }
}

#[cfg(test)]
mod tests;
