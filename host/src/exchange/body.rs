//! What is sent to the client after the head, and the end of the exchange with it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant as Deadline, Sleep};

use crate::facts::Open;
use crate::failure::Failure;
use crate::plugin::AnswerBody;
use crate::upstream::ResponseBody;

/// Where the bytes come from.
#[derive(Debug)]
pub(super) enum Content {
    /// Nothing follows.
    Empty,
    /// These bytes.
    Full(Bytes),
    /// What the upstream sends, as it comes.
    Streamed(Box<ResponseBody>),
    /// What the route's handler writes, as it comes.
    Handled(Box<AnswerBody>),
}

impl Content {
    /// The number of bytes, if it is known.
    pub(super) fn exact(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Full(bytes) => Some(bytes.len() as u64),
            Self::Streamed(body) => body.size_hint().exact(),
            Self::Handled(body) => body.size_hint().exact(),
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(bytes) => bytes.is_empty(),
            Self::Streamed(body) => body.is_end_stream(),
            Self::Handled(body) => body.is_end_stream(),
        }
    }
}

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
        open.tally.complete = content.is_over();
        let open = Some(open);
        Self { content, open, deadline, timer: None }
    }

    /// Counts what was handed over, and ends the exchange after the last of it.
    fn handed(&mut self, bytes: usize) {
        let over = self.content.is_over();
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
        let polled = match &mut body.content {
            Content::Empty => return Poll::Ready(None),
            Content::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                if bytes.is_empty() {
                    return Poll::Ready(None);
                }
                body.handed(bytes.len());
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            Content::Streamed(streamed) => Pin::new(&mut **streamed).poll_frame(context),
            Content::Handled(handled) => Pin::new(&mut **handled).poll_frame(context),
        };
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
        self.content.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Streamed(body) => body.size_hint(),
            Content::Handled(body) => body.size_hint(),
            content => content.exact().map_or_else(SizeHint::new, SizeHint::with_exact),
        }
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
