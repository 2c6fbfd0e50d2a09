//! What is sent again, where to, and what is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tidegate_tests::client::Reply;
use tidegate_tests::gateway::Gateway;
use tidegate_tests::origin::Origin;
use tidegate_tests::{client, gateway, origin};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nbusy";

/// Answers the first request of each connection, and ends the connection once it has read another.
async fn closes_what_is_used_again() -> Origin {
    origin::scripted(|mut connection| async move {
        if connection.request().await.is_some() {
            connection.write(OK).await;
            connection.request().await;
        }
    })
    .await
}

/// Reads so many requests and ends their connections, then behaves.
async fn closes_without_answer_at_first(times: usize) -> Origin {
    let asked = Arc::new(AtomicUsize::new(0));
    origin::scripted(move |mut connection| {
        let asked = Arc::clone(&asked);
        async move {
            while let Some(request) = connection.request().await {
                if asked.fetch_add(1, Ordering::SeqCst) < times {
                    return;
                }
                let body = request.text();
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                connection.write(head + &body).await;
            }
        }
    })
    .await
}

fn failure(reply: &Reply) -> (u16, String) {
    (reply.status(), reply.json()["error"].as_str().unwrap_or_default().to_owned())
}

fn terminated() -> (u16, String) {
    (502, "connection_terminated".to_owned())
}

async fn retries(gateway: &Gateway, kind: &str, label: &str) -> f64 {
    let series = format!("tidegate_upstream_retries{kind}_total{{upstream=\"origin\",{label}}}");
    gateway.metric(&series).await
}

fn put(body: impl Into<bytes::Bytes>) -> http::Request<http_body_util::Full<bytes::Bytes>> {
    client::request("PUT", "/", &[], body)
}

