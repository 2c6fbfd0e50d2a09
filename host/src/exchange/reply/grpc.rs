//! Failures as clients of gRPC read them, and what such a client says of its patience.
//!
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>

use std::time::Duration;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::failure::Failure;

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// What a content type of gRPC begins with; `+proto` and the like may follow.
const CONTENT_TYPE: &[u8] = b"application/grpc";

/// A request of gRPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Call {
    /// How long the client waits; absent if it waits for ever.
    pub(super) timeout: Option<Duration>,
}

impl Call {
    /// None if it is no request of gRPC; gRPC-Web is none, because it reads other answers.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let content_type = headers.get(header::CONTENT_TYPE)?.as_bytes();
        let start = content_type.get(..CONTENT_TYPE.len())?;
        let end = content_type.get(CONTENT_TYPE.len()).copied();
        let is_grpc = start.eq_ignore_ascii_case(CONTENT_TYPE)
            && matches!(end, None | Some(b'+' | b';' | b' '));
        is_grpc.then(|| Self {
            timeout: headers.get(GRPC_TIMEOUT).and_then(|value| timeout(value.as_bytes())),
        })
    }
}

/// One to eight digits and a unit; what is neither is no timeout.
fn timeout(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let amount: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(match unit {
        b'H' => Duration::from_secs(amount * 3600),
        b'M' => Duration::from_secs(amount * 60),
        b'S' => Duration::from_secs(amount),
        b'm' => Duration::from_millis(amount),
        b'u' => Duration::from_micros(amount),
        b'n' => Duration::from_nanos(amount),
        _ => return None,
    })
}

/// An answer that is nothing but trailers: with HTTP/2 they are the head.
pub(super) fn headers(failure: &Failure) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(GRPC_STATUS, HeaderValue::from(status(failure)));
    // Messages are visible ASCII, of which only `%` is encoded.
    if let Ok(message) = HeaderValue::try_from(failure.message().replace('%', "%25")) {
        headers.insert(GRPC_MESSAGE, message);
    }
    headers
}

/// What a client makes of the HTTP status (gRPC's `http-grpc-status-mapping.md`), but that it is told
/// when its time or the route's was up.
fn status(failure: &Failure) -> u16 {
    const UNKNOWN: u16 = 2;
    const DEADLINE_EXCEEDED: u16 = 4;
    const PERMISSION_DENIED: u16 = 7;
    const UNIMPLEMENTED: u16 = 12;
    const INTERNAL: u16 = 13;
    const UNAVAILABLE: u16 = 14;
    const UNAUTHENTICATED: u16 = 16;

    if *failure == Failure::RouteTimeout {
        return DEADLINE_EXCEEDED;
    }
    match failure.status() {
        400 => INTERNAL,
        401 => UNAUTHENTICATED,
        403 => PERMISSION_DENIED,
        404 => UNIMPLEMENTED,
        429 | 502..=504 => UNAVAILABLE,
        _ => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(lines: &[(&'static str, &'static str)]) -> Option<Call> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        Call::of(&headers)
    }

    #[test]
    fn a_call_is_known_by_its_content_type() {
        for content_type in ["application/grpc", "application/grpc+proto", "Application/gRPC; a=b"]
        {
            assert!(call(&[("content-type", content_type)]).is_some(), "{content_type}");
        }
        for content_type in ["application/grpc-web", "application/grpcx", "application/json", ""] {
            assert_eq!(call(&[("content-type", content_type)]), None, "{content_type}");
        }
    }

    #[test]
    fn a_timeout_is_a_number_with_a_unit() {
        for (value, expected) in [
            ("1H", Some(Duration::from_secs(3600))),
            ("2M", Some(Duration::from_secs(120))),
            ("3S", Some(Duration::from_secs(3))),
            ("99999999m", Some(Duration::from_millis(99_999_999))),
            ("5u", Some(Duration::from_micros(5))),
            ("0n", Some(Duration::ZERO)),
            ("", None),
            ("S", None),
            ("5", None),
            ("5s", None),
            ("-5S", None),
            ("100000000S", None),
        ] {
            assert_eq!(timeout(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn a_failure_is_told_as_its_status_would_be_read() {
        for (failure, expected) in [
            (Failure::ConnectionRefused, 14),
            (Failure::DestinationUnavailable, 14),
            (Failure::ResponseTimeout, 14),
            (Failure::RouteTimeout, 4),
            (Failure::RouteNotFound, 12),
            (Failure::RequestMalformed("why"), 13),
            (Failure::PluginRefused, 7),
            (Failure::PluginTrap, 2),
        ] {
            assert_eq!(status(&failure), expected, "{failure:?}");
        }
    }

    #[test]
    fn messages_need_no_encoding() {
        let headers = headers(&Failure::ConnectionRefused);
        assert_eq!(headers["content-type"], "application/grpc");
        assert_eq!(headers["grpc-status"], "14");
        assert_eq!(headers["grpc-message"], "the upstream refused the connection");
    }
}
