//! Clients with vices.

use std::net::UdpSocket;
use std::time::Duration;

use bytes::Bytes;
use tidegate_tests::gateway::{self, Builder, Gateway};
use tidegate_tests::http3::{self, Raw, code, frame, headers};
use tidegate_tests::origin::{self, Origin};
use tidegate_tests::tls::Authority;
use tidegate_tests::{client, soon, until};

use super::{before, post, speaking};

const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "https"), (":authority", "a.example"), (":path", "/")];

const NO_ERROR: u32 = 0x100;
const INTERNAL_ERROR: u32 = 0x102;
const CANCELLED: u32 = 0x10c;
const STREAM_CREATION_ERROR: u64 = 0x103;
const FRAME_UNEXPECTED: u64 = 0x105;
const FRAME_ERROR: u64 = 0x106;
const EXCESSIVE_LOAD: u64 = 0x107;
const REQUEST_INCOMPLETE: u64 = 0x10d;
const QPACK_DECOMPRESSION_FAILED: u64 = 0x200;

async fn started(builder: Builder) -> (Gateway, Authority) {
    let (builder, authority) = speaking(builder);
    (builder.start().await, authority)
}

async fn raw(gateway: &Gateway, authority: &Authority) -> Raw {
    http3::raw(&authority.dialer(), gateway.address(), "a.example").await
}

async fn fresh(origin: &Origin) -> (Gateway, Authority, Raw) {
    let (gateway, authority) = started(gateway::before(origin).route("/", [])).await;
    let raw = raw(&gateway, &authority).await;
    (gateway, authority, raw)
}

fn with(more: &[(&str, &str)]) -> Vec<u8> {
    headers(&[&GET[..], more].concat())
}

/// The head of a request whose body matters: that of a GET is left behind.
fn posting() -> Vec<u8> {
    headers(&[&[(":method", "POST")], &GET[1..]].concat())
}

#[tokio::test]
async fn ambiguous_heads_are_answered_with_what_is_wrong_and_go_nowhere() {
    let origin = origin::replying("ok").await;
    let (gateway, _, raw) = fresh(&origin).await;
    let without_path = headers(&GET[..3]);
    let smuggled = [&with(&[("content-length", "3")])[..], &frame(0, b"GET /admin")].concat();
    let short = [&with(&[("content-length", "9")])[..], &frame(0, b"four")].concat();
    for (bytes, why) in [
        (with(&[(":path", "/admin")]), "a pseudo-header twice"),
        (with(&[(":method", "POST")]), "a pseudo-header twice"),
        (with(&[("a", "b"), (":path", "/admin")]), "a pseudo-header after a field"),
        (with(&[(":status", "200")]), "a pseudo-header that is not known"),
        (without_path, "no :path"),
        (with(&[("X-Upper", "a")]), "a field's name is not valid"),
        (with(&[("transfer-encoding", "chunked")]), "a field that is about a connection"),
        (with(&[("connection", "close")]), "a field that is about a connection"),
        (with(&[("te", "gzip")]), "te can only be trailers"),
        (with(&[("a", "b\r\nc: d")]), "a field's value is not valid"),
        (
            with(&[("content-length", "1"), ("content-length", "2")]),
            "content-length is not one number",
        ),
        (with(&[("content-length", "3")]), "shorter than its content-length"),
        (smuggled, "longer than its content-length"),
    ] {
        let answer = raw.ask(&bytes).await.unwrap();
        assert!(
            answer.contains("request_framing_error") && answer.contains(why),
            "{why}: {answer}"
        );
    }
    // hosts that differ are understood, but not by all in the same way.
    let answer = raw.ask(&with(&[("host", "b.example")])).await.unwrap();
    assert!(answer.contains("host and :authority differ"), "{answer}");
    assert_eq!(origin.counts().heads, 0);

    let answer = raw.ask(&short).await;
    assert!(answer.as_ref().is_ok_and(|text| text.contains("http_request_error")), "{answer:?}");
    assert!(raw.ask(&with(&[])).await.unwrap().ends_with("ok"), "the connection goes on");
    let refused = "tidegate_failures_total{route=\"-\",error=\"request_framing_error\"}";
    gateway.metric_becomes(refused, 13.0).await;
}

