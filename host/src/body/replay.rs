//! A request's body that may be sent more than once.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use super::collect::Reservation;
use super::{BodyError, Content, Held, Progress, RequestBody};
use crate::failure::Failure;

/// Keeps what is read of a request's body, up to a bound, so that it can be sent again.
///
/// Each try has a body of its own, which begins with what the tries before have read. A body that
/// went beyond the bound, or broke, is lost for further tries; so is one for which there is no room
/// beside all other bodies that are held. A drop keeps no more, and frees what
/// the last try has sent already.
#[derive(Debug)]
pub struct Replay(Arc<Mutex<Shared>>);

#[derive(Debug)]
struct Shared {
    /// What was not read yet.
    rest: Content,
    kept: Vec<Part>,
    kept_bytes: u64,
    bytes_max: u64,
    /// Its share of all bodies that are held; absent if nobody counts them.
    reservation: Option<Reservation>,
    keeping: Keeping,
    /// Parts of `kept` that the current try has passed on.
    passed: usize,
    /// Number of the current try; those before it get nothing any more.
    turn: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeping {
    Everything,
    /// There will be no further try.
    Nothing,
    /// A part of the body is gone.
    Lost,
}

#[derive(Debug, Clone)]
enum Part {
    Data(Bytes),
    Trailers(HeaderMap),
}

/// The body of one try.
#[derive(Debug)]
struct Try {
    shared: Arc<Mutex<Shared>>,
    turn: u32,
    progress: Arc<Progress>,
}

impl Replay {
    /// Takes over `body`, of which nothing was read, and keeps at most `bytes_max` of it. With 0 it
    /// can be sent again as long as nothing of it was read.
    ///
    /// What is kept counts on `held`, if that is given.
    #[must_use]
    pub fn new(mut body: RequestBody, bytes_max: u64, held: Option<&Arc<Held>>) -> Self {
        let rest = body.take();
        // A body that is whole counts already, and what is kept of it is the same memory.
        let held = held.filter(|_| !matches!(rest, Content::Full(_)));
        Self(Arc::new(Mutex::new(Shared {
            rest,
            kept: Vec::new(),
            kept_bytes: 0,
            bytes_max,
            reservation: held.map(|held| Arc::clone(held).reserve()),
            keeping: Keeping::Everything,
            passed: 0,
            turn: 0,
        })))
    }

    /// The whole body for a further try; `None` if it can no longer be had. The try before it ends.
    #[must_use]
    pub fn body(&self) -> Option<RequestBody> {
        let mut shared = lock(&self.0);
        if shared.keeping == Keeping::Lost {
            return None;
        }
        shared.turn += 1;
        shared.passed = 0;
        let progress = Arc::new(Progress::new());
        let body =
            Try { shared: Arc::clone(&self.0), turn: shared.turn, progress: Arc::clone(&progress) };
        drop(shared);
        if body.is_end_stream() {
            progress.finish();
        }
        Some(RequestBody { content: Content::streamed(body), progress: Some(progress) })
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        let mut shared = lock(&self.0);
        if shared.keeping == Keeping::Everything {
            shared.keeping = Keeping::Nothing;
        }
        let passed = std::mem::take(&mut shared.passed);
        shared.kept.drain(..passed);
        let left = shared.kept.iter().map(Part::bytes).sum();
        if let Some(reservation) = &mut shared.reservation {
            reservation.shrink_to(left);
        }
    }
}

impl Shared {
    /// Notes what is about to be passed on for the first time.
    fn keep(&mut self, frame: &Frame<Bytes>) {
        if self.keeping != Keeping::Everything {
            return;
        }
        let part = match (frame.data_ref(), frame.trailers_ref()) {
            (Some(data), _) => Part::Data(data.clone()),
            (None, Some(trailers)) => Part::Trailers(trailers.clone()),
            (None, None) => return,
        };
        let bytes = part.bytes();
        self.kept_bytes = self.kept_bytes.saturating_add(bytes);
        let has_room = self.kept_bytes <= self.bytes_max
            && self.reservation.as_mut().is_none_or(|reservation| reservation.grow(bytes));
        if !has_room {
            self.lose();
        } else {
            self.kept.push(part);
            self.passed += 1;
        }
    }

    /// The current try has all that was kept, so it does not miss it.
    fn lose(&mut self) {
        self.keeping = Keeping::Lost;
        self.kept = Vec::new();
        self.reservation = None;
        self.passed = 0;
    }

    /// Whoever writes a body of a known length does not ask for more after its last byte.
    fn has_ended(&self) -> bool {
        self.passed >= self.kept.len()
            && (self.rest.is_end_stream() || self.rest.size_hint().exact() == Some(0))
    }
}

impl Part {
    fn bytes(&self) -> u64 {
        let bytes = match self {
            Self::Data(data) => data.len(),
            Self::Trailers(trailers) => {
                trailers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
            }
        };
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

impl From<Part> for Frame<Bytes> {
    fn from(part: Part) -> Self {
        match part {
            Part::Data(data) => Self::data(data),
            Part::Trailers(trailers) => Self::trailers(trailers),
        }
    }
}

impl Body for Try {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut shared = lock(&self.shared);
        if shared.turn != self.turn {
            return Poll::Ready(Some(Err(BodyError::new(Failure::ConnectionTerminated, None))));
        }
        let kept = shared.kept.get(shared.passed).cloned();
        let frame = if let Some(part) = kept {
            shared.passed += 1;
            Frame::from(part)
        } else {
            let polled = Pin::new(&mut shared.rest).poll_frame(cx);
            if polled.is_pending() {
                self.progress.await_client();
            }
            match ready!(polled) {
                Some(Ok(frame)) => {
                    shared.keep(&frame);
                    frame
                }
                Some(Err(error)) => {
                    shared.lose();
                    self.progress.fail(error.failure().clone());
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    self.progress.finish();
                    return Poll::Ready(None);
                }
            }
        };
        self.progress.pass(frame.data_ref().map_or(0, Bytes::len));
        if frame.is_trailers() || shared.has_ended() {
            self.progress.finish();
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        let shared = lock(&self.shared);
        shared.turn == self.turn
            && shared.passed >= shared.kept.len()
            && shared.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let shared = lock(&self.shared);
        let left = shared.kept.iter().skip(shared.passed);
        let has_trailers = left.clone().any(|part| matches!(part, Part::Trailers(_)));
        let kept: u64 = left
            .map(|part| match part {
                Part::Data(data) => u64::try_from(data.len()).unwrap_or(u64::MAX),
                Part::Trailers(_) => 0,
            })
            .sum();
        let rest = shared.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(kept));
        // With a length there can be no trailers (RFC 9112 section 6.3).
        if let Some(upper) = rest.upper().filter(|_| !has_trailers) {
            hint.set_upper(upper.saturating_add(kept));
        }
        hint
    }
}

/// Never held across an await; a panic leaves the parts whole.
fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
