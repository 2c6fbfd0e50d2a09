//! Connections that leave HTTP, such as those of WebSocket.

use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::ext::Protocol;
use hyper_util::rt::TokioIo;
use tidegate_tests::client::{Raw, request};
use tidegate_tests::gateway::{self, Gateway};
use tidegate_tests::origin::{self, Origin};
use tidegate_tests::{guest, soon};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const ASK: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n\
                   Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                   Sec-WebSocket-Version: 13\r\n\r\n";

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                      Upgrade: websocket\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

const PLAIN: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Takes every offer, and sends back what it gets.
async fn echoing() -> Origin {
    origin::scripted(|mut connection| async move {
        let Some(head) = connection.head().await else { return };
        connection.body(head).await;
        connection.write(SWITCH).await;
        while let Some(bytes) = connection.bytes().await {
            connection.write(bytes).await;
        }
    })
    .await
}

async fn before(origin: &Origin) -> Gateway {
    gateway::before(origin).route("/", []).start().await
}

/// Asks for a WebSocket and gets it.
async fn switched(gateway: &Gateway) -> Raw {
    let mut client = gateway.raw().await;
    let head = client.send(ASK).await.head().await;
    assert_eq!(head.status(), 101);
    client
}

#[tokio::test]
async fn bytes_pass_in_both_directions_and_are_counted() {
    let origin = echoing().await;
    let log = guest::component("access-log").config(r#"{ output = "lines" }"#);
    let gateway = gateway::before(&origin).output("lines").route("/", [log]).start().await;

    let mut client = gateway.raw().await;
    let head = client.send(ASK).await.head().await;
    assert_eq!(head.start_line(), "HTTP/1.1 101 Switching Protocols");
    assert_eq!(head.value("connection").as_deref(), Some("upgrade"));
    assert_eq!(head.value("upgrade").as_deref(), Some("websocket"));
    let accept = head.value("sec-websocket-accept");
    assert_eq!(accept.as_deref(), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(head.value("content-length"), None);
    assert_eq!(head.value("transfer-encoding"), None);
    assert!(head.value("x-request-id").is_some());

    client.send("\0\x01 not HTTP\n").await.until("not HTTP").await;
    assert!((gateway.metric("tidegate_tunnels{route=\"root\"}").await - 1.0).abs() < 1e-9);
    client.finish().await;
    assert_eq!(client.to_end().await, "\0\x01 not HTTP\n");

    gateway.metric_becomes("tidegate_tunnels_opened_total{route=\"root\"}", 1.0).await;
    let requests = "tidegate_requests_total{route=\"root\",status=\"101\",source=\"upstream\"}";
    gateway.metric_becomes(requests, 1.0).await;
    for direction in ["in", "out"] {
        let series =
            format!("tidegate_tunnel_bytes_total{{route=\"root\",direction=\"{direction}\"}}");
        gateway.metric_becomes(&series, 12.0).await;
    }
    let lines = gateway.lines("lines", 1).await;
    let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(line["status"], 101);
    assert_eq!(line["request_bytes"], 12);
    assert_eq!(line["response_bytes"], 12);
    assert_eq!(line["complete"], true);
}

#[tokio::test]
async fn the_upstream_is_offered_what_the_route_allows_and_no_more() {
    let origin = echoing().await;
    let gateway = before(&origin).await;
    let mut client = gateway.raw().await;
    let ask = ASK.replace("Upgrade: websocket", "Upgrade: other/1, WebSocket");
    assert_eq!(client.send(ask).await.head().await.status(), 101);
    let seen = origin.last();
    assert_eq!(seen.value("connection").as_deref(), Some("upgrade"));
    assert_eq!(seen.value("upgrade").as_deref(), Some("websocket"));
    assert_eq!(seen.value("sec-websocket-key").as_deref(), Some("dGhlIHNhbXBsZSBub25jZQ=="));
    assert_eq!(seen.value("x-forwarded-for").as_deref(), Some("127.0.0.1"));
}

#[tokio::test]
async fn an_offer_that_is_not_allowed_is_passed_over() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin)
        .route("/", [])
        .route_with("/never", [], "upstream = \"origin\"\nupgrade = false")
        .start()
        .await;
    let mut client = gateway.raw().await;
    for ask in [
        ASK.replace("Upgrade: websocket", "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk"),
        ASK.replace("keep-alive, Upgrade", "keep-alive"),
        ASK.replace("/chat", "/never"),
    ] {
        assert_eq!(client.send(&ask).await.response().await.text(), "ok", "{ask}");
        let seen = origin.last();
        assert_eq!((seen.value("upgrade"), seen.value("http2-settings")), (None, None), "{ask}");
        // The connection goes on.
        assert_eq!(client.send(PLAIN).await.response().await.text(), "ok", "{ask}");
    }
}

