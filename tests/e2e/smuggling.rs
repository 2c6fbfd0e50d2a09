//! A request within a request: none of the known ways brings one past the gateway.
//!
//! Each row hides `GET /smuggled` where one reader sees a body and another the next request. What is
//! asserted is what counts: the upstream never gets it. The bytes themselves have a longer table
//! beside the code that judges them.

use tidegate_tests::gateway::{self, Gateway};
use tidegate_tests::message::Message;
use tidegate_tests::origin::{self, Origin};

const HIDDEN: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// Field lines of a POST, whose body would be an empty one in chunks, and the status.
const FIELDS: &[(&str, u16)] = &[
    // CL.TE and TE.CL.
    ("Content-Length: 6\r\nTransfer-Encoding: chunked", 400),
    ("Transfer-Encoding: chunked\r\nContent-Length: 6", 400),
    ("Content-Length: 0\r\nTransfer-Encoding: chunked", 400),
    ("content-length:6\r\nTRANSFER-ENCODING:CHUNKED", 400),
    ("Content-Length: 6\r\nX: y\r\nTransfer-Encoding: \tchunked\t", 400),
    // CL.CL.
    ("Content-Length: 6\r\nContent-Length: 6", 400),
    ("Content-Length: 6\r\nContent-Length: 5", 400),
    ("Content-Length: 0\r\nContent-Length: 40", 400),
    ("Content-Length: 6, 6", 400),
    ("Content-Length: 6 6", 400),
    ("Content-Length: +6", 400),
    ("Content-Length: -6", 400),
    ("Content-Length: 0x6", 400),
    ("Content-Length: 6.0", 400),
    ("Content-Length: 6e0", 400),
    ("Content-Length: 6;", 400),
    ("Content-Length: \"6\"", 400),
    ("Content-Length:", 400),
    ("Content-Length: 99999999999999999999", 400),
    ("Content-Length: 6\0", 400),
    ("Content-Length : 6", 400),
    ("Content-Length\t: 6", 400),
    ("Content-Length: 6\r\n 5", 400),
    // TE.TE.
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", 400),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
    ("Transfer-Encoding: chunked\r\ntransfer-encoding: x", 400),
    ("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", 501),
    ("Transfer-Encoding: xchunked", 501),
    ("Transfer-Encoding: chunked, identity", 501),
    ("Transfer-Encoding: identity, chunked", 501),
    ("Transfer-Encoding: gzip, chunked", 501),
    ("Transfer-Encoding: chunked, chunked", 501),
    ("Transfer-Encoding: chunked;q=1", 501),
    ("Transfer-Encoding: \"chunked\"", 501),
    ("Transfer-Encoding: 'chunked'", 501),
    ("Transfer-Encoding: ,chunked", 501),
    ("Transfer-Encoding: chunked,", 501),
    ("Transfer-Encoding: chu nked", 501),
    ("Transfer-Encoding: chunk", 501),
    ("Transfer-Encoding: cow", 501),
    ("Transfer-Encoding:", 501),
    ("Transfer-Encoding: chunked\0", 400),
    ("Transfer-Encoding: \x0bchunked", 400),
    ("Transfer-Encoding: chunked\x0c", 400),
    ("Transfer-Encoding : chunked", 400),
    ("Transfer-Encoding\t: chunked", 400),
    ("Transfer-Encoding\x0b: chunked", 400),
    (" Transfer-Encoding: chunked", 400),
    ("\tTransfer-Encoding: chunked", 400),
    ("X: y\r\n Transfer-Encoding: chunked", 400),
    ("X: y\r\n\tTransfer-Encoding: chunked", 400),
    // A bare CR or LF.
    ("X: y\nTransfer-Encoding: chunked", 400),
    ("X: y\rTransfer-Encoding: chunked", 400),
    ("X: y\r\r\nTransfer-Encoding: chunked", 400),
    ("X: y\n\r\nTransfer-Encoding: chunked", 400),
    ("X: y\n\nGET /smuggled HTTP/1.1\nHost: a", 400),
    ("X: y\r\rGET /smuggled HTTP/1.1\rHost: a", 400),
    // Hosts.
    ("Host: b", 400),
    ("Host: a", 400),
    ("host : b", 400),
    ("X: y\r\n Host: b", 400),
    // Names.
    (": y", 400),
    ("X y: z", 400),
    ("X", 400),
    ("(X): y", 400),
    ("X\0: y", 400),
    ("Expect: 100-continue, x", 417),
];

