//! Spans of exchanges and phase calls in the log, and the trace that they belong to.

use serde_json::{Value, json};
use tidegate_tests::{client, gateway, guest, origin};

use crate::TIDEGATE;

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT_ID: &str = "b7ad6b7169203331";

fn traceparent() -> String {
    format!("00-{TRACE_ID}-{PARENT_ID}-01")
}

#[tokio::test]
async fn the_log_shows_what_an_exchange_and_its_phases_took() {
    let origin = origin::replying("ok").await;
    let mut process = gateway::before(&origin)
        .setting("trusted_proxies = [\"127.0.0.1\"]")
        .route("/a", [guest::answers().config(r#"{ path = "/a/stop" }"#).pooled()])
        .spawn_with(TIDEGATE, &["--log-level", "info,tidegate::span=debug"])
        .await;
    let mut client = client::http1(process.address()).await;
    let given = traceparent();
    let headers = [("x-request-id", "r-1"), ("traceparent", given.as_str())];
    let asked = client::request("GET", "/a/stop?secret=1", &headers, "");
    assert_eq!(client.send(asked).await.status(), 403);

    let request = process.logs("close").await;
    assert_eq!(request["target"], "tidegate::span");
    let (span, outer) = (&request["span"], &request["spans"][0]);
    assert_eq!(span["name"], "plugin");
    assert_eq!(span["plugin"], "answers");
    assert_eq!(span["phase"], "request");
    assert_eq!(span["isolation"], "pooled");
    assert_eq!(span["instance"], "fresh");
    assert_eq!(span["outcome"], "respond");
    assert!(span["host_calls"].as_u64().unwrap() >= 1, "{span}");
    assert!(span["duration_us"].is_u64() && span["cpu_us"].is_u64(), "{span}");
    assert_eq!((&outer["name"], &outer["request_id"]), (&json!("exchange"), &json!("r-1")));

    let response = process.logs("close").await;
    let span = &response["span"];
    assert_eq!((&span["phase"], &span["instance"]), (&json!("response"), &json!("pooled")));
    assert_eq!(span["outcome"], "forward");

    let exchange = process.logs("close").await;
    let span = &exchange["span"];
    let without = |name: &str| span[name].clone();
    assert_eq!(
        span,
        &json!({
            "name": "exchange",
            "request_id": "r-1",
            "method": "GET",
            "path": "/a/stop",
            "route": "a",
            "trace_id": TRACE_ID,
            "span_id": without("span_id"),
            "parent_id": PARENT_ID,
            "status": 403,
            "source": "plugin",
            "duration_us": without("duration_us"),
        })
    );
    assert!(exchange["time.busy"].is_string() && exchange["time.idle"].is_string(), "{exchange}");
}

#[tokio::test]
async fn spans_are_not_logged_unless_asked_for() {
    let origin = origin::replying("ok").await;
    let mut process = gateway::before(&origin)
        .route("/", [guest::says()])
        .spawn_with(TIDEGATE, &["--log-level", "info"])
        .await;
    let mut client = client::http1(process.address()).await;
    assert_eq!(client.get("/").await.status(), 200);
    let event = process.logs("printed by WASI").await;
    assert!(event["span"].is_null() && event["spans"].is_null(), "{event}");
}

#[tokio::test]
async fn the_upstream_is_told_of_the_trace_if_the_operator_wants_it() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin)
        .setting("tracing = { propagate = true }")
        .route("/", [])
        .start()
        .await;

    let given = traceparent();
    gateway.get_with("/", &[("traceparent", &given), ("tracestate", "vendor=1")]).await;
    let told = origin.last().value("traceparent").unwrap();
    assert!(told.starts_with(&format!("00-{TRACE_ID}-")) && told.ends_with("-01"), "{told}");
    assert!(!told.contains(PARENT_ID), "the gateway has a span of its own: {told}");
    assert_eq!(origin.last().value("tracestate").as_deref(), Some("vendor=1"));

    gateway.get_with("/", &[("traceparent", "nonsense"), ("tracestate", "vendor=1")]).await;
    let begun = origin.last().value("traceparent").unwrap();
    assert!(begun.starts_with("00-") && begun.len() == told.len(), "{begun}");
    assert_eq!(origin.last().value("tracestate"), None);
}

#[tokio::test]
async fn the_trace_of_a_client_passes_unchanged_by_default() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin).route("/", []).start().await;
    let given = traceparent();
    gateway.get_with("/", &[("traceparent", &given), ("tracestate", "vendor=1")]).await;
    assert_eq!(origin.last().value("traceparent"), Some(given));
    assert_eq!(origin.last().value("tracestate").as_deref(), Some("vendor=1"));
    gateway.get("/").await;
    assert_eq!(origin.last().value("traceparent"), None);
}

#[tokio::test]
async fn what_a_plugin_logs_and_prints_names_plugin_route_and_request() {
    let origin = origin::replying("ok").await;
    let mut process = gateway::before(&origin)
        .setting("trusted_proxies = [\"127.0.0.1\"]")
        .route("/a", [guest::says().named("speaker")])
        .spawn(TIDEGATE)
        .await;
    let mut client = client::http1(process.address()).await;
    client.send(client::request("GET", "/a", &[("x-request-id", "r-1")], "")).await;
    for (message, level) in [("said by the interface", "WARN"), ("printed by WASI", "INFO")] {
        let event: Value = process.logs(message).await;
        assert_eq!(event["level"], level);
        assert_eq!(event["plugin"], "speaker");
        assert_eq!(event["route"], "a");
        assert_eq!(event["request_id"], "r-1");
    }
}
