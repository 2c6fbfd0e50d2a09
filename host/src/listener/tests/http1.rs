//! Honest HTTP/1 clients.

use super::*;

const GET: &str = "GET /a HTTP/1.1\r\nhost: x\r\n\r\n";
const LAST: &str = "GET /z HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn a_connection_carries_one_request_after_the_other() {
    let server = Server::start(&limits());
    let mut client = server.connect().await;
    for _ in 0..3 {
        client.write_all(GET.as_bytes()).await.unwrap();
        assert_eq!(one(&mut client).await, "200 GET /a");
    }
    client.write_all(LAST.as_bytes()).await.unwrap();
    assert_eq!(answers(&rest(&mut client).await), ["200 close GET /z"]);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Server::start(&limits());
    let post = "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello";
    let chunked =
        "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let answers = server.exchange(format!("{post}{GET}{chunked}{LAST}")).await;
    assert_eq!(answers, ["200 hello", "200 GET /a", "200 abc", "200 close GET /z"]);
}

#[tokio::test]
async fn a_stream_may_be_cut_at_every_byte() {
    let server = Server::start(&limits());
    let stream = format!(
        "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n\
         3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n{LAST}"
    );
    for cut in 1..stream.len() {
        let mut client = server.connect().await;
        client.set_nodelay(true).unwrap();
        let (first, second) = stream.split_at(cut);
        client.write_all(first.as_bytes()).await.unwrap();
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        client.write_all(second.as_bytes()).await.unwrap();
        let answers = answers(&rest(&mut client).await);
        assert_eq!(answers, ["200 abcde", "200 close GET /z"], "cut at {cut}");
    }
}

#[tokio::test]
async fn a_large_body_comes_through_whole() {
    let server = Server::start(&limits());
    let body = "0123456789abcdef".repeat(20_000);
    let request = format!(
        "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(server.exchange(request).await, [format!("200 close {body}")]);
}

#[tokio::test]
async fn a_client_is_told_to_continue_when_its_body_is_wanted() {
    let server = Server::start(&limits());
    let mut client = server.connect().await;
    let head =
        "POST /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(one(&mut client).await, "100");
    client.write_all(b"ok").await.unwrap();
    assert_eq!(one(&mut client).await, "200 ok");
}

#[tokio::test]
async fn a_client_whose_body_is_not_wanted_is_not_told_to_continue() {
    let server = Server::start(&limits());
    let mut client = server.connect().await;
    let head = "POST /a HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    assert!(one(&mut client).await.starts_with("200 "));
}

#[tokio::test]
async fn an_exchange_whose_client_goes_away_is_dropped() {
    let server = Server::start(&limits());
    let mut events = server.events();
    let mut client = server.connect().await;
    client.write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(in_time(events.recv()).await, Some("waiting"));
    drop(client);
    assert_eq!(in_time(events.recv()).await, Some("dropped"));
}

#[tokio::test]
async fn a_body_whose_client_goes_away_is_not_a_broken_one() {
    let server = Server::start(&limits());
    let mut events = server.events();
    let mut client = server.connect().await;
    let part = b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhe";
    client.write_all(part).await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(in_time(events.recv()).await, Some("gone"));
}

#[tokio::test]
async fn an_answer_survives_a_body_that_nobody_reads() {
    let server = Server::start(&limits());
    let mut client = server.connect().await;
    let head = "POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 900000\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    client.write_all(&[b'x'; 900_000]).await.unwrap();
    let text = rest(&mut client).await;
    assert_eq!(answers(&text).len(), 1);
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
}
