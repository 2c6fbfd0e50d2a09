//! Answers that the gateway itself gives.

mod grpc;

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};
use serde::Serialize;

use super::fields::list;
use crate::config::model::FixedResponse;
use crate::failure::Failure;

/// A whole response. Its `Content-Length` is set by who sends it, its body left out for HEAD.
pub(super) type Reply = (StatusCode, HeaderMap, Bytes);

/// In which form a client can read a failure, and until when it waits for an answer.
#[derive(Debug, Default)]
pub(super) struct Form {
    accept: Option<HeaderValue>,
    /// Absent if the request is none of gRPC.
    grpc: Option<grpc::Call>,
}

impl Form {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).cloned();
        Self { accept, grpc: grpc::Call::of(headers) }
    }

    /// How long the client waits, if it says so.
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.grpc.as_ref()?.timeout
    }
}

/// The JSON form of a failure.
#[derive(Serialize)]
struct Report<'a> {
    message: &'a str,
    error: &'a str,
    request_id: &'a str,
}

/// How a failure is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Text,
}

/// Answers a failure: JSON or text by `Accept`, or as gRPC has it, with `Proxy-Status` (RFC 9209) saying what failed.
///
/// `gateway_name` is a token of RFC 9110.
pub(super) fn to(failure: &Failure, form: &Form, request_id: &str, gateway_name: &str) -> Reply {
    if form.grpc.is_some() {
        let mut headers = grpc::headers(failure);
        if let Ok(value) = HeaderValue::try_from(proxy_status(failure, gateway_name)) {
            headers.insert("proxy-status", value);
        }
        return (StatusCode::OK, headers, Bytes::new());
    }
    let status =
        StatusCode::from_u16(failure.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (content_type, body) = match Format::preferred(form.accept.as_ref()) {
        Format::Json => {
            let report = Report { message: failure.message(), error: failure.token(), request_id };
            let json = serde_json::to_vec(&report).expect("texts are always JSON");
            ("application/json", json)
        }
        Format::Text => {
            let text = format!("{}\nrequest id: {request_id}\n", failure.message());
            ("text/plain; charset=utf-8", text.into_bytes())
        }
    };
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::try_from(proxy_status(failure, gateway_name)) {
        headers.insert("proxy-status", value);
    }
    if let Some(seconds) = failure.retry_after_s() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    (status, headers, body.into())
}

/// Answers with what the configuration says.
pub(super) fn fixed(response: &FixedResponse) -> Reply {
    let mut headers = HeaderMap::with_capacity(response.headers.len() + 4);
    for (name, value) in &response.headers {
        headers.append(name, value.clone());
    }
    (response.status, headers, Bytes::copy_from_slice(response.body.as_bytes()))
}

/// Sends the client elsewhere. What a URI cannot hold is percent-encoded.
pub(super) fn redirect(status: StatusCode, location: &str) -> Reply {
    let mut encoded = String::with_capacity(location.len());
    for byte in location.bytes() {
        if byte.is_ascii_graphic() {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    let mut headers = HeaderMap::with_capacity(4);
    let value = HeaderValue::try_from(encoded).expect("only visible ASCII is left");
    headers.insert(header::LOCATION, value);
    (status, headers, Bytes::new())
}

/// The value of `Proxy-Status`: a list of one item with parameters.
fn proxy_status(failure: &Failure, gateway_name: &str) -> String {
    let mut value = String::with_capacity(128);
    if is_structured_token(gateway_name) {
        value.push_str(gateway_name);
    } else {
        push_string(&mut value, gateway_name);
    }
    value.push_str("; error=");
    value.push_str(failure.token());
    value.push_str("; details=");
    push_string(&mut value, failure.message());
    value
}

/// A token of RFC 9651 section 3.3.4, which begins with a letter or a star.
fn is_structured_token(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '*')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&b))
}

/// Writes a string of RFC 9651 section 3.3.3, with `?` for what it cannot hold.
fn push_string(value: &mut String, text: &str) {
    value.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => value.extend(['\\', char]),
            ' '..='~' => value.push(char),
            _ => value.push('?'),
        }
    }
    value.push('"');
}

impl Format {
    /// Chooses by `Accept` (RFC 9110 section 12.5.1). JSON wins a tie, also where neither is
    /// acceptable. Who asks for HTML gets text.
    fn preferred(accept: Option<&HeaderValue>) -> Self {
        let Some(accept) = accept else {
            return Self::Json;
        };
        let accept = accept.as_bytes();
        let json = quality(accept, b"application/json", b"application/*");
        let plain = quality(accept, b"text/plain", b"text/*");
        let html = quality(accept, b"text/html", b"text/*");
        if plain.max(html) > json { Self::Text } else { Self::Json }
    }
}

/// The quality of a media type in thousandths, as its most specific range gives it; 0 if none does.
fn quality(accept: &[u8], exact: &[u8], family: &[u8]) -> u16 {
    let mut best = (0, 0);
    for element in list::elements(accept, b',') {
        let mut parts = list::elements(element, b';');
        let precision = match parts.next() {
            Some(range) if range.eq_ignore_ascii_case(exact) => 3,
            Some(range) if range.eq_ignore_ascii_case(family) => 2,
            Some(b"*/*") => 1,
            _ => continue,
        };
        let weight = parts.find_map(|part| match part {
            [b'q' | b'Q', b'=', weight @ ..] => Some(thousandths(weight)),
            _ => None,
        });
        let Some(weight) = weight.unwrap_or(Some(1000)) else {
            continue;
        };
        best = best.max((precision, weight));
    }
    best.1
}

/// A weight (RFC 9110 section 12.4.2): 0 to 1 with up to three decimals.
pub(super) fn thousandths(weight: &[u8]) -> Option<u16> {
    let (whole, decimals) = match weight {
        [whole] | [whole, b'.'] => (*whole, &[][..]),
        [whole, b'.', decimals @ ..] => (*whole, decimals),
        _ => return None,
    };
    let mut sum = match whole {
        b'0' => 0,
        b'1' => 1000,
        _ => return None,
    };
    let mut place = 100;
    for digit in decimals {
        if !digit.is_ascii_digit() || place == 0 {
            return None;
        }
        sum += u16::from(digit - b'0') * place;
        place /= 10;
    }
    (sum <= 1000).then_some(sum)
}

#[cfg(test)]
mod tests;
