//! Bytes in, verdict out; and the same verdict however the bytes are cut.

mod cases;

use fastrand::Rng;
use http::{HeaderName, HeaderValue, Uri};

use super::{Framing, HeadLimits, Malformed, Phase, is_http2_preface};
use cases::{Case, cases};

const LIMITS: HeadLimits = HeadLimits { head_bytes: 512, headers: 6 };

/// What comes of a whole stream: bytes passed, then where it stands or what is wrong.
type Outcome = (usize, Result<Phase, Malformed>);

/// Does what [`Framing`] asks of its caller, with the stream cut into these pieces.
fn outcome<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut framing = Framing::new(LIMITS);
    let mut kept: Vec<u8> = Vec::new();
    let mut passed = 0;
    for piece in pieces {
        kept.extend_from_slice(piece);
        let verdict = framing.inspect(&kept);
        kept.drain(..verdict.pass);
        passed += verdict.pass;
        if let Some(fault) = verdict.fault {
            assert_eq!(framing.phase(), Phase::Faulty);
            return (passed, Err(fault));
        }
        assert!(kept.len() < framing.keeps_at_most(), "{} bytes kept", kept.len());
    }
    (passed, Ok(framing.phase()))
}

fn expected(case: &Case) -> Outcome {
    (case.passes, case.end.map_err(|(status, reason)| Malformed { status, reason }))
}

#[test]
fn every_stream_has_its_verdict() {
    let cases = cases();
    assert!(cases.len() > 200, "{} cases", cases.len());
    for case in cases {
        let shown = case.stream.escape_ascii();
        assert_eq!(outcome([case.stream.as_slice()]), expected(&case), "{shown}");
    }
}

#[test]
fn a_cut_at_any_byte_changes_nothing() {
    for case in cases() {
        for at in 0..=case.stream.len() {
            let (first, second) = case.stream.split_at(at);
            let shown = case.stream.escape_ascii();
            assert_eq!(outcome([first, second]), expected(&case), "{shown} at {at}");
        }
        let shown = case.stream.escape_ascii();
        assert_eq!(outcome(case.stream.chunks(1)), expected(&case), "{shown} byte by byte");
    }
}

#[test]
fn random_cuts_of_random_streams_change_nothing() {
    let cases = cases();
    let mut random = Rng::with_seed(11);
    let mut refused = 0;
    for _ in 0..5_000 {
        let mut stream = Vec::new();
        for _ in 0..random.usize(1..4) {
            stream.extend_from_slice(&cases[random.usize(..cases.len())].stream);
        }
        for _ in 0..random.usize(0..3) {
            let at = random.usize(..=stream.len());
            let byte = *b"\r\n :0;\tx\0".get(random.usize(..9)).unwrap();
            stream.insert(at, byte);
        }
        let whole = outcome([stream.as_slice()]);
        refused += usize::from(whole.1.is_err());
        for _ in 0..4 {
            let mut pieces = Vec::new();
            let mut rest = stream.as_slice();
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(random.usize(1..=rest.len().min(40)));
                pieces.push(piece);
                rest = after;
            }
            assert_eq!(outcome(pieces), whole, "{}", stream.escape_ascii());
        }
    }
    assert!((3_000..5_000).contains(&refused), "{refused} are refused");
}

#[test]
fn a_fault_is_for_ever() {
    let mut framing = Framing::new(LIMITS);
    let stream = b"GET / HTTP/1.0\r\n\r\nGET\t\r\n";
    let first = framing.inspect(stream);
    assert_eq!(first.pass, 18);
    let again = framing.inspect(b"GET / HTTP/1.0\r\n\r\n");
    assert_eq!((again.pass, again.fault), (0, first.fault));
    framing.release();
    assert_eq!(framing.phase(), Phase::Faulty);
}

#[test]
fn after_an_upgrade_everything_passes() {
    let mut framing = Framing::new(LIMITS);
    let head = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(framing.inspect(head).pass, head.len());
    framing.release();
    let verdict = framing.inspect(b"\x81\x05hello");
    assert_eq!((verdict.pass, verdict.fault), (7, None));
    assert_eq!(framing.phase(), Phase::Released);
}