/// Whole heads, and the status.
const HEADS: &[(&str, u16)] = &[
    ("GET /smuggled#a HTTP/1.1\r\nHost: a", 400),
    ("GET http://b/smuggled HTTP/1.1\r\nHost: a", 400),
    ("GET http://a@b/smuggled HTTP/1.1\r\nHost: b", 400),
    ("GET http://a:81/smuggled HTTP/1.1\r\nHost: a", 400),
    ("GET http:///smuggled HTTP/1.1\r\nHost: a", 400),
    ("GET ftp://a/smuggled HTTP/1.1\r\nHost: a", 400),
    ("GET smuggled HTTP/1.1\r\nHost: a", 400),
    ("GET /smuggled HTTP/1.1", 400),
    ("GET /smuggled HTTP/1.1\r\nHost: a, b", 400),
    ("GET /smuggled HTTP/1.1\r\nHost: a/b", 400),
    ("GET /smuggled HTTP/1.1\r\nHost: x@a", 400),
    ("GET /smuggled HTTP/1.1\r\nHost: a b", 400),
    ("GET  /smuggled HTTP/1.1\r\nHost: a", 400),
    ("GET /smuggled  HTTP/1.1\r\nHost: a", 400),
    ("GET\t/smuggled HTTP/1.1\r\nHost: a", 400),
    ("GET /smuggled\tHTTP/1.1\r\nHost: a", 400),
    ("GET /smuggled HTTP/1.1 HTTP/1.1\r\nHost: a", 400),
    ("GET /smuggled HTTP/1.1\rHost: a", 400),
    ("GET /smuggled", 400),
    ("GET /smuggled HTTP/0.9\r\nHost: a", 505),
    ("GET /smuggled HTTP/2.0\r\nHost: a", 505),
    (" GET /smuggled HTTP/1.1\r\nHost: a", 400),
    ("\0GET /smuggled HTTP/1.1\r\nHost: a", 400),
    ("CONNECT a:80 HTTP/1.1\r\nHost: a:80", 501),
    ("POST /smuggled HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked", 400),
];

/// Chunked bodies that are none.
const CHUNKS: &[&str] = &[
    "0x0\r\n\r\n",
    " 0\r\n\r\n",
    "0 \r\n\r\n",
    "+0\r\n\r\n",
    "-0\r\n\r\n",
    "0\n\n",
    "0\r\r\n\r\n",
    "0\r\n\n",
    "0;a\n\r\n",
    "0;a\rb\r\n\r\n",
    "0;a\0\r\n\r\n",
    "5\r\nhello0\r\n\r\n",
    "5\r\nhello\n0\r\n\r\n",
    "5\nhello\r\n0\r\n\r\n",
    "4\r\nhello\r\n0\r\n\r\n",
    "10000000000000005\r\nhello\r\n0\r\n\r\n",
    "0\r\nContent-Length: 5\r\n\r\n",
    "0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "0\r\nHost: b\r\n\r\n",
    "0\r\n A: b\r\n\r\n",
    "0\r\nA : b\r\n\r\n",
    "0\r\nA: b\n\r\n",
];

async fn gateway() -> (Origin, Gateway) {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin).route("/", []).start().await;
    (origin, gateway)
}

fn saw_hidden(origin: &Origin) -> bool {
    origin.received().iter().any(|request| request.start_line().contains("/smuggled"))
}

#[tokio::test]
async fn a_head_that_can_be_read_in_two_ways_hides_nothing() {
    let (origin, gateway) = gateway().await;
    let fields = FIELDS.iter().map(|(fields, status)| {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}");
        (format!("{head}\r\n\r\n0\r\n\r\n{HIDDEN}"), *status)
    });
    let heads = HEADS.iter().map(|(head, status)| (format!("{head}\r\n\r\n{HIDDEN}"), *status));
    for (bytes, status) in fields.chain(heads) {
        let answer = gateway.raw().await.send(&bytes).await.to_end().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{bytes:?} gave {answer:?}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{bytes:?} gave {answer:?}");
    }
    assert_eq!(origin.counts().heads, 0);
}

