use std::time::Duration;

use http::HeaderValue;
use http_body::Body;
use http_body_util::BodyExt;
use tokio::io::AsyncWriteExt;
use tokio::join;
use tokio::time::timeout;

use super::origin::{Gateway, OK, Origin, SHORT, config, get, text};
use crate::body::tests::client::{Client, forwarded};
use crate::failure::Failure;

const LONG: Duration = Duration::from_secs(60);
const MIB: usize = 1024 * 1024;

/// Far above what the buffers of two sockets hold, far below [`LARGE`].
const BUFFERED_MAX: usize = 24 * MIB;
const LARGE: usize = 64 * MIB;

/// What the origin sees of a `POST` with these fields and this body.
async fn seen(fields: &str, body: &str, end: &str) -> String {
    let origin = Origin::new().await;
    let gateway = Gateway::before(&origin);
    let (_client, request) = Client::posts(fields, body).await;
    let (request, progress) = forwarded(request, 99, LONG);
    let served = async {
        let mut talk = origin.accept().await;
        let seen = talk.hear(end).await;
        talk.say(OK).await;
        (seen, talk)
    };
    let ((seen, _talk), (outcome, _)) = join!(served, gateway.send(request));
    assert_eq!(text(outcome.unwrap()).await.as_deref(), Ok("ok"));
    assert!(progress.is_finished());
    // A request that was sent to its end leaves its connection fit.
    assert_eq!(gateway.pools.idle(), 1);
    seen
}

#[tokio::test]
async fn an_announced_length_is_kept() {
    assert_eq!(
        seen("content-length: 5\r\n", "hello", "hello").await,
        "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\nhello"
    );
    assert_eq!(
        seen("content-length: 0\r\n", "", "\r\n\r\n").await,
        "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n"
    );
}

#[tokio::test]
async fn a_body_without_a_length_stays_one() {
    assert_eq!(
        seen("transfer-encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n", "0\r\n\r\n").await,
        "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    );
}

#[tokio::test]
async fn announced_trailers_reach_the_origin() {
    let fields = "transfer-encoding: chunked\r\ntrailer: sum\r\n";
    let seen = seen(fields, "1\r\nx\r\n0\r\nsum: 7\r\n\r\n", "\r\n0\r\nsum: 7\r\n\r\n").await;
    assert!(seen.contains("\r\n\r\n1\r\nx\r\n0\r\nsum: 7\r\n\r\n"), "{seen}");
}

#[tokio::test]
async fn the_origins_trailers_are_kept() {
    let origin = Origin::new().await;
    let gateway = Gateway::before(&origin);
    let served = async {
        let mut talk = origin.accept().await;
        talk.answer("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        talk.say("2\r\nok\r\n0\r\nsum: 7\r\n\r\n").await;
        talk
    };
    let (_talk, (outcome, _)) = join!(served, gateway.send(get()));
    let whole = outcome.unwrap().into_body().collect().await.unwrap();
    let sum = whole.trailers().and_then(|all| all.get("sum")).cloned();
    assert_eq!(sum, Some(HeaderValue::from_static("7")));
    assert_eq!(whole.to_bytes(), "ok");
    assert_eq!(gateway.pools.idle(), 1);
}

#[tokio::test]
async fn a_frame_is_there_before_the_next_is_sent() {
    let origin = Origin::new().await;
    let gateway = Gateway::before(&origin);
    let served = async {
        let mut talk = origin.accept().await;
        talk.answer("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        talk
    };
    let (mut talk, (outcome, _)) = join!(served, gateway.send(get()));
    let mut body = outcome.unwrap().into_body();
    assert_eq!(body.size_hint().exact(), None);
    for text in ["one", "two", "six"] {
        talk.say(&format!("3\r\n{text}\r\n")).await;
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), text);
    }
    talk.say("0\r\n\r\n").await;
    assert!(body.frame().await.is_none());
    assert_eq!(gateway.pools.idle(), 1);
}

#[tokio::test]
async fn an_origin_is_held_back_by_a_client_that_does_not_read() {
    let origin = Origin::new().await;
    let gateway = Gateway::before(&origin);
    let served = async {
        let mut talk = origin.accept().await;
        talk.answer(&format!("HTTP/1.1 200 OK\r\ncontent-length: {LARGE}\r\n\r\n")).await;
        talk
    };
    let (mut talk, (outcome, _)) = join!(served, gateway.send(get()));
    let body = outcome.unwrap().into_body();
    assert_eq!(body.size_hint().exact(), Some(LARGE as u64));

    let piece = vec![0_u8; MIB];
    let mut written = 0;
    while let Ok(bytes) = timeout(SHORT, talk.0.write(&piece)).await {
        written += bytes.unwrap();
        assert!(written < BUFFERED_MAX, "nothing holds the origin back");
    }
    let rest = async {
        while written < LARGE {
            let left = piece.len().min(LARGE - written);
            written += talk.0.write(&piece[..left]).await.unwrap();
        }
    };
    let ((), whole) = join!(rest, body.collect());
    assert_eq!(whole.unwrap().to_bytes().len(), LARGE);
}

#[tokio::test]
async fn a_client_is_held_back_by_an_origin_that_does_not_read() {
    let origin = Origin::new().await;
    let gateway = Gateway::before(&origin);
    let fields = format!("content-length: {LARGE}\r\n");
    let (mut client, request) = Client::posts(&fields, "").await;
    let (request, progress) = forwarded(request, LARGE as u64, LONG);
    let piece = "x".repeat(16 * 1024);
    let held = async {
        let _talk = origin.accept().await;
        while timeout(SHORT, client.says(&piece)).await.is_ok() {
            assert!(progress.bytes() < BUFFERED_MAX as u64, "nothing holds the client back");
        }
    };
    tokio::select! {
        () = held => {}
        _ = gateway.send(request) => unreachable!("there is no response"),
    }
    assert!(progress.bytes() > 0);
}

#[tokio::test]
async fn an_origin_that_takes_nothing_of_the_body_is_cut_after_its_time() {
    let origin = Origin::new().await;
    let gateway = Gateway::hurrying(&origin);
    let fields = format!("content-length: {LARGE}\r\n");
    let (mut client, request) = Client::posts(&fields, "").await;
    let (request, _) = forwarded(request, LARGE as u64, LONG);
    let piece = "x".repeat(16 * 1024);
    let served = async {
        let talk = origin.accept().await;
        std::future::pending::<()>().await;
        drop(talk);
    };
    let uploaded = async {
        loop {
            client.says(&piece).await;
        }
    };
    tokio::select! {
        () = served => {}
        () = uploaded => {}
        (outcome, _) = gateway.send(request) => {
            assert_eq!(outcome.unwrap_err(), Failure::ResponseTimeout);
        }
    }
}

#[tokio::test]
async fn a_response_may_come_before_the_request_is_sent() {
    let origin = Origin::new().await;
    let gateway = Gateway::before(&origin);
    let (mut client, request) = Client::posts("content-length: 9\r\n", "hel").await;
    let (request, progress) = forwarded(request, 9, LONG);
    let served = async {
        let mut talk = origin.accept().await;
        talk.hear("hel").await;
        talk.say("HTTP/1.1 413 Content Too Large\r\ncontent-length: 4\r\n\r\nlong").await;
        talk
    };
    let (talk, (outcome, _)) = join!(served, gateway.send(request));
    let response = outcome.unwrap();
    assert_eq!(response.status(), 413);
    assert_eq!(text(response).await.as_deref(), Ok("long"));
    assert!(!progress.is_finished());
    // The rest of the body would be taken for the next request.
    assert_eq!(gateway.pools.idle(), 0);
    client.says("lo").await;
    assert_eq!(talk.end().await, b"");
}

#[tokio::test]
async fn an_upload_goes_on_while_the_response_comes() {
    let origin = Origin::new().await;
    let gateway = Gateway::before(&origin);
    let (mut client, request) = Client::posts("content-length: 4\r\n", "on").await;
    let (request, _) = forwarded(request, 9, LONG);
    let served = async {
        let mut talk = origin.accept().await;
        talk.hear("on").await;
        talk.say("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\non").await;
        talk
    };
    let (mut talk, (outcome, _)) = join!(served, gateway.send(request));
    client.says("ce").await;
    talk.hear("ce").await;
    talk.say("ce").await;
    assert_eq!(text(outcome.unwrap()).await.as_deref(), Ok("once"));
    assert_eq!(gateway.pools.idle(), 1);
}

#[tokio::test]
async fn a_dropped_response_closes_the_connection() {
    let origin = Origin::new().await;
    let gateway = Gateway::before(&origin);
    let served = async {
        let mut talk = origin.accept().await;
        talk.answer("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\non").await;
        talk
    };
    let (talk, (outcome, _)) = join!(served, gateway.send(get()));
    let mut body = outcome.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "on");
    drop(body);
    assert_eq!(talk.end().await, b"");
    assert_eq!(gateway.pools.idle(), 0);
}

