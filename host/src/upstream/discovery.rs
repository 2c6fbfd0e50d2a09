//! Endpoints that are found by asking name servers.
//!
//! Each endpoint of the configuration is a name that stands for any number of addresses, or, with
//! `srv`, for a service with hosts, ports and priorities. They are asked for beside the traffic, again
//! when the answer's time to live is over, and replace each other whole. Until there was an answer
//! the name itself is the endpoint and is looked up at each connection, if the system can do that; an
//! answer that does not come changes nothing.

mod answer;
mod first;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::sleep;

use super::balance::Balance;
use super::endpoint::{Address, Care, Endpoint, Known, Seat};
use super::tls::Tls;
use crate::clock;
use crate::config::{self, Dns};
use crate::telemetry::metrics::UpstreamMetrics;
use answer::{Answer, Place, Resolver};
use first::First;

/// Endpoints of one upstream at most: an answer is another's, and nothing of another's is unbounded.
const FOUND_MAX: usize = 1024;

/// Answers that say that they hold shorter are kept this long nevertheless, unless `refresh` is shorter.
const TTL_MIN: Duration = Duration::from_secs(1);

/// The endpoints of an upstream that are found.
#[derive(Debug)]
pub(super) struct Discovery {
    names: Vec<config::Endpoint>,
    dns: Dns,
    tls: Option<Tls>,
    care: Arc<Care>,
    metrics: Arc<UpstreamMetrics>,
    found: ArcSwap<Found>,
    /// Whom requests wait for that find nobody.
    first: First,
}

/// What is known at one moment.
#[derive(Debug)]
struct Found {
    /// By name; without those that were never answered.
    places: BTreeMap<String, Vec<Place>>,
    balance: Arc<Balance>,
}

impl Discovery {
    /// Begins with what `previous` knows, and with the endpoints and the turns of `before`.
    pub(super) fn build(
        names: &[config::Endpoint],
        dns: &Dns,
        tls: Option<&Tls>,
        (care, metrics): (&Arc<Care>, &Arc<UpstreamMetrics>),
        (previous, before): (Option<&Self>, Option<&Balance>),
    ) -> Self {
        let same = previous.filter(|previous| previous.dns.srv == dns.srv);
        let known = same.map(|previous| previous.found.load_full());
        let places = known.map_or_else(BTreeMap::new, |known| {
            let is_asked = |name: &String| names.iter().any(|endpoint| endpoint.host == *name);
            let places = known.places.iter().filter(|(name, _)| is_asked(name));
            places.map(|(name, places)| (name.clone(), places.clone())).collect()
        });
        let since_us = if before.is_some() { clock::monotonic_us() } else { 0 };
        let balance = balance((names, dns), &places, tls, (care, metrics), (before, since_us));
        let is_unknown = |name| is_asked_only(name, dns) && !places.contains_key(&name.host);
        let first = First::new(!names.iter().any(is_unknown));
        Self {
            names: names.to_vec(),
            dns: dns.clone(),
            tls: tls.cloned(),
            care: Arc::clone(care),
            metrics: Arc::clone(metrics),
            found: ArcSwap::from_pointee(Found { places, balance: Arc::new(balance) }),
            first,
        }
    }

    /// Whether there was an answer, or none to wait for.
    pub(super) fn is_asked(&self) -> bool {
        self.first.is_over()
    }

    /// Waits for the first answer, or for all names to be without one, for `patience` at most and
    /// together with so many others at most. A drop waits no longer.
    pub(super) async fn wait(&self, patience: Duration) {
        self.first.wait(patience).await;
    }

    pub(super) fn current(&self) -> Arc<Balance> {
        Arc::clone(&self.found.load().balance)
    }

    /// Who asks; made where it is used, because its connections live on that runtime.
    pub(super) fn resolver(&self) -> Resolver {
        Resolver::of(&self.dns)
    }

