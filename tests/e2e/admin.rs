//! What the operator sees of a running gateway.

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
