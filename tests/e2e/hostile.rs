//! Plugins that misbehave cost the request that called them, and nothing else.

use std::time::{Duration, Instant};

use serde_json::json;
use tidegate_tests::gateway::Gateway;
use tidegate_tests::guest::{self, Plugin};
use tidegate_tests::{client, gateway, origin};

use crate::TIDEGATE;

/// This plugin fails: its route answers with 500, or goes on without it if told to, and the route
/// beside it does not notice. `counted` is how metrics name such a failure.
async fn costs_one_request(plugin: fn() -> Plugin, counted: &str) {
    let origin = origin::replying("ok").await;
    // Long enough for a thread of low priority on a busy machine, unless it is what is tried.
    let wall = if counted == "wall" { "200ms" } else { "20s" };
    let limits = format!("{{ memory = \"4MiB\", cpu = \"50ms\", wall = {wall:?} }}");
    let hostile = plugin().named("hostile").limits(&limits);
    let skipped = hostile.clone().named("skipped").skipped_on_error();
    let gateway = gateway::before(&origin)
        .route("/hostile", [hostile])
        .route("/skipped", [skipped])
        .route("/plain", [guest::empty()])
        .start()
        .await;

    let error = if counted == "traps" { "proxy_internal_error" } else { "plugin_timeout" };
    for _ in 0..3 {
        fails_alone(&gateway, error).await;
    }
    assert_eq!(origin.counts().requests, 6);
    for (plugin, counted) in [("hostile", counted), ("skipped", counted), ("skipped", "skips")] {
        let series = match counted {
            "cpu" | "wall" => format!("timeouts_total{{plugin={plugin:?},limit={counted:?}}}"),
            other => format!("{other}_total{{plugin={plugin:?}}}"),
        };
        let series = format!("tidegate_plugin_{series}");
        assert!((gateway.metric(&series).await - 3.0).abs() < f64::EPSILON, "{series}");
    }
    gateway.metric_becomes(r#"tidegate_plugin_instances{plugin="hostile"}"#, 0.0).await;
}

async fn fails_alone(gateway: &Gateway, error: &str) {
    let trap = [("x-trap", "request")];
    let reply = gateway.get_with("/hostile", &trap).await;
    assert_eq!(reply.status(), 500);
    let request_id = reply.header("x-request-id").unwrap();
    assert_eq!(reply.json()["request_id"], request_id);
    assert_eq!(reply.json()["error"], error);
    let reply = gateway.get_with("/skipped", &trap).await;
    assert_eq!((reply.status(), reply.text()), (200, "ok"));
    assert_eq!(gateway.get("/plain").await.text(), "ok");
}

#[tokio::test]
async fn a_plugin_that_never_returns_costs_one_request_not_the_gateway() {
    costs_one_request(guest::loops, "cpu").await;
}

#[tokio::test]
async fn a_plugin_that_traps_costs_one_request() {
    costs_one_request(guest::traps, "traps").await;
}

#[tokio::test]
async fn a_plugin_that_takes_all_memory_costs_one_request() {
    costs_one_request(guest::grows, "traps").await;
}

#[tokio::test]
async fn a_plugin_that_recurses_without_end_costs_one_request() {
    costs_one_request(guest::recurses, "traps").await;
}

#[tokio::test]
async fn a_plugin_that_calls_what_its_phase_lacks_costs_one_request() {
    costs_one_request(guest::outside, "traps").await;
}

#[tokio::test]
async fn a_plugin_that_waits_for_too_long_costs_one_request() {
    costs_one_request(|| guest::sleeps().config("{ ms = 60000 }"), "wall").await;
}

#[tokio::test]
async fn a_trap_in_the_response_phase_costs_one_response() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin)
        .route("/denied", [guest::traps()])
        .route("/skipped", [guest::traps().named("skipped").skipped_on_error()])
        .start()
        .await;

    let reply = gateway.get_with("/denied", &[("x-trap", "response")]).await;
    assert_eq!(reply.status(), 500);
    let reply = gateway.get_with("/skipped", &[("x-trap", "response")]).await;
    assert_eq!((reply.status(), reply.text()), (200, "ok"));
    let reply = gateway.get_with("/denied", &[("x-trap", "log")]).await;
    assert_eq!((reply.status(), reply.text()), (200, "ok"), "the client has its answer by then");
    gateway.metric_becomes(r#"tidegate_plugin_traps_total{plugin="traps"}"#, 2.0).await;
}

