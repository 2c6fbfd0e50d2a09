//! Settings and flow control (RFC 9113 sections 6.5 and 6.9).

use tidegate_tests::http2::{
    code, data, flag, frame, get, kind, post, setting, settings, window_update,
};

use super::{Answer, Case, case};

const PROTOCOL: &[u32] = &[code::PROTOCOL_ERROR];
const SIZE: &[u32] = &[code::FRAME_SIZE_ERROR];
const FLOW: &[u32] = &[code::FLOW_CONTROL_ERROR];

pub(super) fn cases() -> Vec<Case> {
    [forms(), values(), windows(), changes()].into_iter().flatten().collect()
}

#[rustfmt::skip]
fn forms() -> Vec<Case> {
    vec![
        case("6.5", "an acknowledgement with settings in it").send(frame(kind::SETTINGS, flag::ACK, 0, [0; 6])).connection_error(SIZE),
        case("6.5", "an acknowledgement with a byte in it").send(frame(kind::SETTINGS, flag::ACK, 0, [0])).connection_error(SIZE),
        case("6.5", "SETTINGS on a stream").send(frame(kind::SETTINGS, 0, 1, [0, 3, 0, 0, 0, 100])).connection_error(PROTOCOL),
        case("6.5", "SETTINGS with half a value").send(frame(kind::SETTINGS, 0, 0, [0, 3, 0])).connection_error(SIZE),
        case("6.5", "SETTINGS with one value and a half")
            .send(frame(kind::SETTINGS, 0, 0, [0, 3, 0, 0, 0, 100, 0, 3, 0])).connection_error(SIZE),
    ]
}

#[rustfmt::skip]
fn values() -> Vec<Case> {
    let set = |name, value| settings(&[(name, value)]);
    vec![
        case("6.5.2", "ENABLE_PUSH other than 0 and 1").send(set(setting::ENABLE_PUSH, 2)).connection_error(PROTOCOL),
        case("6.5.2", "INITIAL_WINDOW_SIZE above what there is")
            .send(set(setting::INITIAL_WINDOW_SIZE, 0x8000_0000)).connection_error(FLOW),
        case("6.5.2", "MAX_FRAME_SIZE below 16384").send(set(setting::MAX_FRAME_SIZE, 16_383)).connection_error(PROTOCOL),
        case("6.5.2", "MAX_FRAME_SIZE above what there is").send(set(setting::MAX_FRAME_SIZE, 0x100_0000)).connection_error(PROTOCOL),
        case("6.5.2", "an unknown setting is passed over").send(set(0xff, 1)).ignored(1),
        case("6.5.2", "the greatest values are taken").send(settings(&[
            (setting::HEADER_TABLE_SIZE, u32::MAX), (setting::MAX_CONCURRENT_STREAMS, u32::MAX),
            (setting::INITIAL_WINDOW_SIZE, 0x7fff_ffff), (setting::MAX_FRAME_SIZE, 0xff_ffff),
            (setting::MAX_HEADER_LIST_SIZE, u32::MAX)])).ignored(1),
        case("6.5.3", "the last of several values counts").send(settings(&[
            (setting::INITIAL_WINDOW_SIZE, 100), (setting::INITIAL_WINDOW_SIZE, 1)])).send(get(1, "/"))
            .answer(&[Answer::Data(1, 1)]),
        case("6.5.3", "settings are acknowledged").send(set(setting::ENABLE_PUSH, 0)).answer(&[Answer::Ack]),
    ]
}

#[rustfmt::skip]
fn windows() -> Vec<Case> {
    vec![
        case("6.9", "WINDOW_UPDATE of 0 for the connection").send(window_update(0, 0)).connection_error(PROTOCOL),
        case("6.9", "WINDOW_UPDATE of 0 for a stream").send(post(1, "/")).send(window_update(1, 0)).stream_error(1, PROTOCOL),
        case("6.9.1", "no more is sent than there is room for")
            .with(&[(setting::INITIAL_WINDOW_SIZE, 1)]).send(get(1, "/")).answer(&[Answer::Data(1, 1)]),
        case("6.9.1", "the window of the connection is for all streams")
            .with(&[(setting::INITIAL_WINDOW_SIZE, 0x7fff_ffff)]).send(get(1, "/big")).answer(&[Answer::Data(1, 65_535)]),
        case("6.9.1", "a window of the connection above what there is")
            .send(window_update(0, 0x7fff_ffff)).send(window_update(0, 0x7fff_ffff)).connection_error(FLOW),
        case("6.9.1", "a window of a stream above what there is").send(post(1, "/"))
            .send(window_update(1, 0x7fff_ffff)).send(window_update(1, 0x7fff_ffff)).stream_error(1, FLOW),
        case("6.9.1", "a body beyond the window of the stream").send(post(1, "/silent"))
            .send((0..4).flat_map(|_| data(1, 0, vec![0; 16_384])).collect::<Vec<u8>>()).stream_error(1, FLOW),
    ]
}

#[rustfmt::skip]
fn changes() -> Vec<Case> {
    let set = |value| settings(&[(setting::INITIAL_WINDOW_SIZE, value)]);
    vec![
        case("6.9.2", "a window that was none may become one").with(&[(setting::INITIAL_WINDOW_SIZE, 0)])
            .send(get(1, "/")).send(set(1)).answer(&[Answer::Data(1, 1)]),
        case("6.9.2", "a window may become less than nothing").with(&[(setting::INITIAL_WINDOW_SIZE, 3)])
            .send(get(1, "/big")).after(Answer::Data(1, 3)).send(set(2)).send(window_update(1, 2))
            .answer(&[Answer::Data(1, 4)]),
        case("6.9.2", "a change that makes a window too large").send(get(1, "/silent"))
            .send(window_update(1, 0x7fff_0000)).send(set(0x7fff_ffff)).connection_error(FLOW),
        case("6.9.2", "a change above what there is").send(get(1, "/silent")).send(set(0x8000_0000))
            .connection_error(FLOW),
    ]
}
