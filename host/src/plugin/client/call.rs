//! One request of a plugin, from its start to the last byte of its response.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use super::token;
use crate::body::{RequestBody, Writer};
use crate::clock;
use crate::facts::Tally;
use crate::failure::Failure;
use crate::plugin::contract::bindings::tidegate::plugin::http_client::{ClientError, ResponseHead};
use crate::telemetry::metrics::CallMetrics;
use crate::upstream::{Pools, ResponseBody, Upstream};

/// A request that was sent, and its response. A drop closes the connection, unless the response was
/// read to its end.
pub struct Call {
    state: State,
    /// Of a body that the guest has not ended.
    writer: Option<Writer>,
    trailers: HeaderMap,
    /// Of everything.
    deadline: Instant,
    ticket: Ticket,
}

enum State {
    /// There is no head yet.
    Sent(Answer),
    /// The body is absent after its end.
    Answered { head: ResponseHead, body: Option<Box<ResponseBody>> },
    /// Every further function gives this.
    Failed(ClientError),
}

/// The task that sends the request and waits for the head; a drop ends it.
///
/// It is a task of its own so that it goes on while the guest computes or waits for another call.
struct Answer {
    head: oneshot::Receiver<Result<Response<ResponseBody>, ClientError>>,
    task: AbortHandle,
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The right to a call, which counts what comes of it.
pub(in crate::plugin) struct Ticket {
    _permit: OwnedSemaphorePermit,
    metrics: Arc<CallMetrics>,
    outcome: &'static str,
}

impl Ticket {
    pub(super) const fn new(permit: OwnedSemaphorePermit, metrics: Arc<CallMetrics>) -> Self {
        Self { _permit: permit, metrics, outcome: "cancelled" }
    }
}

impl Ticket {
    /// There is a response.
    pub(in crate::plugin) const fn answered(&mut self) {
        self.outcome = "answered";
    }