#[tokio::test]
async fn a_kept_connection_that_closes_on_its_next_request_costs_no_client_anything() {
    let origin = closes_what_is_used_again().await;
    let gateway = gateway::before(&origin).route("/", []).start().await;
    let mut client = gateway.http1().await;
    for number in 1..=5 {
        assert_eq!(client.get("/").await.text(), "ok", "request {number}");
    }
    // Each but the first was sent over a kept connection, and then again over a new one.
    let counts = origin.counts();
    assert_eq!((counts.requests, counts.connections), (9, 5));
    assert!((retries(&gateway, "", "cause=\"reset\"").await - 4.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn what_twice_is_not_the_same_as_once_is_sent_once() {
    let origin = origin::closes_without_answer().await;
    let gateway = gateway::before(&origin).route("/", []).start().await;
    let post = || client::request("POST", "/", &[], "");
    assert_eq!(failure(&gateway.send(post()).await), terminated());
    assert_eq!(origin.counts().requests, 1);

    // Unless its operator knows better.
    gateway
        .change(|text| {
            text.replace("[upstreams.origin]", "[upstreams.origin]\nretry.methods = [\"POST\"]")
        })
        .await;
    assert_eq!(failure(&gateway.send(post()).await), terminated());
    assert_eq!(origin.counts().requests, 3);
    assert_eq!(failure(&gateway.get("/").await), terminated());
    assert_eq!(origin.counts().requests, 4);
}

#[tokio::test]
async fn every_try_names_the_host_that_the_route_gives() {
    let origin = closes_without_answer_at_first(1).await;
    let lines = "upstream = \"origin\"\nrewrite = { host = \"inner.example\" }";
    let gateway = gateway::before(&origin).route_with("/", [], lines).start().await;
    assert_eq!(gateway.get("/").await.status(), 200);
    let received = origin.received();
    assert_eq!(received.len(), 2);
    for request in received {
        assert_eq!(request.value("host").as_deref(), Some("inner.example"));
    }
}

#[tokio::test]
async fn another_endpoint_is_asked_if_one_closes_without_an_answer() {
    let (closes, replies) = (origin::closes_without_answer().await, origin::replying("ok").await);
    let gateway = gateway::at(&[&closes.url(), &replies.url()]).route("/", []).start().await;
    let mut client = gateway.http1().await;
    for _ in 0..6 {
        assert_eq!(client.get("/").await.text(), "ok");
    }
    assert_eq!(replies.counts().requests, 6);
}

#[tokio::test]
async fn a_request_is_sent_again_as_often_as_is_said_and_not_once_more() {
    let origin = origin::closes_without_answer().await;
    let gateway =
        gateway::before(&origin).upstream("retry = { attempts = 3 }").route("/", []).start().await;
    assert_eq!(failure(&gateway.get("/").await), terminated());
    assert_eq!(origin.counts().requests, 4);
    let attempts = "tidegate_upstream_requests_total{upstream=\"origin\"";
    let series =
        format!("{attempts},endpoint=\"{}\",outcome=\"connection_terminated\"}}", origin.address());
    gateway.metric_becomes(&series, 4.0).await;
}

#[tokio::test]
async fn a_response_that_has_begun_is_not_asked_for_again() {
    let origin = origin::responding_once("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    let gateway =
        gateway::before(&origin).upstream("retry = { attempts = 9 }").route("/", []).start().await;
    let mut client = gateway.raw().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let response = client.response().await;
    assert_eq!((response.status(), response.complete), (200, false));
    assert_eq!(origin.counts().requests, 1);
}

#[tokio::test]
async fn a_status_is_passed_on_unless_it_is_listed() {
    let (busy, free) = (origin::responding(BUSY).await, origin::replying("ok").await);
    let gateway = gateway::at(&[&busy.url(), &free.url()]).route("/", []).start().await;
    let mut client = gateway.http1().await;
    let mut statuses = [client.get("/").await.status(), client.get("/").await.status()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 503]);

    gateway
        .change(|text| text.replace("[upstreams.origin]", "[upstreams.origin]\nretry.on = [503]"))
        .await;
    for _ in 0..6 {
        assert_eq!(client.get("/").await.text(), "ok");
    }
    // What the last one says counts.
    gateway.change(|text| text.replace(&free.url(), &busy.url())).await;
    assert_eq!(client.get("/").await.text(), "busy");
}

#[tokio::test]
async fn retries_are_a_share_of_the_traffic() {
    let origin = origin::responding(BUSY).await;
    let retry = "retry = { on = [503], budget = { percent = 50, min_per_second = 0 } }";
    let gateway = gateway::before(&origin).upstream(retry).route("/", []).start().await;
    let mut client = gateway.http1().await;
    for _ in 0..10 {
        assert_eq!(client.get("/").await.text(), "busy");
    }
    assert_eq!(origin.counts().requests, 15);
    assert!((retries(&gateway, "", "cause=\"status\"").await - 5.0).abs() < f64::EPSILON);
    let withheld = retries(&gateway, "_withheld", "reason=\"budget\"").await;
    assert!((withheld - 5.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn a_body_is_sent_again_up_to_the_bound() {
    let long = "x".repeat(64 << 10);
    let origin = closes_without_answer_at_first(1).await;
    let gateway =
        gateway::before(&origin).upstream("retry = { body = \"64KiB\" }").route("/", []).start();
    let gateway = gateway.await;
    let reply = gateway.send(put(long.clone())).await;
    assert_eq!((reply.status(), reply.text() == long), (200, true));
    let bodies: Vec<_> = origin.received().iter().map(|request| request.text().len()).collect();
    assert_eq!(bodies, [long.len(), long.len()]);
    assert_eq!(origin.last().value("content-length").as_deref(), Some("65536"));
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_sent_once() {
    for (keys, body) in
        [("", "x".to_owned()), ("retry.body = \"64KiB\"", "x".repeat((64 << 10) + 1))]
    {
        let origin = closes_without_answer_at_first(1).await;
        let gateway = gateway::before(&origin).upstream(keys).route("/", []).start().await;
        assert_eq!(failure(&gateway.send(put(body)).await), terminated(), "{keys}");
        assert_eq!(origin.counts().requests, 1);
        let withheld = retries(&gateway, "_withheld", "reason=\"body\"").await;
        assert!((withheld - 1.0).abs() < f64::EPSILON, "{keys}");
    }
}

#[tokio::test]
async fn a_try_that_takes_too_long_is_made_elsewhere() {
    let (silent, replies) = (origin::silent().await, origin::replying("ok").await);
    let gateway = gateway::at(&[&silent.url(), &replies.url()])
        .upstream("retry = { on = [\"timeout\"], per_try_timeout = \"100ms\" }")
        .route("/", [])
        .start()
        .await;
    let mut client = gateway.http1().await;
    for _ in 0..2 {
        assert_eq!(client.get("/").await.text(), "ok");
    }
    silent.saw(|counts| (counts.requests, counts.closed) == (1, 1)).await;
    assert!((retries(&gateway, "", "cause=\"timeout\"").await - 1.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn the_routes_time_holds_for_all_tries_together() {
    let origin = origin::silent().await;
    let retry = "retry = { attempts = 10, on = [\"timeout\"], per_try_timeout = \"150ms\" }";
    let gateway = gateway::before(&origin)
        .upstream(retry)
        .route_with("/", [], "upstream = \"origin\"\ntimeout = \"400ms\"")
        .start()
        .await;
    assert_eq!(failure(&gateway.get("/").await), (504, "route_timeout".to_owned()));
    assert!(origin.counts().connections <= 3, "{:?}", origin.counts());
}

#[tokio::test]
async fn nothing_is_sent_again_and_nobody_passed_over_where_that_is_off() {
    let (closes, replies) = (origin::closes_without_answer().await, origin::replying("ok").await);
    let nowhere = format!("http://{}", origin::nowhere().await);
    let gateway = gateway::at(&[&closes.url(), &nowhere, &replies.url()])
        .upstream("retry = false")
        .route("/", [])
        .start()
        .await;
    let mut client = gateway.http1().await;
    assert_eq!(failure(&client.get("/").await), terminated());
    assert_eq!(failure(&client.get("/").await), (502, "connection_refused".to_owned()));
    assert_eq!(client.get("/").await.text(), "ok");
}

#[tokio::test]
async fn an_upstream_is_told_how_much_time_there_is() {
    let origin = origin::echoing().await;
    let gateway = gateway::before(&origin)
        .upstream("deadline_header = \"x-deadline-ms\"\nretry.per_try_timeout = \"5s\"")
        .route("/", [])
        .route_with("/short", [], "upstream = \"origin\"\ntimeout = \"4s\"")
        .start()
        .await;
    assert_eq!(gateway.get("/").await.status(), 200);
    assert_eq!(origin.last().value("x-deadline-ms").as_deref(), Some("5000"));
    assert_eq!(gateway.get_with("/", &[("x-deadline-ms", "70")]).await.status(), 200);
    assert_eq!(origin.last().value("x-deadline-ms").as_deref(), Some("70"));
    assert_eq!(gateway.get("/short").await.status(), 200);
    let left: u64 = origin.last().value("x-deadline-ms").unwrap().parse().unwrap();
    assert!(left < 4000, "a part of it is over: {left}");
}

/// Answers 503 with this field so often, then 200.
async fn busy_at_first(times: usize, field: &'static str) -> Origin {
    let asked = Arc::new(AtomicUsize::new(0));
    origin::scripted(move |mut connection| {
        let asked = Arc::clone(&asked);
        async move {
            while connection.request().await.is_some() {
                if asked.fetch_add(1, Ordering::SeqCst) < times {
                    let head = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n";
                    connection.write(format!("{head}{field}\r\nbusy")).await;
                } else {
                    connection.write(OK).await;
                }
            }
        }
    })
    .await
}

async fn took(gateway: &Gateway) -> (u16, Duration) {
    let begun = Instant::now();
    let status = gateway.get("/").await.status();
    (status, begun.elapsed())
}

#[tokio::test]
async fn an_endpoint_is_asked_again_after_a_pause_and_another_one_at_once() {
    let busy = busy_at_first(usize::MAX, "").await;
    let with = |retry: &str| format!("retry = {{ on = [503], {retry} }}");
    // Each pause is drawn from nothing to its longest, so their sum says little; their end says all.
    let gateway = gateway::before(&busy)
        .upstream(&with("attempts = 1, backoff = \"10s\""))
        .route_with("/", [], "upstream = \"origin\"\ntimeout = \"150ms\"")
        .start()
        .await;
    let mut withheld = 0.0;
    for _ in 0..6 {
        // Now and then the pause that is drawn would fit.
        let status = gateway.get("/").await.status();
        assert!(status == 503 || status == 504, "{status}");
        withheld = retries(&gateway, "_withheld", "reason=\"deadline\"").await;
        if withheld > 0.5 {
            break;
        }
    }
    assert!(withheld > 0.5, "a pause that does not fit into what is left is not begun");

    let other = origin::replying("ok").await;
    let gateway = gateway::at(&[&busy.url(), &other.url()])
        .upstream(&with("backoff = \"10s\""))
        .route("/", [])
        .start()
        .await;
    for _ in 0..4 {
        let (status, took) = took(&gateway).await;
        assert_eq!(status, 200);
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
}

#[tokio::test]
async fn what_an_endpoint_says_about_when_to_ask_again_is_respected_up_to_a_bound() {
    let origin = busy_at_first(1, "retry-after: 1\r\n").await;
    let before = |origin: &Origin, more: &str| {
        gateway::before(origin)
            .upstream(&format!("retry = {{ on = [503], backoff = \"0s\"{more} }}"))
            .route("/", [])
            .start()
    };
    let gateway = before(&origin, "").await;
    let (status, time) = took(&gateway).await;
    assert_eq!(status, 200);
    assert!(time >= Duration::from_secs(1), "{time:?}");

    for (field, more) in
        [("retry-after: 2\r\n", ""), ("retry-after: 1\r\n", ", max_retry_after = \"0s\"")]
    {
        let origin = busy_at_first(1, field).await;
        let gateway = before(&origin, more).await;
        assert_eq!(gateway.get("/").await.status(), 503, "{field}");
        assert_eq!(origin.counts().requests, 1, "{field}");
        let withheld = retries(&gateway, "_withheld", "reason=\"retry_after\"").await;
        assert!((withheld - 1.0).abs() < f64::EPSILON, "{field}");
    }

    // Another endpoint did not say so.
    let (busy, other) =
        (busy_at_first(9, "retry-after: 60\r\n").await, origin::replying("ok").await);
    let gateway = gateway::at(&[&busy.url(), &other.url()])
        .upstream("retry = { on = [503] }")
        .route("/", [])
        .start()
        .await;
    for _ in 0..4 {
        assert_eq!(gateway.get("/").await.status(), 200);
    }
}

#[tokio::test]
async fn a_body_for_which_there_is_no_memory_is_sent_once() {
    // More than what all bodies together may hold, the least that can be configured.
    let body = "x".repeat(1_200_000);
    let origin = closes_without_answer_at_first(2).await;
    let gateway = gateway::before(&origin)
        .limit("held_bodies = \"1MiB\"")
        .upstream("retry = { body = \"4MiB\", attempts = 2 }")
        .route("/", [])
        .start()
        .await;
    assert_eq!(failure(&gateway.send(put(body.clone())).await), terminated());
    assert_eq!(origin.counts().requests, 1);
    let withheld = retries(&gateway, "_withheld", "reason=\"body\"").await;
    assert!((withheld - 1.0).abs() < f64::EPSILON);

    // What was counted is given back.
    for _ in 0..3 {
        let reply = gateway.send(put("y".repeat(900_000))).await;
        assert_eq!((reply.status(), reply.text().len()), (200, 900_000));
    }
    assert_eq!(origin.counts().requests, 5, "the first of them was sent again once");
}
