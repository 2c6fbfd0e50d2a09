//! One address of an upstream, and what is known about it.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;

use crate::config;
use crate::failure::Failure;
use crate::telemetry::metrics::{EndpointMetrics, UpstreamMetrics, endpoint_label};

/// Of `http` (RFC 9110 section 4.2.1); a `Host` does not name it.
const HTTP_PORT: u16 = 80;

/// One address of an upstream.
#[derive(Debug)]
pub struct Endpoint {
    weight: u32,
    state: Arc<State>,
}

/// What survives a reload.
#[derive(Debug)]
struct State {
    address: Arc<str>,
    target: Target,
    host: HeaderValue,
    metrics: Arc<EndpointMetrics>,
    answered: AtomicU64,
    failed: AtomicU64,
}

/// Where to connect to.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) host: Host,
    pub(super) port: u16,
}

/// With or without a look-up.
#[derive(Debug)]
pub(super) enum Host {
    Address(IpAddr),
    Name(String),
}

impl Endpoint {
    /// Takes over what is known about this address.
    pub(super) fn build(
        config: &config::Endpoint,
        metrics: &UpstreamMetrics,
        known: &[Self],
    ) -> Self {
        let address = endpoint_label(config);
        let known = known.iter().find(|endpoint| *endpoint.state.address == *address);
        let state = match known {
            Some(endpoint) => Arc::clone(&endpoint.state),
            None => Arc::new(State::new(config, address, metrics)),
        };
        Self { weight: config.weight, state }
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

    pub(super) fn target(&self) -> &Target {
        &self.state.target
    }

    /// What `Host` calls this endpoint.
    pub(super) fn host(&self) -> &HeaderValue {
        &self.state.host
    }

    pub(super) fn answered(&self) {
        self.state.answered.fetch_add(1, Ordering::Relaxed);
        self.state.metrics.answered();
    }

    pub(super) fn failed(&self, failure: &Failure) {
        self.state.failed.fetch_add(1, Ordering::Relaxed);
        self.state.metrics.failed(failure.token());
    }
}

impl State {
    fn new(config: &config::Endpoint, address: String, metrics: &UpstreamMetrics) -> Self {
        let default_port = format!(":{HTTP_PORT}");
        let host = address.strip_suffix(&default_port).unwrap_or(&address);
        Self {
            host: HeaderValue::from_str(host)
                .expect("the check lets only names and addresses through, which are ASCII"),
            metrics: metrics.endpoint(&address),
            target: Target {
                host: match config.host.parse() {
                    Ok(address) => Host::Address(address),
                    Err(_) => Host::Name(config.host.clone()),
                },
                port: config.port,
            },
            address: address.into(),
            answered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }
}
