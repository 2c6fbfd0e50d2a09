use std::collections::BTreeSet;
use std::time::Duration;

use super::{
    Complaint, HostCalls, Interface, Live, Metrics, Phase, Reload, ShadowDecision, UNMATCHED,
    endpoint_label,
};
use crate::config::model::Endpoint;
use crate::facts::Source;

/// The lines of a text that begin so, without what is a bucket.
fn lines<'a>(text: &'a str, prefix: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.starts_with(prefix) && !line.contains("_bucket{")).collect()
}

#[test]
fn an_exchange_is_shown_by_route_status_and_source() {
    let metrics = Metrics::default();
    let route = metrics.route("users");
    route.exchange(200, Source::Upstream, Duration::from_millis(30), Duration::from_millis(20));
    route.exchange(429, Source::Plugin, Duration::from_micros(40), Duration::ZERO);
    metrics.route(UNMATCHED).exchange(404, Source::Gateway, Duration::ZERO, Duration::ZERO);
    metrics.route("users").failure("connection_refused");
    let text = metrics.encode();
    assert_eq!(
        lines(&text, "tidegate_requests_total"),
        [
            "tidegate_requests_total{route=\"-\",status=\"404\",source=\"gateway\"} 1",
            "tidegate_requests_total{route=\"users\",status=\"200\",source=\"upstream\"} 1",
            "tidegate_requests_total{route=\"users\",status=\"429\",source=\"plugin\"} 1",
        ]
    );
    assert_eq!(
        lines(&text, "tidegate_failures_total"),
        ["tidegate_failures_total{route=\"users\",error=\"connection_refused\"} 1"]
    );
    for line in [
        "tidegate_request_duration_seconds_count{route=\"users\"} 2",
        "tidegate_request_duration_seconds_bucket{le=\"0.00005\",route=\"users\"} 1",
        "tidegate_request_duration_seconds_bucket{le=\"0.05\",route=\"users\"} 2",
        "tidegate_request_duration_seconds_bucket{le=\"+Inf\",route=\"users\"} 2",
        "tidegate_gateway_duration_seconds_bucket{le=\"0.005\",route=\"users\"} 1",
        "tidegate_gateway_duration_seconds_bucket{le=\"0.01\",route=\"users\"} 2",
        "# TYPE tidegate_request_duration_seconds histogram",
    ] {
        assert!(text.lines().any(|other| other == line), "no {line} in {text}");
    }
}

#[test]
fn an_attempt_is_shown_by_upstream_endpoint_and_outcome() {
    let metrics = Metrics::default();
    let upstream = metrics.upstream("users");
    upstream.duration.observe_duration(Duration::from_millis(3));
    upstream.endpoint("10.0.0.1:80").answered();
    upstream.endpoint("10.0.0.1:80").failed("connection_refused");
    let text = metrics.encode();
    assert_eq!(
        lines(&text, "tidegate_upstream_requests_total"),
        [
            "tidegate_upstream_requests_total{upstream=\"users\",endpoint=\"10.0.0.1:80\",\
             outcome=\"answered\"} 1",
            "tidegate_upstream_requests_total{upstream=\"users\",endpoint=\"10.0.0.1:80\",\
             outcome=\"connection_refused\"} 1",
        ]
    );
    assert_eq!(
        lines(&text, "tidegate_upstream_duration_seconds"),
        [
            "tidegate_upstream_duration_seconds_sum{upstream=\"users\"} 0.003",
            "tidegate_upstream_duration_seconds_count{upstream=\"users\"} 1",
        ]
    );
}