    /// There is none.
    pub(in crate::plugin) fn failed(&mut self, failure: &Failure) {
        self.outcome = token(&error(failure));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.metrics.ended(self.outcome);
    }
}

impl Call {
    /// Sends a request from a task of its own.
    #[expect(
        clippy::disallowed_methods,
        reason = "the task ends with the call, which an instance owns; drain waits for its exchange"
    )]
    pub(super) fn start(
        upstream: Arc<Upstream>,
        pools: Arc<Pools>,
        request: Request<RequestBody>,
        writer: Option<Writer>,
        deadline: Instant,
        ticket: Ticket,
    ) -> Self {
        let (answer, head) = oneshot::channel();
        let metrics = Arc::clone(&ticket.metrics);
        let task = tokio::spawn(async move {
            let began = clock::now();
            let mut tally = Tally::default();
            let sent = upstream.send(&pools, request, deadline, &mut tally);
            let outcome = match timeout_at(deadline, sent).await {
                Ok(Ok(response)) => Ok(response),
                Ok(Err(failure)) => Err(error(&failure)),
                Err(_elapsed) => Err(ClientError::Timeout),
            };
            metrics.duration.observe_duration(clock::now().saturating_duration_since(began));
            // A call that was dropped has aborted this task.
            drop(answer.send(outcome));
        });
        let answer = Answer { head, task: task.abort_handle() };
        Self { state: State::Sent(answer), writer, trailers: HeaderMap::new(), deadline, ticket }
    }

    /// Whether the head is there or the call has failed.
    pub(super) fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let State::Sent(answer) = &mut self.state else { return Poll::Ready(()) };
        let Poll::Ready(outcome) = Pin::new(&mut answer.head).poll(context) else {
            return Poll::Pending;
        };
        let ended = || Err(ClientError::Connection("the gateway ended the request".to_owned()));
        match outcome.unwrap_or_else(|_no_answer| ended()) {
            Ok(response) => self.answer(response),
            Err(error) => self.fail(error),
        }
        Poll::Ready(())
    }

    fn answer(&mut self, response: Response<ResponseBody>) {
        let (parts, body) = response.into_parts();
        let status = parts.status.as_u16();
        if !(200..600).contains(&status) {
            self.fail(ClientError::Protocol(format!("the status {status} is none of HTTP")));
            return;
        }
        let head = ResponseHead { status, headers: super::request::received(parts.headers) };
        self.ticket.answered();
        self.state = State::Answered { head, body: Some(Box::new(body)) };
    }

    fn fail(&mut self, error: ClientError) {
        self.ticket.outcome = token(&error);
        self.writer = None;
        self.state = State::Failed(error);
    }

    /// Waits for the head. A drop leaves the call under way.
    pub(in crate::plugin) async fn head(&mut self) -> Result<&ResponseHead, ClientError> {
        poll_fn(|context| self.poll_head(context)).await;
        match &self.state {
            State::Answered { head, .. } => Ok(head),
            State::Failed(error) => Err(error.clone()),
            State::Sent(_) => Err(ClientError::Timeout),
        }
    }

    /// Waits for the next part of the body; `None` at its end. A drop loses nothing.
    pub(in crate::plugin) async fn read(&mut self) -> Result<Option<Bytes>, ClientError> {
        self.head().await?;
        loop {
            let State::Answered { body: slot, .. } = &mut self.state else { return Ok(None) };
            let Some(body) = slot else { return Ok(None) };
            let error = match timeout_at(self.deadline, body.frame()).await {
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(part) if part.is_empty() => continue,
                    Ok(part) => return Ok(Some(part)),
                    Err(frame) => {
                        self.trailers = frame.into_trailers().unwrap_or_default();
                        continue;
                    }
                },
                Ok(None) => {
                    *slot = None;
                    return Ok(None);
                }
                Ok(Some(Err(broken))) => error(broken.failure()),
                Err(_elapsed) => ClientError::Timeout,
            };
            self.fail(error.clone());
            return Err(error);
        }
    }

    /// Waits for what is left of the body, of at most `max_bytes`. A drop loses what was read.
    pub(in crate::plugin) async fn read_all(
        &mut self,
        max_bytes: usize,
    ) -> Result<Vec<u8>, ClientError> {
        let mut whole = Vec::new();
        while let Some(part) = self.read().await? {
            if whole.len() + part.len() > max_bytes {
                self.fail(ClientError::TooLarge);
                return Err(ClientError::TooLarge);
            }
            whole.extend_from_slice(&part);
        }
        Ok(whole)
    }

    /// The field lines after the body.
    pub(in crate::plugin) const fn trailers(&self) -> &HeaderMap {
        &self.trailers
    }

    /// Waits until the part before was taken. A drop gives nothing.
    pub(in crate::plugin) async fn write(&mut self, part: Bytes) -> Result<(), ClientError> {
        let Some(writer) = &self.writer else { return Err(self.unwritable()) };
        if part.is_empty() {
            return Ok(());
        }
        let deadline = self.deadline;
        match timeout_at(deadline, writer.write(part)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_unread)) => Err(self.cut().await),
            Err(_elapsed) => Err(ClientError::Timeout),
        }
    }

    /// Says that the body is whole.
    pub(in crate::plugin) async fn end(&mut self) -> Result<(), ClientError> {
        let Some(writer) = &self.writer else { return Ok(()) };
        match timeout_at(self.deadline, writer.end()).await {
            Ok(Ok(())) => {
                self.writer = None;
                Ok(())
            }
            Ok(Err(_unread)) => Err(self.cut().await),
            Err(_elapsed) => Err(ClientError::Timeout),
        }
    }

    /// Why nobody reads the request's body any more: the response is there, or has failed.
    async fn cut(&mut self) -> ClientError {
        self.writer = None;
        match self.head().await {
            Ok(_) => ClientError::Connection("the destination has answered already".to_owned()),
            Err(error) => error,
        }
    }

    fn unwritable(&self) -> ClientError {
        match &self.state {
            State::Failed(error) => error.clone(),
            State::Sent(_) | State::Answered { .. } => {
                ClientError::Invalid("this call takes no more of a body".to_owned())
            }
        }
    }
}

/// A failure in the contract's words.
fn error(failure: &Failure) -> ClientError {
    let text = || failure.message().to_owned();
    match failure {
        Failure::ConnectionTimeout | Failure::ResponseTimeout => ClientError::Timeout,
        Failure::TlsCertificateError | Failure::TlsProtocolError | Failure::TlsAlertReceived => {
            ClientError::Tls(text())
        }
        Failure::ResponseMalformed => ClientError::Protocol(text()),
        _ => ClientError::Connection(text()),
    }
}
