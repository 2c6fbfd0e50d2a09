//! The body of an answer that is sent while it is made.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::body::BodyError;
use crate::failure::Failure;

/// What came of a call, for who reads the answer that it writes. Told before the parts end.
#[derive(Debug, Default)]
pub(super) struct Ending(OnceLock<Result<(), Failure>>);

impl Ending {
    /// The first word counts.
    pub(super) fn tell(&self, outcome: Result<(), Failure>) {
        self.0.get_or_init(|| outcome);
    }

    fn get(&self) -> Option<&Result<(), Failure>> {
        self.0.get()
    }
}

/// What a handler writes, as it comes. A drop ends the call that writes it.
#[derive(Debug)]
pub struct AnswerBody {
    parts: mpsc::Receiver<Bytes>,
    ending: Arc<Ending>,
    call: Option<AbortHandle>,
}

impl AnswerBody {
    pub(super) const fn written(parts: mpsc::Receiver<Bytes>, ending: Arc<Ending>) -> Self {
        Self { parts, ending, call: None }
    }

    /// Lets a drop of this body end the call that writes it.
    pub fn end_with(&mut self, call: AbortHandle) {
        self.call = Some(call);
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

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(part) = ready!(self.parts.poll_recv(context)) {
            return Poll::Ready(Some(Ok(Frame::data(part))));
        }
        // Without a word the call was ended from outside, and the answer is not whole.
        let failure = match self.ending.get() {
            Some(Ok(())) => return Poll::Ready(None),
            Some(Err(failure)) => failure.clone(),
            None => Failure::PluginTrap,
        };
        Poll::Ready(Some(Err(BodyError::new(failure, None))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
