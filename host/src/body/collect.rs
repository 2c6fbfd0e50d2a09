//! Bodies that are held in memory until they are whole.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;

use super::{BodyError, Content, Full};
use crate::failure::Failure;

/// The bytes of all bodies that are held at once.
#[derive(Debug, Default)]
pub struct Held {
    bytes: AtomicU64,
    max: AtomicU64,
}

impl Held {
    /// Room for so many bytes.
    #[must_use]
    pub fn new(max: u64) -> Arc<Self> {
        Arc::new(Self { bytes: AtomicU64::new(0), max: AtomicU64::new(max) })
    }

    /// Makes room for so many bytes; what is held already stays.
    pub fn set_max(&self, max: u64) {
        self.max.store(max, Ordering::Relaxed);
    }

    /// How many are held.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) const fn reserve(self: Arc<Self>) -> Reservation {
        Reservation { held: self, bytes: 0 }
    }
}

/// A share of [`Held`], given back by a drop.
#[derive(Debug)]
pub struct Reservation {
    held: Arc<Held>,
    bytes: u64,
}

impl Reservation {
    /// Takes more; whether there was room.
    pub(super) fn grow(&mut self, bytes: u64) -> bool {
        let before = self.held.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        before.saturating_add(bytes) <= self.held.max.load(Ordering::Relaxed)
    }

    /// Gives back all but so many.
    pub(super) fn shrink_to(&mut self, bytes: u64) {
        let spare = self.bytes.saturating_sub(bytes);
        self.bytes -= spare;
        self.held.bytes.fetch_sub(spare, Ordering::Relaxed);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.held.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A body that was to be whole.
pub enum Collected {
    /// All of it.
    Whole(Full),
    /// It is longer than was asked for. Nothing of it is lost.
    Larger(Content),
}

/// Reads a body to its end, but no more than `bytes_max`.
///
/// # Errors
///
/// What ended it before its end, or [`Failure::Overloaded`] if all bodies together would be too
/// large.
pub async fn collect(
    mut content: Content,
    bytes_max: u64,
    held: &Arc<Held>,
) -> Result<Collected, BodyError> {
    if content.size_hint().lower() > bytes_max {
        return Ok(Collected::Larger(content));
    }
    if let Content::Full(full) = content {
        return Ok(Collected::Whole(full));
    }
    let mut reservation = Arc::clone(held).reserve();
    let mut parts = Vec::new();
    let mut trailers = None;
    let mut bytes: u64 = 0;
    while let Some(frame) = content.frame().await {
        match frame?.into_data() {
            Ok(data) => {
                let length = data.len() as u64;
                bytes = bytes.saturating_add(length);
                parts.push(data);
                if bytes > bytes_max {
                    let read =
                        Read { parts: parts.into(), _reservation: reservation, rest: content };
                    return Ok(Collected::Larger(Content::streamed(read)));
                }
                if !reservation.grow(length) {
                    let why = "too many bodies are held for policies at once";
                    return Err(BodyError::new(Failure::Overloaded(why), None));
                }
            }
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    Ok(Collected::Whole(Full::new(join(parts), trailers).reserved(reservation)))
}

/// One piece; without a copy if it is one already.
fn join(mut parts: Vec<Bytes>) -> Bytes {
    match (parts.pop(), parts.is_empty()) {
        (None, _) => Bytes::new(),
        (Some(only), true) => only,
        (Some(last), false) => {
            let length = parts.iter().map(Bytes::len).sum::<usize>() + last.len();
            let mut joined = BytesMut::with_capacity(length);
            for part in parts.iter().chain([&last]) {
                joined.extend_from_slice(part);
            }
            joined.freeze()
        }
    }
}

/// What was read of a body before it turned out to be too long, then the rest of it.
struct Read {
    parts: VecDeque<Bytes>,
    _reservation: Reservation,
    rest: Content,
}

impl Body for Read {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(part) = self.parts.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(part))));
        }
        Pin::new(&mut self.rest).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.parts.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let read: u64 = self.parts.iter().map(|part| part.len() as u64).sum();
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(read));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(read));
        }
        hint
    }
}

#[cfg(test)]
mod tests;
