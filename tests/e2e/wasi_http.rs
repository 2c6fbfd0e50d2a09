//! Components of `wasi:http/proxy` as the end of a route, unmodified.

use serde_json::json;
use tidegate_tests::gateway::{self, Gateway};
use tidegate_tests::{client, guest, origin, until};

use crate::TIDEGATE;

/// A gateway whose only route ends at the component that does what the path says.
async fn proxied() -> Gateway {
    gateway::alone().handled("/", [], guest::wasi_http()).start().await
}

/// Waits until no instance of the guest is left.
async fn idle(gateway: &Gateway) {
    let instances = r#"tidegate_plugin_instances{plugin="wasi-http"}"#;
    until(async || (gateway.metric(instances).await < 0.5).then_some(())).await;
}

#[tokio::test]
async fn a_component_of_wasi_http_knows_the_request_and_nothing_else() {
    let sees = guest::sees().config(r#"{ name = "one" }"#);
    let gateway = gateway::alone().handled("/", [sees], guest::wasi_http()).start().await;
    let headers = [("host", "shop.example:8080"), ("x-probe", "p")];
    let request = client::request("PATCH", "/facts?a=%20b", &headers, "");
    let reply = gateway.http1().await.send(request).await;
    let expected = [
        "Method::Patch",
        "Scheme::Http",
        "shop.example:8080",
        "/facts?a=%20b",
        "x-probe: p",
        "0 variables",
        "0 arguments",
    ];
    assert_eq!(reply.text().lines().collect::<Vec<_>>(), expected);
    assert_eq!(reply.header("x-seen"), Some("200 handler"), "the response phase saw it");
    let series = r#"tidegate_requests_total{route="root",status="200",source="handler"}"#;
    gateway.metric_becomes(series, 1.0).await;
    let calls = r#"tidegate_plugin_calls_total{plugin="wasi-http",phase="handler"}"#;
    gateway.metric_becomes(calls, 1.0).await;
    let status = gateway.status().await;
    let plugins = status["plugins"].as_array().unwrap();
    let plugin = plugins.iter().find(|plugin| plugin["name"] == "wasi-http").unwrap();
    assert_eq!((&plugin["phases"], &plugin["image"]), (&json!(["handler"]), &json!("none")));
}

#[tokio::test]
async fn bodies_stream_through_it_and_trailers_are_kept() {
    let gateway = gateway::alone()
        .handled("/", [], guest::wasi_http().limits("{ wall = \"20s\" }"))
        .start()
        .await;
    let mut client = gateway.raw().await;
    client
        .send(
            "POST /echo HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\
             Trailer: X-Check\r\n\r\n",
        )
        .await;
    let head = client.head().await;
    assert_eq!((head.status(), head.value("x-echo").as_deref()), (200, Some("yes")));
    for part in ["ab", "cd"] {
        client.send(format!("2\r\n{part}\r\n")).await.until(part).await;
    }
    client.send("0\r\nX-Check: 9\r\n\r\n").await;
    let response = client.body(head).await;
    assert_eq!((response.text().as_str(), response.complete), ("abcd", true));
    let trailers = String::from_utf8_lossy(&response.trailers).to_lowercase();
    assert_eq!(trailers, "x-check: 9\r\n");
}

#[tokio::test]
async fn what_it_announces_is_what_it_sends() {
    let gateway = proxied().await;
    let mut client = gateway.raw().await;
    client.send("GET /length HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let response = client.response().await;
    assert_eq!(response.value("content-length").as_deref(), Some("5"));
    assert_eq!(response.text(), "12345");
    client.send("HEAD /length HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.head().await.value("content-length").as_deref(), Some("5"));

    client.send("GET /short HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let all = client.to_end().await;
    assert!(!all.contains("123456"), "nothing is made up: {all}");
    let failures = r#"tidegate_failures_total{route="root",error="proxy_internal_error"}"#;
    gateway.metric_becomes(failures, 1.0).await;
    let traps = gateway.metric(r#"tidegate_plugin_traps_total{plugin="wasi-http"}"#).await;
    assert!(traps.abs() < f64::EPSILON, "neither of them is stopped: {traps}");
}

#[tokio::test]
async fn it_asks_nobody_without_a_grant() {
    let origin = origin::replying("inner").await;
    let gateway = proxied().await;
    let address = origin.address().to_string();
    let reply = gateway.get_with("/outgoing", &[("x-origin", &address)]).await;
    assert_eq!((reply.status(), reply.text()), (502, "ErrorCode::HttpRequestDenied"));
    assert_eq!(origin.counts().connections, 0);
}

#[tokio::test]
async fn requests_of_its_own_go_where_the_grant_allows() {
    let (origin, other) = (origin::replying("inner").await, origin::replying("other").await);
    let limits = "{ wall = \"5s\" }";
    let plugin = guest::wasi_http().sends(&["origin"], &[&other.url()], "").limits(limits);
    let gateway = gateway::before(&origin).handled("/", [], plugin).start().await;
    let asks = async |authority: &str| {
        let reply = gateway.get_with("/outgoing", &[("x-origin", authority)]).await;
        (reply.status(), reply.text().to_owned())
    };
    assert_eq!(asks("origin").await, (200, "inner".to_owned()), "an upstream");
    assert_eq!(asks(&other.address().to_string()).await, (200, "other".to_owned()), "a host");
    let denied = (502, "ErrorCode::HttpRequestDenied".to_owned());
    assert_eq!(asks(&origin.address().to_string()).await, denied);
    assert_eq!(origin.counts().requests, 1);
    for (outcome, expected) in [("answered", 2.0), ("denied", 1.0)] {
        let series = format!(
            "tidegate_plugin_http_calls_total{{plugin=\"wasi-http\",outcome=\"{outcome}\"}}"
        );
        gateway.metric_becomes(&series, expected).await;
    }
}

#[tokio::test]
async fn a_failure_costs_one_request() {
    let limits = "{ cpu = \"50ms\", wall = \"300ms\" }";
    let gateway =
        gateway::alone().handled("/", [], guest::wasi_http().limits(limits)).start().await;
    let faults = [
        ("/silent", "proxy_internal_error"),
        ("/error", "proxy_internal_error"),
        ("/traps", "proxy_internal_error"),
        ("/never", "plugin_timeout"),
    ];
    for (path, error) in faults {
        let reply = gateway.get(path).await;
        assert_eq!((reply.status(), &reply.json()["error"]), (500, &json!(error)), "{path}");
        assert_eq!(gateway.get("/prints").await.text(), "printed");
    }

    let mut client = gateway.raw().await;
    client.send("POST /traps-late HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n").await;
    let head = client.head().await;
    client.until("half of").await;
    client.send("x").await;
    let response = client.body(head).await;
    assert_eq!((response.text().as_str(), response.complete), ("half of", false));
    gateway.metric_becomes(r#"tidegate_plugin_traps_total{plugin="wasi-http"}"#, 4.0).await;
    idle(&gateway).await;
}

#[tokio::test]
async fn a_client_that_leaves_ends_it() {
    let limits = "{ wall = \"10m\", instances = 1 }";
    let gateway =
        gateway::alone().handled("/", [], guest::wasi_http().limits(limits)).start().await;
    let mut client = gateway.raw().await;
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab").await;
    client.until("ab").await;
    drop(client);
    idle(&gateway).await;
    assert_eq!(gateway.get("/prints").await.text(), "printed");
}

#[tokio::test]
async fn its_table_says_only_what_it_can_follow() {
    let findings = gateway::alone()
        .handled("/", [], guest::wasi_http().config("{ a = 1 }").pooled())
        .refusal()
        .await;
    assert!(findings.contains("is a component of `wasi:http` and takes no `config`"), "{findings}");
    assert!(findings.contains("config = { a = 1 }\n"), "{findings}");
    assert!(findings.contains("is one of `wasi:http`, whose instances are not used again"));

    let origin = origin::replying("ok").await;
    let findings = gateway::before(&origin).route("/", [guest::wasi_http()]).refusal().await;
    assert!(findings.contains("plugin `wasi-http` has no phase that route `root` could run"));
    assert!(findings.contains("write `handler = \"wasi-http\"` in place of `upstream`"));
}

#[tokio::test]
async fn what_it_prints_is_in_the_gateways_log() {
    let builder = gateway::alone().handled("/", [], guest::wasi_http());
    let mut gateway = builder.spawn(TIDEGATE).await;
    let mut client = client::http1(gateway.address()).await;

    let reply = client.get("/prints").await;
    let said = "printed by a guest\nand to its standard error";
    let event = gateway.logs(said).await;
    let field = |event: &serde_json::Value, name: &str| {
        let text = event.get(name).or_else(|| event["fields"].get(name)).unwrap().as_str().unwrap();
        text.to_owned()
    };
    assert_eq!(field(&event, "request_id"), reply.header("x-request-id").unwrap());
    assert_eq!(
        (field(&event, "plugin"), field(&event, "route")),
        ("wasi-http".into(), "root".into())
    );

    assert_eq!(client.get("/traps").await.status(), 500);
    let event = gateway.logs("plugin trapped").await;
    assert!(field(&event, "printed").contains("before the answer"), "{event}");
    assert!(field(&event, "backtrace").contains("handle"), "{event}");
    assert_eq!(field(&event, "phase"), "handler");
}

#[tokio::test]
async fn the_component_that_the_documentation_shows_does_what_it_says() {
    let gateway = gateway::alone()
        .route_with("/shop", [], "handler = \"shop\"\nrewrite = { strip_prefix = true }")
        .handled("/unused", [], guest::shop())
        .start()
        .await;
    assert_eq!(gateway.get("/shop/cart?x=1").await.text(), "you asked for /cart?x=1\n");
}