#[tokio::test]
async fn a_loop_in_the_log_phase_keeps_nobody_waiting() {
    let origin = origin::replying("ok").await;
    let loops = guest::loops().config(r#"{ phase = "log" }"#).limits("{ cpu = \"20ms\" }");
    let gateway = gateway::before(&origin).route("/", [loops]).start().await;

    assert_eq!(gateway.get("/").await.text(), "ok");
    gateway
        .metric_becomes(r#"tidegate_plugin_timeouts_total{plugin="loops",limit="cpu"}"#, 1.0)
        .await;
}

#[tokio::test]
async fn one_trap_in_ten_requests_leaves_the_other_nine_untouched() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin).route("/", [guest::traps()]).start().await;

    let mut client = gateway.http1().await;
    for number in 0..200 {
        let headers: &[(&str, &str)] =
            if number % 10 == 0 { &[("x-trap", "request")] } else { &[] };
        let reply = client.send(client::request("GET", "/", headers, "")).await;
        assert_eq!(reply.status(), if number % 10 == 0 { 500 } else { 200 });
    }
    assert_eq!(origin.counts().requests, 180);
    assert!(origin.counts().connections <= 2, "connections to the upstream are used again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_beside_an_endless_loop_are_answered_meanwhile() {
    let origin = origin::replying("ok").await;
    let loops = guest::loops().limits("{ cpu = \"500ms\", wall = \"2s\" }");
    let gateway = gateway::before(&origin)
        .setting("workers = 1")
        .route("/loops", [loops])
        .route("/plain", [guest::empty()])
        .start()
        .await;

    let address = gateway.address();
    let looping = tokio::spawn(async move {
        let asked = Instant::now();
        let status = client::http1(address).await.get("/loops").await.status();
        (status, asked.elapsed())
    });
    let mut client = gateway.http1().await;
    let mut slowest = Duration::ZERO;
    let mut answered = 0;
    while !looping.is_finished() {
        let asked = Instant::now();
        assert_eq!(client.get("/plain").await.text(), "ok");
        slowest = slowest.max(asked.elapsed());
        answered += 1;
    }
    let (status, took) = looping.await.unwrap();
    assert_eq!(status, 500);
    assert!(took < Duration::from_secs(2), "the loop was cut after {took:?}");
    assert!(answered >= 10, "{answered} requests were answered beside the loop");
    assert!(slowest < Duration::from_millis(250), "one of them waited for {slowest:?}");
}

#[tokio::test]
async fn answers_that_no_gateway_may_send_become_a_500() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin).route("/", [guest::lies()]).start().await;

    for lie in ["status", "informational", "framing", "length", "splitting", "name"] {
        let mut client = gateway.raw().await;
        client.send(format!("GET /{lie} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")).await;
        let response = client.to_end().await;
        assert!(response.starts_with("HTTP/1.1 500 "), "{lie}: {response}");
        assert!(!response.contains("set-cookie"), "{lie}: {response}");
    }
    let mut traps = gateway.metric(r#"tidegate_plugin_traps_total{plugin="lies"}"#).await;
    traps -= 6.0;
    assert!(traps.abs() < f64::EPSILON);
}

#[tokio::test]
async fn headers_and_paths_that_break_the_rules_are_refused_one_by_one() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin).route("/", [guest::lies()]).start().await;

    let words = [
        "ok",
        "invalid-value",
        "invalid-value",
        "invalid-name",
        "invalid-name",
        "forbidden",
        "forbidden",
        "forbidden",
    ];
    let paths = [false; 5];
    assert_eq!(gateway.get("/report").await.json(), json!([words, paths]));
}

#[tokio::test]
async fn a_flood_of_log_messages_is_cut_and_counted() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin).route("/", [guest::floods()]).start().await;

    assert_eq!(gateway.get("/").await.text(), "ok");
    let dropped = gateway.metric(r#"tidegate_log_dropped_total{plugin="floods"}"#).await;
    assert!((dropped - 9_936.0).abs() < f64::EPSILON, "{dropped}");
}

#[tokio::test]
async fn requests_that_find_no_instance_wait_and_then_get_503() {
    let origin = origin::replying("ok").await;
    let sleeps = guest::sleeps()
        .config("{ ms = 300 }")
        .limits("{ instances = 1, queue = 1, wall = \"5s\" }");
    let gateway = gateway::before(&origin).route("/", [sleeps]).start().await;

    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let address = gateway.address();
        clients.spawn(async move { client::http1(address).await.get("/").await.status() });
    }
    let mut statuses = clients.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 503, 503]);
}

#[tokio::test]
async fn a_trap_is_logged_with_plugin_route_request_and_guest_backtrace() {
    let origin = origin::replying("ok").await;
    let mut process = gateway::before(&origin).route("/a", [guest::traps()]).spawn(TIDEGATE).await;

    let mut client = client::http1(process.address()).await;
    let reply = client.send(client::request("GET", "/a", &[("x-trap", "request")], "")).await;
    let event = process.logs("plugin trapped").await;
    assert_eq!(event["level"], "ERROR");
    assert_eq!(event["plugin"], "traps");
    assert_eq!(event["route"], "a");
    assert_eq!(event["phase"], "request");
    assert_eq!(event["request_id"].as_str(), reply.header("x-request-id"));
    let backtrace = event["backtrace"].as_str().unwrap();
    assert!(backtrace.contains("request-phase@0.1.0#on-request"), "{backtrace}");
}
