//! The streams that a client opens for its connection (RFC 9114 section 6.2).
//!
//! h3 reads them. Of the control stream it gets frames that it knows and that are short, because it keeps
//! a frame in memory until it is whole.

use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use h3::error::Code;
use h3::quic::{self, ConnectionErrorIncoming, StreamErrorIncoming, StreamId};
use quinn::{ReadError, VarInt};

use super::frame::{self, Prefix};
use super::transport;

/// Of the client's bytes at a time.
const CHUNK_BYTES: usize = 4 * 1024;

/// A SETTINGS frame with a hundred of them.
const FRAME_BYTES_MAX: u64 = 1600;

const CONTROL: u64 = 0x0;
const PUSH: u64 = 0x1;

/// A stream in one direction, from the client.
pub(super) struct UniStream {
    connection: quinn::Connection,
    stream: quinn::RecvStream,
    chunk: Bytes,
    state: State,
}

enum State {
    Type(Prefix),
    /// Not the control stream.
    Other,
    Between(Prefix),
    Passed(u64),
    Skipped(u64),
}

impl UniStream {
    pub(super) fn new(connection: quinn::Connection, stream: quinn::RecvStream) -> Self {
        let state = State::Type(Prefix::default());
        Self { connection, stream, chunk: Bytes::new(), state }
    }

    /// What h3 is to see of the chunk, which is not empty.
    fn step(&mut self) -> Result<Option<Bytes>, StreamErrorIncoming> {
        match &mut self.state {
            State::Type(prefix) => {
                let Some(kind) = prefix.take_type(&mut self.chunk) else { return Ok(None) };
                let bytes = Bytes::copy_from_slice(prefix.bytes());
                self.state = match kind {
                    CONTROL => State::Between(Prefix::default()),
                    // RFC 9114 section 6.2.2.
                    PUSH => return Err(self.close(Code::H3_STREAM_CREATION_ERROR, "a push")),
                    _ => State::Other,
                };
                Ok(Some(bytes))
            }
            State::Other => Ok(Some(std::mem::take(&mut self.chunk))),
            State::Between(prefix) => {
                let Some((kind, length)) = prefix.take_frame(&mut self.chunk) else {
                    return Ok(None);
                };
                let bytes = Bytes::copy_from_slice(prefix.bytes());
                self.begin(kind, length, bytes)
            }
            State::Passed(left) | State::Skipped(left) => {
                let most = usize::try_from(*left).unwrap_or(usize::MAX).min(self.chunk.len());
                let bytes = self.chunk.split_to(most);
                *left -= most as u64;
                let (is_whole, is_passed) = (*left == 0, matches!(self.state, State::Passed(_)));
                if is_whole {
                    self.state = State::Between(Prefix::default());
                }
                Ok(is_passed.then_some(bytes))
            }
        }
    }

    fn begin(
        &mut self,
        kind: u64,
        length: u64,
        prefix: Bytes,
    ) -> Result<Option<Bytes>, StreamErrorIncoming> {
        let is_known = matches!(kind, frame::DATA | frame::HEADERS) || frame::is_of_elsewhere(kind);
        if is_known && length > FRAME_BYTES_MAX {
            return Err(self.close(Code::H3_EXCESSIVE_LOAD, "a long frame on the control stream"));
        }
        self.state = match (is_known, length) {
            (_, 0) => State::Between(Prefix::default()),
            (true, length) => State::Passed(length),
            (false, length) => State::Skipped(length),
        };
        Ok(is_known.then_some(prefix))
    }

    fn close(&self, code: Code, reason: &'static str) -> StreamErrorIncoming {
        tracing::debug!(%code, reason, "http/3 connection closed for an error");
        self.connection.close(transport::number(code), reason.as_bytes());
        let connection_error = transport::lost(quinn::ConnectionError::LocallyClosed);
        StreamErrorIncoming::ConnectionErrorIncoming { connection_error }
    }
}

impl quic::RecvStream for UniStream {
    type Buf = Bytes;

    fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, StreamErrorIncoming>> {
        loop {
            while self.chunk.has_remaining() {
                if let Some(bytes) = self.step()? {
                    return Poll::Ready(Ok(Some(bytes)));
                }
            }
            // The future holds nothing: what wakes us is kept by the connection.
            let read = ready!(pin!(self.stream.read_chunk(CHUNK_BYTES, true)).poll(cx));
            match read.map_err(unread)? {
                Some(chunk) => self.chunk = chunk.bytes,
                None => return Poll::Ready(Ok(None)),
            }
        }
    }

    fn stop_sending(&mut self, code: u64) {
        // One that has ended needs no stop.
        let _: Result<(), _> = self.stream.stop(VarInt::from_u64(code).unwrap_or(VarInt::MAX));
    }

    fn recv_id(&self) -> StreamId {
        let id = VarInt::from(self.stream.id()).into_inner();
        StreamId::try_from(id).expect("ids of QUIC are ids of HTTP/3")
    }
}

fn unread(error: ReadError) -> StreamErrorIncoming {
    match error {
        ReadError::Reset(code) => {
            StreamErrorIncoming::StreamTerminated { error_code: code.into_inner() }
        }
        ReadError::ConnectionLost(error) => {
            let connection_error: ConnectionErrorIncoming = transport::lost(error);
            StreamErrorIncoming::ConnectionErrorIncoming { connection_error }
        }
        other => StreamErrorIncoming::Unknown(other.into()),
    }
}
