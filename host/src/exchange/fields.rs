//! The field lines a gateway must take away, add and rewrite (RFC 9110 section 7.6).
//!
//! On the way in, in this order: [`strip_hop_by_hop`], [`client`], [`request_id`] with
//! [`set_request_id`], [`forward`]; on the way out to the upstream [`prefix`], [`via`] and
//! [`frame`]. What `Connection` names is thus gone before the gateway or a plugin writes anything,
//! and so a client cannot name a field of ours to have it taken away. On the way back
//! [`respond`] does all but [`frame`].

use std::str;

use http::Version;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

mod client_certificate;
mod forwarded;
mod framing;
pub(super) mod list;
mod text;
mod traceparent;

#[cfg(test)]
mod tests;

pub(super) use client_certificate::set_client_certificate;
pub(super) use forwarded::{Hop, client, forward, prefix};
pub(super) use framing::{Content, frame};
pub(super) use traceparent::Trace;

/// The request id's field, in both directions.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Characters of a request id that is taken over, at most; it is copied into every log line.
const REQUEST_ID_MAX: usize = 128;

/// What is about one connection, whether `Connection` names it or not.
///
/// The `Proxy-Auth…` fields are for a proxy that the client has chosen, which a gateway is not.
/// `Proxy` would become `HTTP_PROXY` in a CGI program. `Expect: 100-continue` is answered here.
/// `Trailer` is no such field: it announces what the message itself ends with, and stays.
const HOP_BY_HOP: [&str; 11] = [
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// What `Connection` must not name (RFC 9110 section 7.6.1: fields meant for all recipients).
///
/// Each is something that somebody behind decides by: who asks, on whose behalf, for which host,
/// how long the body is. Whoever could have one removed could turn a refusal into an admission or
/// a cache entry into somebody else's.
const NEVER_NAMED: [&str; 32] = [
    "accept",
    "accept-encoding",
    "age",
    "authorization",
    "cache-control",
    "content-encoding",
    "content-language",
    "content-length",
    "content-range",
    "content-security-policy",
    "content-type",
    "cookie",
    "date",
    "etag",
    "expires",
    "forwarded",
    "host",
    "location",
    "origin",
    "pragma",
    "range",
    "referer",
    "set-cookie",
    "strict-transport-security",
    "trailer",
    "vary",
    "via",
    "www-authenticate",
    "x-api-key",
    "x-forwarded",
    "x-real-ip",
    "x-request-id",
];

/// Takes away what is about one connection only, and what `Connection` names besides (RFC 9110
/// section 7.6.1). Says whether the sender accepts trailers (`TE: trailers`).
///
/// Names of fields that are meant for everybody are passed over in `Connection`. The function
/// allocates only for a `Connection` of several lines.
pub(super) fn strip_hop_by_hop(headers: &mut HeaderMap) -> bool {
    if headers.is_empty() {
        return false;
    }
    strip_named(headers);
    if !headers.keys().any(is_hop_by_hop) {
        return false;
    }
    let trailers = headers.get_all(header::TE).iter().any(accepts_trailers);
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    trailers
}

/// Looks at the first letter before the list, since most fields begin with another.
fn is_hop_by_hop(name: &HeaderName) -> bool {
    let name = name.as_str();
    matches!(name.as_bytes(), [b'e' | b'h' | b'k' | b'p' | b't' | b'u', ..])
        && HOP_BY_HOP.contains(&name)
}

/// Takes away `Connection` and what it names.
fn strip_named(headers: &mut HeaderMap) {
    let mut lines = headers.get_all(header::CONNECTION).iter();
    let more: Vec<HeaderValue> = lines.by_ref().skip(1).cloned().collect();
    let Some(first) = headers.remove(header::CONNECTION) else {
        return;
    };
    for line in std::iter::once(&first).chain(&more) {
        for option in list::elements(line.as_bytes(), b',') {
            if let Ok(name) = str::from_utf8(option)
                && may_be_named(name)
            {
                headers.remove(name);
            }
        }
    }
}

fn may_be_named(name: &str) -> bool {
    // The two options that are no fields come with nearly every request.
    if name.eq_ignore_ascii_case("keep-alive") || name.eq_ignore_ascii_case("close") {
        return false;
    }
    let forwarded = name
        .get(..FORWARDED_FAMILY.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(FORWARDED_FAMILY));
    // What hop-by-hop fields say is still to be read; they go afterwards in any case.
    let hop_by_hop = HOP_BY_HOP.iter().any(|known| known.eq_ignore_ascii_case(name));
    !forwarded && !hop_by_hop && !NEVER_NAMED.iter().any(|known| known.eq_ignore_ascii_case(name))
}

const FORWARDED_FAMILY: &str = "x-forwarded-";

fn accepts_trailers(te: &HeaderValue) -> bool {
    list::elements(te.as_bytes(), b',').any(|coding| coding.eq_ignore_ascii_case(b"trailers"))
}

/// Adds this gateway to `Via` (RFC 9110 section 7.6.3), on requests and responses alike.
///
/// `received` is the version in which the message came; `name` is a token. HTTP/2 has no minor
/// version.
pub(super) fn via(headers: &mut HeaderMap, received: Version, name: &str) {
    let value = match (received, name) {
        (Version::HTTP_11, "tidegate") => HeaderValue::from_static("1.1 tidegate"),
        (Version::HTTP_2, "tidegate") => HeaderValue::from_static("2 tidegate"),
        (Version::HTTP_3, "tidegate") => HeaderValue::from_static("3 tidegate"),
        _ => {
            let version = match received {
                Version::HTTP_09 => "0.9",
                Version::HTTP_10 => "1.0",
                Version::HTTP_2 => "2",
                Version::HTTP_3 => "3",
                _ => "1.1",
            };
            let Ok(value) = HeaderValue::try_from(format!("{version} {name}")) else {
                return;
            };
            value
        }
    };
    headers.append(header::VIA, value);
}

/// The id of an exchange: a trusted peer's `x-request-id` of 1 to 128 visible ASCII characters,
/// else 32 lower-case hexadecimal digits.
///
/// Ids tell exchanges apart. They are random but not secret: who has seen some can guess others.
pub(super) fn request_id(headers: &HeaderMap, trusted: bool) -> Box<str> {
    if trusted
        && let Some(given) = headers.get(&X_REQUEST_ID)
        && (1..=REQUEST_ID_MAX).contains(&given.len())
        && given.as_bytes().iter().all(u8::is_ascii_graphic)
        && let Ok(given) = given.to_str()
    {
        return given.into();
    }
    let mut digits = [0; 32];
    for (pair, byte) in digits.as_chunks_mut().0.iter_mut().zip(fastrand::u128(..).to_le_bytes()) {
        *pair = [hexadecimal(byte >> 4), hexadecimal(byte & 0xf)];
    }
    str::from_utf8(&digits).expect("hexadecimal digits are ASCII").into()
}

const fn hexadecimal(digit: u8) -> u8 {
    if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }
}