    /// Asks until something is other than before.
    pub(super) async fn changed(&self, resolver: &Resolver, upstream: &str) {
        loop {
            let due = resolver.due();
            sleep(due).await;
            if self.ask(resolver, upstream).await {
                return;
            }
        }
    }

    /// Asks for each name once; whether something has changed.
    async fn ask(&self, resolver: &Resolver, upstream: &str) -> bool {
        let before = self.found.load_full();
        let mut places = before.places.clone();
        let mut hold = self.dns.refresh;
        for endpoint in &self.names {
            if is_address(endpoint) {
                continue;
            }
            let name = &endpoint.host;
            let answer = resolver.ask(name, self.dns.srv).await;
            let is_news = resolver.note(name, answer.is_ok());
            match answer {
                Ok(Answer { places: found, ttl }) => {
                    hold = hold.min(ttl.max(TTL_MIN));
                    places.insert(name.clone(), found);
                    if !self.is_asked() {
                        // Those who wait need not wait for names that nobody answers.
                        self.keep(&before, places.clone());
                        self.first.end();
                    }
                }
                Err(why) if is_news => {
                    tracing::warn!(upstream, name, %why, "name is not resolved");
                }
                Err(why) => tracing::debug!(upstream, name, %why, "name is not resolved"),
            }
        }
        resolver.rest(hold);
        let is_other = places != before.places;
        if is_other {
            let endpoints = self.keep(&before, places);
            tracing::info!(upstream, endpoints, "endpoints are others");
        }
        self.first.end();
        is_other
    }

    /// Replaces the endpoints by those of `places`; gives how many there are.
    fn keep(&self, before: &Found, places: BTreeMap<String, Vec<Place>>) -> usize {
        // The first answers do not make endpoints new in an upstream that works already.
        let since_us = if before.places.is_empty() { 0 } else { clock::monotonic_us() };
        let parts = (&self.care, &self.metrics);
        let old = (Some(&*before.balance), since_us);
        let names = (&*self.names, &self.dns);
        let balance = balance(names, &places, self.tls.as_ref(), parts, old);
        let endpoints = balance.endpoints();
        let labels = || endpoints.iter().map(|endpoint| &**endpoint.address());
        self.metrics.retain_endpoints(|label| labels().any(|known| known == label));
        let count = endpoints.len();
        self.found.store(Arc::new(Found { places, balance: Arc::new(balance) }));
        count
    }
}

/// The endpoints that names stand for, and the names themselves where nothing is known.
fn balance(
    (names, dns): (&[config::Endpoint], &Dns),
    places: &BTreeMap<String, Vec<Place>>,
    tls: Option<&Tls>,
    (care, metrics): (&Arc<Care>, &Arc<UpstreamMetrics>),
    (before, since_us): (Option<&Balance>, u64),
) -> Balance {
    let known = before.map_or_else(Known::default, |it| Known::of(it.endpoints()));
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for name in names {
        let build = |config: &config::Endpoint, address| {
            let seat = Seat { config, address, since_us };
            Endpoint::build(&seat, tls, metrics, &known, care)
        };
        match places.get(&name.host) {
            // The system asks other servers than those, and for other records.
            None if is_asked_only(name, dns) => {
                endpoints.push(build(name, Address::Unknown));
            }
            None => endpoints.push(build(name, Address::Own)),
            Some(places) => endpoints.extend(
                places.iter().map(|place| build(&place.endpoint(name), Address::Found(place.ip))),
            ),
        }
    }
    endpoints.truncate(FOUND_MAX);
    Balance::build(endpoints, care, before)
}

/// Whether nobody but those servers can tell where it is.
fn is_asked_only(name: &config::Endpoint, dns: &Dns) -> bool {
    !is_address(name) && (dns.srv || !dns.servers.is_empty())
}

/// Nobody need look it up.
fn is_address(endpoint: &config::Endpoint) -> bool {
    endpoint.host.parse::<IpAddr>().is_ok()
}
