//! Bytes in both directions, until both ends are done or nothing passes.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::end::End;
use crate::clock;
use crate::facts::{Exchange, Open};
use crate::failure::Failure;
use crate::snapshot::Farewell;
use crate::telemetry::metrics::RouteMetrics;
use crate::upstream;

/// How long both ends may take to pass on what was read, and then to close on their side, once the
/// route's farewell is over.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The exchange of a tunnel. A drop finishes it with what has passed.
pub(super) struct Record {
    open: Open,
    traffic: Arc<Traffic>,
}

/// What has passed.
pub(super) struct Traffic {
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
    pub(super) fn pass(&self, bytes: usize, direction: Direction) {
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
pub(super) enum Direction {
    ToUpstream,
    ToClient,
}

/// Runs until both ends have sent their last byte, one of them breaks, nothing passes for
/// `idle_timeout`, or it is time for the `farewell`. Each end is read as fast as the other one takes
/// it.
///
/// A drop closes both ends.
pub(super) async fn run(
    client: OnUpgrade,
    upstream: upstream::Tunnel,
    idle_timeout: Duration,
    farewell: Option<Farewell>,
    mut record: Record,
) {
    let traffic = Arc::clone(&record.traffic);
    // Both are there as soon as the heads are written; a client that never takes its own is cut by
    // the alarm of its connection.
    let (client, (upstream, _stay)) = match tokio::try_join!(client, upstream.open()) {
        Ok(ends) => ends,
        Err(error) => return tracing::debug!(%error, "a tunnel did not open"),
    };
    let closing = farewell.is_some().then(CancellationToken::new);
    let upstream = End::new(TokioIo::new(upstream), Some(Arc::clone(&traffic)));
    let mut upstream = upstream.closing_on(closing.as_ref());
    let mut client = End::new(TokioIo::new(client), None).closing_on(closing.as_ref());
    let ended = tokio::select! {
        ended = copy_bidirectional(&mut client, &mut upstream) => Some(ended),
        () = traffic.stands_still(idle_timeout) => None,
        () = close(farewell, closing.as_ref()) => None,
    };
    if closing.is_some_and(|closing| closing.is_cancelled()) {
        let Exchange { id, route, .. } = &*record.open;
        tracing::info!(request_id = %id, %route, "a tunnel was closed, because its route is gone");
        record.open.tally.failure = Some(Failure::RouteGone);
        let rest = async { tokio::join!(client.discard(), upstream.discard()) };
        // Who has not closed by then is cut.
        let _closed = timeout(CLOSE_TIMEOUT, rest).await;
        return;
    }
    match ended {
        Some(Ok(_)) => traffic.complete.store(true, Ordering::Relaxed),
        Some(Err(error)) => tracing::debug!(%error, "a tunnel broke"),
        None => tracing::debug!(request_id = %record.open.id, "a tunnel stood still"),
    }
}

/// Closes both ends when it is time; over when they should be. For ever without a farewell.
async fn close(farewell: Option<Farewell>, closing: Option<&CancellationToken>) {
    let (Some(farewell), Some(closing)) = (farewell, closing) else { return pending().await };
    farewell.await;
    closing.cancel();
    sleep(CLOSE_TIMEOUT).await;
}
