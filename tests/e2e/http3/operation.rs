//! Reloads, ends, and clients whose address changes.

use std::net::UdpSocket;

use http::Request;
use quinn::RecvStream;
use tidegate_tests::http3::{self, reply};
use tidegate_tests::{client, gateway, origin, soon, until};

use super::{before, speaking};

fn get() -> Request<()> {
    client::request("GET", "/", &[], "").map(|_| ())
}

/// What the gateway says on its control stream, without its SETTINGS.
async fn control(raw: &http3::Raw) -> RecvStream {
    loop {
        let mut stream = soon(raw.connection().accept_uni()).await.unwrap();
        let mut head = [0];
        soon(stream.read_exact(&mut head)).await.unwrap();
        if head == [0] {
            let mut frame = [0; 2];
            soon(stream.read_exact(&mut frame)).await.unwrap();
            assert_eq!(frame[0], 4, "SETTINGS");
            let mut settings = vec![0; usize::from(frame[1])];
            soon(stream.read_exact(&mut settings)).await.unwrap();
            // RFC 9114 section 7.2.4.1: the size of a field section is 32 KiB.
            let size = [6, 0x80, 0, 0x80, 0];
            assert!(settings.windows(5).any(|window| window == size), "{settings:?}");
            return stream;
        }
    }
}

const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "https"), (":authority", "a.example"), (":path", "/")];

#[tokio::test]
async fn an_end_is_announced_and_what_is_under_way_is_finished() {
    let (origin, release) = origin::held().await;
    let (builder, authority) = speaking(gateway::before(&origin).route("/", []));
    let gateway = builder.start().await;
    let raw = http3::raw(&authority.dialer(), gateway.address(), "a.example").await;
    let (mut send, recv) = raw.stream(&http3::headers(&GET)).await;
    send.finish().unwrap();
    origin.saw(|counts| counts.heads == 1).await;
    let mut control = control(&raw).await;

    let stopping = tokio::spawn(gateway.stop());
    let mut goaway = [0; 10];
    soon(control.read_exact(&mut goaway)).await.unwrap();
    assert_eq!(goaway, *b"\x07\x08\xff\xff\xff\xff\xff\xff\xff\xfc");
    let mut goaway = [0; 3];
    soon(control.read_exact(&mut goaway)).await.unwrap();
    assert_eq!(goaway, *b"\x07\x01\x04", "the second request is the first that is not taken");
    assert_eq!(raw.ask(&http3::headers(&GET)).await, Err(0x10b), "H3_REQUEST_REJECTED");

    release.send_replace(true);
    assert!(http3::answer(recv).await.unwrap().ends_with("ok"));
    assert_eq!(raw.closed().await, Some(0x100), "H3_NO_ERROR");
    soon(stopping).await.unwrap();
    assert_eq!(origin.counts().heads, 1);
}

#[tokio::test]
async fn idle_connections_do_not_hold_up_the_end() {
    let origin = origin::replying("ok").await;
    let (gateway, mut client, _) = before(&origin).await;
    assert_eq!(client.get("/").await.text(), "ok");
    let began = std::time::Instant::now();
    gateway.stop().await;
    assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
    soon(client.connection().closed()).await;
}

#[tokio::test]
async fn what_does_not_finish_in_time_is_cut() {
    let origin = origin::silent().await;
    let route = gateway::before(&origin).setting("drain_timeout = \"300ms\"").route("/", []);
    let (builder, authority) = speaking(route);
    let gateway = builder.start().await;
    let mut client = authority.dialer().http3(gateway.address(), "a.example").await;
    let mut stream = client.begin(get()).await.unwrap();
    stream.finish().await.unwrap();
    origin.saw(|counts| counts.requests == 1).await;
    gateway.stop().await;
    origin.saw(|counts| counts.closed == 1).await;
    assert!(reply(stream).await.is_err());
}

