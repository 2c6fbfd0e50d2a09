//! An upstream that fails is left alone for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidegate_tests::gateway::Gateway;
use tidegate_tests::origin::Origin;
use tidegate_tests::{gateway, origin, until};

/// Answers 200, or 500 while it is ill.
async fn moody(is_ill: &Arc<AtomicBool>) -> Origin {
    let is_ill = Arc::clone(is_ill);
    origin::scripted(move |mut connection| {
        let is_ill = Arc::clone(&is_ill);
        async move {
            while connection.request().await.is_some() {
                let status = if is_ill.load(Ordering::SeqCst) { "500 Ill" } else { "200 OK" };
                let response = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                connection.write(response).await;
            }
        }
    })
    .await
}

/// Takes its time for each answer.
async fn dawdles(time: Duration) -> Origin {
    origin::scripted(move |mut connection| async move {
        while connection.request().await.is_some() {
            tokio::time::sleep(time).await;
            connection.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        }
    })
    .await
}

/// Status, token and `Retry-After`.
async fn refused(gateway: &Gateway) -> (u16, String, Option<u64>) {
    let reply = gateway.get("/").await;
    let error = reply.json()["error"].as_str().unwrap_or_default().to_owned();
    let retry_after = reply.header("retry-after").map(|seconds| seconds.parse().unwrap());
    (reply.status(), error, retry_after)
}

fn open(retry_after: u64) -> (u16, String, Option<u64>) {
    (503, "breaker_open".to_owned(), Some(retry_after))
}

async fn is(gateway: &Gateway, state: &str) -> bool {
    gateway.status().await["upstreams"][0]["breaker"] == state
}

#[tokio::test]
async fn an_upstream_that_fails_is_not_asked_until_it_is_well_again() {
    let is_ill = Arc::new(AtomicBool::new(true));
    let origin = moody(&is_ill).await;
    let gateway = gateway::before(&origin)
        .upstream("breaker = { min_requests = 4, open = \"2s\", half_open = 2 }")
        .route("/", [])
        .start()
        .await;
    assert!(is(&gateway, "closed").await);
    for _ in 0..4 {
        assert_eq!(gateway.get("/").await.status(), 500);
    }
    let reply = gateway.get("/").await;
    assert_eq!(
        reply.header("proxy-status"),
        Some(
            "tidegate; error=breaker_open; \
             details=\"the upstream failed too often and is left alone for now\""
        )
    );
    assert!(matches!(reply.header("retry-after"), Some("1" | "2")), "{:?}", reply.headers());
    assert_eq!(origin.counts().requests, 4);
    assert!(is(&gateway, "open").await);
    gateway.metric_becomes("tidegate_upstream_breaker_state{upstream=\"origin\"}", 2.0).await;

    is_ill.store(false, Ordering::SeqCst);
    until(async || (gateway.get("/").await.status() == 200).then_some(())).await;
    assert!(is(&gateway, "half_open").await);
    assert_eq!(gateway.get("/").await.status(), 200);
    assert!(is(&gateway, "closed").await);
    assert_eq!(origin.counts().requests, 6);
    for (to, times) in [("open", 1.0), ("half_open", 1.0), ("closed", 1.0)] {
        let labels = format!("{{upstream=\"origin\",to={to:?}}}");
        let series = format!("tidegate_upstream_breaker_transitions_total{labels}");
        gateway.metric_becomes(&series, times).await;
    }
}

#[tokio::test]
async fn it_stays_open_over_a_change_of_the_configuration() {
    let origin = origin::closes_without_answer().await;
    let gateway = gateway::before(&origin)
        .upstream("breaker = { min_requests = 2, open = \"1h\" }\nretry = false")
        .route("/", [])
        .start()
        .await;
    for _ in 0..2 {
        assert_eq!(gateway.get("/").await.status(), 502);
    }
    assert_eq!(refused(&gateway).await, open(3600));
    gateway
        .change(|text| {
            text.replace(
                "[upstreams.origin]",
                "[upstreams.origin]\nqueue_timeout = \"1s\"\nmax_requests = 9",
            )
        })
        .await;
    let (status, error, retry_after) = refused(&gateway).await;
    assert_eq!((status, error.as_str()), (503, "breaker_open"));
    assert!(retry_after.is_some_and(|seconds| (3500..=3600).contains(&seconds)), "{retry_after:?}");
    assert_eq!(origin.counts().requests, 2);

    // Without a breaker nothing is left of it.
    gateway.change(|text| text.replace("breaker = { min_requests = 2, open = \"1h\" }", "")).await;
    assert_eq!(gateway.get("/").await.status(), 502);
    assert!(gateway.status().await["upstreams"][0]["breaker"].is_null());
    assert!(!gateway.admin("/metrics").await.text().contains("breaker_state{"));
}

#[tokio::test]
async fn one_that_dawdles_is_as_bad_as_one_that_fails() {
    let origin = dawdles(Duration::from_millis(60)).await;
    let slow = "slow = { threshold = \"50ms\", percent = 100 }";
    let gateway = gateway::before(&origin)
        .upstream(&format!("breaker = {{ min_requests = 2, open = \"1h\", {slow} }}"))
        .route("/", [])
        .start()
        .await;
    for _ in 0..2 {
        assert_eq!(gateway.get("/").await.status(), 200);
    }
    assert_eq!(refused(&gateway).await, open(3600));
}

#[tokio::test]
async fn requests_whose_time_is_up_count_as_failed() {
    let origin = origin::silent().await;
    let gateway = gateway::before(&origin)
        .upstream("breaker = { min_requests = 2, open = \"1h\" }")
        .route_with("/", [], "upstream = \"origin\"\ntimeout = \"100ms\"")
        .start()
        .await;
    for _ in 0..2 {
        assert_eq!(refused(&gateway).await, (504, "route_timeout".to_owned(), None));
    }
    assert_eq!(refused(&gateway).await, open(3600));
}

#[tokio::test]
async fn what_is_retried_with_success_is_no_failure() {
    let (closes, replies) = (origin::closes_without_answer().await, origin::replying("ok").await);
    let gateway = gateway::at(&[&closes.url(), &replies.url()])
        .upstream("breaker = { errors = 1, min_requests = 1, open = \"1h\" }")
        .route("/", [])
        .start()
        .await;
    for _ in 0..4 {
        assert_eq!(gateway.get("/").await.text(), "ok");
    }
    assert!(is(&gateway, "closed").await);
}
