//! A client of HTTP/2 that chooses every frame: RFC 9113 by hand, and of RFC 7541 what it takes.
//!
//! Header blocks are literals without indexing and without Huffman, unless a test writes its own
//! bytes. Of responses it reads the status only, which it can because it allows the gateway no
//! dynamic table.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

/// How long an answer may take. Cases that wait it out fail.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a client says first (RFC 9113 section 3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames (RFC 9113 section 6).
pub mod kind {
    #![allow(missing_docs, reason = "the names are those of the RFC")]
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// Flags of frames.
pub mod flag {
    #![allow(missing_docs, reason = "the names are those of the RFC")]
    pub const ACK: u8 = 0x1;
    pub const END_STREAM: u8 = 0x1;
    pub const END_HEADERS: u8 = 0x4;
    pub const PADDED: u8 = 0x8;
    pub const PRIORITY: u8 = 0x20;
    /// A request without a body, in one frame.
    pub const WHOLE: u8 = END_STREAM | END_HEADERS;
}

/// Error codes (RFC 9113 section 7).
pub mod code {
    #![allow(missing_docs, reason = "the names are those of the RFC")]
    pub const NO_ERROR: u32 = 0;
    pub const PROTOCOL_ERROR: u32 = 1;
    pub const INTERNAL_ERROR: u32 = 2;
    pub const FLOW_CONTROL_ERROR: u32 = 3;
    pub const STREAM_CLOSED: u32 = 5;
    pub const FRAME_SIZE_ERROR: u32 = 6;
    pub const REFUSED_STREAM: u32 = 7;
    pub const CANCEL: u32 = 8;
    pub const COMPRESSION_ERROR: u32 = 9;
    pub const ENHANCE_YOUR_CALM: u32 = 11;
}

/// Settings (RFC 9113 section 6.5.2).
pub mod setting {
    #![allow(missing_docs, reason = "the names are those of the RFC")]
    pub const HEADER_TABLE_SIZE: u16 = 1;
    pub const ENABLE_PUSH: u16 = 2;
    pub const MAX_CONCURRENT_STREAMS: u16 = 3;
    pub const INITIAL_WINDOW_SIZE: u16 = 4;
    pub const MAX_FRAME_SIZE: u16 = 5;
    pub const MAX_HEADER_LIST_SIZE: u16 = 6;
}

/// A frame that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// See [`kind`].
    pub kind: u8,
    /// See [`flag`].
    pub flags: u8,
    /// 0 for the connection.
    pub stream: u32,
    /// What comes after the nine bytes of the frame's head.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Whether a flag is set.
    #[must_use]
    pub const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The number in four bytes of the payload.
    #[must_use]
    pub fn number(&self, at: usize) -> u32 {
        self.payload
            .get(at..at + 4)
            .map_or(0, |bytes| u32::from_be_bytes(bytes.try_into().expect("four bytes")))
    }

    /// The status in a header block that begins with one.
    #[must_use]
    pub fn status(&self) -> u16 {
        // An encoder that may have another table says so first.
        let mut rest = self.payload.as_slice();
        while let [first @ 0x20..=0x3f, after @ ..] = rest {
            let more = after.iter().take_while(|byte| **byte >= 0x80).count() + 1;
            rest = if *first == 0x3f { after.get(more..).unwrap_or_default() } else { after };
        }
        match rest {
            [0x88, ..] => 200,
            [0x89, ..] => 204,
            [0x8a, ..] => 206,
            [0x8b, ..] => 304,
            [0x8c, ..] => 400,
            [0x8d, ..] => 404,
            [0x8e, ..] => 500,
            // A literal with the name of one of those, its value in Huffman's code.
            [0x08..=0x0e | 0x48..=0x4e, length, digits @ ..] if length & 0x80 != 0 => (100..600)
                .find(|status| digits.starts_with(&huffman(&status.to_string())))
                .unwrap_or(0),
            [0x08..=0x0e | 0x48..=0x4e, 3, digits @ ..] => std::str::from_utf8(&digits[..3])
                .ok()
                .and_then(|text| text.parse().ok())
                .unwrap_or(0),
            _ => 0,
        }
    }
}