#[tokio::test]
async fn an_offer_that_the_upstream_does_not_take_is_an_ordinary_request() {
    let origin = origin::replying("ok").await;
    let gateway = before(&origin).await;
    let mut client = gateway.raw().await;
    // The second one comes with the first, and is no part of anything else.
    client.send(format!("{ASK}{PLAIN}")).await;
    for _ in 0..2 {
        assert_eq!(client.response().await.text(), "ok");
    }
    assert_eq!(origin.counts().requests, 2);
}

#[tokio::test]
async fn what_follows_an_offer_too_early_belongs_to_the_other_protocol() {
    let origin = echoing().await;
    let gateway = before(&origin).await;
    let mut client = gateway.raw().await;
    client.send(format!("{ASK}\x02\x01early\n")).await;
    assert_eq!(client.head().await.status(), 101);
    assert_eq!(client.until("early\n").await, "\x02\x01early\n");
}

#[tokio::test]
async fn a_plugin_that_answers_keeps_the_connection_http() {
    let origin = echoing().await;
    let answers = guest::answers().config(r#"{ path = "/chat" }"#);
    let gateway = gateway::before(&origin).route("/", [answers]).start().await;
    let mut client = gateway.raw().await;
    for _ in 0..2 {
        let answer = client.send(ASK).await.response().await;
        assert_ne!(answer.status(), 101);
        assert_eq!(answer.value("upgrade"), None);
    }
    assert_eq!(origin.counts().connections, 0);
}

#[tokio::test]
async fn a_switch_that_nobody_asked_for_is_a_bad_response() {
    let origin = origin::responding(SWITCH).await;
    let other = SWITCH.replace("Upgrade: websocket", "Upgrade: other");
    let other = origin::responding(other).await;
    let gateway = gateway::before(&origin)
        .route("/", [])
        .route_with("/other", [], "upstream = \"other\"")
        .toml(&format!("[upstreams.other]\nendpoints = [{:?}]", other.url()))
        .start()
        .await;
    assert_eq!(gateway.get("/").await.status(), 502);
    let mut client = gateway.raw().await;
    let answer = client.send(ASK.replace("/chat", "/other")).await.response().await;
    assert_eq!(answer.status(), 502);
}

#[tokio::test]
async fn one_half_may_end_before_the_other() {
    let origin = origin::scripted(|mut connection| async move {
        connection.head().await;
        connection.write(SWITCH).await;
        let mut heard = Vec::new();
        while let Some(mut bytes) = connection.bytes().await {
            heard.append(&mut bytes);
        }
        connection.write(format!("heard {}", heard.len())).await;
    })
    .await;
    let gateway = before(&origin).await;
    let mut client = switched(&gateway).await;
    client.send("12345").await.finish().await;
    assert_eq!(client.to_end().await, "heard 5");

    let origin = origin::scripted(|mut connection| async move {
        connection.head().await;
        connection.write(SWITCH).await;
        connection.finish().await;
        while connection.bytes().await.is_some() {}
    })
    .await;
    let gateway = before(&origin).await;
    let mut client = switched(&gateway).await;
    assert_eq!(client.to_end().await, "");
    client.send("still here").await.finish().await;
    origin.saw(|counts| counts.closed == 1).await;
    let series = "tidegate_tunnel_bytes_total{route=\"root\",direction=\"in\"}";
    gateway.metric_becomes(series, 10.0).await;
}

#[tokio::test]
async fn a_tunnel_in_which_nothing_passes_is_ended() {
    let origin = echoing().await;
    let lines = "upstream = \"origin\"\nupgrade = { idle_timeout = \"80ms\" }";
    let gateway = gateway::before(&origin).route_with("/", [], lines).start().await;
    let mut client = switched(&gateway).await;
    assert_eq!(client.to_end().await, "");
    origin.saw(|counts| counts.closed == 1).await;
    gateway.metric_becomes("tidegate_tunnels_opened_total{route=\"root\"}", 1.0).await;
}

#[tokio::test]
async fn a_route_may_allow_other_protocols_and_none_of_its_limits_of_time_holds_for_them() {
    let origin = origin::scripted(|mut connection| async move {
        connection.head().await;
        connection.write(SWITCH.replace("websocket", "chat/2")).await;
        while let Some(bytes) = connection.bytes().await {
            connection.write(bytes).await;
        }
    })
    .await;
    let lines =
        "upstream = \"origin\"\ntimeout = \"400ms\"\nupgrade = { protocols = [\"Chat/2\"] }";
    let gateway = gateway::before(&origin).route_with("/", [], lines).start().await;
    let mut client = gateway.raw().await;
    let ask = ASK.replace("Upgrade: websocket", "Upgrade: websocket, chat/2");
    assert_eq!(client.send(ask).await.head().await.status(), 101);
    // Twice the route's time, which is what is tested.
    tokio::time::sleep(std::time::Duration::from_millis(800)).await;
    client.send("ping\n").await.until("ping\n").await;
}

#[tokio::test]
async fn a_tunnel_outlives_the_route_that_it_came_by() {
    let origin = echoing().await;
    let gateway = gateway::before(&origin)
        .route_with("/gone", [], "upstream = \"origin\"")
        .route("/", [])
        .start()
        .await;
    let mut client = gateway.raw().await;
    client.send(ASK.replace("/chat", "/gone")).await;
    assert_eq!(client.head().await.status(), 101);
    gateway.change(|text| text.replace("name = \"gone\"", "name = \"new\"")).await;
    client.send("ping\n").await.until("ping\n").await;
}

#[tokio::test]
async fn an_ending_gateway_waits_for_tunnels_and_then_cuts_them() {
    let origin = echoing().await;
    let gateway =
        gateway::before(&origin).setting("drain_timeout = \"300ms\"").route("/", []).start().await;
    let mut client = switched(&gateway).await;
    let stopping = tokio::spawn(gateway.stop());
    client.send("ping\n").await.until("ping\n").await;
    assert_eq!(client.to_end().await, "ping\n");
    soon(stopping).await.unwrap();
    origin.saw(|counts| counts.closed == 1).await;
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_tunnel() {
    let origin = echoing().await;
    let gateway = before(&origin).await;
    drop(switched(&gateway).await);
    origin.saw(|counts| counts.closed == 1).await;
    gateway.metric_becomes("tidegate_tunnels_opened_total{route=\"root\"}", 1.0).await;
}

#[tokio::test]
async fn much_passes_unchanged() {
    const BYTES: usize = 4 << 20;
    let origin = echoing().await;
    let gateway = before(&origin).await;
    let mut client = switched(&gateway).await;
    let sent: Vec<u8> = (0..=u8::MAX).cycle().take(BYTES).collect();
    let expected = sent.clone();
    let (mut reading, mut writing) = client.stream().split();
    let write = async {
        writing.write_all(&sent).await.unwrap();
        writing.shutdown().await.unwrap();
    };
    let read = async {
        let mut heard = Vec::new();
        reading.read_to_end(&mut heard).await.unwrap();
        heard
    };
    let ((), heard) = soon(async { tokio::join!(write, read) }).await;
    assert!(heard == expected, "{} bytes came back", heard.len());
}

/// An extended CONNECT for this path.
fn connect(path: &str, gateway: &Gateway) -> Request<Full<bytes::Bytes>> {
    let target = format!("http://{}{path}", gateway.address());
    let mut connect = request(Method::CONNECT.as_str(), &target, &[], "");
    connect.headers_mut().insert("sec-websocket-version", http::HeaderValue::from_static("13"));
    connect.extensions_mut().insert(Protocol::from_static("websocket"));
    connect
}

/// Computes `Sec-WebSocket-Accept` as an honest server does.
fn accept(key: &str) -> String {
    use base64::Engine as _;
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let digest =
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    base64::engine::general_purpose::STANDARD.encode(digest)
}

#[tokio::test]
async fn a_websocket_over_http2_is_one_over_http1_to_the_upstream() {
    let origin = origin::scripted(|mut connection| async move {
        let Some(head) = connection.head().await else { return };
        let head = connection.body(head).await;
        let Some(key) = head.value("sec-websocket-key") else {
            connection.write(OK).await;
            return;
        };
        let answer = SWITCH.replace("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", &accept(&key));
        connection.write(answer).await;
        while let Some(bytes) = connection.bytes().await {
            connection.write(bytes).await;
        }
    })
    .await;
    let gateway = before(&origin).await;
    let mut client = gateway.http2().await;
    // The settings of the gateway, which allow it, are there with the first answer.
    assert_eq!(client.get("/").await.text(), "ok");

    let mut response = client.begin(connect("/chat", &gateway)).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(!response.headers().contains_key("sec-websocket-accept"));
    assert!(!response.headers().contains_key("upgrade"));
    let seen = origin.last();
    assert_eq!(seen.start_line(), "GET /chat HTTP/1.1");
    assert_eq!(seen.value("upgrade").as_deref(), Some("websocket"));

    let upgraded = soon(hyper::upgrade::on(&mut response)).await.unwrap();
    let mut tunnel = TokioIo::new(upgraded);
    soon(tunnel.write_all(b"ping")).await.unwrap();
    let mut heard = [0; 4];
    soon(tunnel.read_exact(&mut heard)).await.unwrap();
    assert_eq!(&heard, b"ping");
    // Other requests pass beside it.
    assert_eq!(client.get("/").await.text(), "ok");
    drop(tunnel);
    gateway.metric_becomes("tidegate_tunnels_opened_total{route=\"root\"}", 1.0).await;
}

#[tokio::test]
async fn a_connect_that_the_upstream_answers_otherwise_is_no_tunnel() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin)
        .route("/", [])
        .route_with("/never", [], "upstream = \"origin\"\nupgrade = false")
        .start()
        .await;
    let mut client = gateway.http2().await;
    client.get("/").await;
    for (path, status) in [("/", 502), ("/never", 501)] {
        let response = client.begin(connect(path, &gateway)).await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        let body = soon(response.into_body().collect()).await.unwrap().to_bytes();
        assert!(body.starts_with(b"{\"message\""), "{path}");
    }
}