/// Makes `id` the one `x-request-id`, of the request going upstream and of the response.
pub(super) fn set_request_id(headers: &mut HeaderMap, id: &str) {
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(X_REQUEST_ID, value);
    }
}

/// Joins the `Cookie` lines that HTTP/2 and HTTP/3 may split (RFC 9113 section 8.2.3, RFC 9114 section
/// 4.2.1), as HTTP/1.1 and plugins expect a single one.
pub(super) fn join_cookies(headers: &mut HeaderMap) {
    let mut lines = headers.get_all(header::COOKIE).iter();
    let (Some(first), Some(second)) = (lines.next(), lines.next()) else {
        return;
    };
    let mut joined = first.as_bytes().to_vec();
    for line in std::iter::once(second).chain(lines) {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(line.as_bytes());
    }
    if let Ok(joined) = HeaderValue::from_maybe_shared(bytes::Bytes::from(joined)) {
        headers.insert(header::COOKIE, joined);
    }
}

/// Prepares the head of an upstream's response for the client: what is hop-by-hop goes, `Via` and
/// the request id come. `Date` and `Server` stay the upstream's.
pub(super) fn respond(headers: &mut HeaderMap, received: Version, name: &str, id: &str) {
    strip_hop_by_hop(headers);
    via(headers, received, name);
    set_request_id(headers, id);
}
