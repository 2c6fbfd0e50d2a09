//! A body, whoever made it: nothing, all of it, or what comes.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;

use super::{BodyError, Reservation};

/// A body of which more is to come.
pub type Stream = UnsyncBoxBody<Bytes, BodyError>;

/// A body.
#[derive(Default)]
pub enum Content {
    /// Nothing follows.
    #[default]
    Empty,
    /// All of it is here.
    Full(Full),
    /// What comes, as it comes.
    Streamed(Stream),
}

/// A body that is here to its end.
#[derive(Debug, Default)]
pub struct Full {
    bytes: Bytes,
    trailers: Option<Box<HeaderMap>>,
    /// Its place among the bodies that are held in memory.
    _reservation: Option<Reservation>,
}

impl Full {
    /// These bytes and field lines after them.
    #[must_use]
    pub fn new(bytes: Bytes, trailers: Option<HeaderMap>) -> Self {
        let trailers = trailers.filter(|trailers| !trailers.is_empty()).map(Box::new);
        Self { bytes, trailers, _reservation: None }
    }

    /// The same, in a place that is given back when it was sent.
    #[must_use]
    pub fn reserved(self, reservation: Reservation) -> Self {
        Self { _reservation: Some(reservation), ..self }
    }

    /// All bytes.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The field lines after the body.
    #[must_use]
    pub fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_deref()
    }

    /// With other bytes, in the same place.
    #[must_use]
    pub fn replaced(self, bytes: Bytes) -> Self {
        Self { bytes, ..self }
    }

    /// Without trailers.
    #[must_use]
    pub fn ended(self) -> Self {
        Self { trailers: None, ..self }
    }

    fn is_over(&self) -> bool {
        self.bytes.is_empty() && self.trailers.is_none()
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Full(Full::new(bytes, None)) }
    }
}

impl From<Full> for Content {
    fn from(full: Full) -> Self {
        if full.is_over() { Self::Empty } else { Self::Full(full) }
    }
}

impl Content {
    /// A body that is read from another.
    pub fn streamed(body: impl Body<Data = Bytes, Error = BodyError> + Send + 'static) -> Self {
        if body.is_end_stream() { Self::Empty } else { Self::Streamed(Stream::new(body)) }
    }

    /// The number of bytes, if it is known.
    #[must_use]
    pub fn exact(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            // With a length there can be no trailers (RFC 9112 section 6.3).
            Self::Full(full) if full.trailers.is_some() => None,
            Self::Full(full) => Some(full.bytes.len() as u64),
            Self::Streamed(stream) => stream.size_hint().exact(),
        }
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Full(full) => {
                let frame = if full.bytes.is_empty() {
                    full.trailers.take().map(|trailers| Frame::trailers(*trailers))
                } else {
                    Some(Frame::data(std::mem::take(&mut full.bytes)))
                };
                if full.is_over() {
                    *self = Self::Empty;
                }
                Poll::Ready(frame.map(Ok))
            }
            Self::Streamed(stream) => Pin::new(stream).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(full) => full.is_over(),
            Self::Streamed(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Streamed(stream) => stream.size_hint(),
            content => content.exact().map_or_else(SizeHint::new, SizeHint::with_exact),
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Full(full) => f.debug_tuple("Full").field(&full.bytes.len()).finish(),
            Self::Streamed(_) => f.write_str("Streamed"),
        }
    }
}
