//! What `/status` shows.

mod pipeline;

use serde_json::{Value, json};

use crate::clock;
use crate::config::{
    Admission, FieldText, HeaderEdits, HostPolicy, HostRewrite, Isolation, Matcher, PathMatcher,
    Rewrite,
};
use crate::listener::tls::Certificate;
use crate::plugin::{Origin, Plugin};
use crate::server::gateway::Gateway;
use crate::snapshot::{Destination, Route, Snapshot};
use crate::telemetry::metrics::PluginMetrics;
use crate::upstream::{Breaker, Upstream};

pub(super) fn of(gateway: &Gateway) -> Value {
    let snapshot = gateway.snapshot.load_full();
    let now_unix_ms = clock::unix_ms();
    let uptime = clock::now().saturating_duration_since(gateway.started);
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "name": snapshot.settings.gateway.name,
        "file": gateway.file.display().to_string(),
        "pid": std::process::id(),
        "phase": gateway.phase().as_str(),
        "uptime_s": uptime.as_secs(),
        "snapshot": {
            "id": snapshot.id,
            "built_unix_ms": snapshot.built_unix_ms,
            "age_s": now_unix_ms.saturating_sub(snapshot.built_unix_ms) / 1000,
        },
        "listeners": listeners(gateway),
        "connections": {
            "open": gateway.connections.open(),
            "limit": snapshot.settings.limits.connections,
        },
        "exchanges": snapshot.settings.limits.exchanges.map(|bounds| {
            let gate = &gateway.services.exchanges;
            places(&bounds, gate.active(), gate.waiting())
        }),
        "routes": routes(&snapshot),
        "plugins": plugins(&snapshot),
        "upstreams": snapshot.upstreams.iter().map(|at| upstream(at)).collect::<Vec<_>>(),
        "outputs": outputs(&snapshot),
        "cache": {
            "bytes": gateway.services.cache.bytes(),
            "limit": snapshot.settings.limits.cache_bytes,
        },
        "consumers": gateway.services.consumers.load().len(),
        "counters": {
            "held": gateway.services.counters.len(),
            "limit": snapshot.settings.limits.counters,
        },
        "changes": changes(gateway, &snapshot),
    })
}

fn listeners(gateway: &Gateway) -> Vec<Value> {
    let listeners = gateway.listeners();
    let shown = listeners.iter().map(|listener| {
        json!({
            "address": listener.address.to_string(),
            "tls": listener.is_tls(),
            "http3": listener.http3().is_some(),
            "proxy_protocol": listener.takes_proxy_protocol(),
            "connections": listener.connections(),
            "certificates": listener.tls().map(|tls| {
                tls.certificates().iter().map(certificate).collect::<Vec<_>>()
            }),
        })
    });
    shown.collect()
}

fn certificate(certificate: &Certificate) -> Value {
    json!({
        "file": certificate.file().display().to_string(),
        "hosts": certificate.hosts(),
        "not_after_unix_s": certificate.not_after(),
    })
}

/// When the serving snapshot was taken, and the last one that was not.
fn changes(gateway: &Gateway, snapshot: &Snapshot) -> Value {
    let refused = gateway.refused().map(|refused| {
        json!({
            "at_unix_ms": refused.at_unix_ms,
            "age_s": clock::unix_ms().saturating_sub(refused.at_unix_ms) / 1000,
            "findings": refused.findings,
        })
    });
    json!({
        "last_good": { "id": snapshot.id, "at_unix_ms": snapshot.built_unix_ms },
        "refused": gateway.refused_count(),
        "last_refused": refused,
    })
}

fn routes(snapshot: &Snapshot) -> Vec<Value> {
    let shown = snapshot.routes.iter().zip(&snapshot.matchers).map(|(route, matcher)| {
        json!({
            "name": &*route.name,
            "match": matching(matcher),
            "rewrite": route.rewrite.as_ref().map(rewrite),
            "host": route.host.as_ref().map(host),
            "request_headers": edits(&route.request_headers),
            "response_headers": edits(&route.response_headers),
            "mirror": route.mirror.as_ref().map(|mirror| json!({
                "upstream": &**mirror.upstream.name(),
                "percent": mirror.share.to_string(),
            })),
            "pipeline": pipeline::of(&route.pipeline),
            "destination": destination(route),
            "timeout_ms": millis(route.timeout),
            "upgrade": route.upgrade.protocols,
            "close_after_removal_ms": route.close_after_removal.map(millis),
            "compression": compression(route),
            "tunnels": route.metrics.tunnels.open.get(),
        })
    });
    shown.collect()
}

