//! What a client sends on the stream of a request, frame by frame.
//!
//! h3 keeps a frame in memory until it is whole, however long it says it is, takes bytes that end too
//! early for all there are, and an empty DATA frame for the end. So frames are read here: nothing is kept but
//! one head of bounded length, and a body is read as its reader asks for it, which is what gives the
//! client credit for more (RFC 9000 section 4).

use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use h3::error::Code;

use super::frame::{self, Prefix};
use super::transport;

/// Of the client's bytes at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// A client's half of a stream.
pub(super) struct Reader {
    connection: quinn::Connection,
    stream: quinn::RecvStream,
    /// What was read and not looked at.
    chunk: Bytes,
    frame: Frame,
    stage: Stage,
    /// Whether the client has ended it.
    is_over: bool,
    section_bytes_max: usize,
}

/// What the next bytes belong to.
enum Frame {
    Between(Prefix),
    Section(BytesMut, u64),
    Data(u64),
    Skipped(u64),
}

/// RFC 9114 section 4.1: a head, a body, and maybe trailers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Head,
    Body,
    Over,
}

/// A part of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A field section: the head first, then maybe trailers.
    Section(Bytes),
    /// Of the body, never empty.
    Data(Bytes),
    /// There is nothing more.
    End,
}

/// Why there is no next part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// The client gave the request or the connection up, or was given up.
    Gone,
    /// A field section is longer than allowed.
    TooLarge,
}

impl Reader {
    /// Of a stream on which nothing was read. Field sections are of at most so many bytes as they are
    /// sent.
    pub(super) fn new(
        connection: quinn::Connection,
        stream: quinn::RecvStream,
        section_bytes_max: usize,
    ) -> Self {
        Self {
            connection,
            stream,
            chunk: Bytes::new(),
            frame: Frame::Between(Prefix::default()),
            stage: Stage::Head,
            is_over: false,
            section_bytes_max,
        }
    }

    /// The next part. What RFC 9114 has as an error of the connection ends the connection.
    pub(super) fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Result<Part, Broken>> {
        loop {
            if let Frame::Section(_, 0) = &self.frame {
                return Poll::Ready(Ok(self.end_section()));
            }
            if self.chunk.is_empty() {
                if self.is_over {
                    return Poll::Ready(self.end());
                }
                match ready!(self.poll_chunk(cx)) {
                    Ok(Some(chunk)) => self.chunk = chunk,
                    Ok(None) => self.is_over = true,
                    Err(_gone) => {
                        self.is_over = true;
                        return Poll::Ready(Err(Broken::Gone));
                    }
                }
                continue;
            }
            if let Some(part) = self.step() {
                return Poll::Ready(part);
            }
        }
    }

    /// Whether nothing more comes.
    pub(super) fn is_at_end(&self) -> bool {
        let is_between = matches!(&self.frame, Frame::Between(prefix) if prefix.is_empty());
        self.is_over && self.chunk.is_empty() && is_between
    }

    /// Asks the client to send no more of this request.
    pub(super) fn stop(&mut self, code: Code) {
        if !self.is_over {
            self.is_over = true;
            self.chunk.clear();
            // A stream that has ended meanwhile needs no stop.
            let _: Result<(), _> = self.stream.stop(transport::number(code));
        }
    }

    /// Ends the connection, which has an error that is not of one stream only.
    pub(super) fn close(&mut self, code: Code, reason: &'static str) -> Broken {
        tracing::debug!(%code, reason, "http/3 connection closed for an error");
        self.connection.close(transport::number(code), reason.as_bytes());
        self.is_over = true;
        Broken::Gone
    }

    fn poll_chunk(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, quinn::ReadError>> {
        // The future holds nothing: what wakes us is kept by the connection.
        let chunk = ready!(pin!(self.stream.read_chunk(CHUNK_BYTES, true)).poll(cx))?;
        Poll::Ready(Ok(chunk.map(|chunk| chunk.bytes)))
    }

    /// Takes something of the chunk, which is not empty.
    fn step(&mut self) -> Option<Result<Part, Broken>> {
        match &mut self.frame {
            Frame::Between(prefix) => {
                let (kind, length) = prefix.take_frame(&mut self.chunk)?;
                self.begin(kind, length).map(Err)
            }
            Frame::Section(section, left) => {
                let bytes = some(&mut self.chunk, left);
                section.extend_from_slice(&bytes);
                None
            }
            Frame::Data(left) => {
                let bytes = some(&mut self.chunk, left);
                if *left == 0 {
                    self.frame = Frame::Between(Prefix::default());
                }
                Some(Ok(Part::Data(bytes)))
            }
            Frame::Skipped(left) => {
                some(&mut self.chunk, left);
                if *left == 0 {
                    self.frame = Frame::Between(Prefix::default());
                }
                None
            }
        }
    }

    fn begin(&mut self, kind: u64, length: u64) -> Option<Broken> {
        self.frame = match (kind, self.stage) {
            (frame::DATA, Stage::Body) if length > 0 => Frame::Data(length),
            (frame::DATA, Stage::Body) => Frame::Between(Prefix::default()),
            (frame::HEADERS, Stage::Head | Stage::Body) => {
                let is_long =
                    usize::try_from(length).map_or(true, |it| it > self.section_bytes_max);
                if is_long {
                    return Some(Broken::TooLarge);
                }
                Frame::Section(BytesMut::new(), length)
            }
            (frame::DATA | frame::HEADERS, _) => {
                return Some(self.close(Code::H3_FRAME_UNEXPECTED, "a frame out of order"));
            }
            (kind, _) if frame::is_of_elsewhere(kind) => {
                return Some(self.close(Code::H3_FRAME_UNEXPECTED, "a frame of another stream"));
            }
            (_extension, _) if length > 0 => Frame::Skipped(length),
            (_extension, _) => Frame::Between(Prefix::default()),
        };
        None
    }

    fn end_section(&mut self) -> Part {
        let frame = std::mem::replace(&mut self.frame, Frame::Between(Prefix::default()));
        self.stage = if self.stage == Stage::Head { Stage::Body } else { Stage::Over };
        match frame {
            Frame::Section(section, _) => Part::Section(section.freeze()),
            Frame::Between(_) | Frame::Data(_) | Frame::Skipped(_) => Part::End,
        }
    }

    fn end(&mut self) -> Result<Part, Broken> {
        match &self.frame {
            // RFC 9114 section 7.1.
            frame if !matches!(frame, Frame::Between(prefix) if prefix.is_empty()) => {
                Err(self.close(Code::H3_FRAME_ERROR, "a stream ended within a frame"))
            }
            _ if self.stage == Stage::Head => Err(Broken::Gone),
            _ => Ok(Part::End),
        }
    }
}

/// So much of the chunk as is of the frame.
fn some(chunk: &mut Bytes, left: &mut u64) -> Bytes {
    let most = usize::try_from(*left).unwrap_or(usize::MAX).min(chunk.len());
    *left -= most as u64;
    if most == chunk.len() {
        return std::mem::take(chunk);
    }
    let bytes = chunk.slice(..most);
    chunk.advance(most);
    bytes
}

impl Drop for Reader {
    /// RFC 9114 section 4.1: a client whose request is answered need not send the rest of it.
    fn drop(&mut self) {
        self.stop(Code::H3_NO_ERROR);
    }
}
