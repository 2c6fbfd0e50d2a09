//! The PROXY protocol, spoken to the gateway and by it.

use tidegate_tests::gateway::{self, Gateway};
use tidegate_tests::origin::{self, Origin};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.66\r\n\r\n";

const REFUSED: &str = "tidegate_connections_refused_total{reason=\"proxy_protocol\"}";

/// Version 2, from 203.0.113.9:1000 to 198.51.100.1:443.
const BINARY: [u8; 28] =
    *b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x09\xc6\x33\x64\x01\x03\xe8\x01\xbb";

async fn behind_proxies(origin: &Origin, trusted: &str) -> Gateway {
    gateway::before(origin)
        .setting(&format!("trusted_proxies = [{trusted:?}]"))
        .toml("[[listeners]]\naddress = \"127.0.0.1:0\"\nproxy_protocol = \"required\"\n")
        .route("/", [])
        .start()
        .await
}

#[tokio::test]
async fn the_client_is_whom_the_proxy_names() {
    let origin = origin::replying("ok").await;
    let gateway = behind_proxies(&origin, "127.0.0.0/8").await;
    let text = b"PROXY TCP4 203.0.113.9 198.51.100.1 1000 443\r\n";
    for header in [&text[..], &BINARY] {
        let mut client = gateway.raw().await;
        let answer = client.send([header, GET.as_bytes()].concat()).await.response().await;
        assert_eq!(answer.text(), "ok");
        let seen = origin.last();
        // Nothing that the client says itself is believed.
        assert_eq!(seen.value("x-forwarded-for").as_deref(), Some("203.0.113.9"));
        assert_eq!(seen.value("x-real-ip").as_deref(), Some("203.0.113.9"));
        // It is said once a connection.
        assert_eq!(client.send(GET).await.response().await.text(), "ok");
        assert_eq!(origin.last().value("x-real-ip").as_deref(), Some("203.0.113.9"));
    }
}

#[tokio::test]
async fn a_header_may_come_in_pieces_and_a_proxy_may_speak_for_itself() {
    let origin = origin::replying("ok").await;
    let gateway = behind_proxies(&origin, "127.0.0.1").await;
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    for (header, client_is) in [
        (&b"PROXY UNKNOWN\r\n"[..], "192.0.2.66"),
        (local, "192.0.2.66"),
        (b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n", "2001:db8::1"),
        (&BINARY, "203.0.113.9"),
    ] {
        let mut client = gateway.raw().await;
        for byte in header.iter().chain(GET.as_bytes()) {
            client.send([*byte]).await;
        }
        assert_eq!(client.response().await.text(), "ok");
        // The proxy itself is trusted, so it may name the client in another way.
        assert_eq!(origin.last().value("x-real-ip").as_deref(), Some(client_is));
    }
}

#[tokio::test]
async fn what_is_not_quite_a_header_gets_no_answer() {
    let origin = origin::replying("ok").await;
    let gateway = behind_proxies(&origin, "127.0.0.1").await;
    let mut refused = 0.0;
    for start in [
        &b""[..],
        b"PROXY TCP4 203.0.113.9 198.51.100.1 1000\r\n",
        b"PROXY TCP4 203.0.113.9 198.51.100.1 1000 443\n",
        b"PROXY TCP4 203.0.113.999 198.51.100.1 1000 443\r\n",
        b"PROXY TCP4 203.0.113.9 198.51.100.1 1000 443 and so on and on and on and on and on and on and on and on and on\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0bxxxxxxxxxxx",
        b"\r\n\r\n\0\r\nQUIT\n\x11\x11\0\x0c\xcb\0\x71\x09\xc6\x33\x64\x01\x03\xe8\x01\xbb",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
    ] {
        let mut client = gateway.raw().await;
        let answer = client.send([start, GET.as_bytes()].concat()).await.to_end().await;
        assert_eq!(answer, "", "{:?}", String::from_utf8_lossy(start));
        refused += 1.0;
        gateway.metric_becomes(REFUSED, refused).await;
    }
    assert_eq!(origin.counts().connections, 0);
}

#[tokio::test]
async fn nobody_else_may_say_who_the_client_is() {
    let origin = origin::replying("ok").await;
    let gateway = behind_proxies(&origin, "192.0.2.1").await;
    let mut client = gateway.raw().await;
    let answer = client.send([&BINARY[..], GET.as_bytes()].concat()).await.to_end().await;
    assert_eq!(answer, "");
    gateway.metric_becomes(REFUSED, 1.0).await;
    assert_eq!(origin.counts().connections, 0);
}

#[tokio::test]
async fn a_listener_whose_proxies_nobody_trusts_is_refused() {
    let origin = origin::replying("ok").await;
    let shown = gateway::before(&origin)
        .toml("[[listeners]]\naddress = \"127.0.0.1:0\"\nproxy_protocol = \"required\"\n")
        .route("/", [])
        .refusal()
        .await;
    assert!(shown.contains("nobody is trusted to speak it"), "{shown}");
    assert!(shown.contains("`gateway.trusted_proxies`"), "{shown}");
}

/// Answers every request, and takes the line of version 1 for a part of its head.
async fn told_in_text() -> (Origin, Gateway) {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin)
        .setting("workers = 1")
        .upstream("proxy_protocol = 1")
        .route("/", [])
        .start()
        .await;
    (origin, gateway)
}

#[tokio::test]
async fn an_endpoint_is_told_whom_a_connection_is_for() {
    let (origin, gateway) = told_in_text().await;
    let mut client = gateway.raw().await;
    let from = client.stream().local_addr().unwrap().port();
    let to = gateway.address().port();
    assert_eq!(client.send(GET).await.response().await.text(), "ok");
    let line = format!("PROXY TCP4 127.0.0.1 127.0.0.1 {from} {to}");
    assert_eq!(origin.last().start_line(), line);
    // The same client's next request goes over the same connection.
    assert_eq!(client.send(GET).await.response().await.text(), "ok");
    assert_eq!(origin.last().start_line(), "GET / HTTP/1.1");
    assert_eq!(origin.counts().connections, 1);
}

#[tokio::test]
async fn connections_that_are_for_one_client_are_not_shared() {
    let (origin, gateway) = told_in_text().await;
    for connections in 1..=3 {
        let mut client = gateway.raw().await;
        let from = client.stream().local_addr().unwrap().port();
        client.send(GET).await.response().await;
        assert!(origin.last().start_line().contains(&format!(" {from} ")));
        assert_eq!(origin.counts().connections, connections);
    }
}

#[tokio::test]
async fn version_2_is_binary() {
    let origin = origin::scripted(|mut connection| async move {
        let Some(head) = connection.head().await else { return };
        // The signature holds an empty line, so it is a head of its own for this reader.
        assert_eq!(head.head, b"");
        let Some(rest) = connection.head().await else { return };
        connection.body(rest).await;
        connection.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        connection.closed().await;
    })
    .await;
    let gateway =
        gateway::before(&origin).upstream("proxy_protocol = 2").route("/", []).start().await;
    let mut client = gateway.raw().await;
    let from = client.stream().local_addr().unwrap().port().to_be_bytes();
    assert_eq!(client.send(GET).await.response().await.text(), "ok");
    let to = gateway.address().port().to_be_bytes();
    let start = [
        &b"\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01"[..],
        &from,
        &to,
        b"GET / HTTP/1.1\r\n",
    ]
    .concat();
    assert!(origin.last().head.starts_with(&start), "{:?}", origin.last().head_text());
}
