//! All metrics as text.

mod caches;
mod compression;
mod encryption;
mod endpoints;
mod plugins;
mod resilience;
mod tunnels;

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use super::ListenerMetrics;
use super::breaker::BreakerMetrics;
use super::cache::CacheMetrics;
use super::gate::GateMetrics;
use super::histogram::Histogram;
use super::model::CANARY_SUFFIX;
use super::named::Named;
use super::own::Kinds;
use super::plugin::PluginMetrics;
use super::route::RouteMetrics;
use super::tokens::Tokens;
use super::upstream::UpstreamMetrics;

/// Everything that is counted.
#[derive(Debug, Default)]
pub(super) struct Families {
    pub(super) routes: Named<RouteMetrics>,
    pub(super) upstreams: Named<UpstreamMetrics>,
    pub(super) breakers: Named<BreakerMetrics>,
    pub(super) gates: Named<GateMetrics>,
    pub(super) exchanges: Arc<GateMetrics>,
    pub(super) plugins: Named<PluginMetrics>,
    pub(super) caches: Named<CacheMetrics>,
    pub(super) kinds: Arc<Kinds>,
    pub(super) listeners: Named<ListenerMetrics>,
    pub(super) outputs: Named<Gauge>,
    pub(super) connections_refused: Tokens,
    pub(super) acme_orders: Tokens,
    pub(super) reloads_good: Counter,
    pub(super) reloads_refused: Counter,
    pub(super) counters: Gauge,
    pub(super) snapshot: Gauge,
}

impl Collector for Families {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut text = Text(encoder);
        self.encode_routes(&mut text)?;
        self.encode_tunnels(&mut text)?;
        self.encode_compression(&mut text)?;
        self.encode_upstreams(&mut text)?;
        self.encode_endpoints(&mut text)?;
        self.encode_resilience(&mut text)?;
        self.encode_plugins(&mut text)?;
        self.encode_some_plugins(&mut text)?;
        self.encode_own(&mut text)?;
        self.encode_caches(&mut text)?;
        self.encode_connections(&mut text)?;
        self.encode_encryption(&mut text)?;
        self.encode_process(&mut text)
    }
}

impl Families {
    fn encode_routes(&self, text: &mut Text<'_>) -> fmt::Result {
        let routes = self.routes.all();
        text.counters("requests", "Exchanges that are over", |family| {
            routes.iter().try_for_each(|(route, metrics)| {
                metrics.requests().iter().try_for_each(|(status, source, n)| {
                    family.put(&[("route", route), ("status", status), ("source", source)], *n)
                })
            })
        })?;
        text.histograms(
            "request_duration_seconds",
            "From the request's head read to the last byte of the response",
            routes.iter().map(|(route, metrics)| ([("route", &**route)], metrics.duration())),
        )?;
        text.histograms(
            "gateway_duration_seconds",
            "The part of a request's duration that was not spent waiting for upstreams",
            routes
                .iter()
                .map(|(route, metrics)| ([("route", &**route)], metrics.gateway_duration())),
        )?;
        text.counters("failures", "Exchanges that the gateway had to answer itself", |family| {
            routes.iter().try_for_each(|(route, metrics)| {
                metrics.failures().iter().try_for_each(|(error, n)| {
                    family.put(&[("route", route), ("error", error)], *n)
                })
            })
        })?;
        text.counters("mirrored_requests", "Requests to be copied for another upstream", |family| {
            routes.iter().try_for_each(|(route, metrics)| {
                metrics.mirrors().iter().try_for_each(|(outcome, n)| {
                    family.put(&[("route", route), ("outcome", outcome)], *n)
                })
            })
        })
    }

    fn encode_upstreams(&self, text: &mut Text<'_>) -> fmt::Result {
        let upstreams = self.upstreams.all();
        text.counters("upstream_requests", "Attempts at an endpoint", |family| {
            for (upstream, metrics) in &upstreams {
                for (endpoint, metrics) in metrics.endpoints.all() {
                    for (outcome, n) in metrics.outcomes() {
                        family.put(
                            &[
                                ("upstream", upstream),
                                ("endpoint", &endpoint),
                                ("outcome", outcome),
                            ],
                            n,
                        )?;
                    }
                }
            }
            Ok(())
        })?;
        text.histograms(
            "upstream_duration_seconds",
            "From the start of an attempt to the head of its response",
            upstreams.iter().map(|(name, metrics)| ([("upstream", &**name)], &metrics.duration)),
        )
    }

