//! What becomes of heads, and what comes out of compressors.

use std::io::Read as _;

use bytes::Bytes;
use http_body_util::BodyExt as _;

use super::*;
use crate::body::{BodyError, Full};

fn policy() -> Compression {
    Compression {
        codings: Coding::ALL.to_vec(),
        types: vec!["text/*".to_owned(), "application/json".to_owned()],
        min_bytes: 10,
        level: None,
    }
}

fn head(status: u16, lines: &[(&'static str, &'static str)]) -> ResponseHead {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_static(value));
    }
    ResponseHead { status: StatusCode::from_u16(status).unwrap(), headers }
}

fn lines(head: &ResponseHead) -> Vec<String> {
    let line =
        |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
    let mut lines: Vec<String> = head.headers.iter().map(line).collect();
    lines.sort();
    lines
}

/// The head afterwards, and whether the body is compressed.
fn applied(
    coding: Option<Coding>,
    method: &Method,
    mut head: ResponseHead,
    content: impl Into<Content>,
) -> (Vec<String>, bool) {
    let metrics = Arc::default();
    let choice = Choice { policy: &policy(), coding, metrics: &metrics };
    let content = choice.apply(method, &mut head, content.into());
    (lines(&head), matches!(content, Content::Streamed(_)))
}

const TEXT: &str = "more than ten bytes of text";

#[test]
fn what_is_said_about_the_bytes_goes_and_the_tag_becomes_weak() {
    let (lines, compressed) = applied(
        Some(Coding::Gzip),
        &Method::GET,
        head(
            200,
            &[
                ("content-type", "Text/HTML; charset=utf-8"),
                ("content-length", "27"),
                ("accept-ranges", "bytes"),
                ("repr-digest", "sha-256=:AA==:"),
                ("etag", "\"a\""),
                ("x-a", "b"),
                ("vary", "origin"),
            ],
        ),
        Bytes::from_static(TEXT.as_bytes()),
    );
    assert!(compressed);
    assert_eq!(
        lines,
        [
            "content-encoding: gzip",
            "content-type: Text/HTML; charset=utf-8",
            "etag: W/\"a\"",
            "vary: accept-encoding",
            "vary: origin",
            "x-a: b",
        ]
    );
}

#[test]
fn a_client_that_takes_none_is_told_that_there_is_another_answer() {
    let text = || Bytes::from_static(TEXT.as_bytes());
    let plain = || head(200, &[("content-type", "text/plain"), ("etag", "\"a\"")]);
    let (lines, compressed) = applied(None, &Method::GET, plain(), text());
    assert!(!compressed);
    assert_eq!(lines, ["content-type: text/plain", "etag: \"a\"", "vary: accept-encoding"]);
}

#[test]
fn what_varies_already_is_not_said_twice() {
    for vary in ["Accept-Encoding", "origin, accept-encoding", "*"] {
        let head = head(200, &[("content-type", "text/plain"), ("vary", vary)]);
        let text = Bytes::from_static(TEXT.as_bytes());
        let (lines, _) = applied(None, &Method::GET, head, text);
        assert_eq!(lines, ["content-type: text/plain".to_owned(), format!("vary: {vary}")]);
    }
}

#[test]
fn a_response_to_head_has_the_fields_of_one_to_get() {
    let described = |length| {
        let head = head(200, &[("content-type", "text/plain"), ("content-length", length)]);
        applied(Some(Coding::Brotli), &Method::HEAD, head, Content::Empty)
    };
    let expected = ["content-encoding: br", "content-type: text/plain", "vary: accept-encoding"];
    assert_eq!(described("27"), (expected.map(str::to_owned).to_vec(), false));
    let short = ["content-length: 9", "content-type: text/plain"];
    assert_eq!(described("9"), (short.map(str::to_owned).to_vec(), false));
}

