//! Streams, good and bad, and what is to come of them.

use super::Phase;

/// A stream, how many of its bytes pass, and what comes after those.
pub(super) struct Case {
    pub(super) stream: Vec<u8>,
    pub(super) passes: usize,
    pub(super) end: End,
}

pub(super) type End = Result<Phase, (u16, &'static str)>;

const IDLE: End = Ok(Phase::Idle);
const BODY: End = Ok(Phase::Body);
const HEAD: End = Ok(Phase::Head);

const fn bad(reason: &'static str) -> End {
    Err((400, reason))
}

const NO_VERSION: End = bad("the request line does not end in a version");
const BAD_TARGET: End = bad("the target holds a character that it may not");
const NO_ADDRESS: End = bad("the target is neither a path nor an http address");
const NO_METHOD: End = bad("the method is not a token");
const BARE_FEED: End = bad("a line feed without a carriage return");
const OTHER_VERSION: End = Err((505, "a version other than http/1.1 and http/1.0"));
const NO_HOST: End = bad("the host is neither a name nor an address");
const BAD_PORT: End = bad("the host's port is not a number up to 65535");
const OTHER_HOST: End = bad("a host other than that of the target");

/// Request lines, each with `Host: a`.
const REQUEST_LINES: &[(&[u8], End)] = &[
    (b"GET / HTTP/1.1", IDLE),
    (b"GET / HTTP/1.0", IDLE),
    (b"OPTIONS * HTTP/1.1", IDLE),
    (b"GET /a?b=c&d=%20|{}^`\\~ HTTP/1.1", IDLE),
    (b"M-SEARCH /a//b HTTP/1.1", IDLE),
    (b"get / HTTP/1.1", IDLE),
    (b"GET http://a/b HTTP/1.1", IDLE),
    (b"GET http://A:80/b HTTP/1.1", IDLE),
    (b"GET http://a HTTP/1.1", IDLE),
    (b"GET http://a?q HTTP/1.1", IDLE),
    (b"GET https://a:443/ HTTP/1.1", IDLE),
    (b"GET http://a:81/ HTTP/1.1", OTHER_HOST),
    (b"GET http://b/ HTTP/1.1", OTHER_HOST),
    (b"GET http://a@b/ HTTP/1.1", NO_HOST),
    (b"GET http://x:y@a/ HTTP/1.1", BAD_PORT),
    (b"GET http:///a HTTP/1.1", bad("the host is empty")),
    (b"GET ftp://a/ HTTP/1.1", NO_ADDRESS),
    (b"GET a:443 HTTP/1.1", NO_ADDRESS),
    (b"GET a/b HTTP/1.1", NO_ADDRESS),
    (b"GET ?a HTTP/1.1", NO_ADDRESS),
    (b"GET * HTTP/1.1", bad("the target * is for options only")),
    (b"CONNECT a:443 HTTP/1.1", Err((501, "connect is not supported"))),
    (b"CONNECT / HTTP/1.1", Err((501, "connect is not supported"))),
    (b"GET / HTTP/2.0", OTHER_VERSION),
    (b"GET / HTTP/1.2", OTHER_VERSION),
    (b"GET / HTTP/0.9", OTHER_VERSION),
    (b"PRI * HTTP/2.0", OTHER_VERSION),
    (b"GET /", bad("the request line has no version")),
    (b"GET / ", NO_VERSION),
    (b"GET / HTTP/1.1 ", NO_VERSION),
    (b"GET / HTTP/1.10", NO_VERSION),
    (b"GET / http/1.1", NO_VERSION),
    (b"GET /  HTTP/1.1", NO_VERSION),
    (b"GET /a b HTTP/1.1", NO_VERSION),
    (b"GET / HTTP/1.1\r", NO_VERSION),
    (b"GET  / HTTP/1.1", bad("the target is empty")),
    (b"GET ", bad("the target is empty")),
    (b"GET /a#b HTTP/1.1", BAD_TARGET),
    (b"GET /a\tb HTTP/1.1", BAD_TARGET),
    (b"GET /a\0b HTTP/1.1", BAD_TARGET),
    (b"GET /a\x7fb HTTP/1.1", BAD_TARGET),
    (b"GET /\xc3\xa9 HTTP/1.1", BAD_TARGET),
    (b"GET /<a> HTTP/1.1", BAD_TARGET),
    (b"GET /a`?b HTTP/1.1", BAD_TARGET),
    (b"GET /a?b=\"c\" HTTP/1.1", BAD_TARGET),
    (b"GET /a\rb HTTP/1.1", BAD_TARGET),
    (b"GET /\tHTTP/1.1", BAD_TARGET),
    (b"GET\t/ HTTP/1.1", NO_METHOD),
    (b"G@T / HTTP/1.1", NO_METHOD),
    (b"GET", NO_METHOD),
    (b" GET / HTTP/1.1", NO_METHOD),
    (b"\xff", NO_METHOD),
    (b"\x16\x03\x01", bad("a tls handshake on a listener without tls")),
];

const NO_NUMBER: End = bad("a content-length that is not a number");
const OTHER_CODING: End = Err((501, "a transfer coding other than chunked"));
const TWO_LENGTHS: End = bad("more than one content-length");
const BOTH: End = bad("both content-length and transfer-encoding");
const CONTROL: End = bad("a control character in a field value");
const SPACE: End = bad("a space after a field name");
const FOLDED: End = bad("a folded field line");
const NAMELESS: End = bad("a field line without a name");
const NO_NAME: End = bad("a field name that is not a token");

/// Field lines of a POST, each without its last line end, and behind `Host: a`.
const FIELDS: &[(&[u8], End)] = &[
    (b"A: b", IDLE),
    (b"A:b", IDLE),
    (b"A:", IDLE),
    (b"A: \t b c\t ", IDLE),
    (b"!#$%&'*+-.^_`|~1: b", IDLE),
    (b"A: \xc3\xa9\xff", IDLE),
    (b"A: b\r\nA: b", IDLE),
    (b"Content-Length: 0", IDLE),
    (b"Content-Length: 5", BODY),
    (b"content-length:\t5 ", BODY),
    (b"Content-Length: 0005", BODY),
    (b"Content-Length: 18446744073709551615", BODY),
    (b"Content-Length: 18446744073709551616", bad("a content-length that is too large")),
    (b"Content-Length: +5", NO_NUMBER),
    (b"Content-Length: -5", NO_NUMBER),
    (b"Content-Length: 0x5", NO_NUMBER),
    (b"Content-Length: 5.0", NO_NUMBER),
    (b"Content-Length: 5 5", NO_NUMBER),
    (b"Content-Length: 5, 5", NO_NUMBER),
    (b"Content-Length: 5,", NO_NUMBER),
    (b"Content-Length: ", NO_NUMBER),
    (b"Content-Length: \"5\"", NO_NUMBER),
    (b"Content-Length: \xd9\xa5", NO_NUMBER),
    (b"Content-Length: 5\x0b", CONTROL),
    (b"Content-Length: 5\r\nContent-Length: 5", TWO_LENGTHS),
    (b"Content-Length: 5\r\ncontent-length: 6", TWO_LENGTHS),
    (b"Content-Length : 5", SPACE),
    (b"Content-Length\t: 5", SPACE),
    (b"Content-Length", NO_NAME),
    (b"Content Length: 5", SPACE),
    (b"Content-Length\0: 5", NO_NAME),
    (b"Content-Length\x0b: 5", NO_NAME),
    (b"Content-Length\xa0: 5", NO_NAME),
    (b"Content-Length;: 5", NO_NAME),
    (b"Transfer-Encoding: chunked", BODY),
    (b"transfer-encoding:CHUNKED", BODY),
    (b"Transfer-Encoding:\tchunked\t", BODY),
    (b"Transfer-Encoding: chunked\r\nContent-Length: 5", BOTH),
    (b"Content-Length: 5\r\nTransfer-Encoding: chunked", BOTH),
    (b"Content-Length: 0\r\nTransfer-Encoding: chunked", BOTH),
    (
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        bad("more than one transfer-encoding"),
    ),
    (
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        bad("more than one transfer-encoding"),
    ),
    (b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", OTHER_CODING),
    (b"Transfer-Encoding: xchunked", OTHER_CODING),
    (b"Transfer-Encoding: chunkedx", OTHER_CODING),
    (b"Transfer-Encoding: chunked, identity", OTHER_CODING),
    (b"Transfer-Encoding: identity, chunked", OTHER_CODING),
    (b"Transfer-Encoding: gzip, chunked", OTHER_CODING),
    (b"Transfer-Encoding: chunked, chunked", OTHER_CODING),
    (b"Transfer-Encoding: chunked;q=1", OTHER_CODING),
    (b"Transfer-Encoding: \"chunked\"", OTHER_CODING),
    (b"Transfer-Encoding: chunked,", OTHER_CODING),
    (b"Transfer-Encoding: identity", OTHER_CODING),
    (b"Transfer-Encoding:", OTHER_CODING),
    (b"Transfer-Encoding: \xa0chunked", OTHER_CODING),
    (b"Transfer-Encoding: \x0bchunked", CONTROL),
    (b"Transfer-Encoding: chunked\x0c", CONTROL),
    (b"Transfer-Encoding: chunked\0", CONTROL),
    (b"Transfer-Encoding : chunked", SPACE),
    (b"Transfer-Encoding\t: chunked", SPACE),
    (b"Transfer-Encoding\x0b: chunked", NO_NAME),
    (b" Transfer-Encoding: chunked", FOLDED),
    (b"\tTransfer-Encoding: chunked", FOLDED),
    (b"A: b\r\n Transfer-Encoding: chunked", FOLDED),
    (b"Transfer-Encoding:\r\n chunked", OTHER_CODING),
    (b"A: b\nTransfer-Encoding: chunked", BARE_FEED),
    (b"A: b\rTransfer-Encoding: chunked", CONTROL),
    (b"A: b\r\r\nTransfer-Encoding: chunked", CONTROL),
    (b"A: b\n\r\nTransfer-Encoding: chunked", BARE_FEED),
    (b"\rTransfer-Encoding: chunked", NAMELESS),
    (b": b", NAMELESS),
    (b"A: b\0", CONTROL),
    (b"A: b\x7f", CONTROL),
    (b"A: b\x1b[2J", CONTROL),
    (b"Host: a", bad("more than one host")),
    (b"Host: b", bad("more than one host")),
    (b"host : b", SPACE),
    (b"Expect: 100-continue", IDLE),
    (b"Expect: 100-Continue", IDLE),
    (b"Expect: 200-ok", Err((417, "an expectation other than 100-continue"))),
    (b"A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5", IDLE),
    (b"A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\nF: 6", Err((431, "too many field lines"))),
];

/// Whole heads, or what should have been one.
const HEADS: &[(&[u8], End)] = &[
    (b"", IDLE),
    (b"\r", IDLE),
    (b"\r\n", IDLE),
    (b"\r\nG", HEAD),
    (b"GET / HTTP/1.1\r\nHost: a\r\n", HEAD),
    (b"GET / HTTP/1.1\r\nHost: a\r\n\r", HEAD),
    (b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", IDLE),
    (b"\r\n\r\nGET /", bad("an empty line in place of a request line")),
    (b"\nGET /", bad("an empty line in place of a request line")),
    (b"\r\n\n", bad("an empty line in place of a request line")),
    (b"GET / HTTP/1.1\nHost: a\n\n", BARE_FEED),
    (b"GET / HTTP/1.1\r\nHost: a\n\r\n", BARE_FEED),
    (b"GET / HTTP/1.1\r\nHost: a\r\n\n", BARE_FEED),
    (b"GET / HTTP/1.1\r\n\r\n", bad("no host")),
    (b"GET http://a/ HTTP/1.1\r\n\r\n", bad("no host")),
    (b"GET / HTTP/1.0\r\n\r\n", IDLE),
    (b"GET http://a/ HTTP/1.0\r\n\r\n", IDLE),
    (b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", bad("more than one host")),
    (b"GET / HTTP/1.1\r\nHost: \r\n\r\n", bad("the host is empty")),
    (b"GET / HTTP/1.1\r\nHost: :80\r\n\r\n", bad("the host is empty")),
    (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", NO_HOST),
    (b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", NO_HOST),
    (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", NO_HOST),
    (b"GET / HTTP/1.1\r\nHost: x@a\r\n\r\n", NO_HOST),
    (b"GET / HTTP/1.1\r\nHost: \xff\r\n\r\n", NO_HOST),
    (b"GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", BAD_PORT),
    (b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", IDLE),
    (b"GET http://[::1]/ HTTP/1.1\r\nHost: [0::1]:80\r\n\r\n", IDLE),
    (
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        bad("a transfer-encoding in http/1.0"),
    ),
    (b"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\n", BODY),
    (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", BODY),
];

const LONG_CHUNK: End = bad("a chunk that is longer than its size");
const NO_SIZE: End = bad("a chunk size that is not a number");
const NO_TRAILER: End = bad("a field that may not be a trailer");

/// Chunked bodies behind their head, with how many of their bytes pass.
const CHUNKED: &[(&[u8], usize, End)] = &[
    (b"0\r\n\r\n", 5, IDLE),
    (b"5\r\nhello\r\n0\r\n\r\n", 15, IDLE),
    (b"5\r\nhel", 6, BODY),
    (b"5\r\nhello", 8, BODY),
    (b"5\r\nhello\r", 8, BODY),
    (b"5\r\nhello\r\n", 10, BODY),
    (b"00000000000000aB\r\n", 18, BODY),
    (b"ffffffffffffffff\r\nx", 19, BODY),
    (b"000\r\n\r\n", 7, IDLE),
    (b"10000000000000000\r\n", 0, bad("a chunk size with too many digits")),
    (b"00000000000000005\r\n", 0, bad("a chunk size with too many digits")),
    (b"0x5\r\nhello\r\n", 0, NO_SIZE),
    (b" 5\r\nhello\r\n", 0, NO_SIZE),
    (b"5 \r\nhello\r\n", 0, NO_SIZE),
    (b"5\t\r\nhello\r\n", 0, NO_SIZE),
    (b"5 ;a\r\nhello\r\n", 0, NO_SIZE),
    (b"-1\r\n", 0, NO_SIZE),
    (b"+5\r\nhello\r\n", 0, NO_SIZE),
    (b"5,5\r\n", 0, NO_SIZE),
    (b"5_0\r\n", 0, NO_SIZE),
    (b"g\r\n", 0, NO_SIZE),
    (b"\r\n", 0, NO_SIZE),
    (b";a\r\n", 0, NO_SIZE),
    (b"\xef\xbc\x95\r\n", 0, NO_SIZE),
    (b"5\nhello\r\n", 0, NO_SIZE),
    (b"5\r\r\nhello\r\n", 0, NO_SIZE),
    (b"5\rxhello\r\n", 0, NO_SIZE),
    (b"5\0\r\n", 0, NO_SIZE),
    (b"5;\r\n", 4, BODY),
    (b"5;a=b;c=\"d e\"\r\n", 15, BODY),
    (b"5;a\nhello\r\n0\r\n\r\n", 0, BARE_FEED),
    (b"5;a\rb\r\n", 0, bad("a control character in a chunk extension")),
    (b"5;a\0\r\n", 0, bad("a control character in a chunk extension")),
    (b"5;a\r\r\n", 0, bad("a control character in a chunk extension")),
    (b"5\r\nhello0\r\n\r\n", 8, LONG_CHUNK),
    (b"5\r\nhello\n0\r\n\r\n", 8, LONG_CHUNK),
    (b"5\r\nhello\rx", 8, LONG_CHUNK),
    (b"5\r\nhello\r\r\n", 8, LONG_CHUNK),
    (b"5\r\nhello!\r\n", 8, LONG_CHUNK),
    (b"5\r\nhell\r\n0\r\n\r\n", 8, LONG_CHUNK),
    (b"0\n\r\n", 0, NO_SIZE),
    (b"0\r\n\n", 3, BARE_FEED),
    (b"0\r\n\r", 3, BODY),
    (b"0\r\n\rGET / HTTP/1.1\r\n\r\n", 3, NAMELESS),
    (b"0\r\nA: b\r\n\r\n", 11, IDLE),
    (b"0\r\nA: b\r\n", 3, BODY),
    (b"0\r\nA: b\n\r\n", 3, BARE_FEED),
    (b"0\r\nA : b\r\n\r\n", 3, SPACE),
    (b"0\r\n A: b\r\n\r\n", 3, FOLDED),
    (b"0\r\nA: b\0\r\n\r\n", 3, CONTROL),
    (b"0\r\nContent-Length: 5\r\n\r\nhello", 3, NO_TRAILER),
    (b"0\r\nTransfer-Encoding: chunked\r\n\r\n", 3, NO_TRAILER),
    (b"0\r\nhost: b\r\n\r\n", 3, NO_TRAILER),
    (b"0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 3, SPACE),
    (b"0\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\n\r\n", 29, IDLE),
    (b"0\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\n\r\n", 3, Err((431, "too many field lines"))),
];

const CHUNKED_HEAD: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Good streams of more than one message.
const STREAMS: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\r\nGET / HTTP/1.0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n\r\n\r\nGET / HTTP/1.0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
      3;x=y\r\n\n\0\r\r\n1\r\n0\r\n0\r\nT: u\r\n\r\n\
      PUT http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
];

fn case(stream: &[&[u8]], passes: Option<usize>, end: End) -> Case {
    let stream = stream.concat();
    let whole = matches!(end, Ok(Phase::Idle | Phase::Body));
    let passes = passes.unwrap_or(if whole { stream.len() } else { 0 });
    Case { stream, passes, end }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (line, end) in REQUEST_LINES {
        cases.push(case(&[line, b"\r\nHost: a\r\n\r\n"], None, *end));
    }
    for (fields, end) in FIELDS {
        let line = b"POST / HTTP/1.1\r\nHost: a\r\n";
        cases.push(case(&[line, fields, b"\r\n\r\n"], None, *end));
    }
    for (head, end) in HEADS {
        let held = matches!(*head, b"\r" | b"\r\n");
        cases.push(case(&[head], held.then_some(0), *end));
    }
    for (body, passes, end) in CHUNKED {
        let passes = CHUNKED_HEAD.len() + passes;
        cases.push(case(&[CHUNKED_HEAD, body], Some(passes), *end));
    }
    for stream in STREAMS {
        cases.push(case(&[stream], None, IDLE));
        cases.push(case(&[stream, b"GET /\n"], Some(stream.len()), BARE_FEED));
    }
    cases.extend(sizes());
    cases
}

/// Cases about limits, with streams too long to be written out.
fn sizes() -> Vec<Case> {
    let head = |bytes: usize| {
        let start = "GET / HTTP/1.1\r\nHost: a\r\nA: ";
        format!("{start}{}\r\n\r\n", "b".repeat(bytes - start.len() - 4)).into_bytes()
    };
    let target = |bytes: usize| format!("GET /{}", "a".repeat(bytes - 5)).into_bytes();
    let too_large = Err((431, "the head is too large"));
    let extension = |bytes: usize| format!("1;{}\r\nx\r\n", "a".repeat(bytes - 1)).into_bytes();
    let trailers = |bytes: usize| format!("0\r\nA: {}\r\n\r\n", "b".repeat(bytes - 7));
    let before = CHUNKED_HEAD.len();
    vec![
        case(&[&head(512)], None, IDLE),
        case(&[&head(513)], None, too_large),
        case(&[b"\r\n", &head(512)], None, IDLE),
        case(&[b"\r\n", &head(513)], None, too_large),
        case(&[&target(511)], None, HEAD),
        case(&[&target(512)], None, Err((414, "the target is too long"))),
        case(&[&[b'A'; 512]], None, too_large),
        case(&[CHUNKED_HEAD, &extension(256)], None, BODY),
        case(
            &[CHUNKED_HEAD, &extension(257)],
            Some(before),
            bad("a chunk extension that is too long"),
        ),
        case(&[CHUNKED_HEAD, &extension(256).repeat(32)], None, BODY),
        case(
            &[CHUNKED_HEAD, &extension(256).repeat(32), b"1;\r\n"],
            Some(before + extension(256).len() * 32),
            bad("too many chunk extensions"),
        ),
        case(&[CHUNKED_HEAD, trailers(512).as_bytes()], None, IDLE),
        case(
            &[CHUNKED_HEAD, trailers(513).as_bytes()],
            Some(before + 3),
            Err((431, "the trailers are too large")),
        ),
    ]
}
