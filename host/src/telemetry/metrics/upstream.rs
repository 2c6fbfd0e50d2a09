//! What an upstream and its endpoints have seen.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use super::histogram::{EXCHANGE_BOUNDS, Histogram};
use super::named::Named;
use super::tokens::Tokens;

/// What an upstream has seen.
#[derive(Debug)]
pub struct UpstreamMetrics {
    /// From the start of an attempt to the head of its response.
    pub duration: Histogram,
    pub(super) endpoints: Named<EndpointMetrics>,
    retried: Tokens,
    withheld: Tokens,
}

impl Default for UpstreamMetrics {
    fn default() -> Self {
        Self {
            duration: Histogram::new(EXCHANGE_BOUNDS),
            endpoints: Named::default(),
            retried: Tokens::default(),
            withheld: Tokens::default(),
        }
    }
}

impl UpstreamMetrics {
    /// What the endpoint of this address has seen; made if it is new.
    pub fn endpoint(&self, address: &str) -> Arc<EndpointMetrics> {
        self.endpoints.get(address)
    }

    /// Drops what endpoints of other addresses have seen.
    pub fn retain_endpoints(&self, is_alive: impl Fn(&str) -> bool) {
        self.endpoints.retain(is_alive);
    }

    /// Counts a request that is sent again, by why.
    pub fn retried(&self, cause: &'static str) {
        self.retried.count(cause);
    }

    /// Counts a request that would have been sent again, by why it was not.
    pub fn retry_withheld(&self, reason: &'static str) {
        self.withheld.count(reason);
    }

    /// Each cause and its number.
    pub(super) fn retries(&self) -> Vec<(&'static str, u64)> {
        self.retried.all()
    }

    /// Each reason and its number.
    pub(super) fn retries_withheld(&self) -> Vec<(&'static str, u64)> {
        self.withheld.all()
    }
}

/// What an endpoint has seen.
#[derive(Debug, Default)]
pub struct EndpointMetrics {
    answered: Counter,
    failed: Tokens,
    /// How often it was left out because requests failed.
    pub ejections: Counter,
    /// 1 if it takes traffic, else 0; set before each scrape.
    pub(super) healthy: Gauge,
    under_way: Mutex<Option<i64>>,
}

impl EndpointMetrics {
    /// Counts an attempt that brought a response head, whatever its status.
    pub fn answered(&self) {
        self.answered.inc();
    }

    /// Counts an attempt that failed, by its token (`Failure::token`).
    pub fn failed(&self, error: &'static str) {
        self.failed.count(error);
    }

    /// Sets how it is, and how many exchanges are under way, if anybody counts them.
    pub fn set_standing(&self, is_healthy: bool, under_way: Option<usize>) {
        self.healthy.set(i64::from(is_healthy));
        let under_way = under_way.map(|n| i64::try_from(n).unwrap_or(i64::MAX));
        *self.under_way.lock().unwrap_or_else(PoisonError::into_inner) = under_way;
    }

    /// Exchanges; absent if nobody counts them.
    pub(super) fn under_way(&self) -> Option<i64> {
        *self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Each outcome and its number.
    pub(super) fn outcomes(&self) -> Vec<(&'static str, u64)> {
        let answered = Some(("answered", self.answered.get())).filter(|(_, n)| *n > 0);
        answered.into_iter().chain(self.failed.all()).collect()
    }
}