#[tokio::test]
async fn frames_out_of_order_end_the_connection() {
    let origin = origin::silent().await;
    let (gateway, authority) = started(gateway::before(&origin).route("/", [])).await;
    let head = posting();
    let trailers = headers(&[("a", "b")]);
    for (bytes, code) in [
        (frame(0, b"body"), FRAME_UNEXPECTED),
        (frame(4, b""), FRAME_UNEXPECTED),
        (frame(7, b"\0"), FRAME_UNEXPECTED),
        (frame(8, b"\0\0\0\0"), FRAME_UNEXPECTED),
        (frame(1, b""), QPACK_DECOMPRESSION_FAILED),
        (frame(1, b"\x02\0\x80"), QPACK_DECOMPRESSION_FAILED),
        (frame(1, b"\0\0\xff\xff\xff\xff\xff\xff"), QPACK_DECOMPRESSION_FAILED),
        ([&head[..], b"\x00\x40"].concat(), FRAME_ERROR),
        ([&head[..], &trailers, &frame(0, b"more")].concat(), FRAME_UNEXPECTED),
        ([&head[..], &trailers, &trailers].concat(), FRAME_UNEXPECTED),
    ] {
        let raw = raw(&gateway, &authority).await;
        let (mut send, _recv) = raw.stream(&bytes).await;
        drop(send.finish());
        assert_eq!(raw.closed().await, Some(code), "{bytes:?}");
    }
    gateway.metric_becomes("tidegate_connections{listener=\"127.0.0.1:0\"}", 0.0).await;
}

