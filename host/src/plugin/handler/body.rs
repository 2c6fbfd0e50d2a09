//! The body of an answer that is sent while it is made.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use crate::body::BodyError;
use crate::failure::Failure;

/// What came of a call, for who reads the answer that it writes. Told before the parts end.
#[derive(Debug, Default)]
pub(in crate::plugin) struct Ending(OnceLock<Result<(), Failure>>);

impl Ending {
    /// The first word counts.
    pub(in crate::plugin) fn tell(&self, outcome: Result<(), Failure>) {
        self.0.get_or_init(|| outcome);
    }

    fn get(&self) -> Option<&Result<(), Failure>> {
        self.0.get()
    }
}

/// What a handler writes, as it comes. A drop before the end ends the call that writes it.
#[derive(Debug)]
pub struct AnswerBody {
    parts: Parts,
    ending: Arc<Ending>,
    call: Option<AbortHandle>,
}

#[derive(Debug)]
enum Parts {
    /// By `answer-stream.write`.
    Written(mpsc::Receiver<Bytes>),
    /// By a component of `wasi:http`, with the bytes that are left of what it announced.
    Proxied(HyperOutgoingBody, Option<u64>),
}

type Polled = Option<Result<Frame<Bytes>, BodyError>>;

impl AnswerBody {
    pub(in crate::plugin) const fn written(
        parts: mpsc::Receiver<Bytes>,
        ending: Arc<Ending>,
    ) -> Self {
        Self { parts: Parts::Written(parts), ending, call: None }
    }

    /// `length` is what the guest has announced.
    pub(in crate::plugin) const fn proxied(
        body: HyperOutgoingBody,
        length: Option<u64>,
        ending: Arc<Ending>,
    ) -> Self {
        Self { parts: Parts::Proxied(body, length), ending, call: None }
    }

    /// Lets a drop of this body end the call that writes it.
    pub fn end_with(&mut self, call: AbortHandle) {
        self.call = Some(call);
    }

    fn failed(&self) -> Option<Result<Frame<Bytes>, BodyError>> {
        let failure = match self.ending.get() {
            Some(Err(failure)) => failure.clone(),
            Some(Ok(())) | None => Failure::PluginTrap,
        };
        Some(Err(BodyError::new(failure, None)))
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        if let Some(call) = &self.call {
            call.abort();
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Polled> {
        let polled = match &mut self.parts {
            Parts::Written(parts) => {
                ready!(parts.poll_recv(context)).map(|part| Ok(Frame::data(part)))
            }
            Parts::Proxied(body, left) => {
                let polled = ready!(Pin::new(body).poll_frame(context));
                if let (Some(Ok(frame)), Some(left)) = (&polled, left) {
                    let bytes = frame.data_ref().map_or(0, Bytes::len);
                    *left = left.saturating_sub(bytes as u64);
                }
                polled
            }
        };
        let whole = match (&self.parts, self.ending.get()) {
            (_, Some(Err(_))) | (Parts::Written(_), None) => false,
            (Parts::Written(_), Some(Ok(()))) => true,
            // Without a word the guest has finished the body and goes on with something else.
            (Parts::Proxied(_, left), _) => left.is_none_or(|left| left == 0),
        };
        match polled {
            Some(Ok(frame)) => {
                if self.is_end_stream() {
                    self.call = None;
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(_)) => Poll::Ready(self.failed()),
            None if whole => {
                self.call = None;
                Poll::Ready(None)
            }
            None => Poll::Ready(self.failed()),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.parts {
            Parts::Written(_) => false,
            Parts::Proxied(body, None) => body.is_end_stream(),
            Parts::Proxied(_, Some(left)) => *left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.parts {
            Parts::Proxied(_, Some(left)) => SizeHint::with_exact(*left),
            Parts::Proxied(body, None) => body.size_hint(),
            Parts::Written(_) => SizeHint::default(),
        }
    }
}
