//! What lasts longer than the route that it came by.

use std::time::{Duration, Instant};

use http_body_util::BodyExt as _;
use hyper::ext::Protocol;
use hyper_util::rt::TokioIo;
use tidegate_tests::client::{Raw, request};
use tidegate_tests::gateway::{self, Gateway};
use tidegate_tests::origin::{self, Origin};
use tidegate_tests::{guest, soon};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const ASK: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\
                   Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                   Sec-WebSocket-Version: 13\r\n\r\n";

/// Takes every offer, and sends back what it gets, to its end.
async fn echoing() -> Origin {
    origin::scripted(|mut connection| async move {
        let Some(head) = connection.head().await else { return };
        let head = connection.body(head).await;
        let Some(key) = head.value("sec-websocket-key") else {
            connection.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            return;
        };
        let accept = super::upgrade::accept(&key);
        let switch = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        connection.write(switch).await;
        while let Some(bytes) = connection.bytes().await {
            connection.write(bytes).await;
        }
        connection.finish().await;
    })
    .await
}

/// A gateway with a route `chat` that ends what lasts after this time, and one that stays.
async fn closing(origin: &Origin, after: &str) -> Gateway {
    let log = guest::component("access-log").config(r#"{ output = "lines" }"#);
    let lines = format!("upstream = \"origin\"\nclose_after_removal = {after:?}");
    gateway::before(origin)
        .output("lines")
        .route_with("/chat", [log], &lines)
        .route("/", [])
        .start()
        .await
}

/// Takes the route `chat` away.
async fn remove(gateway: &Gateway) {
    gateway.change(|text| text.replace("name = \"chat\"", "name = \"other\"")).await;
}

async fn switched(gateway: &Gateway) -> Raw {
    let mut client = gateway.raw().await;
    assert_eq!(client.send(ASK).await.head().await.status(), 101);
    client
}

async fn logged(gateway: &Gateway) -> serde_json::Value {
    serde_json::from_str(&gateway.lines("lines", 1).await[0]).unwrap()
}

#[tokio::test]
async fn a_tunnel_is_closed_in_order_when_its_route_goes() {
    let origin = echoing().await;
    let gateway = closing(&origin, "0s").await;
    let mut client = switched(&gateway).await;
    client.send("ping\n").await.until("ping\n").await;

    remove(&gateway).await;
    // The end comes without a reset, and with all that was sent before.
    assert_eq!(client.to_end().await, "ping\n");
    let mut nothing = [0; 1];
    assert_eq!(soon(client.stream().read(&mut nothing)).await.unwrap(), 0);
    drop(client);
    origin.saw(|counts| counts.closed == 1).await;
    let line = logged(&gateway).await;
    assert_eq!(line["failure"], "route_gone");
    assert_eq!((&line["status"], &line["complete"]), (&101.into(), &false.into()));
    assert_eq!((&line["request_bytes"], &line["response_bytes"]), (&5.into(), &5.into()));
}

#[tokio::test]
async fn a_tunnel_goes_on_for_as_long_as_its_route_allows() {
    let origin = echoing().await;
    let gateway = closing(&origin, "700ms").await;
    let mut client = switched(&gateway).await;
    remove(&gateway).await;
    let removed = Instant::now();
    client.send("ping\n").await.until("ping\n").await;
    assert_eq!(client.to_end().await, "ping\n");
    // The gateway began to count when it had made the change, which is when this test heard of it.
    assert!(removed.elapsed() > Duration::from_millis(500), "{:?}", removed.elapsed());
}

#[tokio::test]
async fn a_client_that_neither_reads_nor_closes_is_cut_when_its_route_is_gone() {
    let origin = echoing().await;
    let gateway = closing(&origin, "0s").await;
    let mut client = switched(&gateway).await;
    client.send("ping\n").await.until("ping\n").await;
    remove(&gateway).await;
    assert_eq!(logged(&gateway).await["failure"], "route_gone");
    gateway
        .metric_becomes("tidegate_connections_accepted_total{listener=\"127.0.0.1:0\"}", 1.0)
        .await;
    soon(async {
        while gateway.running().connections() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn tunnels_live_through_reloads_that_leave_their_route() {
    let origin = echoing().await;
    let gateway = closing(&origin, "0s").await;
    let mut client = switched(&gateway).await;
    // Another change, and one by which nobody new would be closed.
    gateway.change(|text| text + "\n# a comment\n").await;
    gateway.change(|text| text.replace("close_after_removal = \"0s\"\n", "")).await;
    client.send("ping\n").await.until("ping\n").await;
    let mut later = switched(&gateway).await;

    // What holds is what held when the tunnel was opened.
    remove(&gateway).await;
    assert_eq!(client.to_end().await, "ping\n");
    later.send("ping\n").await.until("ping\n").await;
}

#[tokio::test]
async fn a_websocket_over_http2_is_closed_with_its_route_and_its_connection_goes_on() {
    let origin = echoing().await;
    let gateway = closing(&origin, "0s").await;
    let mut client = gateway.http2().await;
    assert_eq!(client.get("/").await.text(), "ok");
    let target = format!("http://{}/chat", gateway.address());
    let mut connect = request("CONNECT", &target, &[("sec-websocket-version", "13")], "");
    connect.extensions_mut().insert(Protocol::from_static("websocket"));
    let mut response: http::Response<hyper::body::Incoming> = client.begin(connect).await.unwrap();
    assert_eq!(response.status(), 200);
    let mut tunnel = TokioIo::new(soon(hyper::upgrade::on(&mut response)).await.unwrap());
    soon(tunnel.write_all(b"ping")).await.unwrap();
    let mut heard = [0; 4];
    soon(tunnel.read_exact(&mut heard)).await.unwrap();

    remove(&gateway).await;
    let mut rest = Vec::new();
    soon(tunnel.read_to_end(&mut rest)).await.unwrap();
    assert_eq!((heard, rest), (*b"ping", Vec::new()));
    assert_eq!(client.get("/").await.text(), "ok");
}

#[tokio::test]
async fn a_stream_of_a_removed_route_is_cut_and_others_live_through_it() {
    let (origin, release) = origin::events(3).await;
    let gateway = closing(&origin, "0s").await;
    let (mut goes, mut stays) = (gateway.raw().await, gateway.raw().await);
    goes.send("GET /chat HTTP/1.1\r\nHost: a\r\n\r\n").await;
    stays.send("GET /other HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut second = gateway.http2().await;
    let stream = second.begin(request("GET", "/chat", &[], Vec::new())).await.unwrap();
    let mut stream = stream.into_body();
    release.send_replace(1);
    goes.until("data: 1\n\n").await;
    stays.until("data: 1\n\n").await;
    soon(stream.frame()).await.unwrap().unwrap();

    gateway.change(|text| text + "\n# a comment\n").await;
    release.send_replace(2);
    goes.until("data: 2\n\n").await;
    stays.until("data: 2\n\n").await;
    soon(stream.frame()).await.unwrap().unwrap();

    remove(&gateway).await;
    // Without the chunk that would say that it is whole.
    let seen = goes.to_end().await;
    assert!(seen.ends_with("data: 2\n\n\r\n"), "{seen}");
    let reset = soon(stream.frame()).await.unwrap().unwrap_err();
    assert!(!reset.is_canceled(), "{reset:?}");
    release.send_replace(3);
    stays.until("data: 3\n\n").await;
    let lines = gateway.lines("lines", 2).await;
    for line in lines {
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["failure"], &line["status"]), (&"route_gone".into(), &200.into()));
    }
}

#[tokio::test]
async fn a_stream_of_a_removed_route_goes_on_if_nothing_else_is_said() {
    let (origin, release) = origin::events(2).await;
    let gateway = gateway::before(&origin).route("/chat", []).route("/", []).start().await;
    let mut client = gateway.raw().await;
    client.send("GET /chat HTTP/1.1\r\nHost: a\r\n\r\n").await;
    release.send_replace(1);
    client.until("data: 1\n\n").await;
    remove(&gateway).await;
    release.send_replace(2);
    // To the last chunk.
    client.until("data: 2\n\n\r\n0\r\n\r\n").await;
}
