//! HTTP/3 from clients.

mod hostile;
mod operation;

use bytes::{Buf, Bytes};
use http::{HeaderMap, Request};
use tidegate_tests::gateway::{self, Builder};
use tidegate_tests::http3::{Http3, Stream, reply};
use tidegate_tests::origin::{self, Origin};
use tidegate_tests::tls::{Authority, authority};
use tidegate_tests::{client, guest, soon};

use crate::TIDEGATE;

/// A gateway with a listener of TLS that speaks HTTP/3, and the authority of its certificate.
fn speaking(builder: Builder) -> (Builder, Authority) {
    let authority = authority("ca");
    let own = authority.issue(&["a.example"]);
    let listener = "[[listeners]]\naddress = \"127.0.0.1:0\"\nhttp3 = true\n\
        tls = { certificate = \"a.pem\", key = \"a.key\" }\n";
    let builder = builder.file("a.pem", &own.pem).file("a.key", &own.key).toml(listener);
    (builder, authority)
}

/// The same with one route to an origin, and a client.
async fn before(origin: &Origin) -> (gateway::Gateway, Http3, Authority) {
    let (builder, authority) = speaking(gateway::before(origin).route("/", []));
    let gateway = builder.start().await;
    let client = authority.dialer().http3(gateway.address(), "a.example").await;
    (gateway, client, authority)
}

/// Sends chunks back as they come, trailers included.
async fn echoing_chunks() -> Origin {
    origin::scripted(|mut connection| async move {
        if connection.head().await.is_none() {
            return;
        }
        connection
            .write("HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n")
            .await;
        while let Some(bytes) = connection.bytes().await {
            connection.write(bytes).await;
        }
    })
    .await
}

fn post(headers: &[(&str, &str)]) -> Request<()> {
    client::request("POST", "/", headers, "").map(|_| ())
}

async fn part(stream: &mut Stream) -> Bytes {
    let mut data = soon(stream.recv_data()).await.unwrap().expect("more of the body");
    data.copy_to_bytes(data.remaining())
}