#[test]
fn what_keeps_an_upstream_from_being_asked_too_much_is_shown() {
    let metrics = Metrics::default();
    let upstream = metrics.upstream("users");
    upstream.retried("reset");
    upstream.retried("reset");
    upstream.retry_withheld("budget");
    let breaker = metrics.breaker("users");
    breaker.state.set(2);
    breaker.changed("open");
    breaker.refused.inc();
    let gate = metrics.gate("users");
    gate.active.set(3);
    gate.waiting.set(1);
    gate.refused("queue_full");
    metrics.exchanges().active.set(7);
    metrics.exchanges().refused("shed");
    let text = metrics.encode();
    for line in [
        "tidegate_upstream_retries_total{upstream=\"users\",cause=\"reset\"} 2",
        "tidegate_upstream_retries_withheld_total{upstream=\"users\",reason=\"budget\"} 1",
        "tidegate_upstream_breaker_state{upstream=\"users\"} 2",
        "tidegate_upstream_breaker_transitions_total{upstream=\"users\",to=\"open\"} 1",
        "tidegate_upstream_breaker_refused_total{upstream=\"users\"} 1",
        "tidegate_upstream_active{upstream=\"users\"} 3",
        "tidegate_upstream_waiting{upstream=\"users\"} 1",
        "tidegate_upstream_refused_total{upstream=\"users\",reason=\"queue_full\"} 1",
        "tidegate_exchanges 7",
        "tidegate_exchanges_waiting 0",
        "tidegate_exchanges_refused_total{reason=\"shed\"} 1",
    ] {
        assert!(text.lines().any(|other| other == line), "no {line} in {text}");
    }
}

#[test]
fn a_plugin_is_shown_by_phase() {
    let metrics = Metrics::default();
    let plugin = metrics.plugin("jwt");
    plugin.called(Phase::Request, Duration::from_micros(2));
    plugin.called(Phase::Request, Duration::from_micros(9));
    plugin.called(Phase::Log, Duration::from_micros(9));
    plugin.traps.inc();
    let mut calls = HostCalls::default();
    for interface in [Interface::Request, Interface::Kv, Interface::Request] {
        calls.count(interface);
    }
    plugin.called_host(&calls);
    plugin.called_host(&calls);
    plugin.ran(Duration::from_micros(1_500_000));
    plugin.ran(Duration::from_millis(250));
    plugin.uses(1 << 20);
    plugin.uses(65_536);
    plugin.queue.observe_duration(Duration::from_millis(2));
    plugin.wall_timeouts.inc();
    plugin.instances.set(7);
    plugin.waiting.inc();
    let text = metrics.encode();
    for line in [
        "tidegate_plugin_calls_total{plugin=\"jwt\",phase=\"request\"} 2",
        "tidegate_plugin_calls_total{plugin=\"jwt\",phase=\"log\"} 1",
        "tidegate_plugin_duration_seconds_bucket{le=\"0.0000025\",plugin=\"jwt\",phase=\"request\"} 1",
        "tidegate_plugin_traps_total{plugin=\"jwt\"} 1",
        "tidegate_plugin_cpu_seconds_total{plugin=\"jwt\"} 1.75",
        "tidegate_plugin_memory_bytes_max{plugin=\"jwt\"} 1048576",
        "tidegate_plugin_queue_seconds_count{plugin=\"jwt\"} 1",
        "tidegate_plugin_saturated_total{plugin=\"jwt\"} 0",
        "tidegate_plugin_starts_total{plugin=\"jwt\"} 0",
        "tidegate_plugin_renewals_total{plugin=\"jwt\"} 0",
        "tidegate_plugin_timeouts_total{plugin=\"jwt\",limit=\"cpu\"} 0",
        "tidegate_plugin_timeouts_total{plugin=\"jwt\",limit=\"wall\"} 1",
        "tidegate_plugin_skips_total{plugin=\"jwt\"} 0",
        "tidegate_log_dropped_total{plugin=\"jwt\"} 0",
        "tidegate_plugin_host_calls_total{plugin=\"jwt\",interface=\"kv\"} 2",
        "tidegate_plugin_host_calls_total{plugin=\"jwt\",interface=\"request\"} 4",
        "tidegate_plugin_instances{plugin=\"jwt\"} 7",
        "tidegate_plugin_waiting{plugin=\"jwt\"} 1",
    ] {
        assert!(text.lines().any(|other| other == line), "no {line} in {text}");
    }
    assert!(!text.contains("phase=\"response\""));
    assert!(!text.contains("interface=\"clock\""));
}