    fn encode_connections(&self, text: &mut Text<'_>) -> fmt::Result {
        let listeners = self.listeners.all();
        text.gauges(
            "connections",
            "Client connections that are open",
            listeners.iter().map(|(at, metrics)| ([("listener", &**at)], metrics.open.get())),
        )?;
        text.counters("connections_accepted", "Client connections so far", |family| {
            listeners.iter().try_for_each(|(at, metrics)| {
                family.put(&[("listener", at)], metrics.accepted.get())
            })
        })?;
        text.counters("connections_refused", "Client connections closed at once", |family| {
            self.connections_refused
                .all()
                .iter()
                .try_for_each(|(reason, n)| family.put(&[("reason", reason)], *n))
        })
    }

    fn encode_process(&self, text: &mut Text<'_>) -> fmt::Result {
        let reloads = [("good", &self.reloads_good), ("refused", &self.reloads_refused)];
        text.counters("reloads", "Changes of the configuration", |family| {
            reloads
                .iter()
                .try_for_each(|(result, counter)| family.put(&[("result", result)], counter.get()))
        })?;
        let outputs = self.outputs.all();
        text.counters("output_dropped", "Lines that an output had to drop", |family| {
            outputs.iter().try_for_each(|(output, lines)| {
                family.put(&[("output", output)], u64::try_from(lines.get()).unwrap_or(0))
            })
        })?;
        text.gauge("counters", "Counters that plugins hold", self.counters.get())?;
        text.gauge("snapshot_id", "The snapshot that serves", self.snapshot.get())?;
        let version = env!("CARGO_PKG_VERSION");
        text.0
            .encode_descriptor("build", "The gateway's build", None, MetricType::Info)?
            .encode_info(&[("version", version)])
    }
}

/// Writes families.
struct Text<'a>(DescriptorEncoder<'a>);

impl Text<'_> {
    fn family<'a>(
        &'a mut self,
        name: &'a str,
        help: &str,
        kind: MetricType,
    ) -> Result<Family<'a>, fmt::Error> {
        self.0.encode_descriptor(name, help, None, kind).map(Family)
    }

    fn counters(
        &mut self,
        name: &str,
        help: &str,
        put_all: impl FnOnce(&mut Family<'_>) -> fmt::Result,
    ) -> fmt::Result {
        put_all(&mut self.family(name, help, MetricType::Counter)?)
    }

    fn gauges<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl Iterator<Item = ([(&'l str, &'l str); N], i64)>,
    ) -> fmt::Result {
        let mut family = self.family(name, help, MetricType::Gauge)?;
        for (labels, value) in values {
            family.0.encode_family(&with_version(&labels))?.encode_gauge(&value)?;
        }
        Ok(())
    }

    fn gauge(&mut self, name: &str, help: &str, value: i64) -> fmt::Result {
        self.family(name, help, MetricType::Gauge)?.0.encode_gauge(&value)
    }

    fn histograms<'l, 'h, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl Iterator<Item = ([(&'l str, &'l str); N], &'h Histogram)>,
    ) -> fmt::Result {
        let mut family = self.family(name, help, MetricType::Histogram)?;
        for (labels, histogram) in values {
            family.put_histogram(&labels, histogram)?;
        }
        Ok(())
    }
}

/// Makes `plugin="x",version="canary"` of `plugin="x@canary"`, so that what is summed by plugin has both
/// versions in it, and the series of the stable one are the same with and without a canary.
fn with_version<'l>(labels: &[(&'l str, &'l str)]) -> Vec<(&'l str, &'l str)> {
    let mut shown = Vec::with_capacity(labels.len() + 1);
    for (name, value) in labels.iter().copied() {
        match value.strip_suffix(CANARY_SUFFIX) {
            Some(plugin) if name == "plugin" => {
                shown.extend([(name, plugin), ("version", "canary")]);
            }
            _ => shown.push((name, value)),
        }
    }
    shown
}

/// One metric with all its labels.
struct Family<'a>(MetricEncoder<'a>);

impl Family<'_> {
    fn put<V>(&mut self, labels: &[(&str, &str)], value: V) -> fmt::Result
    where
        V: EncodeCounterValue + Copy,
    {
        self.0
            .encode_family(&with_version(labels))?
            .encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    fn put_histogram(&mut self, labels: &[(&str, &str)], histogram: &Histogram) -> fmt::Result {
        let buckets = histogram.buckets();
        let count = buckets.iter().map(|(_, n)| n).sum();
        self.0.encode_family(&with_version(labels))?.encode_histogram::<NoLabelSet>(
            histogram.sum(),
            count,
            &buckets,
            None,
        )
    }
}