/// Digits in Huffman's code (RFC 7541 appendix B), padded with ones.
fn huffman(digits: &str) -> Vec<u8> {
    let (mut bits, mut count) = (0_u64, 0);
    for digit in digits.bytes() {
        let digit = u64::from(digit - b'0');
        let (code, length) = if digit < 3 { (digit, 5) } else { (0x19 + digit - 3, 6) };
        bits = bits << length | code;
        count += length;
    }
    while count % 8 != 0 {
        bits = bits << 1 | 1;
        count += 1;
    }
    bits.to_be_bytes()[8 - count / 8..].to_vec()
}

/// A frame's bytes.
#[must_use]
pub fn frame(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    announced(payload.len(), kind, flags, stream, payload)
}

/// A frame's bytes, with a length that need not be that of the payload.
#[must_use]
pub fn announced(length: usize, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(length).expect("24 bits").to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Settings.
#[must_use]
pub fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let payload = values.iter().flat_map(|(name, value)| {
        name.to_be_bytes().into_iter().chain(value.to_be_bytes()).collect::<Vec<u8>>()
    });
    frame(kind::SETTINGS, 0, 0, payload.collect::<Vec<u8>>())
}

/// The answer to settings.
#[must_use]
pub fn settings_ack() -> Vec<u8> {
    frame(kind::SETTINGS, flag::ACK, 0, [])
}

/// A whole header block in one frame, with these flags.
#[must_use]
pub fn headers(stream: u32, flags: u8, block: impl AsRef<[u8]>) -> Vec<u8> {
    frame(kind::HEADERS, flags, stream, block)
}

/// More of a header block.
#[must_use]
pub fn continuation(stream: u32, flags: u8, block: impl AsRef<[u8]>) -> Vec<u8> {
    frame(kind::CONTINUATION, flags, stream, block)
}

/// A part of a body.
#[must_use]
pub fn data(stream: u32, flags: u8, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    frame(kind::DATA, flags, stream, bytes)
}

/// An end to a stream.
#[must_use]
pub fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(kind::RST_STREAM, 0, stream, code.to_be_bytes())
}

/// Room for more of a body.
#[must_use]
pub fn window_update(stream: u32, increment: u32) -> Vec<u8> {
    frame(kind::WINDOW_UPDATE, 0, stream, increment.to_be_bytes())
}

/// A question whether the other side is there.
#[must_use]
pub fn ping(opaque: [u8; 8]) -> Vec<u8> {
    frame(kind::PING, 0, 0, opaque)
}

/// A stream's place in a tree that nobody looks at any more (RFC 9113 section 5.3.2).
#[must_use]
pub fn priority(stream: u32, depends_on: u32, weight: u8) -> Vec<u8> {
    frame(kind::PRIORITY, 0, stream, dependency(depends_on, weight))
}

/// The same as HEADERS has it.
#[must_use]
pub fn dependency(depends_on: u32, weight: u8) -> Vec<u8> {
    let mut bytes = depends_on.to_be_bytes().to_vec();
    bytes.push(weight);
    bytes
}

/// A goodbye.
#[must_use]
pub fn go_away(last: u32, code: u32, text: &str) -> Vec<u8> {
    let mut payload = last.to_be_bytes().to_vec();
    payload.extend(code.to_be_bytes());
    payload.extend(text.as_bytes());
    frame(kind::GOAWAY, 0, 0, payload)
}

/// With padding in front of and behind it (RFC 9113 section 6.1).
#[must_use]
pub fn padded(payload: impl AsRef<[u8]>, padding: u8) -> Vec<u8> {
    let mut bytes = vec![padding];
    bytes.extend(payload.as_ref());
    bytes.extend(vec![0; usize::from(padding)]);
    bytes
}

/// A field as a literal without indexing (RFC 7541 section 6.2.2).
#[must_use]
pub fn field(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    text(&mut bytes, name);
    text(&mut bytes, value);
    bytes
}

/// A string as it is (RFC 7541 section 5.2).
pub fn text(bytes: &mut Vec<u8>, text: &str) {
    integer(bytes, 0, 7, text.len());
    bytes.extend(text.as_bytes());
}

