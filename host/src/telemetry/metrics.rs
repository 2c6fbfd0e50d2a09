//! Counters, gauges and histograms of the whole process, for Prometheus.
//!
//! A request looks nothing up: routes, upstreams, endpoints and plugins hold their handle, which is
//! asked for once by name and so survives reloads. Labels are bounded by the configuration:
//! [`Metrics::retain`] drops what it no longer names.

mod breaker;
mod cache;
mod compression;
mod exposition;
mod gate;
mod histogram;
mod interface;
mod listener;
mod named;
mod own;
mod plugin;
mod route;
mod shadow;
mod tokens;
mod upstream;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use prometheus_client::registry::Registry;

use crate::config::model;
pub use breaker::BreakerMetrics;
pub use cache::CacheMetrics;
pub use compression::CompressionMetrics;
use exposition::Families;
pub use gate::GateMetrics;
pub use histogram::{EXCHANGE_BOUNDS, Histogram, OWN_BOUNDS, PLUGIN_BOUNDS};
pub use interface::{HostCalls, Interface};
pub use listener::{Handshake, ListenerMetrics};
pub use own::{LABELS_MAX, MetricError, SERIES_MAX};
pub use plugin::{CallMetrics, Phase, PluginMetrics};
pub use route::{Mirrored, RouteMetrics, TunnelMetrics, UNMATCHED};
pub use shadow::ShadowDecision;
pub use upstream::{EndpointMetrics, UpstreamMetrics};

/// What all metrics' names begin with.
const PREFIX: &str = "tidegate";

/// The `Content-Type` of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    families: Arc<Families>,
    registry: Registry,
}

impl Default for Metrics {
    fn default() -> Self {
        let families = Arc::<Families>::default();
        let mut registry = Registry::with_prefix(PREFIX);
        registry.register_collector(Box::new(Arc::clone(&families)));
        Self { families, registry }
    }
}

impl Metrics {
    /// What the route of this name has seen; [`UNMATCHED`] stands for no route.
    pub fn route(&self, name: &str) -> Arc<RouteMetrics> {
        self.families.routes.get(name)
    }

    /// What the upstream of this name has seen.
    pub fn upstream(&self, name: &str) -> Arc<UpstreamMetrics> {
        self.families.upstreams.get(name)
    }

    /// What the circuit breaker of the upstream of this name does.
    pub fn breaker(&self, upstream: &str) -> Arc<BreakerMetrics> {
        self.families.breakers.get(upstream)
    }

    /// Who waits for the upstream of this name.
    pub fn gate(&self, upstream: &str) -> Arc<GateMetrics> {
        self.families.gates.get(upstream)
    }

    /// Who waits for the gateway itself.
    #[must_use]
    pub fn exchanges(&self) -> Arc<GateMetrics> {
        Arc::clone(&self.families.exchanges)
    }

    /// What the plugin of this name has done.
    pub fn plugin(&self, name: &str) -> Arc<PluginMetrics> {
        let kinds = Arc::clone(&self.families.kinds);
        self.families.plugins.get_or_make(name, || PluginMetrics::new(kinds))
    }

    /// What the plugin of this name has in the cache.
    pub fn cache(&self, plugin: &str) -> Arc<CacheMetrics> {
        self.families.caches.get(plugin)
    }

    /// The connections of the listener at this address.
    pub fn listener(&self, address: &str) -> Arc<ListenerMetrics> {
        self.families.listeners.get(address)
    }

    /// Counts a connection that was closed at once, by a word such as `limit`.
    pub fn connection_refused(&self, reason: &'static str) {
        self.families.connections_refused.count(reason);
    }

    /// Counts an attempt at a certificate by ACME: `issued` or `failed`.
    pub fn acme_order(&self, outcome: &'static str) {
        self.families.acme_orders.count(outcome);
    }

    /// Counts a reload.
    pub fn reloaded(&self, outcome: Reload) {
        match outcome {
            Reload::Good => self.families.reloads_good.inc(),
            Reload::Refused => self.families.reloads_refused.inc(),
        };
    }

    /// Sets the lines that an output has dropped since it was opened.
    pub fn set_output_dropped(&self, output: &str, lines: u64) {
        let known = self.families.outputs.get(output);
        known.set(i64::try_from(lines).unwrap_or(i64::MAX));
    }

    /// Sets how many counters plugins hold.
    pub fn set_counters(&self, counters: usize) {
        self.families.counters.set(i64::try_from(counters).unwrap_or(i64::MAX));
    }