#[test]
fn much_is_left_as_it_is() {
    let text = ("content-type", "text/plain");
    for (status, given) in [
        (200, &[("content-type", "image/png")][..]),
        (200, &[("content-type", "text/event-stream")]),
        (200, &[("content-type", "textual/plain")]),
        (200, &[]),
        (200, &[text, ("content-encoding", "br")]),
        (200, &[text, ("content-encoding", "identity")]),
        (200, &[text, ("cache-control", "public, No-Transform")]),
        (206, &[text, ("content-range", "bytes 0-26/100"), ("accept-ranges", "bytes")]),
        (206, &[text]),
        (204, &[text]),
        (205, &[text]),
    ] {
        let before = head(status, given);
        let expected = lines(&before);
        let body = Bytes::from_static(TEXT.as_bytes());
        let after = applied(Some(Coding::Gzip), &Method::GET, before, body);
        assert_eq!(after, (expected, false), "{status} {given:?}");
    }
    let short = Bytes::from_static(b"123456789");
    let (_, compressed) = applied(Some(Coding::Gzip), &Method::GET, head(200, &[text]), short);
    assert!(!compressed);
}

#[test]
fn an_answer_that_nothing_has_changed_speaks_of_the_same_representation() {
    let unchanged = || head(304, &[("etag", "\"a\"")]);
    let (lines, _) = applied(Some(Coding::Gzip), &Method::GET, unchanged(), Content::Empty);
    assert_eq!(lines, ["etag: W/\"a\"", "vary: accept-encoding"]);
    let (lines, _) = applied(None, &Method::GET, unchanged(), Content::Empty);
    assert_eq!(lines, ["etag: \"a\""]);
}

fn decoded(coding: Coding, bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    match coding {
        Coding::Brotli => {
            brotli::Decompressor::new(bytes, 4096).read_to_end(&mut text).unwrap();
        }
        Coding::Gzip => {
            flate2::read::GzDecoder::new(bytes).read_to_end(&mut text).unwrap();
        }
        Coding::Zstd => {
            zstd::stream::read::Decoder::new(bytes).unwrap().read_to_end(&mut text).unwrap();
        }
    }
    text
}

#[tokio::test]
async fn every_coding_can_be_undone_and_keeps_trailers() {
    let text: Vec<u8> = (0..200_000_u32).flat_map(|n| (n % 977).to_string().into_bytes()).collect();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("1"));
    for coding in Coding::ALL {
        for level in [None, Some(1), Some(9)] {
            let metrics = Arc::default();
            let full = Full::new(Bytes::from(text.clone()), Some(trailers.clone()));
            let body = Compressed::new(full.into(), coding, level, &metrics).ok().unwrap();
            let collected = body.collect().await.unwrap();
            assert_eq!(collected.trailers(), Some(&trailers));
            let bytes = collected.to_bytes();
            assert!(bytes.len() < text.len() / 2, "{coding:?} {level:?} {}", bytes.len());
            assert!(decoded(coding, &bytes) == text, "{coding:?} {level:?}");
        }
    }
}

/// Gives what it is sent, and nothing until then.
struct Parts(tokio::sync::mpsc::UnboundedReceiver<Bytes>);

impl http_body::Body for Parts {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, BodyError>>> {
        self.0.poll_recv(cx).map(|part| part.map(|part| Ok(http_body::Frame::data(part))))
    }
}

#[tokio::test]
async fn a_part_arrives_before_the_next_is_there() {
    for coding in Coding::ALL {
        let metrics = Arc::default();
        let (parts, body) = tokio::sync::mpsc::unbounded_channel();
        let content = Content::streamed(Parts(body));
        let mut body = Compressed::new(content, coding, None, &metrics).ok().unwrap();
        let mut seen = Vec::new();
        for part in ["data: one\n\n", "data: two\n\n"] {
            parts.send(Bytes::from_static(part.as_bytes())).unwrap();
            let frame = body.frame().await.unwrap().unwrap();
            seen.extend_from_slice(&frame.into_data().unwrap());
        }
        drop(parts);
        seen.extend_from_slice(&body.collect().await.unwrap().to_bytes());
        assert_eq!(decoded(coding, &seen), b"data: one\n\ndata: two\n\n", "{coding:?}");
    }
}