/// A number with a prefix of so many bits, behind what is in the first byte already (RFC 7541
/// section 5.1).
///
/// # Panics
/// The prefix is none.
pub fn integer(bytes: &mut Vec<u8>, first: u8, prefix: u32, value: usize) {
    let most = (1_usize << prefix) - 1;
    if value < most {
        bytes.push(first | u8::try_from(value).expect("it fits into the prefix"));
        return;
    }
    bytes.push(first | u8::try_from(most).expect("it fits into the prefix"));
    let mut rest = value - most;
    while rest >= 128 {
        bytes.push(u8::try_from(rest % 128).expect("7 bits") | 128);
        rest /= 128;
    }
    bytes.push(u8::try_from(rest).expect("7 bits"));
}

/// A header block of these fields.
#[must_use]
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    fields.iter().flat_map(|(name, value)| field(name, value)).collect()
}

/// A header block that asks for a path, with further fields.
#[must_use]
pub fn request(method: &str, path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let pseudo = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "a")];
    [block(&pseudo), block(fields)].concat()
}

/// A whole GET.
#[must_use]
pub fn get(stream: u32, path: &str) -> Vec<u8> {
    headers(stream, flag::WHOLE, request("GET", path, &[]))
}

/// The head of a POST, whose body follows.
#[must_use]
pub fn post(stream: u32, path: &str) -> Vec<u8> {
    headers(stream, flag::END_HEADERS, request("POST", path, &[]))
}

/// One connection.
#[derive(Debug)]
pub struct Http2<S> {
    stream: S,
    read: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Http2<S> {
    /// Speaks on a connection of which nothing was said yet.
    pub const fn new(stream: S) -> Self {
        Self { stream, read: Vec::new() }
    }

    /// Says the preface, and settings with these values besides that no dynamic table is taken.
    pub async fn begin(&mut self, values: &[(u16, u32)]) {
        let mut all = vec![(setting::HEADER_TABLE_SIZE, 0)];
        all.extend(values);
        self.send([PREFACE.to_vec(), settings(&all)].concat()).await;
    }

    /// Sends bytes. Who has ended the connection has answered already.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        drop(self.try_send(bytes).await);
    }

    /// Sends bytes, if the gateway takes them in time.
    ///
    /// # Errors
    /// The connection has ended, or nobody reads.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        match timeout_at(deadline, self.stream.write_all(bytes.as_ref())).await {
            Ok(sent) => sent,
            Err(_elapsed) => Err(std::io::ErrorKind::TimedOut.into()),
        }
    }

    /// The next frame; absent at the end of the connection.
    ///
    /// # Errors
    /// Nothing has come in time.
    pub async fn frame(&mut self) -> Result<Option<Frame>, Silence> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(frame) = self.take() {
                return Ok(Some(frame));
            }
            match timeout_at(deadline, self.stream.read_buf(&mut self.read)).await {
                Ok(Ok(1..)) => {}
                Ok(Ok(0) | Err(_)) => return Ok(None),
                Err(_elapsed) => return Err(Silence),
            }
        }
    }

    /// The next frame for which this holds.
    ///
    /// # Panics
    /// There is none.
    pub async fn until(&mut self, mut wanted: impl FnMut(&Frame) -> bool) -> Frame {
        loop {
            let frame = self.frame().await.expect("a frame in time").expect("a frame");
            if wanted(&frame) {
                return frame;
            }
        }
    }

    /// The status of a stream's response, once its head is there.
    pub async fn status(&mut self, stream: u32) -> u16 {
        self.until(|frame| frame.kind == kind::HEADERS && frame.stream == stream).await.status()
    }

    /// The code of the goodbye that comes, with what is said besides; the connection ends after it.
    ///
    /// # Panics
    /// It does not end.
    pub async fn goodbye(&mut self) -> (u32, String) {
        let last = self.until(|frame| frame.kind == kind::GOAWAY).await;
        while self.frame().await.expect("an end in time").is_some() {}
        (last.number(4), String::from_utf8_lossy(&last.payload[8..]).into_owned())
    }

    fn take(&mut self) -> Option<Frame> {
        let head = self.read.get(..9)?;
        let length = usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).ok()?;
        let frame = Frame {
            kind: head[3],
            flags: head[4],
            stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff,
            payload: self.read.get(9..9 + length)?.to_vec(),
        };
        self.read.drain(..9 + length);
        Some(frame)
    }
}

/// Nothing has come in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence;
