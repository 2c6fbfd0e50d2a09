//! Requests that are none (RFC 9113 section 8).

use tidegate_tests::http2::{block, code, data, flag, frame, headers, kind, post, request};

use super::{Answer, Case, case};

pub(super) fn cases() -> Vec<Case> {
    [fields(), connection_fields(), pseudo_fields(), connects(), lengths(), others()]
        .into_iter()
        .flatten()
        .collect()
}

/// A GET with these fields is malformed.
fn with(section: &'static str, name: &'static str, fields: &[(&str, &str)]) -> Case {
    case(section, name).send(headers(1, flag::WHOLE, request("GET", "/", fields))).malformed(1)
}

/// A whole request of these fields, in their order, is malformed.
fn of(section: &'static str, name: &'static str, fields: &[(&str, &str)]) -> Case {
    case(section, name).send(headers(1, flag::WHOLE, block(fields))).malformed(1)
}

#[rustfmt::skip]
fn fields() -> Vec<Case> {
    vec![
        with("8.2", "a name in upper case", &[("X-Test", "ok")]),
        with("8.2.1", "a name with a space", &[("x test", "ok")]),
        with("8.2.1", "a name with a colon", &[("x:test", "ok")]),
        with("8.2.1", "a name with a control character", &[("x\u{1}", "ok")]),
        with("8.2.1", "a name beyond ASCII", &[("x\u{e4}", "ok")]),
        with("8.2.1", "a name that is empty", &[("", "ok")]),
        with("8.2.1", "a value with a line feed", &[("x-test", "a\nb: c")]),
        with("8.2.1", "a value with a carriage return", &[("x-test", "a\rb")]),
        with("8.2.1", "a value with a zero", &[("x-test", "a\0b")]),
        with("8.2.1", "a value that begins with a space", &[("x-test", " a")]),
        with("8.2.1", "a value that ends with a tab", &[("x-test", "a\t")]),
    ]
}

#[rustfmt::skip]
fn connection_fields() -> Vec<Case> {
    vec![
        with("8.2.2", "Connection", &[("connection", "keep-alive")]),
        with("8.2.2", "Keep-Alive", &[("keep-alive", "timeout=5")]),
        with("8.2.2", "Proxy-Connection", &[("proxy-connection", "keep-alive")]),
        with("8.2.2", "Transfer-Encoding", &[("transfer-encoding", "chunked")]),
        with("8.2.2", "Upgrade", &[("upgrade", "websocket")]),
        with("8.2.2", "TE other than trailers", &[("te", "trailers, deflate;q=0.5")]),
        with("8.2.2", "TE other than trailers beside it", &[("te", "trailers"), ("te", "deflate")]),
    ]
}

#[rustfmt::skip]
fn pseudo_fields() -> Vec<Case> {
    const METHOD: (&str, &str) = (":method", "GET");
    const SCHEME: (&str, &str) = (":scheme", "http");
    const PATH: (&str, &str) = (":path", "/");
    const AUTHORITY: (&str, &str) = (":authority", "a");
    vec![
        of("8.3", "an unknown pseudo-field", &[METHOD, SCHEME, PATH, AUTHORITY, (":test", "ok")]),
        of("8.3", "the pseudo-field of a response", &[METHOD, SCHEME, PATH, AUTHORITY, (":status", "200")]),
        of("8.3", "a pseudo-field after a field", &[METHOD, SCHEME, PATH, ("x", "y"), AUTHORITY]),
        of("8.3", "all pseudo-fields after a field", &[("x", "y"), METHOD, SCHEME, PATH, AUTHORITY]),
        case("8.1", "a pseudo-field in trailers").send(post(1, "/")).send(data(1, 0, "test"))
            .send(headers(1, flag::WHOLE, block(&[(":method", "GET")]))).malformed(1)
            // h2 takes it away; nobody gets to see it.
            .deviates(Answer::Status(1, 200)),
        of("8.3.1", "an empty path", &[METHOD, SCHEME, (":path", ""), AUTHORITY]),
        of("8.3.1", "no method", &[SCHEME, PATH, AUTHORITY]),
        of("8.3.1", "no scheme", &[METHOD, PATH, AUTHORITY]),
        of("8.3.1", "no path", &[METHOD, SCHEME, AUTHORITY]),
        of("8.3.1", "no pseudo-field at all", &[("x", "y")]),
        case("8.3.1", "no field at all").send(headers(1, flag::WHOLE, [])).malformed(1),
        of("8.3.1", "two methods", &[METHOD, METHOD, SCHEME, PATH, AUTHORITY]),
        of("8.3.1", "two schemes", &[METHOD, SCHEME, SCHEME, PATH, AUTHORITY]),
        of("8.3.1", "two paths", &[METHOD, SCHEME, PATH, PATH, AUTHORITY]),
        of("8.3.1", "two authorities", &[METHOD, SCHEME, PATH, AUTHORITY, AUTHORITY]),
        of("8.3.1", "an authority with a user", &[METHOD, SCHEME, PATH, (":authority", "b@a")]),
        of("8.3.1", "an authority that is none", &[METHOD, SCHEME, PATH, (":authority", "a b")]),
        of("8.3.1", "a Host that says otherwise", &[METHOD, SCHEME, PATH, AUTHORITY, ("host", "b")]),
        of("8.3.1", "two Hosts", &[METHOD, SCHEME, PATH, AUTHORITY, ("host", "a"), ("host", "b")]),
        of("8.3.1", "a path without a slash", &[METHOD, SCHEME, (":path", "a"), AUTHORITY]),
        of("8.3.1", "a path with a space", &[METHOD, SCHEME, (":path", "/a b"), AUTHORITY]),
        of("8.3.1", "a path with a fragment", &[METHOD, SCHEME, (":path", "/a#b"), AUTHORITY])
            // The library that reads paths takes it away; nobody gets to see it.
            .deviates(Answer::Status(1, 200)),
        of("8.3.1", "a method with a space", &[(":method", "GET /"), SCHEME, PATH, AUTHORITY]),
        of("8.3.1", "a method that is empty", &[(":method", ""), SCHEME, PATH, AUTHORITY]),
    ]
}