#[test]
fn a_canary_is_the_same_plugin_in_another_version() {
    let metrics = Metrics::default();
    metrics.plugin("jwt").called(Phase::Request, Duration::from_micros(2));
    let canary = metrics.plugin("jwt@canary");
    canary.called(Phase::Request, Duration::from_micros(2));
    canary.shadow_decided(ShadowDecision::Respond);
    canary.add::<&str, &str>("refused", &[], 1.0).expect("valid");
    let text = metrics.encode();
    for line in [
        "tidegate_plugin_calls_total{plugin=\"jwt\",phase=\"request\"} 1",
        "tidegate_plugin_calls_total{plugin=\"jwt\",version=\"canary\",phase=\"request\"} 1",
        "tidegate_plugin_shadow_decisions_total{plugin=\"jwt\",version=\"canary\",decision=\"respond\"} 1",
        "tidegate_plugin_instances{plugin=\"jwt\",version=\"canary\"} 0",
        "tidegate_plugin_refused_total{plugin=\"jwt\",version=\"canary\"} 1.0",
    ] {
        assert!(text.lines().any(|other| other == line), "no {line} in {text}");
    }
    let with = |canaries: &[&'static str]| Live {
        plugins: ["jwt"].into(),
        canaries: canaries.iter().copied().collect(),
        ..Live::default()
    };
    metrics.retain(&with(&["jwt"]));
    assert!(metrics.encode().contains("version=\"canary\""));
    metrics.retain(&with(&[]));
    assert!(!metrics.encode().contains("version=\"canary\""));
    assert!(metrics.encode().contains("{plugin=\"jwt\",phase=\"request\"} 1"));
}

#[test]
fn what_plugins_keep_themselves_is_grouped_by_name() {
    let metrics = Metrics::default();
    let (jwt, limit) = (metrics.plugin("jwt"), metrics.plugin("limit"));
    jwt.add("refused", &[("reason", "a \"quoted\\ one\"\n")], 1.5).expect("valid");
    jwt.observe("wait", &[("a", "b")], 0.3).expect("valid");
    limit.add::<&str, &str>("refused", &[], 2.0).expect("valid");
    let text = metrics.encode();
    assert_eq!(
        lines(&text, "tidegate_plugin_refused"),
        [
            "tidegate_plugin_refused_total{plugin=\"jwt\",reason=\"a \\\"quoted\\\\ one\\\"\\n\"} \
             1.5",
            "tidegate_plugin_refused_total{plugin=\"limit\"} 2.0",
        ]
    );
    assert_eq!(
        lines(&text, "# TYPE tidegate_plugin_refused"),
        ["# TYPE tidegate_plugin_refused counter"]
    );
    for line in [
        "tidegate_plugin_wait_count{plugin=\"jwt\",a=\"b\"} 1",
        "tidegate_plugin_wait_bucket{le=\"0.25\",plugin=\"jwt\",a=\"b\"} 0",
        "tidegate_plugin_wait_bucket{le=\"0.5\",plugin=\"jwt\",a=\"b\"} 1",
    ] {
        assert!(text.lines().any(|other| other == line), "no {line} in {text}");
    }
}

#[test]
fn the_process_is_shown() {
    let metrics = Metrics::default();
    let listener = metrics.listener("127.0.0.1:8080");
    listener.accepted.inc();
    listener.accepted.inc();
    listener.open.inc();
    listener.complain(Complaint::Calm);
    metrics.connection_refused("limit");
    metrics.reloaded(Reload::Good);
    metrics.reloaded(Reload::Refused);
    metrics.reloaded(Reload::Refused);
    metrics.set_output_dropped("access", 3);
    metrics.set_counters(12);
    metrics.cache("pages").entries.set(2);
    metrics.cache("pages").hits.set(5);
    metrics.set_snapshot(4);
    let text = metrics.encode();
    for line in [
        "tidegate_connections{listener=\"127.0.0.1:8080\"} 1",
        "tidegate_connections_accepted_total{listener=\"127.0.0.1:8080\"} 2",
        "tidegate_connections_refused_total{reason=\"limit\"} 1",
        "tidegate_http2_errors_total{listener=\"127.0.0.1:8080\",code=\"ENHANCE_YOUR_CALM\"} 1",
        "tidegate_http2_errors_total{listener=\"127.0.0.1:8080\",code=\"PROTOCOL_ERROR\"} 0",
        "tidegate_reloads_total{result=\"good\"} 1",
        "tidegate_reloads_total{result=\"refused\"} 2",
        "tidegate_output_dropped_total{output=\"access\"} 3",
        "tidegate_counters 12",
        "tidegate_cache_entries{plugin=\"pages\"} 2",
        "tidegate_cache_hits_total{plugin=\"pages\"} 5",
        "tidegate_snapshot_id 4",
        "# EOF",
    ] {
        assert!(text.lines().any(|other| other == line), "no {line} in {text}");
    }
    let build = lines(&text, "tidegate_build_info");
    assert_eq!(
        build,
        [format!("tidegate_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"))]
    );
}