    /// Sets the number of the snapshot that new exchanges are served with.
    pub fn set_snapshot(&self, id: u64) {
        self.families.snapshot.set(i64::try_from(id).unwrap_or(i64::MAX));
    }

    /// Drops the metrics of what is no more. Handles still held count on, unseen.
    pub fn retain(&self, live: &Live<'_>) {
        let families = &self.families;
        families.routes.retain(|name| name == UNMATCHED || live.routes.contains(name));
        families.upstreams.retain(|name| live.upstreams.contains_key(name));
        families.breakers.retain(|name| live.breakers.contains(name));
        families.gates.retain(|name| live.limited.contains(name));
        for (name, upstream) in families.upstreams.all() {
            if let Some(Some(endpoints)) = live.upstreams.get(&*name) {
                upstream.endpoints.retain(|address| endpoints.contains(address));
            }
        }
        families.plugins.retain(|name| live.has_plugin(name));
        families.caches.retain(|name| live.has_plugin(name));
        families.listeners.retain(|address| live.listeners.contains(address));
        families.outputs.retain(|name| live.outputs.contains(name));
        let plugins = families.plugins.all();
        families.kinds.retain(|name| {
            plugins
                .iter()
                .any(|(_, plugin)| plugin.own.all().iter().any(|series| *series.name == *name))
        });
    }

    /// All metrics as text, in the `OpenMetrics` format ([`CONTENT_TYPE`]), which Prometheus 2
    /// and 3 scrape.
    ///
    /// # Panics
    /// Never: only a text that cannot be written to fails.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)
            .expect("a string takes all that is written");
        text
    }
}

/// What came of a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// The new configuration serves.
    Good,
    /// The old one still does.
    Refused,
}

/// The names of what there is.
#[derive(Debug, Default)]
pub struct Live<'a> {
    /// By name.
    pub routes: BTreeSet<&'a str>,
    /// By name, with the labels of their endpoints; without, if these are found out by DNS: whoever
    /// finds them drops them.
    pub upstreams: BTreeMap<&'a str, Option<BTreeSet<String>>>,
    /// Those of them that have a circuit breaker.
    pub breakers: BTreeSet<&'a str>,
    /// Those of them that take so many requests at once.
    pub limited: BTreeSet<&'a str>,
    /// By name.
    pub plugins: BTreeSet<&'a str>,
    /// Those of them that have another version.
    pub canaries: BTreeSet<&'a str>,
    /// By address.
    pub listeners: BTreeSet<String>,
    /// By name.
    pub outputs: BTreeSet<&'a str>,
}

impl<'a> Live<'a> {
    /// What a configuration names.
    #[must_use]
    pub fn of(config: &'a model::Config) -> Self {
        let outputs = config.outputs.iter().map(|output| output.name.as_str());
        let endpoints = |upstream: &model::Upstream| {
            let labels = || upstream.endpoints.iter().map(endpoint_label).collect();
            upstream.balancing.dns.is_none().then(labels)
        };
        let upstreams_with = |has: fn(&model::Upstream) -> bool| {
            let chosen = config.upstreams.iter().filter(|upstream| has(upstream));
            chosen.map(|upstream| upstream.name.as_str()).collect()
        };
        Self {
            breakers: upstreams_with(|upstream| upstream.breaker.is_some()),
            limited: upstreams_with(|upstream| upstream.admission.is_some()),
            routes: config.routes.iter().map(|route| route.name.as_str()).collect(),
            upstreams: config
                .upstreams
                .iter()
                .map(|upstream| (upstream.name.as_str(), endpoints(upstream)))
                .collect(),
            plugins: config.plugins.iter().map(|plugin| plugin.name.as_str()).collect(),
            canaries: config
                .plugins
                .iter()
                .filter(|plugin| plugin.canary.is_some())
                .map(|plugin| plugin.name.as_str())
                .collect(),
            listeners: config
                .listeners
                .iter()
                .map(|listener| listener.address.to_string())
                .collect(),
            outputs: outputs.chain(["stdout", "stderr"]).collect(),
        }
    }
}

impl Live<'_> {
    fn has_plugin(&self, label: &str) -> bool {
        match label.strip_suffix(model::CANARY_SUFFIX) {
            Some(name) => self.canaries.contains(name),
            None => self.plugins.contains(label),
        }
    }
}

/// What an endpoint is called in labels: `host:port`, with brackets around an IPv6 address.
#[must_use]
pub fn endpoint_label(endpoint: &model::Endpoint) -> String {
    let model::Endpoint { host, port, .. } = endpoint;
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests;
