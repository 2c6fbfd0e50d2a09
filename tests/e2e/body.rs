//! Bodies are passed on as they come.

use std::time::Duration;

use tidegate_tests::{client, gateway, origin, soon};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

#[tokio::test]
async fn a_request_body_is_streamed_while_it_is_sent() {
    let origin = origin::echoing().await;
    let gateway = gateway::before(&origin).route("/", []).start().await;
    let mut client = gateway.raw().await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n123").await;
    origin.saw(|counts| counts.heads == 1).await;
    client.send("456").await;
    let response = client.response().await;
    assert!(response.text().contains(r#""body":"123456""#), "{}", response.text());
    assert_eq!(origin.last().value("content-length").as_deref(), Some("6"));
}

#[tokio::test]
async fn chunks_and_trailers_pass_in_both_directions() {
    let origin = origin::responding(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
         2\r\nab\r\n1\r\nc\r\n0\r\nX-Sum: 3\r\n\r\n",
    )
    .await;
    let gateway = gateway::before(&origin).route("/", []).start().await;
    let mut client = gateway.raw().await;
    client
        .send(
            "POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\
             Trailer: X-Check\r\n\r\n3;ext=1\r\nabc\r\n0\r\nX-Check: 9\r\n\r\n",
        )
        .await;
    let response = client.response().await;
    assert_eq!(response.text(), "abc");
    assert!(response.complete);
    let trailers = String::from_utf8_lossy(&response.trailers).to_lowercase();
    assert_eq!(trailers, "x-sum: 3\r\n");

    let received = origin.last();
    assert_eq!(received.text(), "abc");
    let trailers = String::from_utf8_lossy(&received.trailers).to_lowercase();
    assert_eq!(trailers, "x-check: 9\r\n");
}

#[tokio::test]
async fn trailers_reach_an_http2_client() {
    let origin = origin::responding(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nab\r\n0\r\nX-Sum: 2\r\n\r\n",
    )
    .await;
    let gateway = gateway::before(&origin).route("/", []).start().await;
    let reply =
        gateway.http2().await.send(client::request("GET", "/", &[("te", "trailers")], "")).await;
    assert_eq!(reply.text(), "ab");
    assert_eq!(reply.trailers().and_then(|trailers| trailers.get("x-sum")).unwrap(), "2");
}

#[tokio::test]
async fn events_reach_the_client_one_by_one() {
    let (origin, release) = origin::events(3).await;
    let gateway = gateway::before(&origin).route("/", []).start().await;
    let mut client = gateway.raw().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.head().await.status(), 200, "the head does not wait for the body");
    for number in 1..=3 {
        release.send_replace(number);
        client.until(&format!("data: {number}\n\n")).await;
    }
}

#[tokio::test]
async fn expect_100_continue_is_answered_when_the_body_is_wanted() {
    let origin = origin::echoing().await;
    let gateway = gateway::before(&origin).route("/", []).start().await;
    let mut client = gateway.raw().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        .await;
    assert_eq!(client.head().await.status(), 100);
    client.send("ok").await;
    assert_eq!(client.response().await.status(), 200);
    assert_eq!(origin.last().text(), "ok");
    assert_eq!(origin.last().value("expect"), None);
}

#[tokio::test]
async fn an_early_response_reaches_the_client_before_the_body_is_sent() {
    let origin = origin::answers_early().await;
    let gateway = gateway::before(&origin).route("/", []).start().await;
    let mut client = gateway.raw().await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nfirst").await;
    let response = client.response().await;
    assert_eq!((response.status(), response.text().as_str()), (403, "early"));
}

#[tokio::test]
async fn a_slow_reader_slows_the_origin_down() {
    const SIZE: usize = 256 * 1024 * 1024;
    let (progress, mut written) = tokio::sync::watch::channel(0_usize);
    let origin = origin::scripted(move |mut connection| {
        let progress = progress.clone();
        async move {
            if connection.request().await.is_none() {
                return;
            }
            connection.write(format!("HTTP/1.1 200 OK\r\ncontent-length: {SIZE}\r\n\r\n")).await;
            let piece = vec![b'x'; 1024 * 1024];
            for sent in 1..=SIZE / piece.len() {
                if !connection.write(&piece).await {
                    return;
                }
                progress.send_replace(sent);
            }
        }
    })
    .await;
    let gateway = gateway::before(&origin).route("/", []).start().await;
    let mut client = gateway.raw().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.head().await.status(), 200);

    // What fits into the buffers of four sockets is on its way; then nothing moves any more.
    // That it will not move later either, only time can show.
    while let Ok(moved) = timeout(Duration::from_millis(300), written.changed()).await {
        moved.expect("the origin has its end of it");
    }
    let taken = *written.borrow();
    assert!(taken < 64, "{taken} MiB were taken from the origin and given to nobody");
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_request_upstream() {
    let origin = origin::stalls_after_head().await;
    let gateway = gateway::before(&origin).route("/", []).start().await;
    let mut client = gateway.raw().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.head().await.status(), 200);
    assert_eq!(origin.counts().closed, 0);
    drop(client);
    origin.saw(|counts| counts.closed == 1).await;
}

#[tokio::test]
async fn a_client_that_leaves_before_the_response_ends_the_request_upstream() {
    let origin = origin::silent().await;
    let gateway = gateway::before(&origin).route("/", []).start().await;
    let mut client = gateway.raw().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    origin.saw(|counts| counts.requests == 1).await;
    drop(client);
    origin.saw(|counts| counts.closed == 1).await;
    let series = r#"tidegate_requests_total{route="root",status="499",source="gateway"}"#;
    gateway.metric_becomes(series, 1.0).await;
}

#[tokio::test]
async fn a_large_body_arrives_whole() {
    let origin = origin::scripted(|mut connection| async move {
        while let Some(request) = connection.request().await {
            let length = request.body.len();
            connection.write(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n")).await;
            connection.write(request.body).await;
        }
    })
    .await;
    let gateway = gateway::before(&origin).route("/", []).start().await;
    let body: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    let mut stream = tokio::net::TcpStream::connect(gateway.address()).await.unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body).await.unwrap();
    let mut answer = Vec::new();
    soon(stream.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
    assert!(answer.ends_with(&body));
}