#[tokio::test]
async fn what_is_no_frame_of_ours_is_passed_over_and_not_kept() {
    let origin = origin::echoing().await;
    let (_gateway, _, mut raw) = fresh(&origin).await;
    let unknown = frame(0x21, &[0; 5000]);
    let empty = frame(0, b"");
    let parts =
        [&unknown[..], &posting(), &empty, &unknown, &frame(0, b"bo"), &empty, &frame(0, b"dy")];
    let answer = raw.ask(&parts.concat()).await.unwrap();
    assert!(answer.contains(r#""body":"body""#), "{answer}");

    // On the control stream, an unknown frame may be long, and one that is known may not.
    let long = [b"\x21\x80\x01\x00\x00".to_vec(), vec![0; 0x10000]].concat();
    soon(raw.control().write_all(&long)).await.unwrap();
    assert!(raw.ask(&with(&[])).await.is_ok());
    soon(raw.control().write_all(b"\x0d\x80\x01\x00\x00")).await.unwrap();
    assert_eq!(raw.closed().await, Some(EXCESSIVE_LOAD));
}

#[tokio::test]
async fn streams_that_only_servers_open_end_the_connection() {
    let origin = origin::replying("ok").await;
    let (_gateway, _, raw) = fresh(&origin).await;
    let mut push = soon(raw.connection().open_uni()).await.unwrap();
    soon(push.write_all(b"\x01\x00")).await.unwrap();
    assert_eq!(raw.closed().await, Some(STREAM_CREATION_ERROR));
}

#[tokio::test]
async fn a_head_that_is_too_large_is_answered_and_not_read() {
    let origin = origin::replying("ok").await;
    let route = gateway::before(&origin).route("/", []);
    let route = route.limit("request_head = \"8KiB\"").limit("request_headers = 20");
    let (gateway, authority) = started(route).await;
    let raw = raw(&gateway, &authority).await;
    // Announced as a gigabyte, of which nothing comes.
    let (_send, recv) = raw.stream(b"\x01\xc0\x00\x00\x00\x40\x00\x00\x00").await;
    assert!(http3::answer(recv).await.unwrap().contains("the request's head is too large"));
    // One that is short because of the static table, and long when it is laid out.
    let section = [&b"\0\0"[..], &[0xff, 0x16].repeat(200)].concat();
    let answer = raw.ask(&frame(1, &section)).await.unwrap();
    assert!(answer.contains("the request's head is too large"), "{answer}");
    let many = vec![("a", "b"); 21];
    let answer = raw.ask(&with(&many)).await.unwrap();
    assert!(answer.contains("request_head_too_large"), "{answer}");
    let mut client = authority.dialer().http3(gateway.address(), "a.example").await;
    let long = "x".repeat(7000);
    let request = client::request("GET", "/", &[("a", &long[..]), ("b", &long[..100])], "");
    assert_eq!(client.send(request).await.status(), 200);
}

#[tokio::test]
async fn a_client_that_never_ends_its_heads_or_bodies_is_told_so() {
    let origin = origin::silent().await;
    let route = gateway::before(&origin).route("/", []);
    let route = route.limit("header_timeout = \"200ms\"").limit("body_timeout = \"300ms\"");
    let (gateway, authority) = started(route.limit("http2_streams = 4")).await;
    let raw = raw(&gateway, &authority).await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(raw.stream(b"\x01\x40").await);
    }
    streams.push(raw.stream(&frame(0x21, &[0; 100])).await);
    // There is room for four.
    let more = tokio::time::timeout(Duration::from_millis(50), raw.connection().open_bi()).await;
    assert!(more.is_err());
    for (_send, recv) in streams {
        assert!(http3::answer(recv).await.unwrap().contains("request_head_timeout"));
    }
    let (_send, recv) = raw.stream(&[&posting()[..], &frame(0, b"x")].concat()).await;
    assert!(http3::answer(recv).await.unwrap().contains("request_body_timeout"));
}

#[tokio::test]
async fn a_client_that_gives_up_ends_the_request_upstream() {
    let origin = origin::silent().await;
    let (gateway, _, raw) = fresh(&origin).await;
    let (mut send, mut recv) = raw.stream(&with(&[])).await;
    send.finish().unwrap();
    origin.saw(|counts| counts.heads == 1).await;
    recv.stop(code(CANCELLED)).unwrap();
    origin.saw(|counts| counts.closed == 1).await;
    gateway
        .metric_becomes("tidegate_failures_total{route=\"root\",error=\"client_gone\"}", 1.0)
        .await;

    // Of a body that is under way, and with its connection.
    let (mut send, _recv) = raw.stream(&[&posting()[..], &frame(0, b"x")].concat()).await;
    origin.saw(|counts| counts.heads == 2).await;
    send.reset(code(CANCELLED)).unwrap();
    origin.saw(|counts| counts.closed == 2).await;
    let (_send, _recv) = raw.stream(&[&posting()[..], &frame(0, b"x")].concat()).await;
    origin.saw(|counts| counts.heads == 3).await;
    raw.connection().close(code(NO_ERROR), b"");
    origin.saw(|counts| counts.closed == 3).await;
}

#[tokio::test]
async fn a_client_that_does_nothing_but_give_up_is_sent_away() {
    let origin = origin::silent().await;
    let (gateway, authority) = started(gateway::before(&origin).route("/silent", [])).await;
    let raw = raw(&gateway, &authority).await;
    let path = [&GET[..3], &[(":path", "/silent")]].concat();
    let flood = async {
        loop {
            let Ok((mut send, mut recv)) = raw.connection().open_bi().await else { return };
            if send.write_all(&headers(&path)).await.is_err() {
                return;
            }
            drop((send.reset(code(CANCELLED)), recv.stop(code(CANCELLED))));
        }
    };
    soon(flood).await;
    assert_eq!(raw.closed().await, Some(EXCESSIVE_LOAD));
    let mut client = authority.dialer().http3(gateway.address(), "a.example").await;
    assert_eq!(client.get("/nowhere").await.status(), 404);
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_a_response_is_given_up() {
    let mut response = b"HTTP/1.1 200 OK\r\ncontent-length: 16777216\r\n\r\n".to_vec();
    response.resize(response.len() + (16 << 20), b'x');
    let origin = origin::responding(response).await;
    let route = gateway::before(&origin).limit("body_timeout = \"300ms\"").route("/", []);
    let (gateway, authority) = started(route).await;
    let raw = raw(&gateway, &authority).await;
    let (mut send, mut recv) = raw.stream(&with(&[])).await;
    send.finish().unwrap();
    assert_eq!(soon(recv.received_reset()).await.unwrap(), Some(code(INTERNAL_ERROR)));
    origin.saw(|counts| counts.closed == 1).await;
}

#[tokio::test]
async fn an_empty_stream_is_reset() {
    let origin = origin::replying("ok").await;
    let (_gateway, _, raw) = fresh(&origin).await;
    assert_eq!(raw.ask(b"").await, Err(REQUEST_INCOMPLETE));
    assert!(raw.ask(&with(&[])).await.unwrap().ends_with("ok"));
}

#[tokio::test]
async fn a_client_need_not_send_a_body_that_nobody_reads() {
    let origin = origin::answers_early().await;
    let (_gateway, mut client, _) = before(&origin).await;
    let mut stream = client.begin(post(&[])).await.unwrap();
    stream.send_data(Bytes::from_static(b"first")).await.unwrap();
    let reply = http3::reply(stream).await.unwrap();
    assert_eq!((reply.status(), reply.text()), (403, "early"));
    let (_gateway, _, raw) = fresh(&origin).await;
    let (mut send, recv) = raw.stream(&[&posting()[..], &frame(0, b"x")].concat()).await;
    assert!(http3::answer(recv).await.unwrap().ends_with("early"));
    assert_eq!(soon(send.stopped()).await.unwrap(), Some(code(NO_ERROR)));
    drop(send.finish());
}

#[tokio::test]
async fn garbage_on_the_port_harms_nobody() {
    let origin = origin::replying("ok").await;
    let (gateway, mut client, _) = before(&origin).await;
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for length in [0, 1, 7, 20, 1200, 1472, 9000] {
        for first in [0x00_u8, 0x40, 0x80, 0xc0, 0xd0, 0xff] {
            let mut datagram = vec![first; length];
            // A long header of version 1, and one of a version that nobody has.
            for version in [[0, 0, 0, 1], [0x1a; 4]] {
                if let Some(place) = datagram.get_mut(1..5) {
                    place.copy_from_slice(&version);
                }
                socket.send_to(&datagram, gateway.address()).unwrap();
            }
        }
    }
    assert_eq!(client.get("/").await.text(), "ok");
    assert_eq!(gateway.running().connections(), 1);
}

#[tokio::test]
async fn more_connections_than_allowed_are_refused_and_proofs_are_asked_for_before() {
    let origin = origin::replying("ok").await;
    let (gateway, authority) =
        started(gateway::before(&origin).limit("connections = 4").route("/", [])).await;
    let (dialer, address) = (authority.dialer(), gateway.address());
    let retries = "tidegate_quic_retries_total{listener=\"127.0.0.1:0\"}";
    let mut clients = Vec::new();
    for (open, proofs) in [(1, 0.0), (2, 0.0), (3, 1.0), (4, 2.0)] {
        clients.push(dialer.http3(address, "a.example").await);
        assert_eq!(gateway.running().connections(), open);
        assert_eq!(gateway.metric(retries).await, proofs);
    }
    for _ in 0..20 {
        let refused = dialer.try_http3(address, "a.example").await.unwrap_err();
        assert!(matches!(refused, quinn::ConnectionError::ConnectionClosed(_)), "{refused}");
    }
    let refused = "tidegate_connections_refused_total{reason=\"limit\"}";
    assert_eq!(gateway.metric(refused).await, 20.0);
    for client in &mut clients {
        assert_eq!(client.get("/").await.text(), "ok");
    }
    clients.pop().unwrap().connection().close(code(NO_ERROR), b"");
    let mut client = until(async || dialer.try_http3(address, "a.example").await.ok()).await;
    assert_eq!(client.get("/").await.text(), "ok");
}

#[tokio::test]
async fn a_client_of_another_protocol_is_turned_away() {
    let origin = origin::replying("ok").await;
    let (gateway, authority) = started(gateway::before(&origin).route("/", [])).await;
    let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    let config = authority.dialer().quic("h2");
    let connecting = endpoint.connect_with(config, gateway.address(), "a.example").unwrap();
    let refused = soon(connecting).await.unwrap_err();
    assert!(refused.to_string().contains("120"), "no_application_protocol: {refused}");
    let failed = "tidegate_tls_handshakes_total{listener=\"127.0.0.1:0\",outcome=\"failed\"}";
    gateway.metric_becomes(failed, 1.0).await;
}
