//! Copies of requests for another upstream, whose answers are dropped.
//!
//! A copy goes once the request's body is known to its end, on a task of the worker, so that it neither
//! delays the exchange nor fails it. What it takes is bounded by `mirror.body` and `mirror.concurrency`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, Uri, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::{Served, fields};
use crate::body::{BodyError, Content, RequestBody};
use crate::facts::Tally;
use crate::failure::Failure;
use crate::snapshot::{Mirror, UnderWay};
use crate::telemetry::metrics::{Mirrored, RouteMetrics};
use crate::upstream::{Pools, Upstream};

/// Of an answer that are read, so that its connection can be used again; a longer one is cut.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Sends a copy of the request beside it, if it is its turn.
pub(super) fn copy(served: &Served<'_>, mirror: &Mirror, request: &mut Request<RequestBody>) {
    if !mirror.takes() {
        return;
    }
    let metrics = &served.route.metrics;
    let Some(under_way) = mirror.begin() else {
        return metrics.mirrored(Mirrored::Saturated);
    };
    if request.body().size_hint().lower() > mirror.body_bytes {
        return metrics.mirrored(Mirrored::TooLarge);
    }
    let mut headers = request.headers().clone();
    // They are not copied.
    headers.remove(header::TRAILER);
    let copy = Copy {
        upstream: Arc::clone(&mirror.upstream),
        pools: Arc::clone(&served.worker.pools),
        tasks: served.worker.tasks.clone(),
        metrics: Arc::clone(metrics),
        timeout: served.route.timeout,
        method: request.method().clone(),
        uri: request.uri().clone(),
        headers,
        _under_way: under_way,
    };
    let body = request.body_mut();
    if body.is_end_stream() {
        return copy.send(Bytes::new());
    }
    match body.take() {
        Content::Empty => copy.send(Bytes::new()),
        Content::Full(full) => {
            copy.send(full.bytes().clone());
            body.put(full.into());
        }
        content @ Content::Streamed(_) => {
            let (held, max) = (BytesMut::new(), mirror.body_bytes);
            body.put(Content::streamed(Tee { content, held, max, copy: Some(copy) }));
        }
    }
}

/// A copy that lacks its body.
struct Copy {
    upstream: Arc<Upstream>,
    pools: Arc<Pools>,
    tasks: TaskTracker,
    metrics: Arc<RouteMetrics>,
    timeout: Duration,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    _under_way: UnderWay,
}

impl Copy {
    /// Sends it on a task of its own.
    fn send(self, bytes: Bytes) {
        let tasks = self.tasks.clone();
        tasks.spawn(async move {
            let answered = tokio::time::timeout(self.timeout, self.exchange(bytes)).await;
            self.metrics.mirrored(match answered {
                Ok(Ok(())) => Mirrored::Answered,
                Ok(Err(_)) | Err(_) => Mirrored::Failed,
            });
        });
    }

    async fn exchange(&self, bytes: Bytes) -> Result<(), Failure> {
        let mut headers = self.headers.clone();
        let length = Some(bytes.len() as u64);
        fields::frame(&mut headers, fields::Content::of_request(&self.method, length));
        let body = if bytes.is_empty() { RequestBody::empty() } else { RequestBody::whole(bytes) };
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers;
        let mut tally = Tally::default();
        let deadline = Instant::now() + self.timeout;
        let sent = self.upstream.send(&self.pools, request, deadline, &mut tally);
        let mut answer = sent.await?.into_body();
        let mut read = 0;
        while read <= ANSWER_BYTES_MAX
            && let Some(Ok(frame)) = answer.frame().await
        {
            read += frame.data_ref().map_or(0, Bytes::len);
        }
        Ok(())
    }

    fn give_up(self, why: Mirrored) {
        self.metrics.mirrored(why);
    }
}

/// A body that is kept while it passes.
struct Tee {
    content: Content,
    /// Copied, because a part may keep a much larger buffer alive.
    held: BytesMut,
    /// In bytes.
    max: u64,
    /// Until it is sent or given up.
    copy: Option<Copy>,
}

impl Tee {
    fn keep(&mut self, part: &[u8]) {
        if self.copy.is_none() {
            return;
        }
        if (self.held.len() + part.len()) as u64 > self.max {
            self.give_up(Mirrored::TooLarge);
        } else {
            self.held.extend_from_slice(part);
        }
    }

    fn give_up(&mut self, why: Mirrored) {
        self.held = BytesMut::new();
        if let Some(copy) = self.copy.take() {
            copy.give_up(why);
        }
    }

    fn finish(&mut self) {
        if let Some(copy) = self.copy.take() {
            copy.send(std::mem::take(&mut self.held).freeze());
        }
    }

    /// Whoever writes a body of a known length does not ask for more after its last byte.
    fn has_ended(&self) -> bool {
        self.content.is_end_stream() || self.content.size_hint().exact() == Some(0)
    }
}

impl Body for Tee {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.content).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(part) = frame.data_ref() {
                    self.keep(part);
                }
                if frame.is_trailers() || self.has_ended() {
                    self.finish();
                }
            }
            Poll::Ready(Some(Err(_))) => self.give_up(Mirrored::Cut),
            Poll::Ready(None) => self.finish(),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}

impl Drop for Tee {
    fn drop(&mut self) {
        self.give_up(Mirrored::Cut);
    }
}
