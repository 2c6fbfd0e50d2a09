//! Bytes in, verdicts out.

use super::*;

fn frame(length: usize, kind: u8, flags: u8, stream: u32) -> Vec<u8> {
    let mut bytes = Head { length, kind, flags, stream }.bytes().to_vec();
    bytes.resize(HEAD_BYTES + length, 0);
    bytes
}

/// A connection that has begun as it should.
fn begun() -> Frames {
    let mut frames = Frames::new(64 * 1024);
    let opening = [HTTP2_PREFACE, &frame(0, SETTINGS, 0, 0)].concat();
    let seen = frames.inspect(&opening);
    assert_eq!(seen, Seen { pass: opening.len(), moved: true, error: None });
    frames
}

fn judge(bytes: &[u8]) -> Option<Error> {
    let seen = begun().inspect(bytes);
    assert_eq!(seen.pass, if seen.error.is_some() { 0 } else { bytes.len() });
    seen.error
}

#[test]
fn a_frame_has_the_size_of_its_type() {
    for (kind, flags, good, bad) in [
        (PRIORITY, 0, &[5][..], &[0, 4, 6][..]),
        (RST_STREAM, 0, &[4], &[0, 3, 5]),
        (SETTINGS, 0, &[0, 6, 12], &[1, 5, 7]),
        (SETTINGS, ACK, &[0], &[1, 6]),
        (PING, 0, &[8], &[0, 7, 9]),
        (GOAWAY, 0, &[8, 9, 100], &[0, 7]),
        (WINDOW_UPDATE, 0, &[4], &[0, 3, 5]),
        (HEADERS, 0, &[0, 1], &[]),
        (HEADERS, PADDED, &[1], &[0]),
        (HEADERS, WITH_PRIORITY, &[5], &[4]),
        (HEADERS, PADDED | WITH_PRIORITY, &[6], &[5]),
        (DATA, 0, &[0, 16_384], &[]),
        (0x16, 0, &[0, 7], &[]),
    ] {
        for length in good {
            assert_eq!(judge(&frame(*length, kind, flags, 1)), None, "{kind} {length}");
        }
        for length in bad {
            let judged = judge(&frame(*length, kind, flags, 1));
            assert_eq!(judged, Some(Error::FrameSize), "{kind} {length}");
        }
    }
}

#[test]
fn a_connection_begins_with_settings() {
    for (first, error) in [
        (frame(0, SETTINGS, 0, 0), None),
        (frame(0, SETTINGS, ACK, 0), Some(Error::Protocol)),
        (frame(8, PING, 0, 0), Some(Error::Protocol)),
        (frame(3, HEADERS, END_HEADERS, 1), Some(Error::Protocol)),
    ] {
        let mut frames = Frames::new(64 * 1024);
        let seen = frames.inspect(&[HTTP2_PREFACE, &first].concat());
        assert_eq!(seen.error, error);
        assert_eq!(seen.pass, 24 + if error.is_some() { 0 } else { first.len() });
    }
}

#[test]
fn a_window_is_not_larger_than_there_is() {
    let settings = |values: &[u8]| [&frame(0, SETTINGS, 0, 0)[..], values].concat();
    for (values, error) in [
        (&[0, 4, 0x7f, 0xff, 0xff, 0xff][..], None),
        (&[0, 4, 0x80, 0, 0, 0], Some(Error::FlowControl)),
        (&[0, 3, 0x80, 0, 0, 0], None),
        (&[0, 3, 0, 0, 0, 1, 0, 4, 0xff, 0, 0, 0], Some(Error::FlowControl)),
    ] {
        let mut bytes = settings(values);
        bytes[2] = u8::try_from(values.len()).unwrap();
        assert_eq!(judge(&bytes), error, "{values:?}");
        // They are not judged before they are whole.
        let part = begun().inspect(&bytes[..bytes.len() - 1]);
        assert_eq!(part, Seen { pass: 0, moved: false, error: None });
    }
}

