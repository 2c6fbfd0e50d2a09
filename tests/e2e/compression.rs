//! Compressed responses.

use std::io::Read as _;

use tidegate_tests::gateway;
use tidegate_tests::origin::{self, Origin};
use tidegate_tests::{client, guest, soon};

/// Long enough to be worth it.
fn text() -> String {
    "the same again and ".repeat(200)
}

/// Answers every request, HEAD too, with this text and these lines.
async fn sending(lines: &'static str) -> Origin {
    origin::scripted(move |mut connection| async move {
        while let Some(request) = connection.request().await {
            let text = text();
            let head = format!("HTTP/1.1 200 OK\r\n{lines}content-length: {}\r\n\r\n", text.len());
            connection.write(head).await;
            if !request.start_line().starts_with("HEAD ") {
                connection.write(text).await;
            }
        }
    })
    .await
}

/// Asks with raw bytes, so that a body in bytes is read.
async fn ask(gateway: &gateway::Gateway, method: &str, accepted: &str) -> (String, Vec<u8>) {
    let mut client = gateway.raw().await;
    let asked = format!(
        "{method} / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {accepted}\r\nConnection: close\r\n\r\n"
    );
    let head = client.send(asked).await.head().await;
    if method == "HEAD" {
        assert_eq!(client.to_end().await, "");
        return (head.head_text(), Vec::new());
    }
    let answer = client.body(head).await;
    assert!(answer.complete);
    (answer.head_text(), answer.body)
}

#[tokio::test]
async fn a_text_is_sent_in_the_coding_that_the_client_likes_best() {
    let origin =
        sending("content-type: text/html\r\netag: \"1\"\r\naccept-ranges: bytes\r\n").await;
    let gateway =
        gateway::before(&origin).setting("compression = true").route("/", []).start().await;
    for (accepted, coding) in [
        ("gzip, br, zstd", "br"),
        ("gzip;q=1, br;q=0.5", "gzip"),
        ("zstd", "zstd"),
        ("br;q=0, *", "zstd"),
    ] {
        let (head, body) = ask(&gateway, "GET", accepted).await;
        let mut decoded = Vec::new();
        match coding {
            "br" => brotli::Decompressor::new(&body[..], 4096).read_to_end(&mut decoded),
            "gzip" => flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut decoded),
            _ => zstd::stream::read::Decoder::new(&body[..]).unwrap().read_to_end(&mut decoded),
        }
        .unwrap();
        assert_eq!(String::from_utf8(decoded).unwrap(), text(), "{accepted}");
        let head = head.to_lowercase();
        assert!(head.contains(&format!("\r\ncontent-encoding: {coding}\r\n")), "{head}");
        assert!(head.contains("\r\nvary: accept-encoding"), "{head}");
        assert!(head.contains("\r\netag: w/\"1\""), "{head}");
        assert!(head.contains("\r\ntransfer-encoding: chunked"), "{head}");
        assert!(!head.contains("content-length"), "{head}");
        assert!(!head.contains("accept-ranges"), "{head}");
    }
    // The upstream decides for itself whether it compresses.
    assert_eq!(origin.last().value("accept-encoding").as_deref(), Some("br;q=0, *"));

    for accepted in ["identity", "", "gzip;q=0"] {
        let (head, body) = ask(&gateway, "GET", accepted).await;
        assert_eq!(String::from_utf8(body).unwrap(), text());
        let head = head.to_lowercase();
        assert!(!head.contains("content-encoding"), "{head}");
        assert!(head.contains("\r\nvary: accept-encoding"), "{head}");
        assert!(head.contains("\r\netag: \"1\""), "{head}");
    }
    let series = "tidegate_compressed_responses_total{route=\"root\",coding=\"zstd\"}";
    gateway.metric_becomes(series, 2.0).await;
    let before = "tidegate_compressed_bytes_total{route=\"root\",stage=\"before\"}";
    gateway.metric_becomes(before, 4.0 * 3800.0).await;
}

#[tokio::test]
async fn head_is_answered_with_the_fields_of_get() {
    let origin = sending("content-type: application/json\r\n").await;
    let gateway =
        gateway::before(&origin).setting("compression = true").route("/", []).start().await;
    let fields = |head: String| {
        let about_this = |line: &&str| {
            !["x-request-id", "transfer-encoding", "date"]
                .iter()
                .any(|name| line.to_lowercase().starts_with(name))
        };
        let mut lines: Vec<String> = head.lines().filter(about_this).map(str::to_owned).collect();
        lines.sort();
        lines
    };
    for accepted in ["gzip", "identity"] {
        let (get, _) = ask(&gateway, "GET", accepted).await;
        let (head, _) = ask(&gateway, "HEAD", accepted).await;
        assert_eq!(fields(head), fields(get), "{accepted}");
    }
}

