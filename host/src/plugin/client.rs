//! HTTP requests of plugins: what one may ask for, and what an instance has under way.
//!
//! ```text
//! outgoing --request--> http::Request --start--> Call: task → head → body, read by the guest
//! ```
//!
//! A call belongs to the instance that started it, in [`Calls`], and is dropped with it: by the guest,
//! at the end of the function that the guest was called for, or with the instance. A drop cancels
//! what is under way. An instance never waits longer than its call of a phase may take.

mod call;
mod request;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::HeaderValue;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::contract::bindings::tidegate::plugin::http_client::{
    ClientError, Destination, Outgoing,
};
use super::egress::{self, Egress};
use crate::config::{HttpClientScope, HttpOrigin};
use crate::telemetry::metrics::CallMetrics;
use crate::upstream::Upstream;
pub use call::Call;
pub(super) use call::Ticket;
pub(super) use request::drop_connection_fields;
use request::{Prepared, prepare};

/// What the instances of a plugin may ask for.
pub(super) struct Client {
    scope: HttpClientScope,
    egress: Arc<Egress>,
    /// Calls that one instance may have.
    calls: usize,
    /// Calls that all instances may still start.
    free: Arc<Semaphore>,
    /// Of a body that is read whole, at most.
    body_bytes_max: usize,
    metrics: Arc<CallMetrics>,
}

/// How much a plugin may have under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Calls of one instance.
    pub(super) calls: usize,
    /// Calls of all instances.
    pub(super) calls_total: usize,
    /// Of a body that is read whole: what a guest has no room for is not collected for it.
    pub(super) body_bytes: usize,
}

/// The calls that an instance holds, by a number that is never given twice: a handle that the guest
/// kept from an earlier exchange reaches none of a later one.
#[derive(Default)]
pub(super) struct Calls {
    held: BTreeMap<u32, Call>,
    last: u32,
}

impl Client {
    pub(super) fn new(
        scope: HttpClientScope,
        egress: Arc<Egress>,
        bounds: Bounds,
        metrics: Arc<CallMetrics>,
    ) -> Self {
        Self {
            scope,
            egress,
            calls: bounds.calls,
            free: Arc::new(Semaphore::new(bounds.calls_total)),
            body_bytes_max: bounds.body_bytes,
            metrics,
        }
    }

    /// Starts a call in a task of its own and keeps it in `calls`; gives its number.
    ///
    /// `until` is the end of the time that the instance has for what it is doing now.
    pub(super) fn start(
        &self,
        calls: &mut Calls,
        outgoing: Outgoing,
        until: Instant,
    ) -> Result<u32, ClientError> {
        let started = self.try_start(calls, outgoing, until);
        if let Err(error) = &started {
            self.refused(error);
        }
        started
    }

    fn try_start(
        &self,
        calls: &mut Calls,
        outgoing: Outgoing,
        until: Instant,
    ) -> Result<u32, ClientError> {
        let upstream = self.find(&outgoing.to)?;
        let timeout = outgoing.timeout_ms.map(|ms| Duration::from_millis(ms.into()));
        let prepared = prepare(outgoing, self.egress.via())?;
        if calls.held.len() >= self.calls {
            return Err(ClientError::TooMany);
        }
        let ticket = self.ticket()?;
        let Prepared { request, writer } = prepared;
        let deadline = deadline(timeout, until, Instant::now());
        let call = Call::start(upstream, egress::pools(), request, writer, deadline, ticket);
        calls.keep(call)
    }

    /// The right to one more call.
    pub(super) fn ticket(&self) -> Result<Ticket, ClientError> {
        let permit = Arc::clone(&self.free).try_acquire_owned();
        let permit = permit.map_err(|_none_is_free| ClientError::TooMany)?;
        Ok(Ticket::new(permit, Arc::clone(&self.metrics)))
    }

    /// Calls that one instance may have.
    pub(super) const fn calls(&self) -> usize {
        self.calls
    }

    /// What this gateway adds to `Via`.
    pub(super) fn via(&self) -> HeaderValue {
        self.egress.via()
    }

    /// Counts a call that was not started.
    pub(super) fn refused(&self, error: &ClientError) {
        self.metrics.refused(token(error));
    }