#[test]
fn every_family_is_described_once() {
    let metrics = Metrics::default();
    metrics.plugin("a").add::<&str, &str>("own", &[], 1.0).expect("valid");
    let text = metrics.encode();
    let mut types = lines(&text, "# TYPE ");
    let all = types.len();
    types.sort_unstable();
    types.dedup_by_key(|line| line.split(' ').nth(2));
    assert_eq!(types.len(), all);
    assert_eq!(lines(&text, "# HELP ").len(), all);
}

#[test]
fn what_is_no_more_is_not_shown_and_what_stays_counts_on() {
    let metrics = Metrics::default();
    for name in ["old", "kept"] {
        metrics.route(name).failure("dns_error");
        metrics.upstream(name).endpoint("a:1").answered();
        metrics.upstream(name).endpoint("b:1").answered();
        metrics.breaker(name).changed("open");
        metrics.gate(name).waiting.inc();
        metrics.plugin(name).add::<&str, &str>("own", &[], 1.0).expect("valid");
        metrics.plugin(name).traps.inc();
        metrics.listener(name).open.inc();
        metrics.set_output_dropped(name, 1);
    }
    metrics.route(UNMATCHED).failure("http_request_error");
    metrics.plugin("old").add::<&str, &str>("freed", &[], 1.0).expect("valid");
    metrics.retain(&Live {
        routes: ["kept"].into(),
        upstreams: [("kept", Some(["b:1".to_owned()].into()))].into(),
        plugins: ["kept"].into(),
        breakers: ["kept"].into(),
        limited: ["kept"].into(),
        canaries: BTreeSet::default(),
        listeners: ["kept".to_owned()].into(),
        outputs: ["kept"].into(),
    });
    let text = metrics.encode();
    assert!(!text.contains("\"old\"") && !text.contains("\"a:1\""), "{text}");
    metrics.plugin("kept").traps.inc();
    metrics.plugin("kept").observe::<&str, &str>("freed", &[], 1.0).expect("free again");
    let text = metrics.encode();
    for line in [
        "tidegate_failures_total{route=\"-\",error=\"http_request_error\"} 1",
        "tidegate_upstream_requests_total{upstream=\"kept\",endpoint=\"b:1\",outcome=\"answered\"} 1",
        "tidegate_plugin_traps_total{plugin=\"kept\"} 2",
        "tidegate_upstream_breaker_transitions_total{upstream=\"kept\",to=\"open\"} 1",
        "tidegate_upstream_waiting{upstream=\"kept\"} 1",
    ] {
        assert!(text.lines().any(|other| other == line), "no {line} in {text}");
    }
}

#[test]
fn an_endpoints_label_has_brackets_around_ipv6() {
    let label = |host: &str| {
        endpoint_label(&Endpoint {
            is_https: false,
            host: host.to_owned(),
            port: 80,
            weight: 1,
            priority: 0,
        })
    };
    assert_eq!(label("::1"), "[::1]:80");
    assert_eq!(label("10.0.0.1"), "10.0.0.1:80");
    assert_eq!(label("users.internal"), "users.internal:80");
}

#[test]
#[ignore = "a measurement: cargo test --release -- --ignored --nocapture an_exchange_costs"]
fn an_exchange_costs_so_many_nanoseconds() {
    let metrics = Metrics::default();
    let (route, plugin) = (metrics.route("users"), metrics.plugin("jwt"));
    let start = crate::clock::now();
    for i in 0..1_000_000 {
        let duration = Duration::from_nanos(i * 37);
        route.exchange(200, Source::Upstream, duration, Duration::ZERO);
    }
    println!("{} ns an exchange", start.elapsed().as_nanos() / 1_000_000);
    let start = crate::clock::now();
    for i in 0..1_000_000 {
        plugin.called(Phase::Request, Duration::from_nanos(i));
    }
    println!("{} ns a call", start.elapsed().as_nanos() / 1_000_000);
}
