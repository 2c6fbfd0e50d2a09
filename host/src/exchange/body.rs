//! What is sent to the client after the head, and the end of the exchange with it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant as Deadline, Sleep};

use crate::body::Content;
use crate::facts::Open;
use crate::failure::Failure;
use crate::snapshot::Farewell;

/// A response's body. The exchange is finished when it ends or is dropped.
#[derive(Debug)]
pub struct Body {
    content: Content,
    open: Option<Open>,
    /// When the route's time is up; a timer only once there is something to wait for.
    deadline: Option<Deadline>,
    timer: Option<Pin<Box<Sleep>>>,
    /// When it has to end because its route is gone.
    farewell: Option<Farewell>,
}

impl Body {
    pub(super) fn new(content: Content, mut open: Open, deadline: Option<Deadline>) -> Self {
        // hyper never asks a body for what it says it has not.
        open.tally.complete = content.is_end_stream();
        let open = Some(open);
        Self { content, open, deadline, timer: None, farewell: None }
    }

    /// Has it end with this as well.
    pub(super) fn until(self, farewell: Option<Farewell>) -> Self {
        Self { farewell, ..self }
    }

    /// Of an exchange that goes on elsewhere.
    pub(super) const fn ended() -> Self {
        Self { content: Content::Empty, open: None, deadline: None, timer: None, farewell: None }
    }

    /// Counts what was handed over, and ends the exchange after the last of it.
    fn handed(&mut self, bytes: usize) {
        let over = self.content.is_end_stream();
        if let Some(open) = &mut self.open {
            open.tally.response_body_bytes += bytes as u64;
            open.tally.complete = over;
        }
        if over {
            self.open = None;
        }
    }

    /// Why nobody waits any longer for what does not come.
    fn ends(&mut self, context: &mut Context<'_>) -> Option<Failure> {
        if let Some(farewell) = &mut self.farewell
            && Pin::new(farewell).poll(context).is_ready()
        {
            return Some(Failure::RouteGone);
        }
        let deadline = self.deadline?;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        timer.as_mut().poll(context).is_ready().then_some(Failure::RouteTimeout)
    }

    fn fail(&mut self, failure: Failure) {
        if let Some(open) = &mut self.open {
            tracing::warn!(
                request_id = %open.id,
                route = %open.route,
                error = failure.token(),
                "response was cut short",
            );
            open.tally.failure = Some(failure);
        }
        self.open = None;
        self.content = Content::Empty;
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let body = &mut *self;
        let polled = Pin::new(&mut body.content).poll_frame(context);
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                body.handed(bytes);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                let cut = Cut(error.failure().clone());
                body.fail(cut.0.clone());
                Poll::Ready(Some(Err(cut)))
            }
            Poll::Ready(None) => {
                body.content = Content::Empty;
                body.handed(0);
                Poll::Ready(None)
            }
            Poll::Pending => match body.ends(context) {
                Some(failure) => {
                    body.fail(failure.clone());
                    Poll::Ready(Some(Err(Cut(failure))))
                }
                None => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}

/// Why a response ended before its end; the client's connection is closed on it.
#[derive(Debug)]
pub struct Cut(Failure);

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Cut {}
