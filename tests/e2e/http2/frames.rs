//! Sizes, places and forms of frames (RFC 9113 sections 3.4, 4 and 6).

use tidegate_tests::http2::{
    PREFACE, announced, block, code, continuation, data, flag, frame, get, headers, kind, ping,
    post, priority, request, settings,
};

use super::{Answer, Case, MARK, case};

const PROTOCOL: &[u32] = &[code::PROTOCOL_ERROR];
const SIZE: &[u32] = &[code::FRAME_SIZE_ERROR];

pub(super) fn cases() -> Vec<Case> {
    [preface(), sizes(), blocks(), data_and_headers(), small(), continuations()]
        .into_iter()
        .flatten()
        .collect()
}

/// Both ends of a connection that is none.
const NO_CONNECTION: &[Answer] = &[Answer::GoAway(code::PROTOCOL_ERROR), Answer::Closed];

#[rustfmt::skip]
fn preface() -> Vec<Case> {
    vec![
        // What does not begin as HTTP/2 does is answered as HTTP/1, which has no frames.
        case("3.4", "another preface").bare().send(*b"INVALID CONNECTION PREFACE\r\n\r\n")
            .answer(NO_CONNECTION).answer(&[Answer::Silence]),
        case("3.4", "a preface that is followed by no settings")
            .bare().send([PREFACE, &ping(MARK)].concat()).answer(NO_CONNECTION),
        case("3.4", "a preface that is followed by a request")
            .bare().send([PREFACE, &get(1, "/")].concat()).answer(NO_CONNECTION),
    ]
}

#[rustfmt::skip]
fn sizes() -> Vec<Case> {
    vec![
        case("4.2", "DATA that is too large").send(post(1, "/"))
            .send(data(1, flag::END_STREAM, vec![0; 16_385])).stream_error(1, SIZE),
        case("4.2", "HEADERS that are too large").send(headers(1, flag::WHOLE,
            request("GET", "/", &[("x", &"y".repeat(16_384))]))).connection_error(SIZE),
        case("4.2", "an unknown frame that is too large").send(frame(0x16, 0, 0, vec![0; 16_385])).connection_error(SIZE),
        case("4.2", "a frame that claims to be as large as there is")
            .send(announced(0xff_ffff, kind::DATA, 0, 1, &[])).connection_error(SIZE),
    ]
}

#[rustfmt::skip]
fn blocks() -> Vec<Case> {
    let begun = || headers(1, flag::END_STREAM, request("GET", "/", &[]));
    vec![
        case("4.3", "a header block that cannot be read")
            .send(headers(1, flag::WHOLE, b"\x00\x00\x01")).connection_error(&[code::COMPRESSION_ERROR])
            .deviates(Answer::GoAway(code::PROTOCOL_ERROR)),
        case("4.3", "PRIORITY within a header block").send(begun()).send(priority(1, 0, 255)).connection_error(PROTOCOL),
        case("4.3", "HEADERS of another stream within a header block").send(begun()).send(get(3, "/"))
            .connection_error(PROTOCOL),
        case("4.3", "PING within a header block").send(begun()).send(ping(MARK)).connection_error(PROTOCOL),
        case("4.3", "SETTINGS within a header block").send(begun()).send(settings(&[])).connection_error(PROTOCOL),
        case("4.3", "DATA within a header block").send(begun()).send(data(1, 0, "x")).connection_error(PROTOCOL),
        case("4.3", "HEADERS again within a header block").send(begun()).send(begun()).connection_error(PROTOCOL),
    ]
}

#[rustfmt::skip]
fn data_and_headers() -> Vec<Case> {
    vec![
        case("6.1", "DATA on stream 0").send(data(0, 0, "test")).connection_error(PROTOCOL),
        case("6.1", "DATA with more padding than payload").send(post(1, "/"))
            .send(data(1, flag::END_STREAM | flag::PADDED, b"\x06test")).connection_error(PROTOCOL),
        case("6.1", "DATA with as much padding as payload").send(post(1, "/"))
            .send(data(1, flag::END_STREAM | flag::PADDED, b"\x05test")).connection_error(PROTOCOL),
        case("6.1", "DATA with padding and no room for its length").send(post(1, "/"))
            .send(data(1, flag::END_STREAM | flag::PADDED, [])).connection_error(&[code::FRAME_SIZE_ERROR, code::PROTOCOL_ERROR]),
        case("6.2", "HEADERS on stream 0").send(get(0, "/")).connection_error(PROTOCOL),
        case("6.2", "HEADERS with more padding than payload")
            .send(headers(1, flag::WHOLE | flag::PADDED, [&[200], &*request("GET", "/", &[])].concat()))
            .stream_error(1, PROTOCOL),
        case("6.2", "HEADERS with a priority and no room for it")
            .send(headers(1, flag::WHOLE | flag::PRIORITY, [0; 4])).connection_error(SIZE),
        case("6.2", "HEADERS with padding and no room for its length")
            .send(headers(1, flag::WHOLE | flag::PADDED, [])).connection_error(SIZE),
    ]
}

