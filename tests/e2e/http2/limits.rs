//! Heads that are too large.

use tidegate_tests::client::{self, Reply};
use tidegate_tests::gateway::Gateway;
use tidegate_tests::http2::{
    Http2, code, continuation, flag, get, headers, kind, request, setting,
};

use super::{connect, stage};

/// A GET with a field of so many bytes.
async fn with(gateway: &Gateway, bytes: usize) -> Reply {
    let value = "y".repeat(bytes);
    gateway.http2().await.send(client::request("GET", "/", &[("x", &value)], "")).await
}

#[tokio::test]
async fn a_head_that_is_too_large_is_answered_by_the_gateway() {
    let stage = stage().await;
    let gateway = &stage.gateway;
    assert_eq!(with(gateway, 32_000).await.status(), 200);
    for bytes in [33_000, 60_000] {
        let reply = with(gateway, bytes).await;
        assert_eq!(reply.status(), 431);
        assert_eq!(reply.json()["error"], "request_head_too_large");
        assert!(reply.header("x-request-id").is_some());
    }
    let failures = "tidegate_failures_total{route=\"-\",error=\"request_head_too_large\"}";
    gateway.metric_becomes(failures, 2.0).await;
}

#[tokio::test]
async fn one_that_is_twice_as_large_gets_a_status_and_nothing_else() {
    let stage = stage().await;
    let reply = with(&stage.gateway, 70_000).await;
    assert_eq!((reply.status(), reply.text()), (431, ""));
    assert_eq!(reply.header("x-request-id"), None);
}

#[tokio::test]
async fn one_that_is_eight_times_as_large_ends_the_connection() {
    let stage = stage().await;
    let mut client = Http2::new(connect(stage.gateway.address()).await);
    client.begin(&[]).await;
    let piece = tidegate_tests::http2::field("x", &"y".repeat(16_000));
    client.send(headers(1, flag::END_STREAM, request("GET", "/", &[]))).await;
    client.send(continuation(1, 0, piece).repeat(20)).await;
    assert_eq!(client.goodbye().await.0, code::ENHANCE_YOUR_CALM);
}

#[tokio::test]
async fn clients_are_told_the_limits() {
    let stage = stage().await;
    let mut client = Http2::new(connect(stage.gateway.address()).await);
    client.begin(&[]).await;
    let told = client.until(|frame| frame.kind == kind::SETTINGS).await;
    let value = |name: u16| {
        let found = told.payload.chunks(6).find(|entry| entry[..2] == name.to_be_bytes());
        found.map(|entry| u32::from_be_bytes(entry[2..].try_into().unwrap()))
    };
    assert_eq!(value(setting::MAX_CONCURRENT_STREAMS), Some(128));
    assert_eq!(value(setting::INITIAL_WINDOW_SIZE), Some(65_535));
    assert_eq!(value(setting::MAX_FRAME_SIZE), Some(16_384));
    assert_eq!(value(setting::MAX_HEADER_LIST_SIZE), Some(65_536));
    client.send(get(1, "/")).await;
    assert_eq!(client.status(1).await, 200);
}
