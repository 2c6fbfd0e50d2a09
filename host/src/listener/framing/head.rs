//! The head of a request, line by line, and the trailers.

use std::ops::Range;

use super::lines::{Line, Lines};
use super::{HeadLimits, Malformed, TRAILER_BYTES_MAX, bytes};
use crate::route::host;

const HEAD_TOO_LARGE: Malformed = Malformed::new(431, "the head is too large");
const TOO_MANY_FIELDS: Malformed = Malformed::new(431, "too many field lines");

/// What comes after a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// So many bytes; 0 without any length.
    Length(u64),
    /// Chunks, then trailers.
    Chunked,
    /// Nothing; and what the bytes after it are, only the answer tells.
    Undecided,
}

/// A head that is being read. Places in it count from its first byte.
#[derive(Debug)]
pub(super) struct Head {
    lines: Lines,
    /// Where the request line begins: 2 if an empty line stands before it. Absent until its first
    /// byte has been seen.
    begin: Option<usize>,
    /// Absent until the request line has been read.
    request: Option<RequestLine>,
    host: bool,
    length: Option<u64>,
    chunked: bool,
    next: Next,
}

/// What comes after the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Http,
    /// What the client has offered to speak instead, if the offer is taken.
    Offered,
}

/// What the request line means for the fields.
#[derive(Debug)]
struct RequestLine {
    version: Version,
    /// Of an absolute target.
    authority: Option<Authority>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Http10,
    Http11,
}

#[derive(Debug)]
struct Authority {
    place: Range<usize>,
    /// What stands in for an absent port.
    port: u16,
}

impl Head {
    pub(super) const fn new() -> Self {
        Self {
            lines: Lines::new(),
            begin: None,
            request: None,
            host: false,
            length: None,
            chunked: false,
            next: Next::Http,
        }
    }

    pub(super) const fn has_begun(&self) -> bool {
        self.begin.is_some()
    }

    /// Reads as many lines as there are; at the end of the head its length and what follows.
    pub(super) fn read(
        &mut self,
        input: &[u8],
        limits: HeadLimits,
    ) -> Result<Option<(usize, Body)>, Malformed> {
        if self.begin.is_none() {
            self.begin = begin(input)?;
            self.lines.skip(self.begin.unwrap_or(0));
        }
        let Some(begin) = self.begin else {
            return Ok(None);
        };
        let limit = limits.head_bytes + begin;
        loop {
            let start = self.lines.start;
            match (self.lines.next(input, limit)?, &self.request) {
                (Line::Partial, _) => return Ok(None),
                (Line::TooLong, None) => {
                    return Err(overlong_request_line(input.get(start..limit).unwrap_or_default()));
                }
                (Line::TooLong, Some(_)) => return Err(HEAD_TOO_LARGE),
                (Line::Whole(line), None) => self.request = Some(request_line(line, start)?),
                (Line::Whole([]), Some(_)) => {
                    return Ok(Some((self.lines.start, self.finish()?)));
                }
                (Line::Whole(line), Some(_)) => {
                    self.lines.fields += 1;
                    if self.lines.fields > limits.headers {
                        return Err(TOO_MANY_FIELDS);
                    }
                    let (name, value) = field(line)?;
                    self.note(name, value, input)?;
                }
            }
        }
    }

