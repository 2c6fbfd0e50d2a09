//! A body that a plugin gives to a request of its own.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::{BodyError, Progress};
use crate::failure::Failure;

/// Parts that wait for the connection: one, so that who writes is slowed down by who reads.
const PARTS_MAX: usize = 1;

/// A body that a plugin gives, at once or part by part.
#[derive(Debug)]
pub(super) struct Written {
    /// What was there from the beginning; its length is announced.
    whole: Option<Bytes>,
    /// What comes.
    parts: Option<Receiver<Part>>,
    progress: Arc<Progress>,
}

#[derive(Debug)]
enum Part {
    Bytes(Bytes),
    End,
}

/// The other end of a [`Written`] body. A drop without [`end`](Self::end) breaks the body off.
#[derive(Debug)]
pub struct Writer(Sender<Part>);

/// Nobody reads the body any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unread;

impl Writer {
    /// Waits until the part before was taken, and gives this one. A drop gives nothing.
    ///
    /// # Errors
    ///
    /// The body was dropped, because its request is over.
    pub async fn write(&self, part: Bytes) -> Result<(), Unread> {
        self.0.send(Part::Bytes(part)).await.map_err(|_unsent| Unread)
    }

    /// Says that the body is whole. A drop has not said it.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub async fn end(&self) -> Result<(), Unread> {
        self.0.send(Part::End).await.map_err(|_unsent| Unread)
    }
}

impl Written {
    pub(super) fn whole(bytes: Bytes, progress: Arc<Progress>) -> Self {
        Self { whole: Some(bytes), parts: None, progress }
    }

    pub(super) fn streamed(progress: Arc<Progress>) -> (Self, Writer) {
        let (writer, parts) = channel(PARTS_MAX);
        (Self { whole: None, parts: Some(parts), progress }, Writer(writer))
    }

    pub(super) const fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    fn end(&mut self) {
        self.parts = None;
        self.progress.finish();
    }
}

impl Body for Written {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if let Some(bytes) = this.whole.take() {
            this.progress.pass(bytes.len());
            this.end();
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        let Some(parts) = &mut this.parts else { return Poll::Ready(None) };
        match parts.poll_recv(cx) {
            Poll::Pending => {
                this.progress.await_client();
                Poll::Pending
            }
            Poll::Ready(Some(Part::Bytes(bytes))) => {
                this.progress.pass(bytes.len());
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Poll::Ready(Some(Part::End)) => {
                this.end();
                Poll::Ready(None)
            }
            Poll::Ready(None) => {
                this.parts = None;
                this.progress.fail(Failure::ClientGone);
                Poll::Ready(Some(Err(BodyError::new(Failure::ClientGone, None))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.whole.is_none() && self.parts.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.whole, &self.parts) {
            (Some(bytes), _) => SizeHint::with_exact(bytes.len() as u64),
            (None, None) => SizeHint::with_exact(0),
            (None, Some(_)) => SizeHint::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use tokio::join;

    use super::*;

    #[tokio::test]
    async fn parts_come_in_order_and_the_end_when_it_was_said() {
        let progress = Arc::new(Progress::new());
        let (mut body, writer) = Written::streamed(Arc::clone(&progress));
        let write = async {
            writer.write("one ".into()).await.unwrap();
            writer.write("two".into()).await.unwrap();
            assert!(!progress.is_finished());
            writer.end().await.unwrap();
            writer
        };
        let (_writer, read) = join!(write, (&mut body).collect());
        assert_eq!(read.unwrap().to_bytes(), "one two");
        assert_eq!((progress.bytes(), progress.is_finished()), (7, true));
    }

    #[tokio::test]
    async fn a_writer_that_is_dropped_before_the_end_breaks_the_body_off() {
        let (mut body, writer) = Written::streamed(Arc::default());
        drop(writer);
        let error = body.frame().await.unwrap().unwrap_err();
        assert_eq!(error.failure(), &Failure::ClientGone);
    }

    #[tokio::test]
    async fn nobody_writes_for_a_body_that_was_dropped() {
        let (body, writer) = Written::streamed(Arc::default());
        drop(body);
        assert_eq!(writer.write("lost".into()).await, Err(Unread));
    }
}