/// Conditions without their values: a value may be a key that callers present.
pub(super) fn matching(matcher: &Matcher) -> Value {
    let path = match &matcher.path {
        PathMatcher::Exact(path) => json!({ "exact": path }),
        PathMatcher::Prefix(path) => json!({ "prefix": path }),
        PathMatcher::Regex(regex) => json!({ "regex": regex.as_str() }),
        PathMatcher::Pattern(pattern) => json!({ "pattern": pattern.to_string() }),
        PathMatcher::Start { text, .. } => json!({ "start": text }),
    };
    json!({
        "hosts": matcher.hosts.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "path": path,
        "methods": matcher.methods.iter().map(http::Method::as_str).collect::<Vec<_>>(),
        "headers": matcher.headers.iter().map(|header| header.name.as_str()).collect::<Vec<_>>(),
        "query": matcher.query.iter().map(|query| query.name.as_str()).collect::<Vec<_>>(),
        "client": matcher.clients.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "sni": matcher.snis.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// Names without values, which may be credentials.
fn edits(edits: &HeaderEdits) -> Value {
    if edits.is_empty() {
        return Value::Null;
    }
    let names = |fields: &[(http::HeaderName, FieldText)]| {
        fields.iter().map(|(name, _)| name.as_str().to_owned()).collect::<Vec<_>>()
    };
    json!({
        "remove": edits.remove.iter().map(http::HeaderName::as_str).collect::<Vec<_>>(),
        "set": names(&edits.set),
        "add": names(&edits.add),
    })
}

fn host(host: &HostRewrite) -> String {
    match host {
        HostRewrite::Policy(HostPolicy::Client) => "client".to_owned(),
        HostRewrite::Policy(HostPolicy::Endpoint) => "endpoint".to_owned(),
        HostRewrite::Policy(HostPolicy::Fixed(host)) => {
            String::from_utf8_lossy(host.as_bytes()).into_owned()
        }
        HostRewrite::Made(template) => template.to_string(),
    }
}

fn rewrite(rewrite: &Rewrite) -> Value {
    match rewrite {
        Rewrite::StripPrefix(prefix) => json!({ "strip_prefix": prefix }),
        Rewrite::ReplacePrefix { prefix, with } => {
            json!({ "prefix": prefix, "replace_prefix": with })
        }
        Rewrite::ReplacePath(with) => json!({ "replace_path": with }),
        Rewrite::Template(template) => json!({ "replace_path": template.to_string() }),
        Rewrite::Kong { prefix, strip, base, handling } => json!({
            "prefix_mode": "kong", "prefix": prefix, "strip_prefix": strip, "add_prefix": base,
            "path_handling": handling.as_str(),
        }),
        Rewrite::Nginx { prefix, with } => json!({
            "prefix_mode": "nginx", "prefix": prefix, "replace_prefix": with,
        }),
        Rewrite::Raw => json!({ "prefix_mode": "nginx" }),
    }
}

fn destination(route: &Route) -> Value {
    match &route.destination {
        Destination::Upstream(upstream) => json!({ "upstream": &**upstream.name() }),
        Destination::Split(chooser, upstreams) => {
            let targets = chooser.split().targets.iter().zip(upstreams).map(|(target, upstream)| {
                json!({ "upstream": &**upstream.name(), "weight": target.weight })
            });
            let by = chooser.split().by.to_string();
            json!({ "split": targets.collect::<Vec<_>>(), "by": by })
        }
        Destination::Fixed(response) => json!({ "respond": response.status.as_u16() }),
        Destination::Handler(plugin) => json!({ "handler": plugin.name() }),
        Destination::Redirect(redirect) => json!({ "redirect": redirect.status.as_u16() }),
    }
}

/// The codings, the favourite first; empty if nothing is compressed.
fn compression(route: &Route) -> Vec<&'static str> {
    let codings = route.compression.iter().flat_map(|compression| &compression.codings);
    codings.map(|coding| coding.as_str()).collect()
}

/// Each with its other version behind it, if it has one.
fn plugins(snapshot: &Snapshot) -> Vec<Value> {
    let both = snapshot.plugins.iter().zip(&snapshot.canaries);
    both.flat_map(|(stable, canary)| [Some(stable), canary.as_ref()])
        .flatten()
        .map(|at| plugin(at))
        .collect()
}

fn plugin(plugin: &Plugin) -> Value {
    let (description, metrics) = (plugin.description(), plugin.metrics());
    json!({
        "name": plugin.name(),
        "component": description.name,
        "version": description.version,
        "summary": description.summary,
        "origin": match plugin.origin() {
            Origin::Embedded => "embedded".to_owned(),
            Origin::File(file) => file.display().to_string(),
        },
        "digest": plugin.digest(),
        "isolation": match plugin.isolation() {
            Isolation::Request => json!("request"),
            Isolation::Pooled { calls, idle } => {
                json!({ "pooled": { "calls": calls, "idle": idle } })
            }
        },
        "image": if plugin.is_proxy() { "none" } else if plugin.is_snapshot() { "configured" } else { "configured per instance" },
        "phases": plugin.phases(),
        "grants": plugin.grants(),
        "instances": {
            "live": plugin.live(),
            "waiting": plugin.waiting(),
            "idle": plugin.idle(),
            "started": metrics.starts.get(),
            "renewed": metrics.renewals.get(),
            "memory_bytes_max": metrics.memory_bytes_max(),
        },
        "calls": calls(metrics),
        "cpu_s": metrics.cpu().as_secs_f64(),
        "traps": metrics.traps.get(),
        "timeouts": { "cpu": metrics.cpu_timeouts.get(), "wall": metrics.wall_timeouts.get() },
        "saturated": metrics.saturated.get(),
        "skips": metrics.skips.get(),
    })
}

/// By phase, for those that were called.
fn calls(metrics: &PluginMetrics) -> Value {
    let us = |seconds: f64| (seconds * 1e7).round() / 10.0;
    let calls = metrics.phases().map(|(phase, durations)| {
        let quantile = |q| durations.quantile(q).map(us);
        let calls = json!({
            "count": durations.count(),
            "p50_us": quantile(0.5),
            "p99_us": quantile(0.99),
        });
        (phase.to_owned(), calls)
    });
    Value::Object(calls.collect())
}

fn upstream(upstream: &Upstream) -> Value {
    let now_us = clock::monotonic_us();
    let endpoints = upstream.endpoints();
    let endpoints = endpoints.iter().map(|endpoint| {
        json!({
            "address": &**endpoint.address(),
            "weight": endpoint.weight(),
            "priority": endpoint.priority(),
            "state": endpoint.standing(now_us),
            "under_way": endpoint.under_way(),
            "answered": endpoint.answered_count(),
            "failed": endpoint.failed_count(),
        })
    });
    let requests = upstream
        .admission()
        .map(|admission| places(admission.bounds(), admission.active(), admission.waiting()));
    json!({
        "name": &**upstream.name(),
        "protocol": upstream.protocol().as_str(),
        "balance": upstream.policy().as_str(),
        "endpoints": endpoints.collect::<Vec<_>>(),
        "breaker": upstream.breaker().map(Breaker::state),
        "requests": requests,
    })
}

fn places(bounds: &Admission, active: i64, waiting: i64) -> Value {
    json!({ "active": active, "limit": bounds.at_once, "waiting": waiting, "queue": bounds.queue })
}

fn outputs(snapshot: &Snapshot) -> Vec<Value> {
    let shown = snapshot
        .outputs
        .iter()
        .map(|output| json!({ "name": output.name(), "dropped": output.dropped() }));
    shown.collect()
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::matching;
    use crate::config;

    #[test]
    fn conditions_are_shown_without_the_values_that_a_caller_must_present() {
        let text = r#"
[[listeners]]
address = "127.0.0.1:8080"

[[routes]]
name = "partner"
match = { host = "*.example.com", path = "/a", methods = ["GET"], headers = { x-api-key = "s3cret" }, query = { token = "s3cret" } }
respond = { status = 204 }
"#;
        let loaded = config::load_text("gateway.toml", text, &|_| None).expect("valid");
        let shown = matching(&loaded.config.routes[0].matcher);
        let expected = serde_json::json!({
            "hosts": ["*.example.com"],
            "path": { "prefix": "/a" },
            "methods": ["GET"],
            "headers": ["x-api-key"],
            "query": ["token"],
            "client": [],
            "sni": [],
        });
        assert_eq!(shown, expected);
    }
}