    /// Where a component of `wasi:http` wants to go: to the granted upstream of that name, or to an
    /// origin.
    pub(super) fn at(&self, is_https: bool, authority: &str) -> Result<Arc<Upstream>, ClientError> {
        if self.scope.upstreams.iter().any(|name| name == authority) {
            return self.find(&Destination::Upstream(authority.to_owned()));
        }
        let scheme = if is_https { "https" } else { "http" };
        self.find(&Destination::Origin(format!("{scheme}://{authority}")))
    }

    /// What a guest may have read into its memory at once, in bytes.
    pub(super) fn readable(&self, max_bytes: u32) -> usize {
        usize::try_from(max_bytes).unwrap_or(usize::MAX).min(self.body_bytes_max)
    }

    fn find(&self, to: &Destination) -> Result<Arc<Upstream>, ClientError> {
        match to {
            Destination::Upstream(name) => {
                if !self.scope.upstreams.contains(name) {
                    let name = name.escape_debug();
                    return Err(ClientError::Denied(format!("upstream `{name}` is not granted")));
                }
                self.egress.upstream(name).ok_or(ClientError::UnknownUpstream)
            }
            Destination::Origin(text) => {
                let origin = HttpOrigin::parse(text).map_err(|why| {
                    ClientError::Invalid(format!("`{}` is no origin: {why}", text.escape_debug()))
                })?;
                if !self.scope.hosts.iter().any(|granted| granted.covers(&origin)) {
                    return Err(ClientError::Denied(format!("origin `{origin}` is not granted")));
                }
                let none = || ClientError::Tls("no certificate authority is trusted".to_owned());
                self.egress.origin(&origin).ok_or_else(none)
            }
        }
    }
}

/// Nine tenths of what is left leave the guest time to act on a timeout.
pub(super) fn deadline(asked: Option<Duration>, until: Instant, now: Instant) -> Instant {
    let most = until.saturating_duration_since(now).mul_f64(0.9);
    now + asked.map_or(most, |asked| asked.min(most))
}

impl Calls {
    /// Keeps a call; gives its number.
    fn keep(&mut self, call: Call) -> Result<u32, ClientError> {
        // After 4 billion calls an instance starts no more; it will have been retired before.
        let number = self.last.checked_add(1).ok_or(ClientError::TooMany)?;
        self.last = number;
        self.held.insert(number, call);
        Ok(number)
    }

    /// The call of this number, unless it has ended.
    pub(super) fn get(&mut self, number: u32) -> Result<&mut Call, ClientError> {
        let gone = || {
            let why = "the call ended with the function of the plugin that started it";
            ClientError::Invalid(why.to_owned())
        };
        self.held.get_mut(&number).ok_or_else(gone)
    }

    /// Drops a call, which cancels what is left of it.
    pub(super) fn end(&mut self, number: u32) {
        self.held.remove(&number);
    }

    /// Drops all calls.
    pub(super) fn end_all(&mut self) {
        if !self.held.is_empty() {
            self.held.clear();
        }
    }

    /// Waits for the first of these calls that is settled, and gives its index; one that has ended
    /// is. A drop leaves the calls under way.
    pub(super) async fn any(&mut self, numbers: &[u32]) -> usize {
        poll_fn(|context| {
            let settled = numbers.iter().position(|number| {
                self.held.get_mut(number).is_none_or(|call| call.poll_head(context).is_ready())
            });
            settled.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Waits until all of these calls are settled. A drop leaves them under way.
    pub(super) async fn all(&mut self, numbers: &[u32]) {
        for number in numbers {
            if let Some(call) = self.held.get_mut(number) {
                poll_fn(|context| call.poll_head(context)).await;
            }
        }
    }
}

/// The metric label of an error.
pub(super) const fn token(error: &ClientError) -> &'static str {
    match error {
        ClientError::Denied(_) => "denied",
        ClientError::Invalid(_) => "invalid",
        ClientError::UnknownUpstream => "unknown_upstream",
        ClientError::TooMany => "too_many",
        ClientError::Timeout => "timeout",
        ClientError::Connection(_) => "connection",
        ClientError::Tls(_) => "tls",
        ClientError::Protocol(_) => "protocol",
        ClientError::TooLarge => "too_large",
    }
}

#[cfg(test)]
mod tests;
