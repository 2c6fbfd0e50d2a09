//! Versions that are tried out: canaries and shadows.

use serde_json::Value;
use tidegate_tests::guest::{self, Plugin};
use tidegate_tests::{client, gateway, origin};

use crate::TIDEGATE;

fn sees(name: &str) -> Plugin {
    guest::sees().named(name).config(&format!("{{ name = {name:?} }}"))
}

/// A plugin that leaves `stable`, and `next` in its canary, with these keys.
fn with_canary(keys: &str) -> Plugin {
    guest::sees()
        .named("x")
        .config("{ name = \"stable\" }")
        .key(&format!("canary = {{ config = {{ name = \"next\" }}, {keys} }}"))
}

#[tokio::test]
async fn a_canary_takes_its_share_by_a_key_and_keeps_it_over_reloads_and_workers() {
    let origin = origin::replying("ok").await;
    let canary = with_canary("percent = 40, by = { header = \"x-user\" }");
    let gateway =
        gateway::before(&origin).setting("workers = 2").route("/", [canary]).start().await;

    let versions = async || {
        let mut versions = Vec::new();
        for user in 0..40 {
            // On a connection of its own, so on any of the workers.
            let user = user.to_string();
            let reply = gateway.get_with("/", &[("x-user", user.as_str())]).await;
            let version = reply.header("x-trace").unwrap().to_owned();
            assert_eq!(origin.last().value("x-trace").as_deref(), Some(version.as_str()));
            versions.push(version);
        }
        versions
    };
    let first = versions().await;
    let canaries = first.iter().filter(|version| *version == "next").count();
    assert_eq!(canaries, 16, "the hash of `x` and the key decides, in every release");
    assert_eq!(gateway.get("/").await.header("x-trace"), Some("stable"), "without the header");

    gateway.change(|text| text.replace("percent = 40", "percent = 80")).await;
    let again = versions().await;
    assert_eq!(again.iter().filter(|version| *version == "next").count(), 31);
    let left = first.iter().zip(&again).filter(|(first, again)| *first == "next" && first != again);
    assert_eq!(left.count(), 0, "who has the canary keeps it");

    let calls = async |labels: &str| {
        gateway.metric(&format!("tidegate_plugin_calls_total{{{labels},phase=\"request\"}}")).await
    };
    let (stable, next) =
        (calls("plugin=\"x\"").await, calls("plugin=\"x\",version=\"canary\"").await);
    assert!((stable - 34.0).abs() < f64::EPSILON, "24, 1 and 9, not {stable}");
    assert!((next - 47.0).abs() < f64::EPSILON, "16 and 31, not {next}");
}

#[tokio::test]
async fn a_client_may_choose_its_version_if_a_header_is_named() {
    let origin = origin::replying("ok").await;
    let canary = with_canary("percent = 0, force_header = \"x-canary\"");
    let all = with_canary("percent = 100, force_header = \"x-canary\"").named("y");
    let silent = with_canary("percent = 0").named("z");
    let gateway = gateway::before(&origin)
        .route("/none", [canary])
        .route("/all", [all])
        .route("/silent", [silent])
        .start()
        .await;

    for (path, header, expected) in [
        ("/none", "", "stable"),
        ("/none", "always", "next"),
        ("/none", "never", "stable"),
        ("/none", "other", "stable"),
        ("/all", "", "next"),
        ("/all", "never", "stable"),
        ("/silent", "always", "stable"),
    ] {
        let reply = gateway.get_with(path, &[("x-canary", header)]).await;
        assert_eq!(reply.header("x-trace"), Some(expected), "{path} {header}");
    }
}