#[test]
fn it_does_not_matter_how_the_bytes_are_cut() {
    let all = [
        HTTP2_PREFACE,
        &frame(6, SETTINGS, 0, 0),
        &frame(20, HEADERS, END_HEADERS, 1),
        &frame(300, DATA, 0, 1),
        &frame(3, PING, 0, 0),
    ]
    .concat();
    for size in 1..all.len() {
        let (mut frames, mut held, mut passed) = (Frames::new(64 * 1024), Vec::new(), 0);
        let mut error = None;
        for piece in all.chunks(size) {
            held.extend_from_slice(piece);
            let seen = frames.inspect(&held);
            held.drain(..seen.pass);
            passed += seen.pass;
            error = error.or(seen.error);
            if error.is_some() {
                break;
            }
            assert!(held.len() < HEAD_BYTES + 6);
        }
        assert_eq!((passed, error), (all.len() - 12, Some(Error::FrameSize)), "cut by {size}");
    }
}

#[test]
fn requests_and_bodies_move_and_nothing_else_does() {
    let mut frames = begun();
    for (bytes, moved) in [
        (frame(20, HEADERS, END_HEADERS, 1), true),
        (frame(1, DATA, 0, 1), true),
        (frame(0, DATA, 0, 1), false),
        (frame(8, PING, 0, 0), false),
        (frame(8, PING, ACK, 0), false),
        (frame(0, SETTINGS, ACK, 0), false),
        (frame(4, WINDOW_UPDATE, 0, 0), false),
        (frame(4, RST_STREAM, 0, 1), false),
        (frame(9, 0x16, 0, 1), false),
    ] {
        assert_eq!(frames.inspect(&bytes).moved, moved, "{bytes:?}");
    }
}

/// How many of these frames pass, each followed by so many bytes to the client.
fn passes(bytes: &[u8], wrote: usize) -> Option<usize> {
    let mut frames = begun();
    (0..20_000).find(|_| {
        let seen = frames.inspect(bytes);
        frames.wrote(wrote);
        seen.error == Some(Error::Calm)
    })
}

#[test]
fn frames_that_bring_nothing_are_bounded() {
    assert_eq!(passes(&frame(8, PING, 0, 0), 0), Some(8191));
    // Their answers do not make up for them.
    assert_eq!(passes(&frame(8, PING, 0, 0), 17), Some(14_244));
    assert_eq!(passes(&frame(0, SETTINGS, 0, 0), 0), Some(10_239));
    assert_eq!(passes(&frame(5, PRIORITY, 0, 3), 0), Some(8855));
    assert_eq!(passes(&frame(4, WINDOW_UPDATE, 0, 0), 0), Some(9101));
    assert_eq!(passes(&frame(0, DATA, 0, 1), 0), Some(10_239));
    assert_eq!(passes(&frame(16_384, 0x16, 0, 0), 0), Some(19));
}

#[test]
fn frames_that_go_with_something_are_not() {
    // A client that acknowledges every 50 bytes, for the stream and for the connection.
    let updates = [frame(4, WINDOW_UPDATE, 0, 0), frame(4, WINDOW_UPDATE, 0, 1)].concat();
    assert_eq!(passes(&updates, 72), None);
    // One that asks for its distance with each small message.
    let message = [frame(20, DATA, 0, 1), frame(8, PING, 0, 0)].concat();
    assert_eq!(passes(&message, 17 + 9 + 20), None);
    // One that cancels every request after a while.
    let cancelled = [frame(60, HEADERS, END_HEADERS, 1), frame(4, RST_STREAM, 0, 1)].concat();
    assert_eq!(passes(&cancelled, 0), None);
}

#[test]
fn who_is_slow_enough_starts_again() {
    let mut frames = begun();
    let ping = frame(8, PING, 0, 0);
    for _ in 0..8191 {
        assert_eq!(frames.inspect(&ping).error, None);
    }
    frames.since -= COST_WINDOW;
    assert_eq!(frames.inspect(&ping).error, None);
    assert_eq!(frames.inspect(&ping).error, None);
}

#[test]
fn frames_of_ours_come_between_those_of_the_client() {
    let mut frames = begun();
    assert!(frames.is_between());
    let bytes = frame(10, HEADERS, 0, 5);
    assert_eq!(frames.inspect(&bytes[..12]).pass, 12);
    assert!(!frames.is_between());
    assert_eq!(frames.inspect(&bytes[12..]).pass, 7);
    assert!(frames.is_between());
    // The header block is the client's: it only goes on.
    let calm = frames.ending(Error::Calm);
    assert_eq!(calm, frame(0, CONTINUATION, 0, 5).repeat(6));
    frames.end();
    assert!(!frames.is_between());
}