#[tokio::test]
async fn a_reload_turns_it_off_and_on_and_leaves_other_connections_alone() {
    let (origin, release) = origin::held().await;
    let (gateway, mut client, authority) = before(&origin).await;
    let address = gateway.address();
    let mut http2 = authority.dialer().http2(address, "a.example").await;
    let mut stream = client.begin(get()).await.unwrap();
    stream.finish().await.unwrap();
    origin.saw(|counts| counts.heads == 1).await;

    gateway.change(|text| text.replace("http3 = true", "http3 = false")).await;
    let refused = authority.dialer().try_http3(address, "a.example").await.unwrap_err();
    assert!(matches!(refused, quinn::ConnectionError::ConnectionClosed(_)), "{refused}");
    assert_eq!(gateway.status().await["listeners"][0]["http3"], false);
    // The port goes on while a connection is there, and is there for new ones if it is wanted again.
    gateway.change(|text| text.replace("http3 = false", "http3 = true")).await;
    let mut second = authority.dialer().http3(address, "a.example").await;
    release.send_replace(true);
    assert_eq!(second.get("/").await.text(), "ok");
    assert_eq!(reply(stream).await.unwrap().text(), "ok");
    soon(client.connection().closed()).await;

    gateway.change(|text| text.replace("http3 = true", "http3 = false")).await;
    soon(second.connection().closed()).await;
    until(async || UdpSocket::bind(address).ok()).await;
    assert_eq!(http2.get("/").await.text(), "ok");
    let mut http1 = authority.dialer().http1(address, "a.example").await;
    assert_eq!(http1.get("/").await.header("alt-svc"), None);
    gateway.change(|text| text.replace("http3 = false", "http3 = true")).await;
    let mut third = authority.dialer().http3(address, "a.example").await;
    assert_eq!(third.get("/").await.text(), "ok");
    let ours = format!("h3=\":{}\"; ma=86400", address.port());
    let mut http1 = authority.dialer().http1(address, "a.example").await;
    assert_eq!(http1.get("/").await.header("alt-svc"), Some(&*ours));
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_clients_and_harms_no_old_one() {
    let origin = origin::replying("ok").await;
    let (gateway, mut client, _) = before(&origin).await;
    let other = tidegate_tests::tls::authority("other");
    let new = other.issue(&["a.example"]);
    std::fs::write(gateway.path("a.key"), &new.key).unwrap();
    std::fs::write(gateway.path("a.pem"), &new.pem).unwrap();
    let connect = async || other.dialer().try_http3(gateway.address(), "a.example").await.ok();
    let mut second = until(connect).await;
    assert_eq!(second.get("/").await.text(), "ok");
    assert_eq!(client.get("/").await.text(), "ok");
}

#[tokio::test]
async fn a_port_that_somebody_else_has_is_a_finding() {
    let taken = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        // A port of UDP that is free for TCP.
        if std::net::TcpListener::bind(udp.local_addr().unwrap()).is_ok() {
            break udp;
        }
    };
    let address = taken.local_addr().unwrap();
    let (builder, _) = speaking(gateway::alone().route_with("/", [], "respond = {}"));
    let text = builder.text().replacen(
        "address = \"127.0.0.1:0\"\nhttp3",
        &format!("address = \"{address}\"\nhttp3"),
        1,
    );
    let refusal = builder.only(&text).refusal().await;
    let what = format!("cannot take HTTP/3 on the UDP port of {address}");
    assert!(refusal.contains(&what), "{refusal}");
    assert!(refusal.contains("end the program that has this port"), "{refusal}");
}

#[tokio::test]
async fn a_client_whose_address_changes_stays_connected() {
    let origin = origin::echoing().await;
    let (_gateway, mut client, _) = before(&origin).await;
    assert_eq!(client.get("/").await.status(), 200);
    let elsewhere = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.endpoint().rebind(elsewhere).unwrap();
    assert_eq!(client.get("/").await.status(), 200);
    assert_eq!(origin.counts().heads, 2);
}

#[tokio::test]
async fn a_connection_without_requests_is_closed_after_its_time() {
    let origin = origin::replying("ok").await;
    let route = gateway::before(&origin).limit("idle_timeout = \"200ms\"").route("/", []);
    let (builder, authority) = speaking(route);
    let gateway = builder.start().await;
    let mut client = authority.dialer().http3(gateway.address(), "a.example").await;
    assert_eq!(client.get("/").await.text(), "ok");
    let raw = http3::raw(&authority.dialer(), gateway.address(), "a.example").await;
    assert_eq!(raw.closed().await, Some(0x100), "H3_NO_ERROR");
    soon(client.connection().closed()).await;
    gateway.metric_becomes("tidegate_connections{listener=\"127.0.0.1:0\"}", 0.0).await;
}
