//! What plugins do without a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use tidegate_tests::gateway::{self, Gateway};
use tidegate_tests::guest::{self, Plugin};
use tidegate_tests::origin::{self, Origin};
use tidegate_tests::until;

fn ticks(config: &str) -> Plugin {
    guest::ticks().sends(&["origin"], &[], "kv").config(config)
}

/// Answers with `v` and this number.
async fn versioned(version: &Arc<AtomicU32>) -> Origin {
    let version = Arc::clone(version);
    origin::scripted(move |mut connection| {
        let version = Arc::clone(&version);
        async move {
            while connection.request().await.is_some() {
                let text = format!("v{}", version.load(Ordering::Relaxed));
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", text.len());
                connection.write(head + &text).await;
            }
        }
    })
    .await
}

/// What the plugin says, once that is good enough.
async fn says(gateway: &Gateway, enough: impl Fn(&Value) -> bool) -> Value {
    until(async || Some(gateway.get("/").await.json()).filter(&enough)).await
}

fn number(said: &Value, key: &str) -> u64 {
    said[key].as_u64().unwrap()
}

#[tokio::test]
async fn what_a_tick_fetches_is_there_for_requests_and_renewed_by_the_next() {
    let version = Arc::new(AtomicU32::new(1));
    let origin = versioned(&version).await;
    let gateway = gateway::before(&origin).route("/", [ticks("{ period_ms = 100 }")]).start().await;

    says(&gateway, |said| said["document"] == "v1").await;
    version.store(2, Ordering::Relaxed);
    says(&gateway, |said| said["document"] == "v2").await;
    let said = says(&gateway, |said| number(said, "ticks") >= 5).await;
    assert_eq!(said["instances"], 1, "one instance, which keeps its memory");
    assert_eq!(said["own"], 0, "that of requests is another");
    assert_eq!(origin.counts().connections, 1, "its connection is used again");
}

#[tokio::test]
async fn the_first_tick_comes_at_once_however_long_the_period() {
    let origin = versioned(&Arc::new(AtomicU32::new(1))).await;
    let gateway =
        gateway::before(&origin).route("/", [ticks("{ period_ms = 86400000 }")]).start().await;
    says(&gateway, |said| said["document"] == "v1").await;
    assert_eq!(origin.counts().requests, 1);
}

#[tokio::test]
async fn a_timer_goes_on_while_others_change_and_ends_with_its_plugin() {
    let origin = versioned(&Arc::new(AtomicU32::new(1))).await;
    let gateway = gateway::before(&origin)
        .route("/", [ticks("{ period_ms = 100 }")])
        .route("/other", [guest::answers().config("{ path = \"/a\" }")])
        .start()
        .await;
    let before = number(&says(&gateway, |said| number(said, "ticks") >= 2).await, "ticks");
    gateway.change(|text| text.replace("\"/a\"", "\"/b\"")).await;
    let said = says(&gateway, |said| number(said, "ticks") > before + 1).await;
    assert_eq!(said["instances"], 1);

    gateway.change(|text| text.replace("period_ms = 100", "period_ms = 86400000")).await;
    let said = says(&gateway, |said| number(said, "instances") == 2).await;
    assert!(number(&said, "ticks") >= 1, "{said}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_tick_that_fails_ends_its_instance_and_the_next_has_a_new_one() {
    let origin = versioned(&Arc::new(AtomicU32::new(1))).await;
    let gateway = gateway::before(&origin)
        .route("/", [ticks("{ period_ms = 100, trap_at = 2 }")])
        .start()
        .await;
    says(&gateway, |said| number(said, "instances") == 3).await;
    let traps = gateway.metric("tidegate_plugin_traps_total{plugin=\"ticks\"}").await;
    assert!((2.0..=3.0).contains(&traps), "{traps}");
    assert_eq!(gateway.get("/").await.status(), 200);
}

#[tokio::test]
async fn a_tick_that_asks_for_an_exchange_traps() {
    let origin = versioned(&Arc::new(AtomicU32::new(1))).await;
    let gateway = gateway::before(&origin)
        .route("/", [ticks("{ period_ms = 86400000, ask_exchange_at = 1 }")])
        .start()
        .await;
    gateway.metric_becomes("tidegate_plugin_traps_total{plugin=\"ticks\"}", 1.0).await;
    gateway
        .metric_becomes("tidegate_plugin_calls_total{plugin=\"ticks\",phase=\"timer\"}", 1.0)
        .await;
}

#[tokio::test]
async fn a_tick_needs_no_instance_that_requests_wait_for() {
    let origin = versioned(&Arc::new(AtomicU32::new(1))).await;
    let plugin = ticks("{ period_ms = 100 }").limits("{ instances = 1, queue = 0 }");
    let gateway = gateway::before(&origin).route("/", [plugin]).start().await;
    says(&gateway, |said| number(said, "ticks") >= 3).await;
}

#[tokio::test]
async fn a_period_out_of_range_is_refused_when_the_plugin_is_loaded() {
    let origin = origin::replying("ok").await;
    for ms in [99, 86_400_001_u64] {
        let plugin = ticks(&format!("{{ period_ms = {ms} }}"));
        let refusal = gateway::before(&origin).route("/", [plugin]).refusal().await;
        let why = format!(
            "plugin `ticks` wants to tick every {ms} ms, which is not from 100 to 86400000"
        );
        assert!(refusal.contains(&why), "{refusal}");
    }
}