#[tokio::test]
async fn a_chunk_that_can_be_read_in_two_ways_hides_nothing() {
    let (origin, gateway) = gateway().await;
    for chunks in CHUNKS {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let bytes = format!("{head}{chunks}{HIDDEN}");
        let answer = gateway.raw().await.send(&bytes).await.to_end().await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{bytes:?} gave {answer:?}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{bytes:?} gave {answer:?}");
    }
    assert!(!saw_hidden(&origin));
}

#[tokio::test]
async fn what_is_a_body_stays_one() {
    let (origin, gateway) = gateway().await;
    let length = HIDDEN.len();
    for bytes in [
        format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{HIDDEN}"),
        format!(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
             {length:x};a=\"b\"\r\n{HIDDEN}\r\n0\r\nA: b\r\n\r\n"
        ),
        // Another name, which means nothing to anybody that keeps to the standard.
        format!(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\n\
             Content-Length: {length}\r\n\r\n{HIDDEN}"
        ),
    ] {
        let mut client = gateway.raw().await;
        assert_eq!(client.send(&bytes).await.response().await.text(), "ok", "{bytes:?}");
        assert_eq!(origin.last().text(), HIDDEN, "{bytes:?}");
    }
    assert!(!saw_hidden(&origin));
}

/// A frame of HTTP/2 on stream 1.
fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let stream = u32::from(kind != 4).to_be_bytes();
    [&length[1..], &[kind, flags], &stream, payload].concat()
}

/// A request by HTTP/2 with these fields and this body, without any compression.
fn http2(fields: &[(&str, &str)], body: &str) -> Vec<u8> {
    let always = [(":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "a")];
    let mut block = Vec::new();
    for (name, value) in always.iter().chain(fields) {
        block.push(0);
        for text in [name, value] {
            // Shorter than 127, so the length is one byte (RFC 7541 section 5.1).
            block.push(u8::try_from(text.len()).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(4, 0, b""),
        frame(1, 4, &block),
        frame(0, 1, body.as_bytes()),
    ]
    .concat()
}

#[tokio::test]
async fn http2_has_no_second_way_to_say_how_long_a_body_is() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin).setting("workers = 1").route("/", []).start().await;
    let body = format!("0\r\n\r\n{HIDDEN}");
    let taken = |origin: &Origin| {
        let whole = |request: &Message| request.complete && request.text() == body;
        origin.received().iter().filter(|request| whole(request)).count()
    };
    // This is how one comes through that is in order.
    let mut good = gateway.raw().await;
    good.send(http2(&[("content-length", "40")], &body)).await;
    origin.saw(|counts| counts.requests == 1).await;
    assert_eq!(taken(&origin), 1);

    let mut clients = Vec::new();
    for fields in [
        // h2.CL
        &[("content-length", "0")][..],
        &[("content-length", "5")],
        &[("content-length", "1000")],
        &[("content-length", "0"), ("content-length", "40")],
        &[("content-length", "+40")],
        // h2.TE
        &[("transfer-encoding", "chunked")],
        &[("content-length", "40"), ("transfer-encoding", "chunked")],
        &[("Transfer-Encoding", "chunked")],
        &[("connection", "close")],
        &[("te", "chunked")],
        // What would be a line of its own in HTTP/1.1.
        &[("x", "y\r\ntransfer-encoding: chunked")],
        &[("x", "y\ntransfer-encoding: chunked")],
        &[("x: y\r\ntransfer-encoding", "chunked")],
        &[("x", "y\0")],
        &[("x ", "y")],
        &[(":path", "/smuggled")],
        &[("host", "b")],
    ] {
        let mut client = gateway.raw().await;
        client.send(http2(fields, &body)).await;
        clients.push(client);
        // The one worker has seen the bytes before this request.
        assert_eq!(gateway.get("/").await.text(), "ok");
        assert!(!saw_hidden(&origin), "{fields:?}");
        assert_eq!(taken(&origin), 1, "{fields:?}");
    }
}
