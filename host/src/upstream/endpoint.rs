//! One address of an upstream, and what is known about it.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use http::HeaderValue;
use rustls_pki_types::ServerName;

use super::balance::latency::{self, Latency};
use super::health::Health;
use super::tls::{Tls, server_name};
use crate::config::{self, BalancePolicy, Balancing, Protocol, ProxyVersion};
use crate::failure::Failure;
use crate::telemetry::metrics::{EndpointMetrics, UpstreamMetrics, endpoint_label};

/// Of `http` and `https` (RFC 9110 section 4.2); a `Host` does not name it.
const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;

/// One address of an upstream. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Endpoint {
    weight: u32,
    priority: u8,
    /// Of an `https` endpoint.
    tls: Option<Tls>,
    care: Arc<Care>,
    state: Arc<State>,
}

/// What an upstream wants to know of its endpoints.
#[derive(Debug, Default)]
pub(super) struct Care {
    pub(super) balancing: Balancing,
    /// Whether exchanges under way are counted.
    pub(super) is_counted: bool,
    /// What is spoken to them.
    pub(super) protocol: Protocol,
    /// How they are told whom a connection is for.
    pub(super) proxy_protocol: Option<ProxyVersion>,
}

/// What survives a reload.
#[derive(Debug)]
struct State {
    address: Arc<str>,
    /// Of connections in the pools: they are shared by all that trust the same.
    key: Arc<str>,
    target: Target,
    host: HeaderValue,
    metrics: Arc<EndpointMetrics>,
    answered: AtomicU64,
    failed: AtomicU64,
    under_way: AtomicUsize,
    latency: Latency,
    health: Health,
}

/// Where to connect to.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) host: Host,
    pub(super) port: u16,
    /// What a certificate must be for; absent if it cannot be for this host.
    pub(super) server_name: Option<ServerName<'static>>,
}

/// With or without a look-up.
#[derive(Debug)]
pub(super) enum Host {
    Address(IpAddr),
    Name(String),
    /// A name that only those can look up who have not done so yet.
    Unknown,
}

/// Where an endpoint comes from.
#[derive(Debug)]
pub(super) struct Seat<'a> {
    pub(super) config: &'a config::Endpoint,
    pub(super) address: Address,
    /// When it came to an upstream that was there before; 0 if both are new.
    pub(super) since_us: u64,
}

/// What an endpoint's name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Address {
    /// Whoever connects looks it up, if it is a name.
    Own,
    /// This, as was found out beforehand.
    Found(IpAddr),
    /// Nobody knows yet.
    Unknown,
}

/// One exchange with an endpoint, which is counted until this is dropped.
#[derive(Debug)]
pub(super) struct UnderWay(Option<Arc<State>>);

impl Care {
    /// What is configured for so many endpoints, which speak HTTP/1.1.
    pub(super) fn of(balancing: &Balancing, endpoints: usize) -> Self {
        let Balancing { health, outlier, exchanges_max, dns, .. } = balancing;
        let is_counted = endpoints > 1
            || health.is_some()
            || outlier.is_some()
            || exchanges_max.is_some()
            || dns.is_some();
        Self { balancing: balancing.clone(), is_counted, ..Self::default() }
    }

    /// The same for endpoints that are spoken to so.
    pub(super) fn spoken(self, protocol: Protocol, proxy_protocol: Option<ProxyVersion>) -> Self {
        Self { protocol, proxy_protocol, ..self }
    }

    /// Whether anything finds out which endpoints are fit.
    pub(super) const fn is_watched(&self) -> bool {
        self.balancing.health.is_some() || self.balancing.outlier.is_some()
    }
}