#[tokio::test]
async fn a_response_that_stops_is_cut_after_its_time() {
    let origin = Origin::new().await;
    let gateway = Gateway::hurrying(&origin);
    let served = async {
        let mut talk = origin.accept().await;
        talk.answer("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\non").await;
        talk.end().await
    };
    let (_, (outcome, _)) = join!(served, gateway.get());
    assert_eq!(outcome, Err(Failure::ResponseTimeout));
    assert_eq!(gateway.pools.idle(), 0);
}

#[tokio::test]
async fn a_response_that_breaks_off_says_why() {
    for (answer, failure) in [
        ("content-length: 4\r\n\r\non", Failure::ConnectionTerminated),
        ("transfer-encoding: chunked\r\n\r\n2\r\non\r\n", Failure::ConnectionTerminated),
        ("transfer-encoding: chunked\r\n\r\n2\r\non\r\nzz\r\n", Failure::ResponseMalformed),
    ] {
        let origin = Origin::new().await;
        let gateway = Gateway::before(&origin);
        let answer = format!("HTTP/1.1 200 OK\r\n{answer}");
        let served = async {
            origin.accept().await.answer(&answer).await;
        };
        let ((), (outcome, _)) = join!(served, gateway.get());
        assert_eq!(outcome, Err(failure), "{answer}");
        assert_eq!(gateway.pools.idle(), 0);
    }
}

#[tokio::test]
async fn a_response_without_a_length_lasts_until_the_connection_ends() {
    let origin = Origin::new().await;
    let gateway = Gateway::with(&config(vec![origin.endpoint(1)]));
    let served = async {
        origin.accept().await.answer("HTTP/1.1 200 OK\r\n\r\nall of it").await;
    };
    let ((), (outcome, _)) = join!(served, gateway.get());
    assert_eq!(outcome.as_deref(), Ok("all of it"));
    assert_eq!(gateway.pools.idle(), 0);
}