#[rustfmt::skip]
fn connects() -> Vec<Case> {
    const CONNECT: (&str, &str) = (":method", "CONNECT");
    const AUTHORITY: (&str, &str) = (":authority", "a:80");
    const PROTOCOL: (&str, &str) = (":protocol", "websocket");
    const REST: [(&str, &str); 3] = [(":scheme", "http"), (":path", "/"), (":authority", "a")];
    let [scheme, path, authority] = REST;
    vec![
        of("8.5", "CONNECT with a scheme and a path", &[CONNECT, scheme, path, authority]),
        of("8.5", "CONNECT without an authority", &[CONNECT])
            // No CONNECT is carried.
            .answer(&[Answer::Status(1, 501)]),
        case("8.5", "CONNECT with a length").send(headers(1, flag::END_HEADERS,
            block(&[CONNECT, AUTHORITY, ("content-length", "4")]))).malformed(1).answer(&[Answer::Status(1, 501)])
            // hyper gives the connection up, without a word.
            .deviates(Answer::Closed),
        case("8.5", "CONNECT is refused as a method that is not carried")
            .send(headers(1, flag::END_HEADERS, block(&[CONNECT, AUTHORITY]))).answer(&[Answer::Status(1, 501)]),
        of("RFC 8441, 4", "a protocol without CONNECT", &[(":method", "GET"), PROTOCOL, scheme, path, authority]),
        of("RFC 8441, 4", "a protocol without a path", &[CONNECT, PROTOCOL, scheme, authority]),
        of("RFC 8441, 4", "a protocol without a scheme", &[CONNECT, PROTOCOL, path, authority]),
        case("RFC 8441, 4", "a protocol that the route does not allow").send(headers(1, flag::END_HEADERS,
            block(&[CONNECT, (":protocol", "other"), scheme, path, authority]))).answer(&[Answer::Status(1, 501)]),
    ]
}

#[rustfmt::skip]
fn lengths() -> Vec<Case> {
    let sized = |length| headers(1, flag::END_HEADERS, request("POST", "/", &[("content-length", length)]));
    vec![
        case("8.1.1", "a body that is longer than announced").send(sized("1"))
            .send(data(1, flag::END_STREAM, "test")).malformed(1),
        case("8.1.1", "a body that is shorter than announced").send(sized("5"))
            .send(data(1, flag::END_STREAM, "test")).malformed(1),
        case("8.1.1", "a body in pieces that is longer than announced").send(sized("7"))
            .send(data(1, 0, "test")).send(data(1, flag::END_STREAM, "test")).malformed(1),
        case("8.1.1", "a body in pieces that is shorter than announced").send(sized("9"))
            .send(data(1, 0, "test")).send(data(1, flag::END_STREAM, "test")).malformed(1),
        case("8.1.1", "a body that trailers cut short").send(sized("5")).send(data(1, 0, "test"))
            .send(headers(1, flag::WHOLE, block(&[("x", "y")]))).malformed(1),
        case("8.1.1", "a length without a body")
            .send(headers(1, flag::WHOLE, request("POST", "/", &[("content-length", "4")]))).malformed(1),
        case("8.1.1", "a length that is no number").send(sized("four")).malformed(1),
        case("8.1.1", "two lengths").send(headers(1, flag::END_HEADERS,
            request("POST", "/", &[("content-length", "4"), ("content-length", "5")]))).malformed(1),
    ]
}

#[rustfmt::skip]
fn others() -> Vec<Case> {
    vec![
        case("8.1", "HEADERS again that do not end the stream").send(post(1, "/")).send(post(1, "/")).malformed(1),
        case("8.1", "trailers that do not end the stream").send(post(1, "/")).send(data(1, 0, "test"))
            .send(headers(1, flag::END_HEADERS, block(&[("x", "y")]))).malformed(1),
        case("8.1", "DATA after trailers").send(post(1, "/silent")).send(headers(1, flag::WHOLE, block(&[("x", "y")])))
            .send(data(1, flag::END_STREAM, "test")).stream_error(1, &[code::STREAM_CLOSED])
            .deviates(Answer::GoAway(code::PROTOCOL_ERROR)),
        case("8.4", "PUSH_PROMISE of a client").send(frame(kind::PUSH_PROMISE, flag::END_HEADERS, 1,
            [&[0, 0, 0, 2], &*request("GET", "/", &[])].concat())).connection_error(&[code::PROTOCOL_ERROR]),
    ]
}
