//! What is sent to the client after the head, and the end of the exchange with it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant as Deadline, Sleep};

use crate::body::Content;
use crate::facts::Open;
use crate::failure::Failure;

/// A response's body. The exchange is finished when it ends or is dropped.
#[derive(Debug)]
pub struct Body {
    content: Content,
    open: Option<Open>,
    /// When the route's time is up; a timer only once there is something to wait for.
    deadline: Option<Deadline>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Body {
    pub(super) fn new(content: Content, mut open: Open, deadline: Option<Deadline>) -> Self {
        // hyper never asks a body for what it says it has not.
        open.tally.complete = content.is_end_stream();
        let open = Some(open);
        Self { content, open, deadline, timer: None }
    }

    /// Of an exchange that goes on elsewhere.
    pub(super) const fn ended() -> Self {
        Self { content: Content::Empty, open: None, deadline: None, timer: None }
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

    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        let Some(deadline) = self.deadline else { return false };
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        timer.as_mut().poll(context).is_ready()
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
            Poll::Pending if body.is_late(context) => {
                body.fail(Failure::RouteTimeout);
                Poll::Ready(Some(Err(Cut(Failure::RouteTimeout))))
            }
            Poll::Pending => Poll::Pending,
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
