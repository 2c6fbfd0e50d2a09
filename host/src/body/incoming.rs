//! What a client sends after its head, by whichever protocol it came.

use std::error::Error;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::{left_by, peer_left};

/// A request's body as the listener hands it over.
#[derive(Debug)]
pub enum Incoming {
    /// Of HTTP/1 and HTTP/2.
    Hyper(hyper::body::Incoming),
    /// Of HTTP/3.
    Stream(Stream),
}

/// A body that fails with [`io::ErrorKind::InvalidData`] if it is not what its head has announced, and
/// with another kind if the client has left.
pub struct Stream(Pin<Box<dyn Body<Data = Bytes, Error = io::Error> + Send>>);

impl Stream {
    /// A body of which nothing was read yet.
    pub fn new(body: impl Body<Data = Bytes, Error = io::Error> + Send + 'static) -> Self {
        Self(Box::pin(body))
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").finish_non_exhaustive()
    }
}

impl From<hyper::body::Incoming> for Incoming {
    fn from(incoming: hyper::body::Incoming) -> Self {
        Self::Hyper(incoming)
    }
}

impl From<Stream> for Incoming {
    fn from(stream: Stream) -> Self {
        Self::Stream(stream)
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = IncomingError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, IncomingError>>> {
        match self.get_mut() {
            Self::Hyper(body) => Pin::new(body)
                .poll_frame(cx)
                .map(|it| it.map(|it| it.map_err(IncomingError::Hyper))),
            Self::Stream(body) => {
                body.0.as_mut().poll_frame(cx).map(|it| it.map(|it| it.map_err(IncomingError::Io)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Hyper(body) => body.is_end_stream(),
            Self::Stream(body) => body.0.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Hyper(body) => body.size_hint(),
            Self::Stream(body) => body.0.size_hint(),
        }
    }
}

/// Why nothing more can be read of a body.
#[derive(Debug)]
pub enum IncomingError {
    /// Of HTTP/1, HTTP/2, or an upstream's connection.
    Hyper(hyper::Error),
    /// Of HTTP/3.
    Io(io::Error),
}

impl IncomingError {
    /// Whether the client went away, as opposed to having broken the framing.
    pub(super) fn peer_left(&self) -> bool {
        match self {
            Self::Hyper(error) => peer_left(error),
            Self::Io(error) => left_by(error.kind()),
        }
    }
}

impl fmt::Display for IncomingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hyper(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl Error for IncomingError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Hyper(error) => error.source(),
            Self::Io(error) => error.source(),
        }
    }
}
