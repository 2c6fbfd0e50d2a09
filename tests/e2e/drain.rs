//! A graceful end.

use tidegate_tests::{client, gateway, origin, soon};
use tokio::net::TcpStream;

use crate::TIDEGATE;

#[tokio::test]
async fn what_is_under_way_is_finished_and_nothing_new_is_accepted() {
    let (origin, release) = origin::held().await;
    let gateway = gateway::before(&origin).route("/", []).start().await;
    let address = gateway.address();
    let mut client = gateway.raw().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    origin.saw(|counts| counts.requests == 1).await;

    let stopping = tokio::spawn(gateway.stop());
    soon(async { while TcpStream::connect(address).await.is_ok() {} }).await;
    release.send_replace(true);
    let response = client.response().await;
    assert_eq!(response.text(), "ok");
    assert_eq!(client.to_end().await, "", "the connection ends with its last response");
    soon(stopping).await.unwrap();
}

#[tokio::test]
async fn idle_connections_do_not_hold_up_the_end() {
    let gateway = gateway::Builder::default().route_with("/", [], "respond = {}").start().await;
    let mut used = gateway.http1().await;
    assert_eq!(used.get("/").await.status(), 200);
    let mut second = gateway.http2().await;
    assert_eq!(second.get("/").await.status(), 200);
    let _unused = gateway.raw().await;
    let began = std::time::Instant::now();
    gateway.stop().await;
    assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_does_not_finish_in_time_is_cut() {
    let origin = origin::silent().await;
    let gateway =
        gateway::before(&origin).setting("drain_timeout = \"300ms\"").route("/", []).start().await;
    let mut client = gateway.raw().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    origin.saw(|counts| counts.requests == 1).await;
    gateway.stop().await;
    origin.saw(|counts| counts.closed == 1).await;
    assert!(!client.to_end().await.contains(" 200 "));
}

#[tokio::test]
async fn sigterm_ends_the_process_in_good_order() {
    let (origin, release) = origin::held().await;
    let mut process = gateway::before(&origin).route("/", []).spawn(TIDEGATE).await;
    let mut client = client::raw(process.address()).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    origin.saw(|counts| counts.requests == 1).await;
    process.signal(libc::SIGTERM);
    process.logs("draining").await;
    release.send_replace(true);
    assert_eq!(client.response().await.text(), "ok");
    assert_eq!(process.ended().await, Some(0));
}

#[tokio::test]
async fn what_was_sent_on_a_new_connection_before_sigterm_is_answered() {
    let mut process = gateway::Builder::default()
        .route_with("/", [], "respond = { body = \"ok\" }")
        .spawn(TIDEGATE)
        .await;
    // A process that stands still accepts nothing: the kernel keeps connections and requests, and
    // all of them are there when the signal is.
    process.signal(libc::SIGSTOP);
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut client = client::raw(process.address()).await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        clients.push(client);
    }
    process.signal(libc::SIGTERM);
    process.signal(libc::SIGCONT);
    for mut client in clients {
        assert_eq!(client.response().await.text(), "ok");
        assert_eq!(client.to_end().await, "");
    }
    assert_eq!(process.ended().await, Some(0));
}

#[tokio::test]
async fn a_second_sigterm_ends_it_at_once() {
    let origin = origin::silent().await;
    let mut process = gateway::before(&origin).route("/", []).spawn(TIDEGATE).await;
    let mut client = client::raw(process.address()).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    origin.saw(|counts| counts.requests == 1).await;
    process.signal(libc::SIGTERM);
    process.logs("draining").await;
    process.signal(libc::SIGTERM);
    let began = std::time::Instant::now();
    process.ended().await;
    assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?}", began.elapsed());
}
