//! Answers that say who failed.

use std::time::{Duration, Instant};

use tidegate_tests::origin::Origin;
use tidegate_tests::{gateway, origin};

async fn fails(builder: gateway::Builder, status: u16, error: &str) {
    let gateway = builder.start().await;
    let reply = gateway.get("/").await;
    assert_eq!(reply.status(), status, "{}", reply.text());
    let proxy_status = reply.header("proxy-status").unwrap();
    assert!(
        proxy_status.starts_with(&format!("tidegate; error={error}; details=")),
        "{proxy_status}"
    );
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.json()["error"], error);
    assert_eq!(reply.json()["request_id"], reply.header("x-request-id").unwrap());
    let series = format!("tidegate_failures_total{{route=\"root\",error={error:?}}}");
    gateway.metric_becomes(&series, 1.0).await;
}

fn before(origin: &Origin) -> gateway::Builder {
    gateway::before(origin).route("/", [])
}

#[tokio::test]
async fn nobody_listens() {
    let nowhere = format!("http://{}", origin::nowhere().await);
    fails(gateway::at(&[&nowhere]).route("/", []), 502, "connection_refused").await;
}

#[tokio::test]
async fn a_name_that_does_not_resolve() {
    fails(gateway::at(&["http://nowhere.invalid"]).route("/", []), 502, "dns_error").await;
}

#[tokio::test]
async fn the_upstream_closes_without_an_answer() {
    let origin = origin::closes_without_answer().await;
    fails(before(&origin), 502, "connection_terminated").await;
}

#[tokio::test]
async fn the_upstream_does_not_respond_in_time() {
    let origin = origin::silent().await;
    let builder = before(&origin).upstream("response_timeout = \"100ms\"");
    fails(builder, 504, "http_response_timeout").await;
    origin.saw(|counts| counts.closed == 1).await;
}

#[tokio::test]
async fn the_route_takes_too_long() {
    let origin = origin::silent().await;
    let lines = "upstream = \"origin\"\ntimeout = \"100ms\"";
    let asked = Instant::now();
    fails(gateway::before(&origin).route_with("/", [], lines), 504, "route_timeout").await;
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn the_upstream_speaks_something_else() {
    let origin = origin::responding_once("SSH-2.0-OpenSSH_9.6\r\n\r\n").await;
    fails(before(&origin), 502, "http_protocol_error").await;
}

#[tokio::test]
async fn a_body_that_stops_half_way_is_cut_not_completed() {
    let origin = origin::responding_once(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
    )
    .await;
    let gateway = before(&origin).start().await;
    let mut client = gateway.raw().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let response = client.response().await;
    assert_eq!(response.status(), 200);
    assert!(!response.complete, "the last chunk must not be made up");
}

#[tokio::test]
async fn a_person_gets_text_and_a_program_gets_json() {
    let gateway = gateway::Builder::default().route_with("/a", [], "respond = {}").start().await;
    let reply = gateway.get_with("/b", &[("accept", "text/html,*/*;q=0.8")]).await;
    assert_eq!(reply.status(), 404);
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
    let id = reply.header("x-request-id").unwrap();
    assert_eq!(reply.text(), format!("no route matches this request\nrequest id: {id}\n"));
    let reply = gateway.get_with("/b", &[("accept", "application/json")]).await;
    assert_eq!(reply.json()["message"], "no route matches this request");
}

#[tokio::test]
async fn an_endpoint_that_is_down_is_passed_over() {
    let origin = origin::replying("ok").await;
    let nowhere = format!("http://{}", origin::nowhere().await);
    let gateway = gateway::at(&[&nowhere, &origin.url()]).route("/", []).start().await;
    let mut client = gateway.http1().await;
    for _ in 0..10 {
        assert_eq!(client.get("/").await.status(), 200);
    }
}

#[tokio::test]
async fn a_kept_connection_that_the_upstream_has_closed_costs_no_request() {
    let origin = origin::responding_once("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let gateway = before(&origin).start().await;
    let mut client = gateway.http1().await;
    for number in 1..=20 {
        assert_eq!(client.get("/").await.status(), 200, "request {number}");
    }
    assert_eq!(origin.counts().connections, 20);
}
