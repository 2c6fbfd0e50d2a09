//! What goes on between requests: endpoints are checked, and names are looked up.
//!
//! One thread does it for the whole gateway, so an endpoint is checked as often with twenty workers as
//! with one. What it finds out is in what exchanges read anyway: nobody waits for it.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Upstream;
use super::endpoint::Endpoint;
use super::health::Change;
use super::health::probe;
use super::members::Members;
use crate::clock;
use crate::config::HealthCheck;

/// Checks are up to this much earlier or later, in percent of their interval, so that many gateways
/// that were started at once do not ask at once.
const JITTER_PERCENT: u32 = 10;

impl Upstream {
    /// Whether there is anything to do between requests.
    #[must_use]
    pub fn needs_upkeep(&self) -> bool {
        self.care.balancing.health.is_some() || self.care.balancing.dns.is_some()
    }

    /// Does what there is to do, for ever. A drop ends it; what was found out stays.
    pub async fn keep_up(&self) {
        match &self.members {
            Members::Fixed(balance) => {
                let _checks = self.check_all(balance.endpoints());
                pending::<()>().await;
            }
            Members::Found(discovery) => {
                let resolver = discovery.resolver();
                loop {
                    let _checks = self.check_all(discovery.current().endpoints());
                    discovery.changed(&resolver, &self.name).await;
                }
            }
        }
    }

    /// Brings the metrics up to date that are not counted as things happen.
    pub fn report(&self) {
        let now_us = clock::monotonic_us();
        for endpoint in self.current().endpoints() {
            endpoint.report(now_us);
        }
    }

    /// A task for each endpoint, until the set is dropped.
    fn check_all(&self, endpoints: &[Endpoint]) -> JoinSet<()> {
        let mut checks = JoinSet::new();
        if let Some(check) = &self.care.balancing.health {
            let check = Arc::new(check.clone());
            for endpoint in endpoints {
                let (endpoint, check) = (endpoint.clone(), Arc::clone(&check));
                checks.spawn(check_on(Arc::clone(&self.name), endpoint, check));
            }
        }
        checks
    }
}

/// Checks one endpoint again and again. Who goes on after a reload keeps the time of the last check.
async fn check_on(upstream: Arc<str>, endpoint: Endpoint, check: Arc<HealthCheck>) {
    loop {
        sleep(until_next(&endpoint, &check)).await;
        let outcome = probe::ask(&endpoint, &check).await;
        let change = endpoint.health().checked(outcome.is_ok(), &check, clock::monotonic_us());
        match (change, &outcome) {
            (Some(Change::Fallen), Err(why)) => {
                let endpoint = endpoint.address();
                tracing::warn!(%upstream, %endpoint, %why, "endpoint is unhealthy");
            }
            (Some(_), _) => {
                tracing::info!(%upstream, endpoint = %endpoint.address(), "endpoint is healthy");
            }
            (None, Err(why)) => {
                tracing::debug!(%upstream, endpoint = %endpoint.address(), %why, "bad check");
            }
            (None, Ok(())) => {}
        }
    }
}

/// At once, but for the jitter, if there was no check yet.
fn until_next(endpoint: &Endpoint, check: &HealthCheck) -> Duration {
    let interval = check.interval;
    let jitter = |percent: u32| interval * fastrand::u32(0..=percent) / 100;
    match endpoint.health().checked_us() {
        None => jitter(JITTER_PERCENT),
        Some(checked_us) => {
            let since = Duration::from_micros(clock::monotonic_us().saturating_sub(checked_us));
            let least = interval * (100 - JITTER_PERCENT) / 100;
            (least + jitter(2 * JITTER_PERCENT)).saturating_sub(since)
        }
    }
}