#[rustfmt::skip]
fn small() -> Vec<Case> {
    let sized = |kind, stream, length: usize| announced(length, kind, 0, stream, &vec![0; length]);
    vec![
        case("6.3", "PRIORITY on stream 0").send(priority(0, 1, 255)).connection_error(PROTOCOL),
        case("6.3", "PRIORITY that is too short").send(sized(kind::PRIORITY, 1, 4)).stream_error(1, SIZE),
        case("6.3", "PRIORITY that is too long").send(sized(kind::PRIORITY, 1, 6)).stream_error(1, SIZE),
        case("6.4", "RST_STREAM on stream 0").send(sized(kind::RST_STREAM, 0, 4)).connection_error(PROTOCOL),
        case("6.4", "RST_STREAM that is too short").send(post(1, "/")).send(sized(kind::RST_STREAM, 1, 3)).connection_error(SIZE),
        case("6.4", "RST_STREAM that is too long").send(post(1, "/")).send(sized(kind::RST_STREAM, 1, 5)).connection_error(SIZE),
        case("6.6", "PUSH_PROMISE of a client").send(post(1, "/"))
            .send(frame(kind::PUSH_PROMISE, flag::END_HEADERS, 1, [&[0, 0, 0, 2], &*request("GET", "/", &[])].concat()))
            .connection_error(PROTOCOL),
        case("6.6", "PUSH_PROMISE on stream 0")
            .send(frame(kind::PUSH_PROMISE, flag::END_HEADERS, 0, [&[0, 0, 0, 2], &*request("GET", "/", &[])].concat()))
            .connection_error(PROTOCOL),
        case("6.7", "an answer to no PING is passed over").send(frame(kind::PING, flag::ACK, 0, MARK))
            .send(ping(*b"12345678")).answer(&[Answer::Pong(*b"12345678")]),
        case("6.7", "PING on a stream").send(frame(kind::PING, 0, 1, MARK)).connection_error(PROTOCOL),
        case("6.7", "PING that is too short").send(sized(kind::PING, 0, 6)).connection_error(SIZE),
        case("6.7", "PING that is too long").send(sized(kind::PING, 0, 9)).connection_error(SIZE),
        case("6.8", "GOAWAY on a stream").send(sized(kind::GOAWAY, 1, 8)).connection_error(PROTOCOL),
        case("6.8", "GOAWAY that is too short").send(sized(kind::GOAWAY, 0, 7)).connection_error(SIZE),
        case("6.9", "WINDOW_UPDATE that is too short").send(sized(kind::WINDOW_UPDATE, 0, 3)).connection_error(SIZE),
        case("6.9", "WINDOW_UPDATE that is too long").send(sized(kind::WINDOW_UPDATE, 0, 5)).connection_error(SIZE),
    ]
}

#[rustfmt::skip]
fn continuations() -> Vec<Case> {
    let rest = || block(&[("x", "y")]);
    vec![
        case("6.10", "CONTINUATION after a block that has ended").send(post(1, "/"))
            .send(continuation(1, flag::END_HEADERS, rest())).connection_error(PROTOCOL),
        case("6.10", "CONTINUATION on stream 0").send(headers(1, flag::END_STREAM, request("GET", "/", &[])))
            .send(continuation(0, flag::END_HEADERS, rest())).connection_error(PROTOCOL),
        case("6.10", "CONTINUATION of another stream").send(headers(1, flag::END_STREAM, request("GET", "/", &[])))
            .send(continuation(3, flag::END_HEADERS, rest())).connection_error(PROTOCOL),
        case("6.10", "CONTINUATION after one that has ended the block")
            .send(headers(1, 0, request("POST", "/", &[])))
            .send(continuation(1, flag::END_HEADERS, rest()))
            .send(continuation(1, flag::END_HEADERS, rest())).connection_error(PROTOCOL),
        case("6.10", "CONTINUATION after DATA").send(post(1, "/")).send(data(1, 0, "test"))
            .send(continuation(1, flag::END_HEADERS, rest())).connection_error(PROTOCOL),
        case("6.10", "CONTINUATION that begins").send(continuation(1, flag::END_HEADERS, rest())).connection_error(PROTOCOL),
    ]
}
