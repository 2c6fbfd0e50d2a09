//! Plugins as the end of a route.

use std::time::Duration;

use serde_json::json;
use tidegate_tests::gateway::{self, Gateway};
use tidegate_tests::{client, guest, origin, until};

/// Waits until no instance of the guest is left.
async fn idle(gateway: &Gateway) {
    let instances = r#"tidegate_plugin_instances{plugin="handles"}"#;
    until(async || (gateway.metric(instances).await < 0.5).then_some(())).await;
}

/// A gateway whose only route ends at the guest that does what the path says.
async fn handled() -> Gateway {
    gateway::alone().handled("/", [], guest::handles()).start().await
}

#[tokio::test]
async fn a_handler_answers_what_the_pipeline_let_pass() {
    let sees = guest::sees().config(r#"{ name = "one" }"#);
    let gateway = gateway::alone()
        .output("access")
        .handled(
            "/shop",
            [guest::component("access-log").config(r#"{ output = "access" }"#), sees],
            guest::handles(),
        )
        .start()
        .await;

    let request = client::request("POST", "/shop/echo?a=b", &[("x-probe", "p")], "the body");
    let reply = gateway.http1().await.send(request).await;
    assert_eq!(reply.status(), 200, "{}", reply.text());
    assert_eq!(
        reply.json(),
        json!({
            "method": "POST",
            "path": "/shop/echo",
            "query": "a=b",
            "x-probe": "p",
            "prefix": null,
            "attribute": "one",
            "body": "the body",
            "trailers": [],
        })
    );
    assert_eq!(reply.header("x-handled"), Some("yes"));
    assert_eq!(reply.header("x-seen"), Some("200 handler"), "the response phase saw it");
    assert_eq!(reply.header("content-length"), Some(reply.text().len().to_string().as_str()));

    let lines = gateway.lines("access", 1).await;
    let line: serde_json::Value = serde_json::from_str(lines.first().unwrap()).unwrap();
    assert_eq!((&line["source"], &line["status"]), (&json!("handler"), &json!(200)));
    assert_eq!(line["request_bytes"], 8);
    let series = r#"tidegate_requests_total{route="shop",status="200",source="handler"}"#;
    gateway.metric_becomes(series, 1.0).await;
    let calls = r#"tidegate_plugin_calls_total{plugin="handles",phase="handler"}"#;
    gateway.metric_becomes(calls, 1.0).await;
}

#[tokio::test]
async fn a_handler_sees_the_request_as_an_upstream_would() {
    let gateway = gateway::alone()
        .handled("/unused", [], guest::handles())
        .toml(
            "[[routes]]\nname = \"api\"\nmatch = { path = \"/api/v1\" }\nhandler = \"handles\"\n\
             rewrite = { strip_prefix = true }",
        )
        .start()
        .await;
    let seen = gateway.get("/api/v1/users/echo").await.json();
    assert_eq!((&seen["path"], &seen["prefix"]), (&json!("/users/echo"), &json!("/api/v1")));
}

#[tokio::test]
async fn trailers_of_the_request_reach_a_handler() {
    let gateway = handled().await;
    let mut client = gateway.raw().await;
    client
        .send(
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\
             Trailer: X-Check\r\n\r\n3\r\nabc\r\n0\r\nX-Check: 9\r\n\r\n",
        )
        .await;
    let response = client.response().await;
    assert!(response.text().contains(r#""trailers":["x-check: 9"]"#), "{}", response.text());
}

#[tokio::test]
async fn a_body_is_read_in_parts_within_its_limits() {
    let gateway = gateway::alone()
        .handled("/", [], guest::handles().limits("{ wall = \"20s\" }"))
        .limit("request_body = \"1MiB\"")
        .start()
        .await;

    let mut client = gateway.http2().await;
    let body = "x".repeat(300_000);
    let parts = client.send(client::request("POST", "/parts", &[], body)).await.json();
    assert_eq!((&parts["bytes"], &parts["end"]), (&json!(300_000), &json!("end")));
    assert!(parts["most"].as_u64().unwrap() <= 65_536, "{parts}");

    let reply = client.send(client::request("POST", "/limited", &[], "12345678")).await;
    assert_eq!(reply.text(), "12345678");
    let reply = client.send(client::request("POST", "/limited", &[], "123456789")).await;
    assert_eq!(reply.text(), "too-large");

    let mut raw = gateway.raw().await;
    raw.send("POST /parts HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    let chunk = format!("80000\r\n{}\r\n", "x".repeat(0x8_0000));
    raw.send(&chunk).await.send(&chunk).await.send("1\r\nx\r\n").await;
    let text = raw.response().await.text();
    assert!(text.contains(r#""end":"too-large""#), "{text}");
}

#[tokio::test]
async fn the_parts_of_a_streamed_answer_reach_the_client_one_by_one() {
    let gateway = gateway::alone()
        .handled("/", [], guest::handles().limits("{ wall = \"20s\" }"))
        .start()
        .await;
    let mut client = gateway.raw().await;
    client.send("POST /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n").await;
    let head = client.head().await;
    assert_eq!(head.status(), 200);
    assert_eq!(head.value("content-type").as_deref(), Some("text/event-stream"));
    assert_eq!(head.value("transfer-encoding").as_deref(), Some("chunked"));
    client.until("late attribute refused: true\n").await;
    for part in ["ab", "cd", "ef"] {
        client.send(part).await.until(&format!("data: {part}\n\n")).await;
    }
    let response = client.body(head).await;
    assert!(response.complete, "{}", response.text());
    assert!(response.text().ends_with("data: ef\n\n"), "{}", response.text());
    idle(&gateway).await;
}

#[tokio::test]
async fn waiting_is_not_running() {
    let handles = guest::handles().limits("{ cpu = \"20ms\", wall = \"20s\" }");
    let gateway = gateway::alone().handled("/", [], handles).start().await;
    let mut client = gateway.raw().await;
    client.send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 60\r\n\r\n").await;
    for _ in 0..60 {
        // Longer than a tick of the engine, so that each wait has one.
        tokio::time::sleep(Duration::from_millis(3)).await;
        client.send("x").await;
    }
    let response = client.response().await;
    assert_eq!((response.status(), response.text().as_str()), (200, "60"));
}

#[tokio::test]
async fn an_answer_without_a_body_is_told_so() {
    let gateway = handled().await;
    let mut client = gateway.raw().await;
    client.send("HEAD /misuse HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let head = client.head().await;
    assert_eq!((head.status(), head.value("content-length")), (200, None));
    // Its last write is refused, which it does not expect.
    gateway.metric_becomes(r#"tidegate_plugin_traps_total{plugin="handles"}"#, 1.0).await;
    client.send("GET /misuse HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let response = client.response().await;
    assert_eq!(response.text(), "not-started invalid-status invalid-header ok started");
    assert!(response.complete);
}

#[tokio::test]
async fn instances_of_a_handler_live_as_those_of_others() {
    let gateway = gateway::alone()
        .setting("workers = 1")
        .handled("/fresh", [], guest::handles().named("fresh"))
        .handled("/pooled", [], guest::handles().named("pooled").pooled())
        .start()
        .await;
    let mut client = gateway.http1().await;
    for number in 1..=3 {
        assert_eq!(client.get("/fresh/calls").await.text(), "1");
        assert_eq!(client.get("/pooled/calls").await.text(), number.to_string());
    }
}

#[tokio::test]
async fn a_handler_that_fails_costs_one_request() {
    let limits = "{ cpu = \"50ms\", wall = \"300ms\" }";
    let gateway = gateway::alone().handled("/", [], guest::handles().limits(limits)).start().await;
    let faults = [
        ("/bad-status", "proxy_internal_error"),
        ("/bad-header", "proxy_internal_error"),
        ("/nothing-started", "proxy_internal_error"),
        ("/writes-request", "proxy_internal_error"),
        ("/reads-response", "proxy_internal_error"),
        ("/never", "plugin_timeout"),
    ];
    for (path, error) in faults {
        let reply = gateway.get(path).await;
        assert_eq!((reply.status(), &reply.json()["error"]), (500, &json!(error)), "{path}");
        assert_eq!(gateway.get("/calls").await.text(), "1");
    }
    // A client that keeps its body waits in vain, and so does the handler.
    let mut client = gateway.raw().await;
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n").await;
    assert!(client.response().await.text().contains("plugin_timeout"));
    idle(&gateway).await;
}

#[tokio::test]
async fn a_route_that_is_over_ends_its_handler() {
    let handles = guest::handles().limits("{ wall = \"20s\" }");
    let gateway = gateway::alone()
        .route_with("/", [], "handler = \"handles\"\ntimeout = \"200ms\"")
        .handled("/unused", [], handles)
        .start()
        .await;
    let mut client = gateway.raw().await;
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n").await;
    let response = client.response().await;
    assert_eq!(response.status(), 504);
    assert!(response.text().contains("route_timeout"), "{}", response.text());
    idle(&gateway).await;
}

#[tokio::test]
async fn a_handler_that_fails_in_the_middle_of_an_answer_cuts_it() {
    let handles = guest::handles().limits("{ wall = \"20s\" }");
    let gateway = gateway::alone()
        .output("access")
        .handled("/", [guest::component("access-log").config(r#"{ output = "access" }"#)], handles)
        .start()
        .await;

    let mut client = gateway.raw().await;
    client.send("POST /traps-late HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n").await;
    let head = client.head().await;
    assert_eq!(head.status(), 200);
    client.until("half of").await;
    client.send("x").await;
    let response = client.body(head).await;
    assert_eq!((response.text().as_str(), response.complete), ("half of", false));

    let mut client = gateway.raw().await;
    client.send("GET /answers-late HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let all = client.to_end().await;
    assert!(!all.ends_with("0\r\n\r\n"), "{all}");

    for line in gateway.lines("access", 2).await {
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["failure"], "proxy_internal_error");
        assert_eq!((&line["source"], &line["complete"]), (&json!("handler"), &json!(false)));
    }
    gateway.metric_becomes(r#"tidegate_plugin_traps_total{plugin="handles"}"#, 2.0).await;
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_handler() {
    let handles = guest::handles().limits("{ wall = \"10m\", instances = 1 }");
    let gateway = gateway::alone().handled("/", [], handles).start().await;
    let instances = r#"tidegate_plugin_instances{plugin="handles"}"#;

    // It writes for ever, as fast as the client takes it, and so it is never ahead.
    let mut client = gateway.raw().await;
    client.send("GET /flood HTTP/1.1\r\nHost: a\r\n\r\n").await.until("xxxx").await;
    gateway.metric_becomes(instances, 1.0).await;
    drop(client);
    idle(&gateway).await;

    let mut client = gateway.raw().await;
    client.send("POST /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n").await;
    client.until("late attribute").await;
    drop(client);
    idle(&gateway).await;
    assert_eq!(gateway.get("/calls").await.text(), "1", "there is an instance again");
}

#[tokio::test]
async fn plugins_stand_where_they_have_something_to_do() {
    let origin = origin::replying("ok").await;
    let findings = gateway::alone().handled("/", [], guest::empty()).refusal().await;
    assert!(findings.contains("plugin `empty` cannot answer the requests of route `root`"));
    assert!(findings.contains("handler = \"empty\"\n"), "{findings}");

    let skipped = guest::handles().skipped_on_error();
    let findings = gateway::alone().handled("/", [], skipped).refusal().await;
    assert!(findings.contains("plugin `handles` has `on_error = \"skip\"` and ends a route"));

    let findings = gateway::before(&origin)
        .route("/", [guest::mock().config("{ answers = [] }")])
        .refusal()
        .await;
    assert!(findings.contains("plugin `mock` has no phase that route `root` could run"));
    assert!(findings.contains("write `handler = \"mock\"` in place of `upstream`"), "{findings}");

    let findings = gateway::alone()
        .route_with("/", [guest::handles()], "handler = \"handle\"")
        .refusal()
        .await;
    assert!(findings.contains("route `root` is answered by plugin `handle`, which is not defined"));
    assert!(findings.contains("did you mean `handles`?"), "{findings}");
}

#[tokio::test]
async fn the_example_of_a_handler_does_what_it_says() {
    let answers = r#"{ answers = [{ path = "/users/*", json = { name = "alice" } }] }"#;
    let gateway = gateway::alone().handled("/", [], guest::mock().config(answers)).start().await;
    let reply = gateway.get("/users/1").await;
    assert_eq!((reply.status(), reply.text()), (200, r#"{"name":"alice"}"#));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(gateway.get("/orders").await.status(), 404);
    let reply = gateway.http1().await.send(client::request("PUT", "/users/1", &[], "")).await;
    assert_eq!(reply.status(), 405);
}
