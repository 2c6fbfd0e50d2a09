//! What every server has to take (h2spec's section `generic`).

use tidegate_tests::http2::{
    block, code, continuation, data, dependency, flag, frame, get, go_away, headers, kind, padded,
    ping, post, priority, request, reset, setting, settings, window_update,
};

use super::{Answer, Case, MARK, case};

pub(super) fn cases() -> Vec<Case> {
    [starting(), streams(), bodies(), frames(), exchanges()].into_iter().flatten().collect()
}

fn starting() -> Vec<Case> {
    vec![
        case("3.4", "a preface with settings begins a connection")
            .send(ping(MARK))
            .answer(&[Answer::Pong(MARK)]),
        case("3.4", "settings may be empty")
            .bare()
            .send([tidegate_tests::http2::PREFACE.to_vec(), settings(&[]), get(1, "/")].concat())
            .answered(1),
        case("3.4", "a request may come before the gateway's settings are acknowledged")
            .send(get(1, "/"))
            .answered(1),
    ]
}

#[rustfmt::skip]
fn streams() -> Vec<Case> {
    vec![
        case("5.1", "PRIORITY is taken on an idle stream").send(priority(1, 0, 15)).ignored(1),
        case("5.1", "WINDOW_UPDATE is taken on a half-closed stream")
            .send(get(1, "/silent")).send(window_update(1, 100)).ignored(3),
        case("5.1", "PRIORITY is taken on a half-closed stream")
            .send(get(1, "/silent")).send(priority(1, 0, 15)).ignored(3),
        case("5.1", "RST_STREAM is taken on a half-closed stream")
            .send(get(1, "/silent")).send(reset(1, code::CANCEL)).ignored(3),
        case("5.1", "PRIORITY is taken on a closed stream")
            .send(get(1, "/")).after(Answer::Status(1, 200)).send(priority(1, 0, 15)).ignored(3),
        case("5.1", "WINDOW_UPDATE is taken on a closed stream")
            .send(get(1, "/")).after(Answer::Status(1, 200)).send(window_update(1, 100)).ignored(3),
        case("5.1", "RST_STREAM is taken on a closed stream")
            .send(get(1, "/")).after(Answer::Status(1, 200)).send(reset(1, code::CANCEL)).ignored(3),
        case("5.1.1", "identifiers may be left out").send(get(9, "/")).answered(9),
        case("5.1.2", "as many streams as are allowed are taken").send(
            (0..127).flat_map(|n| get(1 + 2 * n, "/silent")).collect::<Vec<u8>>()).ignored(255),
    ]
}

#[rustfmt::skip]
fn bodies() -> Vec<Case> {
    vec![
        case("6.1", "DATA is a body").send(post(1, "/")).send(data(1, flag::END_STREAM, "test")).answered(1),
        case("6.1", "several DATA are a body").send(post(1, "/"))
            .send(data(1, 0, "te")).send(data(1, 0, "s")).send(data(1, flag::END_STREAM, "t")).answered(1),
        case("6.1", "DATA may be padded").send(post(1, "/"))
            .send(data(1, flag::END_STREAM | flag::PADDED, padded("test", 6))).answered(1),
        case("6.1", "DATA may be padding alone").send(post(1, "/"))
            .send(data(1, flag::END_STREAM | flag::PADDED, padded("", 255))).answered(1),
        case("6.1", "the last DATA may be empty").send(post(1, "/"))
            .send(data(1, 0, "test")).send(data(1, flag::END_STREAM, "")).answered(1),
    ]
}

