//! States and identifiers of streams (RFC 9113 section 5).

use tidegate_tests::http2::{
    announced, block, code, continuation, data, dependency, flag, frame, get, headers, kind, post,
    priority, request, reset, window_update,
};

use super::{Answer, Case, case};

const PROTOCOL: &[u32] = &[code::PROTOCOL_ERROR];
const CLOSED: &[u32] = &[code::STREAM_CLOSED];
/// What h2 says instead.
const OTHERWISE: Answer = Answer::GoAway(code::PROTOCOL_ERROR);
/// Where one rule names the one code and another the other.
const EITHER: &[u32] = &[code::PROTOCOL_ERROR, code::STREAM_CLOSED];

pub(super) fn cases() -> Vec<Case> {
    [idle(), half_closed(), closed(), identifiers(), others()].into_iter().flatten().collect()
}

#[rustfmt::skip]
fn idle() -> Vec<Case> {
    vec![
        case("5.1", "DATA on an idle stream").send(data(1, flag::END_STREAM, "test")).connection_error(PROTOCOL),
        case("5.1", "RST_STREAM on an idle stream").send(reset(1, code::CANCEL)).connection_error(PROTOCOL),
        case("5.1", "WINDOW_UPDATE on an idle stream").send(window_update(1, 100)).connection_error(PROTOCOL),
        case("5.1", "CONTINUATION on an idle stream")
            .send(continuation(1, flag::END_HEADERS, request("GET", "/", &[]))).connection_error(PROTOCOL),
        case("5.1", "WINDOW_UPDATE on a stream of the server's, which is idle")
            .send(window_update(2, 100)).connection_error(PROTOCOL),
        case("5.1", "RST_STREAM on a stream of the server's, which is idle")
            .send(reset(2, code::CANCEL)).connection_error(PROTOCOL),
    ]
}

#[rustfmt::skip]
fn half_closed() -> Vec<Case> {
    vec![
        case("5.1", "DATA after END_STREAM").send(get(1, "/silent")).send(data(1, flag::END_STREAM, "test"))
            .stream_error(1, CLOSED).deviates(OTHERWISE),
        case("5.1", "HEADERS after END_STREAM").send(get(1, "/silent")).send(get(1, "/silent"))
            .stream_error(1, CLOSED).deviates(OTHERWISE),
        case("5.1", "trailers after END_STREAM in DATA").send(post(1, "/silent"))
            .send(data(1, flag::END_STREAM, "test"))
            .send(headers(1, flag::WHOLE, block(&[("x", "y")]))).stream_error(1, CLOSED).deviates(OTHERWISE),
        case("5.1", "CONTINUATION after END_STREAM").send(get(1, "/silent"))
            .send(continuation(1, flag::END_HEADERS, request("GET", "/", &[]))).connection_error(EITHER),
    ]
}

#[rustfmt::skip]
fn closed() -> Vec<Case> {
    let ended = || get(1, "/");
    vec![
        case("5.1", "DATA after RST_STREAM").send(post(1, "/silent")).send(reset(1, code::CANCEL))
            .send(data(1, flag::END_STREAM, "test")).stream_error(1, CLOSED),
        case("5.1", "HEADERS after RST_STREAM").send(post(1, "/silent")).send(reset(1, code::CANCEL))
            .send(get(1, "/silent")).stream_error(1, CLOSED).deviates(OTHERWISE),
        case("5.1", "CONTINUATION after RST_STREAM").send(post(1, "/silent")).send(reset(1, code::CANCEL))
            .send(continuation(1, flag::END_HEADERS, request("GET", "/", &[]))).connection_error(EITHER),
        case("5.1", "DATA on a closed stream").send(ended()).after(Answer::Status(1, 200))
            .send(data(1, flag::END_STREAM, "test")).stream_error(1, CLOSED),
        case("5.1", "HEADERS on a closed stream").send(ended()).after(Answer::Status(1, 200))
            .send(get(1, "/")).connection_error(CLOSED).deviates(OTHERWISE),
        case("5.1", "CONTINUATION on a closed stream").send(ended()).after(Answer::Status(1, 200))
            .send(continuation(1, flag::END_HEADERS, request("GET", "/", &[]))).connection_error(EITHER),
    ]
}

#[rustfmt::skip]
fn identifiers() -> Vec<Case> {
    vec![
        case("5.1.1", "a stream with an even number").send(get(2, "/")).connection_error(PROTOCOL),
        case("5.1.1", "a stream with a lower number than one before").send(get(5, "/silent")).send(get(3, "/"))
            .connection_error(PROTOCOL),
        case("5.1.1", "a request on stream 0").send(get(0, "/")).connection_error(PROTOCOL),
        case("5.1.1", "the last number there is").send(get(0x7fff_ffff, "/")).answered(0x7fff_ffff),
        case("5.1.2", "one stream more than is allowed").send(
            (0..129).flat_map(|n| get(1 + 2 * n, "/silent")).collect::<Vec<u8>>())
            .stream_error(257, &[code::PROTOCOL_ERROR, code::REFUSED_STREAM]),
        case("5.1.2", "a stream that is refused does not hurt others").send(
            (0..129).flat_map(|n| get(1 + 2 * n, "/silent")).collect::<Vec<u8>>())
            .after(Answer::Reset(257, code::REFUSED_STREAM)).send(reset(1, code::CANCEL)).ignored(259),
    ]
}

#[rustfmt::skip]
fn others() -> Vec<Case> {
    vec![
        // RFC 9113 section 5.3.2 leaves nothing of priorities but their form; RFC 7540 section 5.3.1
        // had a stream error here, as h2spec has it.
        case("5.3.1", "HEADERS of a stream that depends on itself").send(headers(1,
            flag::WHOLE | flag::PRIORITY, [dependency(1, 255), request("GET", "/", &[])].concat()))
            .stream_error(1, PROTOCOL).answered(1),
        case("5.3.1", "PRIORITY of a stream that depends on itself").send(priority(1, 1, 255))
            .send(get(1, "/")).stream_error(1, PROTOCOL).answered(1),
        case("5.4.1", "an error ends the connection, and a GOAWAY says so")
            .send(announced(6, kind::PING, 0, 0, &[0; 6])).connection_error(&[code::FRAME_SIZE_ERROR]),
        case("5.5", "an unknown frame within a header block")
            .send(headers(1, flag::END_STREAM, request("GET", "/", &[]))).send(frame(0x16, 0, 1, [0; 8]))
            .connection_error(PROTOCOL),
    ]
}
