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
async fn draining_closes_connections_between_requests_without_a_byte() {
    let mut server = Server::start(&limits());
    let mut idle = server.connect().await;
    idle.write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(one(&mut idle).await, "200 GET /a");
    server.drainer.finish();
    assert_eq!(rest(&mut idle).await, "");
    in_time(server.ended.recv()).await.unwrap();
}

#[tokio::test]
async fn a_further_request_that_is_on_its_way_when_draining_begins_is_answered() {
    let request = b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n";
    let server = Server::start(&limits());
    let mut client = server.connect().await;
    client.write_all(request).await.unwrap();
    assert_eq!(one(&mut client).await, "200 GET /a");
    run_server().await;
    server.drainer.finish();
    run_server().await;
    client.write_all(request).await.unwrap();
    assert_eq!(answers(&rest(&mut client).await), ["200 close GET /a"]);
}

#[tokio::test]
async fn who_drains_at_leisure_hears_further_requests_for_longer() {
    let request = b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut server = Server::start(&limits());
    let mut client = server.connect().await;
    client.write_all(request).await.unwrap();
    assert_eq!(one(&mut client).await, "200 GET /a");
    let mut silent = server.connect().await;
    run_server().await;
    server.drainer.finish_at_leisure();
    // Time is what is tested: longer than a gateway waits that somebody waits for.
    tokio::time::sleep(Duration::from_millis(300)).await;
    client.write_all(request).await.unwrap();
    assert_eq!(answers(&rest(&mut client).await), ["200 close GET /a"]);
    assert_eq!(rest(&mut silent).await, "");
    in_time(server.ended.recv()).await.unwrap();
    in_time(server.ended.recv()).await.unwrap();
}

#[tokio::test]
async fn draining_closes_silent_connections_without_a_byte() {
    let mut server = Server::start(&limits());
    let mut early = server.connect().await;
    run_server().await;
    let mut late = server.connect().await;
    server.drainer.finish();
    assert_eq!(rest(&mut early).await, "");
    assert_eq!(rest(&mut late).await, "");
    in_time(server.ended.recv()).await.unwrap();
    in_time(server.ended.recv()).await.unwrap();
}

#[tokio::test]
async fn a_first_request_that_is_on_its_way_when_draining_begins_is_answered() {
    let request = "GET /a HTTP/1.1\r\nhost: x\r\n\r\n";
    for is_accepted in [true, false] {
        for cut in [0, 1, request.len() - 1, request.len()] {
            let server = Server::start(&limits());
            let mut client = server.connect().await;
            let (before, after) = request.split_at(cut);
            client.write_all(before.as_bytes()).await.unwrap();
            if is_accepted && !after.is_empty() {
                run_server().await;
            }
            server.drainer.finish();
            if is_accepted {
                run_server().await;
            }
            client.write_all(after.as_bytes()).await.unwrap();
            let answers = answers(&rest(&mut client).await);
            assert_eq!(answers, ["200 close GET /a"], "{cut} bytes before");
        }
    }
}

#[tokio::test]
async fn a_request_that_has_begun_when_draining_begins_is_answered() {
    let server = Server::start(&limits());
    let mut client = server.connect().await;
    client.write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(one(&mut client).await, "200 GET /a");
    client.write_all(b"GET /b HTTP/1.1\r\n").await.unwrap();
    run_server().await;
    server.drainer.finish();
    run_server().await;
    client.write_all(b"host: x\r\n\r\n").await.unwrap();
    assert_eq!(answers(&rest(&mut client).await), ["200 close GET /b"]);
}

#[tokio::test]
async fn a_head_that_does_not_end_does_not_hold_up_the_end() {
    let server = Server::start(&Limits { header_timeout: SHORT, ..limits() });
    let mut client = server.connect().await;
    client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    run_server().await;
    server.drainer.finish();
    let late = "408 close the request's head did not arrive in time";
    assert_eq!(answers(&rest(&mut client).await), [late]);
}

#[tokio::test]
async fn draining_lets_an_exchange_finish_and_says_that_it_was_the_last() {
    let mut server = Server::start(&limits());
    let mut events = server.events();
    let mut client = server.connect().await;
    client.write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(in_time(events.recv()).await, Some("waiting"));
    server.drainer.finish();
    run_server().await;
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

/// Lets the server, which shares this thread, come to the point where it waits for its clients.
async fn run_server() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}
