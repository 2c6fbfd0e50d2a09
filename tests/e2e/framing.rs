//! Bytes in, bytes out: what is ambiguous is refused before anybody can read it in two ways.

use tidegate_tests::{client, gateway, origin};

/// Sends these bytes; what comes back until the gateway ends the connection.
async fn answer(bytes: &[u8]) -> (String, usize) {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin).route("/", []).start().await;
    let mut client = gateway.raw().await;
    let answer = client.send(bytes).await.to_end().await;
    (answer, origin.counts().requests)
}

async fn is_refused(bytes: &[u8], status: u16) {
    let shown = String::from_utf8_lossy(bytes).into_owned();
    let (answer, forwarded) = answer(bytes).await;
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{shown:?} gave {answer:?}");
    assert!(
        answer.to_lowercase().contains("\r\nconnection: close\r\n"),
        "{shown:?} gave {answer:?}"
    );
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{shown:?} gave {answer:?}");
    assert_eq!(forwarded, 0, "{shown:?} reached the upstream");
}

#[tokio::test]
async fn both_lengths() {
    is_refused(
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    )
    .await;
}

#[tokio::test]
async fn two_lengths_that_differ() {
    is_refused(
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n12345",
        400,
    )
    .await;
    is_refused(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 6\r\n\r\n12345", 400).await;
}

#[tokio::test]
async fn a_length_that_is_no_number() {
    for length in ["+5", "-1", "0x5", "5 5", "99999999999999999999999"] {
        let bytes = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n12345");
        is_refused(bytes.as_bytes(), 400).await;
    }
}

#[tokio::test]
async fn codings_other_than_a_final_chunked() {
    for coding in ["identity", "gzip", "chunked, gzip", "chunked, chunked", "xchunked"] {
        let bytes =
            format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {coding}\r\n\r\n0\r\n\r\n");
        let (answer, forwarded) = answer(bytes.as_bytes()).await;
        let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
        assert!(["400", "501"].contains(&status.as_str()), "{coding} gave {answer:?}");
        assert_eq!(forwarded, 0, "{coding}");
    }
}

#[tokio::test]
async fn a_bare_line_feed() {
    is_refused(b"GET / HTTP/1.1\nHost: a\n\n", 400).await;
    is_refused(b"GET / HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n", 400).await;
}

#[tokio::test]
async fn a_folded_line() {
    is_refused(b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n", 400).await;
}

#[tokio::test]
async fn space_before_the_colon() {
    is_refused(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length : 0\r\n\r\n", 400).await;
}

#[tokio::test]
async fn no_host_or_two() {
    is_refused(b"GET / HTTP/1.1\r\n\r\n", 400).await;
    is_refused(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400).await;
}

#[tokio::test]
async fn a_control_character_in_a_value() {
    is_refused(b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\n\r\n", 400).await;
}

#[tokio::test]
async fn a_target_and_a_host_that_differ() {
    is_refused(b"GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", 400).await;
}

#[tokio::test]
async fn a_chunk_size_that_is_none() {
    for chunk in ["g\r\n", "-1\r\n", "0x1\r\na\r\n", "1\nab", "ffffffffffffffffff\r\n"] {
        let origin = origin::replying("ok").await;
        let gateway = gateway::before(&origin).route("/", []).start().await;
        let mut client = gateway.raw().await;
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let answer = client.send(format!("{head}{chunk}")).await.to_end().await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{chunk:?} gave {answer:?}");
        assert_eq!(
            origin.counts().requests,
            origin.received().iter().filter(|m| !m.complete).count()
        );
    }
}

#[tokio::test]
async fn a_path_that_can_be_read_in_two_ways() {
    for path in ["/a%2Fb", "/a%5Cb", "/a%00b", "/%zz", "/a%"] {
        let (answer, forwarded) = answer(
            format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes(),
        )
        .await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{path} gave {answer:?}");
        assert_eq!(forwarded, 0, "{path}");
    }
}

#[tokio::test]
async fn router_plugins_and_upstream_see_one_path() {
    let origin = origin::echoing().await;
    let gateway = gateway::before(&origin).route("/a", []).start().await;
    for (sent, seen) in
        [("/a/./b/../c", "/a/c"), ("/a/%7Euser", "/a/~user"), ("/a/%c3%a9", "/a/%C3%A9")]
    {
        let mut client = gateway.raw().await;
        client.send(format!("GET {sent} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert_eq!(client.response().await.status(), 200, "{sent}");
        assert_eq!(origin.last().start_line(), format!("GET {seen} HTTP/1.1"));
    }
    assert_eq!(gateway.get("/a/../b").await.status(), 404);
}

#[tokio::test]
async fn http_1_0_is_answered_and_ended() {
    let (answer, forwarded) = answer(b"GET / HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200 ") || answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
    assert_eq!(forwarded, 1);
}

#[tokio::test]
async fn connect_is_not_a_gateways_business() {
    let (answer, forwarded) = answer(b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 501 ") || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(forwarded, 0);
}

#[tokio::test]
async fn a_response_that_breaks_the_rules_is_a_502() {
    for response in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A : b\r\nbroken line\r\n\r\n",
    ] {
        let origin = origin::responding_once(response).await;
        let gateway = gateway::before(&origin).route("/", []).start().await;
        let reply = gateway.send(client::request("GET", "/", &[], "")).await;
        assert_eq!(reply.status(), 502, "{response:?}");
    }
}
