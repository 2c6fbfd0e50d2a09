//! The end of an exchange: metrics, then the log phase.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use super::span;
use crate::body::Progress;
use crate::clock;
use crate::facts::{Exchange, Finish, Open};
use crate::failure::Failure;
use crate::gate::Place;
use crate::plugin::Summary;
use crate::plugin::source as wit_source;
use crate::snapshot::Snapshot;

/// Finishes one exchange.
pub(super) struct Finisher {
    /// The one that the exchange began with.
    snapshot: Arc<Snapshot>,
    /// Index of its route.
    route: Option<usize>,
    tasks: TaskTracker,
    progress: OnceLock<Arc<Progress>>,
    /// Among the exchanges that are under way, if those are bounded.
    place: OnceLock<Place>,
}

impl Finisher {
    pub(super) fn new(snapshot: &Arc<Snapshot>, route: Option<usize>, tasks: &TaskTracker) -> Self {
        let (snapshot, tasks) = (Arc::clone(snapshot), tasks.clone());
        Self { snapshot, route, tasks, progress: OnceLock::new(), place: OnceLock::new() }
    }

    /// Keeps a place until the exchange is over.
    pub(super) fn hold(&self, place: Place) {
        // An exchange waits for one place only, so it has none already.
        drop(self.place.set(place));
    }

    /// Notes what becomes of the request's body.
    pub(super) fn follow(&self, progress: &Arc<Progress>) {
        // An exchange has one body and forwards it once, so it is never set already.
        drop(self.progress.set(Arc::clone(progress)));
    }

    /// Why the request's body failed, if it did.
    pub(super) fn body_failure(&self) -> Option<Failure> {
        self.progress.get()?.failure().cloned()
    }
}

impl Finish for Finisher {
    fn finish(&self, mut exchange: Box<Exchange>) {
        let duration = clock::now().saturating_duration_since(exchange.received);
        if let Some(progress) = self.progress.get() {
            exchange.tally.request_body_bytes = progress.bytes();
        }
        if exchange.response.is_none() {
            exchange.tally.failure.get_or_insert(Failure::ClientGone);
        }
        let route = self.route.and_then(|index| self.snapshot.routes.get(index));
        let counted = route.map_or(&self.snapshot.unmatched, |route| &route.metrics);
        let status = status(&exchange);
        counted.exchange(status, exchange.source, duration, exchange.tally.upstreams_time);
        span::end(&exchange, status, duration);
        if let Some(failure) = &exchange.tally.failure {
            counted.failure(failure.token());
        }
        if let Some(route) = route.filter(|route| route.pipeline.has_log_phase()) {
            let pipeline = Arc::clone(&route.pipeline);
            exchange.take_in();
            let span = exchange.span.clone();
            let open = Open::detached(exchange);
            let logged = async move {
                pipeline.on_complete(open, |exchange| summary(exchange, duration)).await;
            };
            self.tasks.spawn(logged.instrument(span));
        }
    }
}

/// 499 if the client left before there was a response.
fn status(exchange: &Exchange) -> u16 {
    exchange
        .response
        .as_ref()
        .map_or(Failure::ClientGone.status(), |response| response.status.as_u16())
}

fn summary(exchange: &Exchange, duration: Duration) -> Summary {
    let tally = &exchange.tally;
    let us = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    Summary {
        status: status(exchange),
        source: wit_source(exchange.source),
        received_at_ms: exchange.received_unix_ms,
        duration_us: us(duration),
        upstream_us: tally.upstream_time.map(us),
        request_body_bytes: tally.request_body_bytes,
        response_body_bytes: tally.response_body_bytes,
        upstream: tally.upstream.as_deref().map(str::to_owned),
        endpoint: tally.endpoint.as_deref().map(str::to_owned),
        attempts: tally.attempts,
        failure: tally.failure.as_ref().map(|failure| failure.token().to_owned()),
        complete: tally.complete,
    }
}
