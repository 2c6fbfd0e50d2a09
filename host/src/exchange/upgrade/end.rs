//! One end of a tunnel.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, sink};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::tunnel::{Direction, Traffic};

/// One end, which may count what passes, and may be read to an end before its own.
pub(super) struct End<T> {
    inner: T,
    /// Of the upstream's end, where both directions are counted.
    traffic: Option<Arc<Traffic>>,
    /// From then on there is nothing more to read.
    closing: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl<T> End<T> {
    pub(super) const fn new(inner: T, traffic: Option<Arc<Traffic>>) -> Self {
        Self { inner, traffic, closing: None }
    }

    /// Reads as if the other side had sent its last byte once `closing` is cancelled. What was read
    /// until then is still passed on.
    pub(super) fn closing_on(mut self, closing: Option<&CancellationToken>) -> Self {
        self.closing = closing.map(|token| Box::pin(token.clone().cancelled_owned()));
        self
    }
}

impl<T: AsyncRead + Unpin> End<T> {
    /// Reads and throws away what still comes, so that the close is not answered with a reset.
    pub(super) async fn discard(mut self) {
        // However it ends, it ends.
        let _bytes = tokio::io::copy(&mut self.inner, &mut sink()).await;
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for End<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(closing) = &mut self.closing
            && closing.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        let bytes = buf.filled().len().saturating_sub(before);
        if bytes > 0
            && let Some(traffic) = &self.traffic
        {
            traffic.pass(bytes, Direction::ToClient);
        }
        polled
    }
}

impl<T> End<T> {
    fn wrote(&self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let (Poll::Ready(Ok(bytes)), Some(traffic)) = (&polled, &self.traffic) {
            traffic.pass(*bytes, Direction::ToUpstream);
        }
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for End<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.wrote(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.wrote(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
