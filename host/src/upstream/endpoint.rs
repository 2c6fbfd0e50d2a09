//! One address of an upstream, and what is known about it.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;
use rustls_pki_types::ServerName;

use super::tls::{Tls, server_name};
use crate::config;
use crate::failure::Failure;
use crate::telemetry::metrics::{EndpointMetrics, UpstreamMetrics, endpoint_label};

/// Of `http` and `https` (RFC 9110 section 4.2); a `Host` does not name it.
const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;

/// One address of an upstream.
#[derive(Debug)]
pub struct Endpoint {
    weight: u32,
    /// Of an `https` endpoint.
    tls: Option<Tls>,
    state: Arc<State>,
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
}

impl Endpoint {
    /// Takes over what is known about this address; `tls` is for an `https` endpoint.
    pub(super) fn build(
        config: &config::Endpoint,
        tls: Option<&Tls>,
        metrics: &UpstreamMetrics,
        known: &[Self],
    ) -> Self {
        let tls = tls.filter(|_| config.is_https).cloned();
        let address = endpoint_label(config);
        let key = match &tls {
            Some(tls) => format!("https {address} {}", tls.id()),
            None => address.clone(),
        };
        let known = known.iter().find(|endpoint| *endpoint.state.key == *key);
        let state = match known {
            Some(endpoint) => Arc::clone(&endpoint.state),
            None => Arc::new(State::new(config, address, key, metrics)),
        };
        Self { weight: config.weight, tls, state }
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

    pub(super) const fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
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
    fn new(
        config: &config::Endpoint,
        address: String,
        key: String,
        metrics: &UpstreamMetrics,
    ) -> Self {
        let default_port = format!(":{}", if config.is_https { HTTPS_PORT } else { HTTP_PORT });
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
                server_name: server_name(&config.host).ok(),
            },
            address: address.into(),
            key: key.into(),
            answered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }
}