    /// Takes from a field what concerns the message's framing and destination.
    fn note(&mut self, name: &[u8], value: &[u8], input: &[u8]) -> Result<(), Malformed> {
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.note_host(value, input),
            6 if name.eq_ignore_ascii_case(b"expect") => {
                if value.eq_ignore_ascii_case(b"100-continue") {
                    return Ok(());
                }
                Err(Malformed::new(417, "an expectation other than 100-continue"))
            }
            7 if name.eq_ignore_ascii_case(b"upgrade") => {
                self.next = Next::Offered;
                Ok(())
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                if self.length.is_some() {
                    // RFC 9112 section 6.3 allows equal ones; honest clients do not need that.
                    return Err(Malformed::bad("more than one content-length"));
                }
                self.length = Some(content_length(value)?);
                Ok(())
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                if self.chunked {
                    return Err(Malformed::bad("more than one transfer-encoding"));
                }
                if !value.eq_ignore_ascii_case(b"chunked") {
                    // RFC 9112 section 6.1.
                    return Err(Malformed::new(501, "a transfer coding other than chunked"));
                }
                self.chunked = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn note_host(&mut self, value: &[u8], input: &[u8]) -> Result<(), Malformed> {
        if self.host {
            return Err(Malformed::bad("more than one host"));
        }
        self.host = true;
        let asked = parse_host(value)?;
        let Some(RequestLine { authority: Some(Authority { place, port }), .. }) = &self.request
        else {
            return Ok(());
        };
        let target = parse_host(input.get(place.clone()).unwrap_or_default())?;
        if asked.name != target.name || asked.port.unwrap_or(*port) != target.port.unwrap_or(*port)
        {
            return Err(Malformed::bad("a host other than that of the target"));
        }
        Ok(())
    }

    /// Settles what only the whole head can tell (RFC 9112 sections 3.2 and 6.3).
    fn finish(&self) -> Result<Body, Malformed> {
        let old = self.request.as_ref().is_some_and(|line| line.version == Version::Http10);
        if !self.host && !old {
            return Err(Malformed::bad("no host"));
        }
        match (self.chunked, self.length) {
            (true, Some(_)) => Err(Malformed::bad("both content-length and transfer-encoding")),
            (true, None) if old => Err(Malformed::bad("a transfer-encoding in http/1.0")),
            (true, None) => Ok(Body::Chunked),
            // RFC 9110 section 7.8: HTTP/1.0 cannot be left, and whoever has a body to send is
            // never switched.
            (false, None | Some(0)) if self.next == Next::Offered && !old => Ok(Body::Undecided),
            (false, length) => Ok(Body::Length(length.unwrap_or(0))),
        }
    }
}

/// Passes over one empty line (RFC 9112 section 2.2) and gives the place of the request line; none
/// if its first byte has not come.
fn begin(input: &[u8]) -> Result<Option<usize>, Malformed> {
    let (begin, first) = match input {
        [] | [b'\r'] | [b'\r', b'\n'] => return Ok(None),
        [b'\r', b'\n', first, ..] => (2, first),
        [first, ..] => (0, first),
    };
    if bytes::token_length(&[*first]) == 1 {
        return Ok(Some(begin));
    }
    Err(Malformed::bad(match first {
        b'\r' | b'\n' => "an empty line in place of a request line",
        // RFC 8446 section 5.1: the type of a handshake record.
        22 => "a tls handshake on a listener without tls",
        _ => "the method is not a token",
    }))
}

/// Reads trailers to their empty line and gives their length; none if they are not whole.
pub(super) fn read_trailers(
    lines: &mut Lines,
    input: &[u8],
    limits: HeadLimits,
) -> Result<Option<usize>, Malformed> {
    loop {
        match lines.next(input, limits.head_bytes.min(TRAILER_BYTES_MAX))? {
            Line::Partial => return Ok(None),
            Line::TooLong => return Err(Malformed::new(431, "the trailers are too large")),
            Line::Whole([]) => return Ok(Some(lines.start)),
            Line::Whole(line) => {
                lines.fields += 1;
                if lines.fields > limits.headers {
                    return Err(TOO_MANY_FIELDS);
                }
                let (name, _) = field(line)?;
                // RFC 9110 section 6.5.1: what frames or routes a message must come before it.
                let early: [&[u8]; 4] =
                    [b"content-length", b"transfer-encoding", b"host", b"trailer"];
                if early.iter().any(|early| name.eq_ignore_ascii_case(early)) {
                    return Err(Malformed::bad("a field that may not be a trailer"));
                }
            }
        }
    }
}

/// A line without an end is the target's fault if a method stands before it.
fn overlong_request_line(line: &[u8]) -> Malformed {
    match line.get(bytes::token_length(line)..) {
        Some([b' ', ..]) => Malformed::new(414, "the target is too long"),
        _ => HEAD_TOO_LARGE,
    }
}

/// RFC 9112 section 3, with exactly one space between the parts. `start` is the line's place.
fn request_line(line: &[u8], start: usize) -> Result<RequestLine, Malformed> {
    let (method, rest) = line
        .split_at_checked(bytes::token_length(line))
        .and_then(|(method, rest)| Some((method, rest.strip_prefix(b" ")?)))
        .ok_or(Malformed::bad("the method is not a token"))?;
    let (target, version) = rest
        .split_at_checked(bytes::target_length(rest))
        .ok_or(Malformed::bad("the target is empty"))?;
    if target.is_empty() {
        return Err(Malformed::bad("the target is empty"));
    }
    let version = match version {
        b" HTTP/1.1" => Version::Http11,
        b" HTTP/1.0" => Version::Http10,
        [b' ', b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
            return Err(Malformed::new(505, "a version other than http/1.1 and http/1.0"));
        }
        [] => return Err(Malformed::bad("the request line has no version")),
        [b' ', ..] => return Err(Malformed::bad("the request line does not end in a version")),
        _ => return Err(Malformed::bad("the target holds a character that it may not")),
    };
    if method == b"CONNECT" {
        return Err(Malformed::new(501, "connect is not supported"));
    }
    let place = start + method.len() + 1;
    let authority = match target {
        [b'/', ..] => None,
        b"*" if method == b"OPTIONS" => None,
        b"*" => return Err(Malformed::bad("the target * is for options only")),
        _ => Some(authority(target, place)?),
    };
    Ok(RequestLine { version, authority })
}

/// The authority of an absolute target (RFC 9112 section 3.2.2), which stands at `place`.
fn authority(target: &[u8], place: usize) -> Result<Authority, Malformed> {
    let schemes: [(&[u8], u16); 2] = [(b"http://", 80), (b"https://", 443)];
    let (scheme, port) = schemes
        .into_iter()
        .find(|(scheme, _)| target.starts_with(scheme))
        .ok_or(Malformed::bad("the target is neither a path nor an http address"))?;
    let rest = target.get(scheme.len()..).unwrap_or_default();
    let length = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    parse_host(rest.get(..length).unwrap_or_default())?;
    let start = place + scheme.len();
    Ok(Authority { place: start..start + length, port })
}

/// Takes a field line apart (RFC 9112 section 5).
fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    match line.split_at_checked(bytes::token_length(line)) {
        Some(([], [b' ' | b'\t', ..])) => Err(Malformed::bad("a folded field line")),
        Some(([], _)) => Err(Malformed::bad("a field line without a name")),
        Some((_, [b' ' | b'\t', ..])) => Err(Malformed::bad("a space after a field name")),
        Some((name, [b':', value @ ..])) if !bytes::has_control(value) => {
            Ok((name, bytes::trim(value)))
        }
        Some((_, [b':', ..])) => Err(Malformed::bad("a control character in a field value")),
        Some(_) | None => Err(Malformed::bad("a field name that is not a token")),
    }
}

/// Digits and nothing else (RFC 9110 section 8.6); no sign, no list.
fn content_length(value: &[u8]) -> Result<u64, Malformed> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Malformed::bad("a content-length that is not a number"));
    }
    value
        .iter()
        .try_fold(0_u64, |length, digit| {
            length.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
        })
        .ok_or(Malformed::bad("a content-length that is too large"))
}

fn parse_host(text: &[u8]) -> Result<host::Host<'_>, Malformed> {
    let text =
        str::from_utf8(text).or(Err(Malformed::bad(host::HostError::InvalidName.reason())))?;
    host::parse(text).map_err(|error| Malformed::bad(error.reason()))
}
