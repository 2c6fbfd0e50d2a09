//! Clients that ask and do not take, and clients that do not ask.

use std::time::Duration;

use tidegate_tests::gateway::{self, Gateway};
use tidegate_tests::http2::{Http2, code, get, kind, ping, setting, settings, window_update};
use tidegate_tests::origin::{self, Origin};
use tidegate_tests::soon;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::{MARK, big, connect};

/// Behind it, a megabyte.
async fn before(limit: &str) -> (Gateway, Origin) {
    let origin = origin::responding(big()).await;
    let gateway = gateway::before(&origin).limit(limit).route("/", []).start().await;
    (gateway, origin)
}

async fn begun(gateway: &Gateway, window: u32) -> Http2<TcpStream> {
    let mut client = Http2::new(connect(gateway.address()).await);
    client.begin(&[(setting::INITIAL_WINDOW_SIZE, window)]).await;
    client
}

#[tokio::test]
async fn a_client_that_gives_no_window_loses_its_stream_and_the_upstream_is_let_go() {
    let (gateway, origin) = before("body_timeout = \"200ms\"").await;
    let mut client = begun(&gateway, 0).await;
    client.send(get(1, "/")).await;
    assert_eq!(client.status(1).await, 200);
    let end = client.until(|frame| frame.stream == 1).await;
    assert_eq!((end.kind, end.number(0)), (kind::RST_STREAM, code::CANCEL));
    origin.saw(|counts| counts.closed == 1).await;

    // The connection is none the worse for it.
    client
        .send(
            [settings(&[(setting::INITIAL_WINDOW_SIZE, 1 << 21)]), window_update(0, 1 << 21)]
                .concat(),
        )
        .await;
    client.send(get(3, "/")).await;
    assert_eq!(client.status(3).await, 200);
    let mut bytes = 0;
    client
        .until(|frame| {
            bytes += frame.payload.len();
            frame.stream == 3 && frame.has(1)
        })
        .await;
    assert_eq!(bytes, 1_048_576);
}

#[tokio::test]
async fn a_window_that_grows_byte_by_byte_is_none() {
    let (gateway, _origin) = before("body_timeout = \"300ms\"").await;
    let mut client = begun(&gateway, 0).await;
    client.send(get(1, "/")).await;
    let mut taken = 0;
    let end = soon(async {
        loop {
            client.send(window_update(1, 1)).await;
            let frame = client.until(|frame| frame.stream == 1).await;
            match frame.kind {
                kind::DATA => taken += frame.payload.len(),
                kind::RST_STREAM => break frame,
                _ => {}
            }
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(end.number(0), code::CANCEL);
    assert!((2..1000).contains(&taken), "{taken} bytes were taken");
}

#[tokio::test]
async fn a_client_that_takes_slowly_gets_all() {
    let (gateway, _origin) = before("body_timeout = \"400ms\"").await;
    let mut client = begun(&gateway, 0).await;
    client.send([get(1, "/"), window_update(0, 1 << 20)].concat()).await;
    let mut left = 1_048_576_usize;
    // It takes a second and a half.
    while left > 0 {
        sleep(Duration::from_millis(25)).await;
        client.send(window_update(1, 16_384)).await;
        let piece = client.until(|frame| frame.kind == kind::DATA).await.payload.len();
        assert!(piece > 0);
        left = left.saturating_sub(piece);
    }
}

#[tokio::test]
async fn a_client_that_waits_for_the_upstream_is_not_to_blame() {
    let (origin, release) = origin::events(2).await;
    let gateway =
        gateway::before(&origin).limit("body_timeout = \"100ms\"").route("/", []).start().await;
    let mut client = begun(&gateway, 65_535).await;
    client.send(get(1, "/")).await;
    release.send(1).unwrap();
    client.until(|frame| frame.kind == kind::DATA).await;
    sleep(Duration::from_millis(400)).await;
    release.send(2).unwrap();
    let next = client.until(|frame| frame.stream == 1).await;
    assert_eq!((next.kind, next.payload.as_slice()), (kind::DATA, &b"data: 2\n\n"[..]));
}

#[tokio::test]
async fn a_client_that_only_pings_is_idle() {
    let (gateway, _origin) = before("idle_timeout = \"300ms\"").await;
    let mut client = begun(&gateway, 65_535).await;
    let goodbye = soon(async {
        loop {
            client.send(ping(MARK)).await;
            let frame = client.until(|frame| frame.kind != kind::SETTINGS).await;
            if frame.kind == kind::GOAWAY {
                break frame;
            }
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(goodbye.number(4), code::NO_ERROR);
}

#[tokio::test]
async fn what_a_client_leaves_lying_ends_with_its_idle_connection() {
    let origin = origin::replying("ok").await;
    let gateway =
        gateway::before(&origin).limit("idle_timeout = \"200ms\"").route("/", []).start().await;
    // The second byte of the answer is never taken.
    let mut client = begun(&gateway, 1).await;
    client.send(get(1, "/")).await;
    assert_eq!(client.until(|frame| frame.kind == kind::DATA).await.payload, b"o");
    assert_eq!(client.goodbye().await.0, code::NO_ERROR);
}
