//! What the operator sees of a running gateway.

use serde_json::json;
use tidegate_tests::{client, gateway, guest, origin};

#[tokio::test]
async fn health_and_readiness() {
    let gateway = gateway::Builder::default().route_with("/", [], "respond = {}").start().await;
    assert_eq!(gateway.admin("/healthz").await.text(), "ok\n");
    let reply = gateway.admin("/readyz").await;
    assert_eq!((reply.status(), reply.text()), (200, "serving\n"));
    assert_eq!(gateway.admin("/nothing").await.status(), 404);
}

#[tokio::test]
async fn metrics_count_by_route_status_and_source() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin)
        .route("/a", [guest::answers().config(r#"{ path = "/a/stop", status = 429 }"#)])
        .start()
        .await;
    for _ in 0..3 {
        gateway.get("/a").await;
    }
    gateway.get("/a/stop").await;
    gateway.get("/nowhere").await;

    for (series, value) in [
        (r#"tidegate_requests_total{route="a",status="200",source="upstream"}"#, 3.0),
        (r#"tidegate_requests_total{route="a",status="429",source="plugin"}"#, 1.0),
        (r#"tidegate_requests_total{route="-",status="404",source="gateway"}"#, 1.0),
        (r#"tidegate_request_duration_seconds_count{route="a"}"#, 4.0),
        (r#"tidegate_gateway_duration_seconds_count{route="a"}"#, 4.0),
        (r#"tidegate_upstream_duration_seconds_count{upstream="origin"}"#, 3.0),
        (r#"tidegate_plugin_calls_total{plugin="answers",phase="request"}"#, 4.0),
        (r#"tidegate_plugin_calls_total{plugin="answers",phase="response"}"#, 4.0),
        (r#"tidegate_plugin_duration_seconds_count{plugin="answers",phase="request"}"#, 4.0),
    ] {
        gateway.metric_becomes(series, value).await;
    }
}

#[tokio::test]
async fn every_line_of_the_metrics_can_be_parsed() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin).route("/", [guest::empty()]).start().await;
    gateway.get("/").await;
    let reply = gateway.admin("/metrics").await;
    assert_eq!(reply.status(), 200);
    let content_type = reply.header("content-type").unwrap();
    assert!(content_type.contains("version="), "{content_type}");
    let mut typed = std::collections::BTreeSet::new();
    for line in reply.text().lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            assert!(typed.insert(rest.split(' ').next().unwrap().to_owned()), "twice: {line}");
        } else if !line.starts_with('#') {
            let (series, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(series.starts_with("tidegate_"), "{line}");
        }
    }
    assert!(typed.len() > 10, "{typed:?}");
}

#[tokio::test]
async fn the_number_of_series_does_not_grow_with_what_clients_send() {
    let gateway = gateway::Builder::default().route_with("/", [], "respond = {}").start().await;
    gateway.get("/").await;
    let count = async || gateway.admin("/metrics").await.text().lines().count();
    let before = count().await;
    let mut client = gateway.http1().await;
    for number in 0..50 {
        let headers = [("host", format!("h{number}.example")), ("x-a", number.to_string())];
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        client.send(client::request("GET", &format!("/{number}?{number}"), &headers, "")).await;
    }
    assert_eq!(count().await, before);
}

#[tokio::test]
async fn status_shows_what_serves() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin).route("/a", [guest::empty()]).start().await;
    gateway.get("/a").await;
    let status = gateway.status().await;
    assert_eq!(status["phase"], "serving");
    assert_eq!(status["snapshot"]["id"], 1);
    assert!(status["snapshot"]["age_s"].as_u64().unwrap() < 60);
    assert_eq!(status["listeners"][0]["address"], gateway.address().to_string());
    assert_eq!(status["routes"][0]["name"], "a");
    assert_eq!(status["routes"][0]["pipeline"][0]["plugin"], "empty");
    assert_eq!(status["plugins"][0]["phases"][0], "request");
    let endpoint = &status["upstreams"][0]["endpoints"][0];
    assert_eq!(endpoint["address"], origin.address().to_string());
    assert_eq!(endpoint["answered"], 1);
    assert!(status["changes"]["last_refused"].is_null());
}

#[tokio::test]
async fn secrets_are_shown_nowhere() {
    let secret = "correct horse battery staple, 32";
    let auth = guest::component("jwt")
        .config(&format!("{{ issuers = [{{ secret = {secret:?}, algorithms = [\"HS256\"] }}] }}"));
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin).route("/", [auth]).start().await;
    gateway.get("/").await;
    for path in ["/status", "/metrics"] {
        assert!(!gateway.admin(path).await.text().contains("horse"), "{path}");
    }
}

#[tokio::test]
async fn status_and_metrics_tell_what_a_plugin_costs() {
    let origin = origin::replying("ok").await;
    let keeps = || guest::keeps().pooled().limits("{ memory = \"8MiB\" }");
    let gateway = gateway::before(&origin)
        .setting("workers = 1")
        .route("/", [keeps()])
        .route("/loop", [keeps(), guest::loops().limits("{ cpu = \"20ms\" }")])
        .start()
        .await;
    for _ in 0..4 {
        assert_eq!(gateway.get("/").await.status(), 200);
    }
    assert_eq!(gateway.get("/loop").await.status(), 500);
    // It has a log phase.
    let logged = "tidegate_plugin_calls_total{plugin=\"loops\",phase=\"log\"}";
    gateway.metric_becomes(logged, 1.0).await;

    let status = gateway.status().await;
    let plugin = |name: &str| {
        let all = status["plugins"].as_array().unwrap();
        all.iter().find(|plugin| plugin["name"] == name).unwrap().clone()
    };
    let keeps = plugin("keeps");
    assert_eq!(keeps["calls"]["request"]["count"], 5);
    assert_eq!(keeps["instances"]["started"], 1, "the other calls used it again");
    assert_eq!((&keeps["instances"]["live"], &keeps["instances"]["idle"]), (&json!(0), &json!(1)));
    let number = |value: &serde_json::Value| value.as_f64().unwrap();
    let request = &keeps["calls"]["request"];
    assert!(number(&request["p50_us"]) > 0.0, "{request}");
    assert!(number(&request["p99_us"]) >= number(&request["p50_us"]), "{request}");
    let memory = number(&keeps["instances"]["memory_bytes_max"]);
    assert!(memory >= 65_536.0 && memory <= f64::from(8 << 20), "{memory}");

    let loops = plugin("loops");
    assert_eq!(loops["timeouts"], json!({ "cpu": 1, "wall": 0 }));
    assert_eq!(loops["instances"]["started"], 2);
    let ran = number(&loops["cpu_s"]);
    assert!(ran >= 0.005, "it ran until it was cut: {ran}");
    assert!(number(&keeps["cpu_s"]) > 0.0, "{keeps}");
    let shown = gateway.metric("tidegate_plugin_cpu_seconds_total{plugin=\"loops\"}").await;
    assert!((shown - ran).abs() < 1e-9, "{shown}");
}

#[tokio::test]
async fn a_plugin_that_waits_does_not_run() {
    let origin = origin::replying("ok").await;
    let sleeps = guest::sleeps().config("{ ms = 300 }").limits("{ instances = 1, queue = 1 }");
    let gateway = gateway::before(&origin).route("/", [sleeps]).start().await;
    let asked = std::time::Instant::now();
    let address = gateway.address();
    let get = || tokio::spawn(async move { client::http1(address).await.get("/").await.status() });
    let (first, second) = (get(), get());
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (200, 200));
    let took = asked.elapsed().as_secs_f64();
    assert!(took >= 0.6, "one after the other: {took}");

    let metric = async |name: &str| gateway.metric(&format!("tidegate_plugin_{name}")).await;
    let ran = metric("cpu_seconds_total{plugin=\"sleeps\"}").await;
    let labels = "{plugin=\"sleeps\",phase=\"request\"}";
    let duration = metric(&format!("duration_seconds_sum{labels}")).await;
    assert!(duration >= 0.6, "{duration}");
    assert!(ran <= duration - 0.5, "two calls waited 300 ms each: {ran} of {duration}");
    let waited = metric("queue_seconds_sum{plugin=\"sleeps\"}").await;
    assert!(waited > 0.0 && waited < took, "{waited}");
    for (series, value) in [
        ("queue_seconds_count{plugin=\"sleeps\"}", 1.0),
        ("starts_total{plugin=\"sleeps\"}", 2.0),
        ("saturated_total{plugin=\"sleeps\"}", 0.0),
    ] {
        assert!((metric(series).await - value).abs() < f64::EPSILON, "{series}");
    }
}

#[tokio::test]
async fn an_exchange_without_an_instance_is_counted() {
    let origin = origin::replying("ok").await;
    let sleeps = guest::sleeps().config("{ ms = 300 }").limits("{ instances = 1, queue = 0 }");
    let gateway = gateway::before(&origin).route("/", [sleeps]).start().await;
    let address = gateway.address();
    let first = tokio::spawn(async move { client::http1(address).await.get("/").await.status() });
    gateway.metric_becomes("tidegate_plugin_instances{plugin=\"sleeps\"}", 1.0).await;
    assert_eq!(gateway.get("/").await.status(), 503);
    let saturated = gateway.metric("tidegate_plugin_saturated_total{plugin=\"sleeps\"}").await;
    assert!((saturated - 1.0).abs() < f64::EPSILON, "{saturated}");
    assert_eq!(first.await.unwrap(), 200);
}
