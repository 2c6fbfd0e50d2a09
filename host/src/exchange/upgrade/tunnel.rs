//! Bytes in both directions, until both ends are done or nothing passes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tokio::time::sleep;

use crate::clock;
use crate::facts::Open;
use crate::telemetry::metrics::RouteMetrics;
use crate::upstream;

/// The exchange of a tunnel. A drop finishes it with what has passed.
pub(super) struct Record {
    open: Open,
    traffic: Arc<Traffic>,
}

/// What has passed.
struct Traffic {
    to_upstream: AtomicU64,
    to_client: AtomicU64,
    /// On the clock of [`clock::monotonic_us`].
    moved_us: AtomicU64,
    complete: AtomicBool,
    metrics: Arc<RouteMetrics>,
}

impl Record {
    pub(super) fn new(open: Open, metrics: &Arc<RouteMetrics>) -> Self {
        metrics.tunnels.opened.inc();
        metrics.tunnels.open.inc();
        let traffic = Arc::new(Traffic {
            to_upstream: AtomicU64::new(0),
            to_client: AtomicU64::new(0),
            moved_us: AtomicU64::new(clock::monotonic_us()),
            complete: AtomicBool::new(false),
            metrics: Arc::clone(metrics),
        });
        Self { open, traffic }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let Self { open, traffic } = self;
        traffic.metrics.tunnels.open.dec();
        open.tally.request_body_bytes = traffic.to_upstream.load(Ordering::Relaxed);
        open.tally.response_body_bytes = traffic.to_client.load(Ordering::Relaxed);
        open.tally.complete = traffic.complete.load(Ordering::Relaxed);
    }
}

impl Traffic {
    fn pass(&self, bytes: usize, direction: Direction) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.moved_us.store(clock::monotonic_us(), Ordering::Relaxed);
        let tunnels = &self.metrics.tunnels;
        let (own, all) = match direction {
            Direction::ToUpstream => (&self.to_upstream, &tunnels.to_upstream_bytes),
            Direction::ToClient => (&self.to_client, &tunnels.to_client_bytes),
        };
        own.fetch_add(bytes, Ordering::Relaxed);
        all.inc_by(bytes);
    }

    /// Ends when nothing has passed for so long.
    async fn stands_still(&self, limit: Duration) {
        let mut left = limit;
        while !left.is_zero() {
            sleep(left).await;
            let moved_us = self.moved_us.load(Ordering::Relaxed);
            let idle = Duration::from_micros(clock::monotonic_us().saturating_sub(moved_us));
            left = limit.saturating_sub(idle);
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Direction {
    ToUpstream,
    ToClient,
}

/// Runs until both ends have sent their last byte, one of them breaks, or nothing passes for
/// `idle_timeout`. Each end is read as fast as the other one takes it.
///
/// A drop closes both ends.
pub(super) async fn run(
    client: OnUpgrade,
    upstream: upstream::Tunnel,
    idle_timeout: Duration,
    record: Record,
) {
    let traffic = &record.traffic;
    // Both are there as soon as the heads are written; a client that never takes its own is cut by
    // the alarm of its connection.
    let (client, (upstream, _stay)) = match tokio::try_join!(client, upstream.open()) {
        Ok(ends) => ends,
        Err(error) => return tracing::debug!(%error, "a tunnel did not open"),
    };
    let mut client = TokioIo::new(client);
    let mut upstream = Metered { inner: TokioIo::new(upstream), traffic: Arc::clone(traffic) };
    let ended = tokio::select! {
        ended = copy_bidirectional(&mut client, &mut upstream) => Some(ended),
        () = traffic.stands_still(idle_timeout) => None,
    };
    match ended {
        Some(Ok(_)) => traffic.complete.store(true, Ordering::Relaxed),
        Some(Err(error)) => tracing::debug!(%error, "a tunnel broke"),
        None => tracing::debug!(request_id = %record.open.id, "a tunnel stood still"),
    }
}

/// The upstream's end, with what passes counted.
struct Metered<T> {
    inner: T,
    traffic: Arc<Traffic>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Metered<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        let bytes = buf.filled().len().saturating_sub(before);
        if bytes > 0 {
            self.traffic.pass(bytes, Direction::ToClient);
        }
        polled
    }
}

impl<T: AsyncWrite + Unpin> Metered<T> {
    fn wrote(&self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &polled {
            self.traffic.pass(*bytes, Direction::ToUpstream);
        }
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Metered<T> {
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