#[tokio::test]
async fn a_request_is_an_exchange_like_any_other() {
    let origin = origin::echoing().await;
    let (gateway, mut client, _) = before(&origin).await;
    let headers = [("cookie", "a=1"), ("cookie", "b=2"), ("x-forwarded-for", "9.9.9.9")];
    let reply = client.send(client::request("POST", "/x/../y?q=1", &headers, "hello")).await;
    assert_eq!(reply.status(), 200);
    for name in ["date", "x-request-id"] {
        assert!(reply.header(name).is_some(), "{name}");
    }
    assert_eq!(reply.header("via"), Some("1.1 tidegate"));
    assert_eq!(reply.header("connection"), None);

    let seen = reply.json();
    assert_eq!(
        (seen["line"].as_str(), seen["body"].as_str()),
        (Some("POST /y?q=1 HTTP/1.1"), Some("hello"))
    );
    let values = |name: &str| -> Vec<String> {
        let lines = seen["headers"].as_array().unwrap().iter();
        let lines = lines.filter(|line| line[0] == name);
        lines.map(|line| line[1].as_str().unwrap().to_owned()).collect()
    };
    let port = gateway.address().port().to_string();
    for (name, value) in [
        ("via", "3 tidegate"),
        ("cookie", "a=1; b=2"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-port", &port),
        ("x-forwarded-host", "a.example"),
    ] {
        assert_eq!(values(name), [value], "{name}");
    }
    let listener = "listener=\"127.0.0.1:0\"";
    assert_eq!(gateway.metric(&format!("tidegate_connections{{{listener}}}")).await, 1.0);
    let handshakes = format!("tidegate_tls_handshakes_total{{{listener},outcome=\"full\"}}");
    assert_eq!(gateway.metric(&handshakes).await, 1.0);
    assert_eq!(gateway.status().await["listeners"][0]["http3"], true);
}

#[tokio::test]
async fn both_directions_stream_at_once_and_end_with_trailers() {
    let origin = echoing_chunks().await;
    let (_gateway, mut client, _) = before(&origin).await;
    let headers = [("te", "trailers"), ("trailer", "x-check")];
    let mut stream = client.begin(post(&headers)).await.unwrap();
    for text in ["one", "two", "three"] {
        stream.send_data(Bytes::from_static(text.as_bytes())).await.unwrap();
        if text == "one" {
            assert_eq!(soon(stream.recv_response()).await.unwrap().status(), 200);
        }
        assert_eq!(part(&mut stream).await, text);
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("x-check", "sum".parse().unwrap());
    stream.send_trailers(trailers).await.unwrap();
    stream.finish().await.unwrap();
    assert!(soon(stream.recv_data()).await.unwrap().is_none());
    let trailers = soon(stream.recv_trailers()).await.unwrap().unwrap();
    assert_eq!(trailers["x-check"], "sum");
}

#[tokio::test]
async fn sixty_four_mebibytes_pass_in_both_directions_without_being_held() {
    const SIZE: usize = 64 << 20;
    let origin = echoing_chunks().await;
    let route = "upstream = \"origin\"\nrequest_body = \"unlimited\"";
    let (builder, authority) = speaking(gateway::before(&origin).route_with("/", [], route));
    let process = builder.spawn(TIDEGATE).await;
    let mut client = authority.dialer().http3(process.address(), "a.example").await;
    let before = process.resident_kib();

    let (mut send, mut recv) = client.begin(post(&[])).await.unwrap().split();
    let sending = tokio::spawn(async move {
        let piece = Bytes::from(vec![b'x'; 64 * 1024]);
        for _ in 0..SIZE / piece.len() {
            send.send_data(piece.clone()).await.unwrap();
        }
        send.finish().await.unwrap();
    });
    assert_eq!(soon(recv.recv_response()).await.unwrap().status(), 200);
    let (mut received, mut looked, mut most) = (0, 0, before);
    while let Some(data) = soon(recv.recv_data()).await.unwrap() {
        received += data.remaining();
        if received > looked + (1 << 20) {
            looked = received;
            most = most.max(process.resident_kib());
        }
    }
    soon(sending).await.unwrap();
    assert_eq!(received, SIZE);
    let grown = (most - before) >> 10;
    assert!(grown < 24, "{grown} MiB more than before");
}

#[tokio::test]
async fn a_slow_reader_slows_the_origin_down() {
    let (progress, mut written) = tokio::sync::watch::channel(0_usize);
    let origin = origin::scripted(move |mut connection| {
        let progress = progress.clone();
        async move {
            if connection.request().await.is_none() {
                return;
            }
            connection.write("HTTP/1.1 200 OK\r\ncontent-length: 268435456\r\n\r\n").await;
            let piece = vec![b'x'; 1 << 20];
            for sent in 1..=256 {
                if !connection.write(&piece).await {
                    return;
                }
                progress.send_replace(sent);
            }
        }
    })
    .await;
    let (_gateway, mut client, _) = before(&origin).await;
    let mut stream = client.begin(client::request("GET", "/", &[], "").map(|_| ())).await.unwrap();
    stream.finish().await.unwrap();
    assert_eq!(soon(stream.recv_response()).await.unwrap().status(), 200);
    // That it will not move later either, only time can show.
    let pause = std::time::Duration::from_millis(300);
    while let Ok(moved) = tokio::time::timeout(pause, written.changed()).await {
        moved.expect("the origin has its end of it");
    }
    let taken = *written.borrow();
    assert!(taken < 32, "{taken} MiB were taken from the origin and given to nobody");
}

#[tokio::test]
async fn a_client_that_waits_for_100_is_told_to_go_on() {
    let origin = origin::echoing().await;
    let (_gateway, mut client, _) = before(&origin).await;
    let headers = [("expect", "100-continue"), ("content-length", "5")];
    let mut stream = client.begin(post(&headers)).await.unwrap();
    assert_eq!(soon(stream.recv_response()).await.unwrap().status(), 100);
    stream.send_data(Bytes::from_static(b"hello")).await.unwrap();
    stream.finish().await.unwrap();
    let reply = reply(stream).await.unwrap();
    assert_eq!((reply.status(), reply.json()["body"].as_str().unwrap()), (200, "hello"));
}

#[tokio::test]
async fn plugins_and_routes_answer_as_over_other_protocols() {
    let origin = origin::replying("ok").await;
    let answers = guest::answers().config(r#"{ path = "/app/stop", status = 418 }"#);
    let (builder, authority) = speaking(gateway::before(&origin).route("/app", [answers]));
    let gateway = builder.start().await;
    let mut client = authority.dialer().http3(gateway.address(), "a.example").await;
    let reply = client.get("/app/stop").await;
    assert_eq!((reply.status(), reply.text()), (418, "answered\n"));
    assert_eq!(reply.header("x-trace"), Some("answers"));
    assert_eq!(client.get("/app/on").await.text(), "ok");
    let lost = client.get("/nowhere").await;
    assert_eq!(
        (lost.status(), lost.json()["error"].as_str().unwrap()),
        (404, "destination_not_found")
    );
    let head = client.send(client::request("HEAD", "/app/on", &[], "")).await;
    assert_eq!((head.status(), head.header("content-length"), head.text()), (200, Some("2"), ""));
    assert_eq!(origin.counts().heads, 2);
}

#[tokio::test]
async fn connect_is_not_supported_in_any_form() {
    let origin = origin::replying("ok").await;
    let (_gateway, mut client, _) = before(&origin).await;
    let connect = Request::builder().method("CONNECT").uri("https://a.example/").body(()).unwrap();
    let mut extended = connect.clone();
    extended.extensions_mut().insert(h3::ext::Protocol::WEB_TRANSPORT);
    let mut stream = client.begin(extended).await.unwrap();
    stream.finish().await.unwrap();
    let reply = reply(stream).await.unwrap();
    assert_eq!(
        (reply.status(), reply.json()["error"].as_str().unwrap()),
        (501, "method_not_supported")
    );
    assert_eq!(client.get("/").await.text(), "ok");
}

#[tokio::test]
async fn certificates_are_chosen_by_the_host_and_asked_of_clients() {
    let (server, clients) = (authority("server"), authority("ca"));
    let (first, second) = (server.issue(&["a.example"]), server.issue(&["b.example"]));
    let origin = origin::echoing().await;
    let gateway = gateway::before(&origin)
        .file("a.pem", &first.pem)
        .file("a.key", &first.key)
        .file("b.pem", &second.pem)
        .file("b.key", &second.key)
        .file("ca.pem", clients.pem())
        .toml(
            r#"
[[listeners]]
address = "127.0.0.1:0"
http3 = true
[listeners.tls]
certificates = [{ certificate = "a.pem", key = "a.key" }, { certificate = "b.pem", key = "b.key" }]
client_auth = { ca = "ca.pem", forward = true }
"#,
        )
        .route("/", [])
        .route("/facts", [guest::capabilities().grants("counter crypto kv metrics output")])
        .start()
        .await;
    let own = clients.issue_to("alice", "spiffe://example/alice");
    for host in ["a.example", "b.example"] {
        let mut client = server.dialer().showing(&own).http3(gateway.address(), host).await;
        let reply = client.get("/").await;
        assert!(reply.text().contains("spiffe://example/alice"), "{}", reply.text());
        let facts = client.get("/facts/exchange").await;
        let facts = facts.json();
        assert_eq!(facts["tls"], serde_json::json!(["TLSv1.3", host, "h3"]));
        assert_eq!(facts["version"], "HTTP/3");
    }
    let stranger = server.issue_to("alice", "spiffe://example/alice");
    for dialer in [server.dialer(), server.dialer().showing(&stranger)] {
        // In TLS 1.3 a client learns afterwards that its certificate was refused.
        let refused = match dialer.try_quic(gateway.address(), "a.example").await {
            Err(_) => true,
            Ok((_endpoint, connection)) => {
                let error = soon(connection.closed()).await;
                matches!(error, quinn::ConnectionError::ConnectionClosed(_))
            }
        };
        assert!(refused);
    }
    let failed = "tidegate_tls_handshakes_total{listener=\"127.0.0.1:0\",outcome=\"failed\"}";
    gateway.metric_becomes(failed, 2.0).await;
}

#[tokio::test]
async fn responses_say_where_http3_is_unless_somebody_else_has_said_it() {
    let own = "HTTP/1.1 200 OK\r\nalt-svc: h3=\":443\"\r\ncontent-length: 2\r\n\r\nok";
    let origin = origin::responding(own).await;
    let set = "upstream = \"origin\"\nresponse_headers = { set = { alt-svc = \"clear\" } }";
    let (builder, authority) =
        speaking(gateway::before(&origin).route("/", []).route_with("/set", [], set));
    let plain = "[[listeners]]\naddress = \"127.0.0.1:0\"\n";
    let gateway = builder.toml(plain).start().await;
    let (address, plain) = (gateway.addresses()[0], gateway.addresses()[1]);
    let ours = format!("h3=\":{}\"; ma=86400", address.port());
    let mut http1 = authority.dialer().http1(address, "a.example").await;
    let mut http3 = authority.dialer().http3(address, "a.example").await;
    let mut http2 = authority.dialer().http2(address, "a.example").await;
    for path in ["/", "/nowhere"] {
        assert_eq!(http1.get(path).await.header("alt-svc"), Some(&*ours));
        assert_eq!(http2.get(path).await.header("alt-svc"), Some(&*ours));
        assert_eq!(http3.get(path).await.header("alt-svc"), Some(&*ours));
    }
    assert_eq!(http1.get("/set").await.header("alt-svc"), Some("clear"));
    let mut elsewhere = client::http1(plain).await;
    assert_eq!(elsewhere.get("/").await.header("alt-svc"), Some("h3=\":443\""));
}