#[rustfmt::skip]
fn frames() -> Vec<Case> {
    let ask = || request("GET", "/", &[]);
    vec![
        case("6.2", "HEADERS are a request").send(get(1, "/")).answered(1),
        case("6.2", "HEADERS may be padded")
            .send(headers(1, flag::WHOLE | flag::PADDED, padded(ask(), 6))).answered(1),
        case("6.2", "HEADERS may have a priority")
            .send(headers(1, flag::WHOLE | flag::PRIORITY, [dependency(0, 255), ask()].concat())).answered(1),
        case("6.2", "HEADERS may have both")
            .send(headers(1, flag::WHOLE | flag::PRIORITY | flag::PADDED,
                padded([dependency(0, 0), ask()].concat(), 9))).answered(1),
        case("6.3", "PRIORITY may have the least weight").send(priority(1, 0, 0)).ignored(1),
        case("6.3", "PRIORITY may have the greatest weight").send(priority(1, 0, 255)).ignored(1),
        case("6.3", "PRIORITY may depend on another stream")
            .send(priority(1, 0, 255)).send(priority(3, 1, 255)).ignored(1),
        case("6.3", "PRIORITY may be exclusive").send(priority(1, 0x8000_0000, 255)).ignored(1),
        case("6.3", "PRIORITY of a later stream uses no identifier up").send(priority(7, 0, 255)).ignored(1),
        case("6.4", "RST_STREAM ends a stream and no other")
            .send(post(1, "/")).send(reset(1, code::CANCEL)).ignored(3),
        case("6.5", "settings are acknowledged")
            .send(settings(&[(setting::MAX_CONCURRENT_STREAMS, 100)])).answer(&[Answer::Ack]),
        case("6.5", "all settings at once are acknowledged").send(settings(&[
            (setting::HEADER_TABLE_SIZE, 4096), (setting::ENABLE_PUSH, 0),
            (setting::MAX_CONCURRENT_STREAMS, 100), (setting::INITIAL_WINDOW_SIZE, 65_535),
            (setting::MAX_FRAME_SIZE, 16_384), (setting::MAX_HEADER_LIST_SIZE, 4096),
        ])).answer(&[Answer::Ack]),
        case("6.7", "PING is answered with what it carries").send(ping(*b"12345678"))
            .answer(&[Answer::Pong(*b"12345678")]),
        case("6.7", "PING is answered while a request is under way").send(get(1, "/silent"))
            .send(ping(MARK)).answer(&[Answer::Pong(MARK)]),
        case("6.8", "GOAWAY of a client leaves its requests alone").send(get(1, "/"))
            .send(go_away(0, code::NO_ERROR, "")).answered(1),
        case("6.9", "WINDOW_UPDATE is taken for the connection").send(window_update(0, 1)).ignored(1),
        case("6.9", "WINDOW_UPDATE is taken for a stream").send(post(1, "/")).send(window_update(1, 1))
            .send(data(1, flag::END_STREAM, "test")).answered(1),
        case("6.10", "CONTINUATION goes on with HEADERS")
            .send(headers(1, flag::END_STREAM, &ask()[..9]))
            .send(continuation(1, flag::END_HEADERS, &ask()[9..])).answered(1),
        case("6.10", "a block may be cut anywhere")
            .send(headers(1, flag::END_STREAM, &ask()[..1]))
            .send(continuation(1, 0, &ask()[1..4])).send(continuation(1, 0, &ask()[4..20]))
            .send(continuation(1, flag::END_HEADERS, &ask()[20..])).answered(1),
        case("6.10", "CONTINUATION may be empty")
            .send(headers(1, flag::END_STREAM, [])).send(continuation(1, 0, ask()))
            .send(continuation(1, flag::END_HEADERS, [])).answered(1),
        case("6.10", "trailers may be continued").send(post(1, "/")).send(data(1, 0, "test"))
            .send(headers(1, flag::END_STREAM, &block(&[("x-sum", "1")])[..3]))
            .send(continuation(1, flag::END_HEADERS, &block(&[("x-sum", "1")])[3..])).answered(1),
    ]
}

#[rustfmt::skip]
fn exchanges() -> Vec<Case> {
    vec![
        case("8.1", "GET is answered").send(get(1, "/")).answered(1),
        case("8.1", "HEAD is answered").send(headers(1, flag::WHOLE, request("HEAD", "/", &[]))).answered(1),
        case("8.1", "POST is answered").send(headers(1, flag::END_HEADERS,
            request("POST", "/", &[("content-length", "4")]))).send(data(1, flag::END_STREAM, "test")).answered(1),
        case("8.1", "POST with trailers is answered").send(post(1, "/")).send(data(1, 0, "test"))
            .send(headers(1, flag::WHOLE, block(&[("x-sum", "1")]))).answered(1),
        case("8.1", "OPTIONS of the server is answered")
            .send(headers(1, flag::WHOLE, request("OPTIONS", "*", &[])))
            .answer(&[Answer::Status(1, 200), Answer::Status(1, 400), Answer::Status(1, 404)]),
        case("8.1", "many requests at once are answered")
            .send((0..20).flat_map(|n| get(1 + 2 * n, "/silent")).collect::<Vec<u8>>()).ignored(41),
        case("8.2.3", "cookies may come in several fields").send(headers(1, flag::WHOLE,
            request("GET", "/", &[("cookie", "a=b"), ("cookie", "c=d")]))).answered(1),
        case("8.2.2", "TE may say trailers")
            .send(headers(1, flag::WHOLE, request("GET", "/", &[("te", "trailers")]))).answered(1),
        case("8.3.1", "Host may say what :authority says")
            .send(headers(1, flag::WHOLE, request("GET", "/", &[("host", "a")]))).answered(1),
        case("8.3.1", "Host may stand for :authority").send(headers(1, flag::WHOLE,
            block(&[(":method", "GET"), (":scheme", "http"), (":path", "/"), ("host", "a")]))).answered(1),
        case("5.5", "an unknown frame is passed over").send(frame(0x16, 0, 0, [0; 8])).ignored(1),
        case("5.5", "an unknown frame is passed over on a stream").send(frame(0x16, 0xff, 1, [0; 8])).ignored(1),
        case("7.1", "GOAWAY may have an unknown code").send(get(1, "/")).send(go_away(0, 0xff, "unknown")).answered(1),
        case("7.1", "RST_STREAM may have an unknown code").send(post(1, "/")).send(reset(1, 0xff)).ignored(3),
        case("4.1", "undefined flags are passed over").send(frame(kind::PING, 0x16, 0, MARK))
            .answer(&[Answer::Pong(MARK)]),
        case("4.1", "the reserved bit is passed over").send(frame(kind::PING, 0, 0x8000_0000, MARK))
            .answer(&[Answer::Pong(MARK)]),
        case("4.2", "DATA may have 16384 bytes").send(post(1, "/"))
            .send(data(1, flag::END_STREAM, vec![0; 16_384])).answered(1),
    ]
}