impl Endpoint {
    /// Takes over what is known about this address; `tls` is for an `https` endpoint.
    pub(super) fn build(
        seat: &Seat<'_>,
        tls: Option<&Tls>,
        metrics: &UpstreamMetrics,
        known: &[Self],
        care: &Arc<Care>,
    ) -> Self {
        let Seat { config, address: found, since_us } = seat;
        let tls = tls.filter(|_| config.is_https).cloned();
        let address = match found {
            Address::Own | Address::Unknown => endpoint_label(config),
            Address::Found(ip) => {
                endpoint_label(&config::Endpoint { host: ip.to_string(), ..(*config).clone() })
            }
        };
        let key = match (&tls, found) {
            (_, Address::Unknown) => format!("unknown {address}"),
            (Some(tls), Address::Own) => format!("https {address} {}", tls.id()),
            // A connection is agreed on with a name.
            (Some(tls), Address::Found(_)) => {
                format!("https {address} {} {}", tls.id(), config.host)
            }
            (None, _) => address.clone(),
        };
        let known = known.iter().find(|endpoint| *endpoint.state.key == *key);
        let state = match known {
            Some(endpoint) => Arc::clone(&endpoint.state),
            None => Arc::new(State::new(config, *found, address, key, metrics, *since_us)),
        };
        let config::Endpoint { weight, priority, .. } = **config;
        Self { weight, priority, tls, care: Arc::clone(care), state }
    }

    /// `host:port`, with brackets around an IPv6 address.
    #[must_use]
    pub fn address(&self) -> &Arc<str> {
        &self.state.address
    }

    /// From 0 to 65535; 0 gets no traffic.
    #[must_use]
    pub const fn weight(&self) -> u32 {
        self.weight
    }

    /// From 0 to 255; the lowest number that has a healthy endpoint gets the traffic.
    #[must_use]
    pub const fn priority(&self) -> u8 {
        self.priority
    }

    /// Attempts that brought a response's head, whatever its status, since the endpoint is known.
    #[must_use]
    pub fn answered_count(&self) -> u64 {
        self.state.answered.load(Ordering::Relaxed)
    }

    /// Attempts that brought none.
    #[must_use]
    pub fn failed_count(&self) -> u64 {
        self.state.failed.load(Ordering::Relaxed)
    }

    /// Exchanges with it now, over all workers; absent if nobody counts them.
    #[must_use]
    pub fn under_way(&self) -> Option<usize> {
        self.care.is_counted.then(|| self.under_way_count())
    }

