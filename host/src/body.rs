//! Bodies on their way, the request's in particular, and what may break a body.
//!
//! Nothing is collected unless a plugin asks for it: a frame is read from the client when the
//! upstream's connection has room for it. What happened to the body outlives it in its
//! [`Progress`], because whoever drives the upstream's connection consumes the body.

mod collect;
mod content;
mod idle;
mod incoming;
mod progress;
mod replay;
mod written;

use std::error::Error;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::failure::Failure;
pub use collect::{Collected, Held, Reservation, collect};
pub use content::{Content, Full, Stream};
pub(crate) use idle::IdleTimer;
pub use incoming::{Incoming, IncomingError, Stream as IncomingStream};
pub use progress::Progress;
pub use replay::Replay;
use written::Written;
pub use written::{Unread, Writer};

/// What the client reads if its body ends in the middle of a chunk's frame and the like.
const MISFRAMED: &str = "the request's body is not framed as announced";

/// A request's body as an upstream gets it.
///
/// Its size is exact if the client announced a length, so that the upstream is told the same
/// length; otherwise it is sent in chunks. Trailers are passed on.
#[derive(Debug, Default)]
pub struct RequestBody {
    content: Content,
    progress: Option<Arc<Progress>>,
}

/// What the client sends.
#[derive(Debug)]
struct FromClient {
    incoming: Incoming,
    limit_bytes: u64,
    idle: IdleTimer,
    progress: Arc<Progress>,
}

impl RequestBody {
    /// Of a request without one.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Passes on what the client sends: at most `limit_bytes`, with at most `idle` of waiting for
    /// the client between two reads. Time in which the upstream takes nothing does not count.
    #[must_use]
    pub fn streamed(
        incoming: impl Into<Incoming>,
        limit_bytes: u64,
        idle: Duration,
        progress: Arc<Progress>,
    ) -> Self {
        let incoming = incoming.into();
        if incoming.is_end_stream() {
            progress.finish();
        }
        let idle = IdleTimer::new(idle);
        let from_client =
            FromClient { incoming, limit_bytes, idle, progress: Arc::clone(&progress) };
        Self { content: Content::streamed(from_client), progress: Some(progress) }
    }

    /// Takes the body out, to be put back by [`put`](Self::put) as what a plugin made of it.
    pub fn take(&mut self) -> Content {
        std::mem::take(&mut self.content)
    }

    /// Makes this the body; its progress stays that of what the client sends.
    pub fn put(&mut self, content: Content) {
        self.content = content;
    }

    /// These bytes, at once and with their length. Not empty.
    #[must_use]
    pub fn whole(bytes: Bytes) -> Self {
        Self::of_plugin(Written::whole(bytes, Arc::default()))
    }

    /// What the writer gives, as it gives it.
    #[must_use]
    pub fn written() -> (Self, Writer) {
        let (body, writer) = Written::streamed(Arc::default());
        (Self::of_plugin(body), writer)
    }

    fn of_plugin(body: Written) -> Self {
        let progress = Some(Arc::clone(body.progress()));
        Self { content: Content::streamed(body), progress }
    }

    /// Whether the announced length is above the limit already.
    #[must_use]
    pub fn exceeds(incoming: &impl Body, limit_bytes: u64) -> bool {
        incoming.size_hint().lower() > limit_bytes
    }

    /// What becomes of this body; none of an empty one.
    pub(crate) fn progress(&self) -> Option<&Arc<Progress>> {
        self.progress.as_ref()
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.get_mut().content).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}

impl Body for FromClient {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(cx);
        if polled.is_pending() {
            self.progress.await_client();
            if !self.idle.poll_elapsed(cx) {
                return Poll::Pending;
            }
            return self.fail(Failure::RequestBodyTimeout, None);
        }
        self.idle.disarm();
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                if self.progress.pass(bytes) > self.limit_bytes {
                    return self.fail(Failure::RequestBodyTooLarge, None);
                }
                if frame.is_trailers() || self.has_ended() {
                    self.progress.finish();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                let failure = if error.peer_left() {
                    Failure::ClientGone
                } else {
                    Failure::RequestMalformed(MISFRAMED)
                };
                self.fail(failure, Some(error))
            }
            Poll::Ready(None) | Poll::Pending => {
                self.progress.finish();
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl FromClient {
    /// Whoever writes a body of a known length does not ask for more after its last byte.
    fn has_ended(&self) -> bool {
        self.incoming.is_end_stream() || self.incoming.size_hint().exact() == Some(0)
    }

    fn fail(
        &self,
        failure: Failure,
        source: Option<IncomingError>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.progress.fail(failure.clone());
        Poll::Ready(Some(Err(BodyError { failure, source })))
    }
}

/// Why a body ends before its end.
#[derive(Debug)]
pub struct BodyError {
    failure: Failure,
    source: Option<IncomingError>,
}

impl BodyError {
    pub(crate) fn new(failure: Failure, source: Option<hyper::Error>) -> Self {
        Self { failure, source: source.map(IncomingError::Hyper) }
    }

    /// Who failed, and how.
    #[must_use]
    pub const fn failure(&self) -> &Failure {
        &self.failure
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure.fmt(f)
    }
}

impl Error for BodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|error| error as &(dyn Error + 'static))
    }
}

/// Whether the other end went away, as opposed to having broken the framing.
///
/// An error of HTTP/2 counts as gone: a stream whose framing is broken is reset at once, and
/// then nobody is left to answer.
pub(crate) fn peer_left(error: &hyper::Error) -> bool {
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        return true;
    }
    match io_kind(error) {
        Some(kind) => left_by(kind),
        None => !error.is_parse(),
    }
}

/// Whether an error of this kind means that the other end closed the connection.
pub(crate) const fn left_by(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected
    )
}

/// Of the input or output error that is the cause, if one is.
pub(crate) fn io_kind(error: &hyper::Error) -> Option<io::ErrorKind> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
pub(crate) mod tests;
