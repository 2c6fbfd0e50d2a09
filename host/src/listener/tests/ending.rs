//! Time that runs out, and gateways that end.

use super::*;

#[tokio::test]
async fn a_head_that_does_not_end_is_answered_with_408() {
    let server = Server::start(&Limits { header_timeout: SHORT, ..limits() });
    for part in ["G", "GET / HTTP/1.1\r\nhost: x\r\n", "PRI * HT"] {
        let answers = server.exchange(part).await;
        assert_eq!(answers, ["408 close the request's head did not arrive in time"], "{part}");
    }
}

#[tokio::test]
async fn a_head_that_drips_is_answered_with_408() {
    let server = Server::start(&Limits { header_timeout: SHORT, ..limits() });
    let mut client = server.connect().await;
    let (mut reader, mut writer) = client.split();
    let drip = async {
        writer.write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\n").await.unwrap();
        // Time is what is tested: bytes that come in time each, of a head that does not.
        let mut drops = tokio::time::interval(SHORT / 10);
        while writer.write_all(b"a").await.is_ok() {
            drops.tick().await;
        }
    };
    let text = tokio::select! {
        () = drip => panic!("the server must close its end first"),
        text = rest(&mut reader) => text,
    };
    let late = "408 close the request's head did not arrive in time";
    assert_eq!(answers(&text), ["200 GET /a", late]);
}

#[tokio::test]
async fn an_idle_connection_is_closed_without_a_byte() {
    let server = Server::start(&Limits { idle_timeout: SHORT, ..limits() });
    assert_eq!(server.exchange("").await, [""; 0]);
    let answers = server.exchange("GET /a HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(answers, ["200 GET /a"]);
}

#[tokio::test]
async fn an_exchange_may_take_longer_than_any_wait_for_its_client() {
    let times =
        Limits { idle_timeout: SHORT, header_timeout: SHORT, body_timeout: SHORT, ..limits() };
    let server = Server::start(&times);
    let mut events = server.events();
    let mut client = server.connect().await;
    client.write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(in_time(events.recv()).await, Some("waiting"));
    // This client came later and is closed because it is silent: any wait would be over.
    assert_eq!(server.exchange("").await, [""; 0]);
    server.stage.go.notify_one();
    assert_eq!(answers(&rest(&mut client).await), ["200 waited"]);
}

#[tokio::test]
async fn a_client_that_does_not_take_its_answer_is_cut() {
    let mut server = Server::start(&Limits { body_timeout: SHORT, ..limits() });
    let mut client = server.connect().await;
    client.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    in_time(server.ended.recv()).await.unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_close_is_cut() {
    let mut server = Server::start(&limits());
    let mut client = server.connect().await;
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert_eq!(answers(&rest(&mut client).await), ["400 close no host"]);
    in_time(server.ended.recv()).await.unwrap();
}

#[tokio::test]
async fn draining_closes_connections_between_requests_at_once() {
    let mut server = Server::start(&limits());
    let mut silent = server.connect().await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(one(&mut idle).await, "200 GET /a");
    server.drainer.finish();
    assert_eq!(rest(&mut silent).await, "");
    assert_eq!(rest(&mut idle).await, "");
    in_time(server.ended.recv()).await.unwrap();
    in_time(server.ended.recv()).await.unwrap();
}

#[tokio::test]
async fn draining_lets_an_exchange_finish_and_says_that_it_was_the_last() {
    let mut server = Server::start(&limits());
    let mut events = server.events();
    let mut client = server.connect().await;
    client.write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(in_time(events.recv()).await, Some("waiting"));
    server.drainer.finish();
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    server.stage.go.notify_one();
    assert_eq!(answers(&rest(&mut client).await), ["200 close waited"]);
    in_time(server.ended.recv()).await.unwrap();
}

#[tokio::test]
async fn a_second_signal_cuts_what_is_under_way() {
    let mut server = Server::start(&limits());
    let mut events = server.events();
    let mut client = server.connect().await;
    client.write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(in_time(events.recv()).await, Some("waiting"));
    server.drainer.finish();
    server.drainer.cut();
    assert_eq!(in_time(events.recv()).await, Some("dropped"));
    in_time(server.ended.recv()).await.unwrap();
    assert_eq!(rest(&mut client).await, "");
}