    /// As a word: `healthy`, `unhealthy` by checks, or `ejected` because requests failed.
    #[must_use]
    pub fn standing(&self, now_us: u64) -> &'static str {
        let health = &self.state.health;
        let Balancing { health: checks, outlier, .. } = &self.care.balancing;
        if checks.is_some() && !health.is_healthy() {
            return "unhealthy";
        }
        if outlier.is_some() && health.is_ejected(now_us) { "ejected" } else { "healthy" }
    }

    /// Brings the metrics up to date that are not counted as things happen.
    pub(super) fn report(&self, now_us: u64) {
        self.state.metrics.set_standing(self.is_fit(now_us), self.under_way());
    }

    pub(super) const fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// What is spoken to it.
    pub(super) fn protocol(&self) -> Protocol {
        self.care.protocol
    }

    /// How it is told whom a connection is for.
    pub(super) fn proxy_protocol(&self) -> Option<ProxyVersion> {
        self.care.proxy_protocol
    }

    /// Of its connections in the pools.
    pub(super) fn key(&self) -> &Arc<str> {
        &self.state.key
    }

    pub(super) fn target(&self) -> &Target {
        &self.state.target
    }

    /// What `Host` calls this endpoint.
    pub(super) fn host(&self) -> &HeaderValue {
        &self.state.host
    }

    pub(super) fn health(&self) -> &Health {
        &self.state.health
    }

    /// Counts an exchange; absent if there are as many already as there may be.
    pub(super) fn enter(&self) -> Option<UnderWay> {
        if !self.care.is_counted {
            return Some(UnderWay(None));
        }
        let count = &self.state.under_way;
        match self.care.balancing.exchanges_max {
            None => {
                count.fetch_add(1, Ordering::Relaxed);
            }
            Some(most) => {
                let most = usize::try_from(most).unwrap_or(usize::MAX);
                let more = |now: usize| (now < most).then_some(now + 1);
                count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
            }
        }
        Some(UnderWay(Some(Arc::clone(&self.state))))
    }

    pub(super) fn answered(&self) {
        self.state.answered.fetch_add(1, Ordering::Relaxed);
        self.state.metrics.answered();
    }

    pub(super) fn failed(&self, failure: &Failure) {
        self.state.failed.fetch_add(1, Ordering::Relaxed);
        self.state.metrics.failed(failure.token());
    }

    pub(super) fn ejected(&self) {
        self.state.metrics.ejections.inc();
    }

    /// An attempt took so long, if that matters to anybody.
    pub(super) fn took(&self, took: Duration, has_failed: bool, now_us: impl FnOnce() -> u64) {
        if self.care.balancing.policy == BalancePolicy::PeakEwma {
            let took = if has_failed { took.max(latency::FAILED) } else { took };
            self.state.latency.observe(took, now_us());
        }
    }

    /// Whether it takes traffic, as far as anybody finds out.
    pub(super) fn is_fit(&self, now_us: u64) -> bool {
        let Balancing { health, outlier, .. } = &self.care.balancing;
        (health.is_none() || self.state.health.is_healthy())
            && (outlier.is_none() || !self.state.health.is_ejected(now_us))
    }

    /// Whether it has fewer exchanges under way for its weight than the other one.
    pub(super) fn load_is_below(&self, other: &Self, now_us: u64) -> bool {
        let load = |endpoint: &Self| u64::try_from(endpoint.under_way_count()).unwrap_or(u64::MAX);
        let weight = |endpoint: &Self| u64::from(endpoint.weight) * endpoint.warmth(now_us);
        load(self).saturating_mul(weight(other)) < load(other).saturating_mul(weight(self))
    }

    /// Seconds that one more exchange would take, for its weight.
    pub(super) fn cost(&self, now_us: u64) -> f64 {
        self.state.latency.cost(self.under_way_count(), now_us) / f64::from(self.weight.max(1))
    }

    /// Whether a turn is not passed on, so that a share of the turns is taken that grows with the time
    /// since the endpoint came.
    pub(super) fn wants_turn(&self, now_us: u64) -> bool {
        self.state.health.is_due(self.warmth(now_us))
    }

    /// Of 1000.
    fn warmth(&self, now_us: u64) -> u64 {
        match self.care.balancing.slow_start {
            None => super::health::WARM,
            Some(window) => self.state.health.warmth(window, now_us),
        }
    }

    fn under_way_count(&self) -> usize {
        self.state.under_way.load(Ordering::Relaxed)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(state) = &self.0 {
            state.under_way.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl State {
    fn new(
        config: &config::Endpoint,
        found: Address,
        address: String,
        key: String,
        metrics: &UpstreamMetrics,
        since_us: u64,
    ) -> Self {
        let default_port = format!(":{}", if config.is_https { HTTPS_PORT } else { HTTP_PORT });
        let named = endpoint_label(config);
        let host = named.strip_suffix(&default_port).unwrap_or(&named);
        Self {
            host: HeaderValue::from_str(host)
                .expect("the check lets only names and addresses through, which are ASCII"),
            metrics: metrics.endpoint(&address),
            target: Target {
                host: match (found, config.host.parse()) {
                    (Address::Found(address), _) | (Address::Own, Ok(address)) => {
                        Host::Address(address)
                    }
                    (Address::Own, Err(_)) => Host::Name(config.host.clone()),
                    (Address::Unknown, _) => Host::Unknown,
                },
                port: config.port,
                server_name: server_name(&config.host).ok(),
            },
            address: address.into(),
            key: key.into(),
            answered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            under_way: AtomicUsize::new(0),
            latency: Latency::default(),
            health: Health::since(since_us),
        }
    }
}
