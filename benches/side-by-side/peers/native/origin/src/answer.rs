//! What is answered to which path; whole responses are made once.

use std::time::Duration;

const KIB: usize = 1024;
const SLOW_MS: u64 = 50;

pub enum Answer<'a> {
    Fixed(&'a [u8]),
    Owned(Vec<u8>),
    Late(&'a [u8], Duration),
    /// This chunk, several times.
    Chunks(&'a [u8]),
}

pub struct Answers {
    kib_1: Vec<u8>,
    kib_10: Vec<u8>,
    kib_100: Vec<u8>,
}

impl Answers {
    pub fn new() -> Self {
        let of = |bytes| response("application/json", &json(bytes));
        Self { kib_1: of(KIB), kib_10: of(10 * KIB), kib_100: of(100 * KIB) }
    }

    /// What the request with this head is answered.
    pub fn to(&self, head: &[u8]) -> Answer<'_> {
        let target = head.split(|&octet| octet == b' ').nth(1).unwrap_or(b"/");
        match target {
            b"/1k" => Answer::Fixed(&self.kib_1),
            b"/10k" => Answer::Fixed(&self.kib_10),
            b"/100k" => Answer::Fixed(&self.kib_100),
            b"/echo" => Answer::Owned(response("text/plain", head)),
            b"/stream" => Answer::Chunks(&self.kib_1[self.kib_1.len() - KIB..]),
            _ => match target.strip_prefix(b"/slow") {
                Some(query) => Answer::Late(&self.kib_1, delay(query)),
                None => Answer::Fixed(&self.kib_1),
            },
        }
    }
}

fn delay(query: &[u8]) -> Duration {
    let text = std::str::from_utf8(query).unwrap_or_default();
    Duration::from_millis(text.trim_start_matches('?').parse().unwrap_or(SLOW_MS))
}

fn response(kind: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: origin\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// An object of exactly so many bytes: items, and a text that fills it up.
fn json(bytes: usize) -> Vec<u8> {
    const LONGEST_ITEM: usize = 64;
    const CLOSE: &str = "\"}";
    let mut text = String::from("{\"items\":[");
    for id in 0.. {
        if text.len() + LONGEST_ITEM >= bytes {
            break;
        }
        let comma = if id == 0 { "" } else { "," };
        text += &format!("{comma}{{\"id\":{id},\"name\":\"item-{id}\",\"ok\":true}}");
    }
    text += "],\"pad\":\"";
    text += &"x".repeat(bytes - text.len() - CLOSE.len());
    text += CLOSE;
    assert_eq!(text.len(), bytes);
    text.into_bytes()
}
