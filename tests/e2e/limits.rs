//! Hard limits of the clients' side.

use std::time::{Duration, Instant};

use tidegate_tests::{client, gateway, origin, soon};

#[tokio::test]
async fn a_body_over_the_limit_is_413_before_it_is_read() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin).limit("request_body = 10").route("/", []).start().await;
    let mut client = gateway.raw().await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n").await;
    assert_eq!(client.response().await.status(), 413);
    assert_eq!(origin.counts().heads, 0);

    let reply = gateway.send(client::request("POST", "/", &[], "1234567890")).await;
    assert_eq!(reply.status(), 200);
}

#[tokio::test]
async fn a_chunked_body_over_the_limit_is_413_and_never_ends_well_upstream() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin).limit("request_body = 10").route("/", []).start().await;
    let mut client = gateway.raw().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n8\r\n12345678\r\n0\r\n\r\n")
        .await;
    assert_eq!(client.response().await.status(), 413);
    assert!(origin.received().iter().all(|request| !request.complete));
}

#[tokio::test]
async fn a_route_may_have_a_limit_of_its_own() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin)
        .limit("request_body = 10")
        .route_with("/big", [], "upstream = \"origin\"\nrequest_body = \"1KiB\"")
        .start()
        .await;
    let post = |length: usize| client::request("POST", "/big", &[], vec![b'x'; length]);
    assert_eq!(gateway.send(post(1024)).await.status(), 200);
    assert_eq!(gateway.send(post(1025)).await.status(), 413);
}

#[tokio::test]
async fn a_head_over_the_limit_is_431() {
    let origin = origin::replying("ok").await;
    let gateway =
        gateway::before(&origin).limit("request_head = \"8KiB\"").route("/", []).start().await;
    let mut client = gateway.raw().await;
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX-A: {}\r\n\r\n", "x".repeat(9000));
    let answer = client.send(head).await.to_end().await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX-A: {}\r\n\r\n", "x".repeat(7000));
    let mut client = gateway.raw().await;
    client.send(head).await;
    assert_eq!(client.response().await.status(), 200);
    assert_eq!(origin.counts().heads, 1);
}

#[tokio::test]
async fn too_many_headers_are_431() {
    let origin = origin::replying("ok").await;
    let gateway =
        gateway::before(&origin).limit("request_headers = 20").route("/", []).start().await;
    for (count, status) in [(19, "200"), (20, "431")] {
        let lines: String = (0..count).map(|number| format!("X-{number}: 1\r\n")).collect();
        let mut client = gateway.raw().await;
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n")).await;
        assert_eq!(client.response().await.status().to_string(), status, "{count} and `Host`");
    }
}

#[tokio::test]
async fn a_head_that_trickles_in_is_cut() {
    let gateway = gateway::Builder::default()
        .limit("header_timeout = \"200ms\"")
        .route_with("/", [], "respond = {}")
        .start()
        .await;
    let mut client = gateway.raw().await;
    let began = Instant::now();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX-A: ").await;
    let answer = client.to_end().await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer:?}");
    assert!(began.elapsed() >= Duration::from_millis(200), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let gateway = gateway::Builder::default()
        .limit("idle_timeout = \"200ms\"")
        .route_with("/", [], "respond = {}")
        .start()
        .await;
    let mut client = gateway.raw().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.response().await.status(), 200);
    assert_eq!(client.to_end().await, "");
    assert_eq!(gateway.raw().await.to_end().await, "", "also before the first request");
}

#[tokio::test]
async fn a_body_that_stops_arriving_is_408() {
    let origin = origin::replying("ok").await;
    let gateway =
        gateway::before(&origin).limit("body_timeout = \"200ms\"").route("/", []).start().await;
    let mut client = gateway.raw().await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345").await;
    assert_eq!(client.response().await.status(), 408);
    origin.saw(|counts| counts.closed == 1).await;
}

#[tokio::test]
async fn connections_over_the_limit_are_closed_and_room_comes_back() {
    let gateway = gateway::Builder::default()
        .limit("connections = 3")
        .route_with("/", [], "respond = {}")
        .start()
        .await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut client = gateway.http1().await;
        assert_eq!(client.get("/").await.status(), 200);
        held.push(client);
    }
    let mut client = gateway.raw().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let answer = client.to_end().await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 503 "), "{answer}");
    held.pop();
    let admitted = async {
        loop {
            let mut client = gateway.raw().await;
            client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
            if client.to_end().await.starts_with("HTTP/1.1 200 ") {
                break;
            }
        }
    };
    soon(admitted).await;
}
