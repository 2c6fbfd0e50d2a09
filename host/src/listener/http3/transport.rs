//! QUIC as h3 sees it: quinn's streams behind h3's traits.
//!
//! In place of `h3-quinn`, whose streams panic if they are stopped while they are read, and end as if
//! they were whole if they are dropped half-way. Requests' heads and bodies pass h3 by (see
//! [`reader`](super::reader)): it is shown a head of ours, and gives a stream to answer on.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use h3::error::Code;
use h3::quic::{self, ConnectionErrorIncoming, StreamErrorIncoming, StreamId, WriteBuf};
use quinn::VarInt;
use tokio::time::{Instant, Sleep, sleep_until};

use super::uni::UniStream;
use crate::clock;

/// What h3 reads in place of a head: a HEADERS frame with `:method GET`, `:scheme https`, `:path /` and
/// `:authority a`, in the words of RFC 9204.
const STAND_IN: &[u8] = b"\x01\x08\x00\x00\xd1\xd7\xc1\x50\x01a";

type Opening<T> = Pin<Box<dyn Future<Output = Result<T, quinn::ConnectionError>> + Send>>;

/// The code as QUIC has it.
pub(super) fn number(code: Code) -> VarInt {
    VarInt::from_u64(code.value()).unwrap_or(VarInt::MAX)
}

/// One connection; it gives h3 the streams that were put into it.
pub(super) struct Transport {
    connection: quinn::Connection,
    ready: VecDeque<Stream>,
    accepting: Option<Opening<quinn::RecvStream>>,
    opening: Option<Opening<quinn::SendStream>>,
    write_timeout: Duration,
}

impl Transport {
    /// Streams of it are given up if the client takes nothing for so long.
    pub(super) const fn new(connection: quinn::Connection, write_timeout: Duration) -> Self {
        let ready = VecDeque::new();
        Self { connection, ready, accepting: None, opening: None, write_timeout }
    }

    /// Has h3 accept a stream of which the head was read.
    pub(super) fn put(&mut self, send: quinn::SendStream) {
        let send = SendStream::new(send, self.write_timeout);
        self.ready.push_back(Stream { send, head: Some(Bytes::from_static(STAND_IN)) });
    }
}

impl quic::Connection<Bytes> for Transport {
    type RecvStream = UniStream;
    type OpenStreams = NoStreams;