#[test]
fn nothing_passes_between_an_offer_and_its_answer() {
    let head = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n";
    let next = b"GET /\tb HTTP/1.1\r\n";
    let mut framing = Framing::new(LIMITS);
    // What comes behind is neither good nor bad yet.
    let verdict = framing.inspect(&[&head[..], next].concat());
    assert_eq!((verdict.pass, verdict.fault), (head.len(), None));
    assert_eq!(framing.phase(), Phase::Undecided);
    assert_eq!(framing.inspect(next).pass, 0);
    framing.resume();
    assert_eq!(framing.phase(), Phase::Idle);
    assert!(framing.inspect(next).fault.is_some());

    // There is nothing to go on with.
    framing.resume();
    assert_eq!(framing.phase(), Phase::Faulty);
}

#[test]
fn an_offer_comes_without_a_body_and_in_http_1_1() {
    for (head, phase) in [
        ("POST / HTTP/1.1\r\nHost: a\r\nUpgrade: b\r\nContent-Length: 0", Phase::Undecided),
        ("POST / HTTP/1.1\r\nHost: a\r\nUpgrade: b\r\nContent-Length: 1", Phase::Body),
        ("POST / HTTP/1.1\r\nHost: a\r\nUpgrade: b\r\nTransfer-Encoding: chunked", Phase::Body),
        ("GET / HTTP/1.0\r\nHost: a\r\nUpgrade: b", Phase::Idle),
        ("GET / HTTP/1.1\r\nHost: a\r\nUpgraded: b", Phase::Idle),
    ] {
        let mut framing = Framing::new(LIMITS);
        let head = format!("{head}\r\n\r\n");
        assert_eq!(framing.inspect(head.as_bytes()).pass, head.len(), "{head}");
        assert_eq!(framing.phase(), phase, "{head}");
    }
}

#[test]
fn what_passes_can_be_read_by_the_implementation_behind() {
    for byte in 0..=255 {
        let passes = |start: &[u8], end: &[u8]| {
            outcome([[start, &[byte], end].concat().as_slice()]).1 == Ok(Phase::Idle)
        };
        for target in ["/a", "/a?b", "http://a/b", "http://a?b"] {
            if passes(&[b"GET ", target.as_bytes()].concat(), b" HTTP/1.1\r\nHost: a\r\n\r\n") {
                let target = [target.as_bytes(), &[byte]].concat();
                assert!(Uri::try_from(target.as_slice()).is_ok(), "{}", target.escape_ascii());
            }
        }
        if byte != b':' && passes(b"GET / HTTP/1.0\r\na", b": b\r\n\r\n") {
            assert!(HeaderName::from_bytes(&[b'a', byte]).is_ok(), "{byte}");
        }
        if passes(b"GET / HTTP/1.0\r\na: b", b"c\r\n\r\n") {
            assert!(HeaderValue::from_bytes(&[b'b', byte, b'c']).is_ok(), "{byte}");
        }
    }
}

#[test]
fn http2_is_known_by_its_preface() {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for length in 0..preface.len() {
        assert_eq!(is_http2_preface(&preface[..length]), None, "{length}");
    }
    assert_eq!(is_http2_preface(preface), Some(true));
    assert_eq!(is_http2_preface(&[preface.as_slice(), b"\0\0"].concat()), Some(true));
    assert_eq!(is_http2_preface(b"PUT"), Some(false));
    assert_eq!(is_http2_preface(b"PRI * HTTP/1.1\r\n"), Some(false));
    assert_eq!(is_http2_preface(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Some(false));
}

#[test]
fn a_fault_knows_whether_it_broke_a_body() {
    let chunked = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".as_slice();
    let cases: [(&[u8], bool); 4] = [
        (b"GET / HTTP/1.1\r\n\r\n", false),
        (&[chunked, b"0\r\n\r\nGET / HTTP/1.1\r\n\r\n"].concat(), false),
        (&[chunked, b"x\r\n"].concat(), true),
        (&[chunked, b"0\r\nhost: x\r\n\r\n"].concat(), true),
    ];
    for (stream, breaks) in cases {
        let mut framing = Framing::new(LIMITS);
        assert!(framing.inspect(stream).fault.is_some());
        assert_eq!(framing.breaks_body(), breaks);
        assert!(framing.inspect(b"more").fault.is_some());
        assert_eq!(framing.breaks_body(), breaks);
    }
}