#[tokio::test]
async fn counters_are_the_plugins_whatever_the_version() {
    let origin = origin::replying("ok").await;
    let limit = guest::component("rate-limit")
        .config(r#"{ limit = 2, per = "hour" }"#)
        .key(r#"canary = { percent = 0, force_header = "x-canary", config = { limit = 2, per = "hour", message = "next" } }"#);
    let gateway = gateway::before(&origin).route("/", [limit]).start().await;
    assert_eq!(gateway.get_with("/", &[("x-canary", "always")]).await.status(), 200);
    assert_eq!(gateway.get_with("/", &[("x-canary", "never")]).await.status(), 200);
    assert_eq!(gateway.get_with("/", &[("x-canary", "always")]).await.status(), 429);
    assert_eq!(gateway.get_with("/", &[("x-canary", "never")]).await.status(), 429);
}

#[tokio::test]
async fn a_shadow_is_called_and_told_and_changes_nothing() {
    let origin = origin::replying("ok").await;
    let marks = guest::marks()
        .named("trial")
        .config(
            r#"{ attributes = { consumer = "me" }, set = { x-user = "me" }, remove = ["x-drop"], respond = 403, response = { x-seen = "1" } }"#,
        )
        .key("shadow = true");
    let mut gateway =
        gateway::before(&origin).route("/", [marks, sees("after")]).spawn(TIDEGATE).await;

    let mut client = client::http1(gateway.address()).await;
    let request = client::request("GET", "/", &[("x-drop", "1"), ("x-request-id", "abc")], "");
    let reply = client.send(request).await;
    assert_eq!((reply.status(), reply.text()), (200, "ok"));
    assert_eq!(reply.header("x-seen"), Some("200 upstream"), "that of `after`");
    assert_eq!(origin.last().value("x-user"), None);
    assert_eq!(origin.last().value("x-drop").as_deref(), Some("1"));
    assert_eq!(origin.last().value("x-trace").as_deref(), Some("after"));

    let field = |event: &Value, name: &str| {
        let value = event.get(name).or_else(|| event.get("fields")?.get(name));
        value.cloned().unwrap_or_default()
    };
    let request = gateway.logs("shadow decision").await;
    assert_eq!(field(&request, "plugin"), "trial");
    assert_eq!(field(&request, "route"), "root");
    assert_eq!(field(&request, "phase"), "request");
    assert_eq!(field(&request, "decision"), "respond 403");
    assert_eq!(field(&request, "sets"), "attribute.consumer request.x-user");
    assert_eq!(field(&request, "removes"), "request.x-drop");
    let response = gateway.logs("shadow decision").await;
    assert_eq!(field(&response, "phase"), "response");
    assert_eq!(field(&response, "decision"), "forward");
    assert_eq!(field(&response, "sets"), "response.x-seen");
    assert_eq!(field(&response, "request_id"), field(&request, "request_id"));

    let metrics = client::http1(gateway.admin()).await.get("/metrics").await;
    for (decision, count) in [("forward", 1), ("respond", 1)] {
        let line = format!(
            "tidegate_plugin_shadow_decisions_total{{plugin=\"trial\",decision=\"{decision}\"}} {count}"
        );
        assert!(metrics.text().lines().any(|other| other == line), "{line}");
    }
}

#[tokio::test]
async fn a_shadow_that_traps_delays_or_has_no_instance_is_no_failure() {
    let origin = origin::replying("ok").await;
    let panics = guest::marks().named("panics").config("{ panics = true }").key("shadow = true");
    let delays = guest::marks().named("delays").config("{ delay = 60000 }").key("shadow = true");
    let loops = guest::loops().key("shadow = true").limits("{ cpu = \"10ms\" }");
    let gateway = gateway::before(&origin).route("/", [panics, delays, loops]).start().await;

    assert_eq!(gateway.get("/request").await.status(), 200);
    let decided = async |plugin: &str, decision: &str| {
        let series = format!(
            "tidegate_plugin_shadow_decisions_total{{plugin=\"{plugin}\",decision=\"{decision}\"}}"
        );
        gateway.metric(&series).await
    };
    for (plugin, decision) in [("panics", "trap"), ("delays", "delay"), ("loops", "timeout")] {
        let count = decided(plugin, decision).await;
        assert!((count - 1.0).abs() < f64::EPSILON, "{plugin} {decision}: {count}");
    }
}

#[tokio::test]
async fn a_shadow_canary_runs_beside_the_stable_version_and_is_compared_with_it() {
    let origin = origin::replying("ok").await;
    let both = |stable: &str, next: &str| {
        guest::marks()
            .config(stable)
            .key(&format!("canary = {{ config = {next}, percent = 100, shadow = true }}"))
    };
    let differs =
        both(r#"{ set = { x-tier = "free" } }"#, r#"{ set = { x-tier = "gold" }, respond = 402 }"#);
    let same =
        both(r#"{ set = { x-tier = "free" } }"#, r#"{ set = { x-tier = "free" }, response = {} }"#);
    let mut gateway = gateway::before(&origin)
        .route("/differs", [differs.named("differs")])
        .route("/same", [same.named("same")])
        .spawn(TIDEGATE)
        .await;

    for path in ["/same", "/differs"] {
        let reply = client::http1(gateway.address()).await.get(path).await;
        assert_eq!(reply.status(), 200);
        assert_eq!(origin.last().value("x-tier").as_deref(), Some("free"));
    }
    let mut told = Vec::new();
    for _ in 0..2 {
        let event = gateway.logs("shadow decision").await;
        let fields = event.get("fields").unwrap_or(&event).clone();
        let text = |name: &str| fields[name].as_str().unwrap_or_default().to_owned();
        told.push((text("plugin"), text("decision"), text("stable"), text("differences")));
    }
    let told: Vec<_> =
        told.iter().map(|(a, b, c, d)| (a.as_str(), b.as_str(), c.as_str(), d.as_str())).collect();
    assert_eq!(
        told,
        [
            ("same@canary", "forward", "forward", ""),
            ("differs@canary", "respond 402", "forward", "request.x-tier"),
        ]
    );
    let metrics = client::http1(gateway.admin()).await.get("/metrics").await;
    let differences: Vec<&str> = metrics
        .text()
        .lines()
        .filter(|line| line.starts_with("tidegate_plugin_shadow_differences_total"))
        .collect();
    assert_eq!(
        differences,
        ["tidegate_plugin_shadow_differences_total{plugin=\"differs\",version=\"canary\"} 1"]
    );
}