    fn poll_accept_recv(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<UniStream, ConnectionErrorIncoming>> {
        let connection = &self.connection;
        let accepting = self.accepting.get_or_insert_with(|| {
            let connection = connection.clone();
            Box::pin(async move { connection.accept_uni().await })
        });
        let accepted = ready!(accepting.as_mut().poll(cx));
        self.accepting = None;
        let connection = self.connection.clone();
        Poll::Ready(accepted.map(|stream| UniStream::new(connection, stream)).map_err(lost))
    }

    fn poll_accept_bidi(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<Result<Stream, ConnectionErrorIncoming>> {
        // Whoever puts one polls afterwards.
        self.ready.pop_front().map_or(Poll::Pending, |stream| Poll::Ready(Ok(stream)))
    }

    fn opener(&self) -> NoStreams {
        NoStreams
    }
}

impl quic::OpenStreams<Bytes> for Transport {
    type BidiStream = Stream;
    type SendStream = SendStream;

    fn poll_open_bidi(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Stream, StreamErrorIncoming>> {
        NoStreams.poll_open_bidi(cx)
    }

    fn poll_open_send(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<SendStream, StreamErrorIncoming>> {
        let connection = &self.connection;
        let opening = self.opening.get_or_insert_with(|| {
            let connection = connection.clone();
            Box::pin(async move { connection.open_uni().await })
        });
        let opened = ready!(opening.as_mut().poll(cx));
        self.opening = None;
        let timeout = self.write_timeout;
        Poll::Ready(opened.map(|stream| SendStream::new(stream, timeout)).map_err(|error| {
            StreamErrorIncoming::ConnectionErrorIncoming { connection_error: lost(error) }
        }))
    }

    fn close(&mut self, code: Code, reason: &[u8]) {
        self.connection.close(number(code), reason);
    }
}

/// A server of HTTP/3 opens no streams but those of the connection.
pub(super) struct NoStreams;

impl quic::OpenStreams<Bytes> for NoStreams {
    type BidiStream = Stream;
    type SendStream = SendStream;

    fn poll_open_bidi(&mut self, _: &mut Context<'_>) -> Poll<Result<Stream, StreamErrorIncoming>> {
        Poll::Ready(Err(StreamErrorIncoming::Unknown("servers open no requests".into())))
    }

    fn poll_open_send(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<Result<SendStream, StreamErrorIncoming>> {
        Poll::Ready(Err(StreamErrorIncoming::Unknown("nothing is pushed".into())))
    }

    fn close(&mut self, _: Code, _: &[u8]) {}
}

/// The stream of a request: our half of it, and the head that stands for the client's.
pub(super) struct Stream {
    send: SendStream,
    head: Option<Bytes>,
}

impl quic::RecvStream for Stream {
    type Buf = Bytes;

    fn poll_data(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, StreamErrorIncoming>> {
        Poll::Ready(Ok(self.head.take()))
    }

    /// The client's half has another owner.
    fn stop_sending(&mut self, _: u64) {}

    fn recv_id(&self) -> StreamId {
        quic::SendStream::send_id(self)
    }
}

impl quic::SendStream<Bytes> for Stream {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.send.poll_ready(cx)
    }

    fn send_data<T: Into<WriteBuf<Bytes>>>(&mut self, data: T) -> Result<(), StreamErrorIncoming> {
        self.send.send_data(data)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.send.poll_finish(cx)
    }

    fn reset(&mut self, code: u64) {
        self.send.reset(code);
    }

    fn send_id(&self) -> StreamId {
        quic::SendStream::send_id(&self.send)
    }
}

/// Our half of a stream. A drop before its end resets it, so that nobody takes half an answer for a whole
/// one.
pub(super) struct SendStream {
    stream: quinn::SendStream,
    writing: Option<WriteBuf<Bytes>>,
    is_over: bool,
    /// How long the client may take nothing.
    timeout: Duration,
    /// Made when the client takes nothing for the first time.
    alarm: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
}

impl SendStream {
    const fn new(stream: quinn::SendStream, timeout: Duration) -> Self {
        Self { stream, writing: None, is_over: false, timeout, alarm: None, is_waiting: false }
    }

    /// Ready if the client has taken nothing for too long.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = Instant::from_std(clock::now()) + self.timeout;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if !self.is_waiting {
            self.is_waiting = true;
            alarm.as_mut().reset(deadline);
        }
        alarm.as_mut().poll(cx)
    }
}

impl quic::SendStream<Bytes> for SendStream {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        while let Some(data) = self.writing.as_mut().filter(|data| Buf::has_remaining(*data)) {
            match Pin::new(&mut self.stream).poll_write(cx, data.chunk()) {
                Poll::Ready(Ok(written)) => {
                    data.advance(written);
                    self.is_waiting = false;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(unwritten(error))),
                Poll::Pending => {
                    ready!(self.poll_late(cx));
                    let late = io::Error::from(io::ErrorKind::TimedOut);
                    return Poll::Ready(Err(StreamErrorIncoming::Unknown(late.into())));
                }
            }
        }
        self.writing = None;
        Poll::Ready(Ok(()))
    }

    fn send_data<T: Into<WriteBuf<Bytes>>>(&mut self, data: T) -> Result<(), StreamErrorIncoming> {
        if self.writing.is_some() {
            let text = "something was sent before the last was written".to_owned();
            let connection_error = ConnectionErrorIncoming::InternalError(text);
            return Err(StreamErrorIncoming::ConnectionErrorIncoming { connection_error });
        }
        self.writing = Some(data.into());
        Ok(())
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        ready!(self.poll_ready(cx))?;
        self.is_over = true;
        Poll::Ready(
            self.stream.finish().map_err(|closed| StreamErrorIncoming::Unknown(closed.into())),
        )
    }

    fn reset(&mut self, code: u64) {
        self.is_over = true;
        // One that is closed needs no reset.
        let _: Result<(), _> = self.stream.reset(VarInt::from_u64(code).unwrap_or(VarInt::MAX));
    }

    fn send_id(&self) -> StreamId {
        let id = VarInt::from(self.stream.id()).into_inner();
        StreamId::try_from(id).expect("ids of QUIC are ids of HTTP/3")
    }
}

impl Drop for SendStream {
    fn drop(&mut self) {
        if !self.is_over {
            quic::SendStream::reset(self, Code::H3_REQUEST_CANCELLED.value());
        }
    }
}

/// Why a connection is over.
pub(super) fn lost(error: quinn::ConnectionError) -> ConnectionErrorIncoming {
    match error {
        quinn::ConnectionError::ApplicationClosed(close) => {
            ConnectionErrorIncoming::ApplicationClose { error_code: close.error_code.into_inner() }
        }
        quinn::ConnectionError::TimedOut => ConnectionErrorIncoming::Timeout,
        other => ConnectionErrorIncoming::Undefined(Arc::new(other)),
    }
}

fn unwritten(error: quinn::WriteError) -> StreamErrorIncoming {
    match error {
        quinn::WriteError::Stopped(code) => {
            StreamErrorIncoming::StreamTerminated { error_code: code.into_inner() }
        }
        quinn::WriteError::ConnectionLost(error) => {
            StreamErrorIncoming::ConnectionErrorIncoming { connection_error: lost(error) }
        }
        other @ (quinn::WriteError::ClosedStream | quinn::WriteError::ZeroRttRejected) => {
            StreamErrorIncoming::Unknown(other.into())
        }
    }
}