#[tokio::test]
async fn what_is_no_text_or_compressed_already_or_must_stay_passes_as_it_is() {
    for lines in [
        "content-type: image/png\r\n",
        "content-type: text/html\r\ncontent-encoding: x-own\r\n",
        "content-type: text/html\r\ncache-control: no-transform\r\n",
    ] {
        let origin = sending(lines).await;
        let gateway =
            gateway::before(&origin).setting("compression = true").route("/", []).start().await;
        let (head, body) = ask(&gateway, "GET", "gzip").await;
        assert_eq!(String::from_utf8(body).unwrap(), text(), "{lines}");
        let head = head.to_lowercase();
        assert!(head.contains("\r\ncontent-length: 3800"), "{head}");
        assert!(!head.contains("vary"), "{head}");
    }
}

#[tokio::test]
async fn a_route_has_its_own_say() {
    let origin = sending("content-type: text/html\r\n").await;
    let own = "upstream = \"origin\"\ncompression = { algorithms = [\"gzip\"], level = 9, \
               types = [\"text/html\"], min_size = \"3801B\" }";
    let gateway = gateway::before(&origin)
        .setting("compression = true")
        .route("/", [])
        .route_with("/never", [], "upstream = \"origin\"\ncompression = false")
        .route_with("/long", [], own)
        .start()
        .await;
    let headers = [("accept-encoding", "gzip")];
    assert_eq!(gateway.get_with("/", &headers).await.header("content-encoding"), Some("gzip"));
    for path in ["/never", "/long"] {
        let reply = gateway.get_with(path, &headers).await;
        assert_eq!(reply.header("content-encoding"), None, "{path}");
        assert_eq!(reply.text(), text(), "{path}");
    }
    gateway.change(|text| text.replace("3801B", "3800B")).await;
    let reply = gateway.get_with("/long", &headers).await;
    assert_eq!(reply.header("content-encoding"), Some("gzip"));
}

#[tokio::test]
async fn answers_of_plugins_are_compressed_after_all_have_seen_them() {
    let log = guest::component("access-log").config(r#"{ output = "lines" }"#);
    let body = text();
    let lines = format!(
        "respond = {{ headers = {{ content-type = \"text/plain\" }}, body = {body:?} }}\n\
         compression = true"
    );
    let gateway = gateway::alone().output("lines").route_with("/", [log], &lines).start().await;
    let reply = gateway.get_with("/", &[("accept-encoding", "br")]).await;
    assert_eq!(reply.header("content-encoding"), Some("br"));
    let lines = gateway.lines("lines", 1).await;
    let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    assert!(line["response_bytes"].as_u64().unwrap() < 200, "{line}");
}

#[tokio::test]
async fn events_arrive_as_they_come_compressed_or_not() {
    for (keys, coding) in [("true", None), ("{ types = [\"text/event-stream\"] }", Some("gzip"))] {
        let origin = origin::scripted(|mut connection| async move {
            connection.request().await;
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                        transfer-encoding: chunked\r\n\r\n";
            connection.write(head).await;
            connection.write("b\r\ndata: one\n\n\r\n").await;
            // No second one before the first has arrived.
            connection.closed().await;
        })
        .await;
        let gateway = gateway::before(&origin)
            .setting(&format!("compression = {keys}"))
            .route("/", [])
            .start()
            .await;
        let mut client = gateway.http1().await;
        let request = client::request("GET", "/", &[("accept-encoding", "gzip")], "");
        let mut response = client.begin(request).await.unwrap();
        let told = response.headers().get("content-encoding").map(|it| it.to_str().unwrap());
        assert_eq!(told, coding);
        let mut seen = Vec::new();
        let mut decoded = Vec::new();
        while decoded != b"data: one\n\n" {
            use http_body_util::BodyExt as _;
            let frame = soon(response.frame()).await.unwrap().unwrap();
            seen.extend_from_slice(&frame.into_data().unwrap());
            decoded.clear();
            if coding.is_some() {
                // It has no end yet.
                drop(flate2::read::GzDecoder::new(&seen[..]).read_to_end(&mut decoded));
            } else {
                decoded.clone_from(&seen);
            }
        }
    }
}
