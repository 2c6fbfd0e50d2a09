//! Compressing responses, after all plugins have seen them.
//!
//! What the upstream has compressed stays as it is. What is compressed here is another
//! representation of the same thing (RFC 9110 section 8.8.3): its entity tag becomes a weak one, and
//! whatever was said about its bytes goes.

mod body;
mod encoder;
mod negotiation;

use std::sync::Arc;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use super::fields::list;
use crate::body::Content;
use crate::config::{Coding, Compression};
use crate::facts::{RequestHead, ResponseHead};
use crate::snapshot::Route;
use crate::telemetry::metrics::RouteMetrics;
use body::Compressed;

/// An endless answer that is to arrive part by part; compressed only where it is asked for by name.
const EVENT_STREAM: &str = "text/event-stream";

/// What tells something about the bytes that are sent.
const ABOUT_BYTES: [HeaderName; 6] = [
    header::CONTENT_LENGTH,
    header::ACCEPT_RANGES,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
];

/// What may be done to the response of one exchange.
pub(super) struct Choice<'a> {
    policy: &'a Compression,
    /// None that the client likes better than none.
    coding: Option<Coding>,
    metrics: &'a Arc<RouteMetrics>,
}

impl<'a> Choice<'a> {
    /// To be called while the exchange still has its request's fields. None if the route's responses
    /// are not compressed.
    pub(super) fn of(route: &'a Route, request: &RequestHead) -> Option<Self> {
        let policy = route.compression.as_ref()?;
        let coding = negotiation::choose(&request.headers, &policy.codings);
        Some(Self { policy, coding, metrics: &route.metrics })
    }

    /// Compresses the response if it is worth it and the client can read it.
    pub(super) fn apply(
        &self,
        method: &Method,
        head: &mut ResponseHead,
        content: Content,
    ) -> Content {
        let headers = &mut head.headers;
        if head.status == StatusCode::NOT_MODIFIED {
            // What a 200 would have said, as far as that can be known here.
            if self.coding.is_some() && headers.contains_key(header::ETAG) {
                vary(headers);
                weaken(headers);
            }
            return content;
        }
        let length = if *method == Method::HEAD && !matches!(content, Content::Full(_)) {
            told_length(headers)
        } else {
            content.exact()
        };
        if !has_content(head.status)
            || length.is_some_and(|length| length == 0 || length < self.policy.min_bytes)
            || headers.contains_key(header::CONTENT_ENCODING)
            || headers.contains_key(header::CONTENT_RANGE)
            || !self.is_of_type(headers)
            || must_not_transform(headers)
        {
            return content;
        }
        vary(headers);
        let Some(coding) = self.coding else { return content };
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
        weaken(headers);
        for name in &ABOUT_BYTES {
            headers.remove(name);
        }
        if *method == Method::HEAD {
            return Content::Empty;
        }
        self.metrics.compression.began(coding);
        let body = Compressed::new(content, coding, self.policy.level, self.metrics);
        body.map_or_else(|content| content, Content::streamed)
    }

    fn is_of_type(&self, headers: &HeaderMap) -> bool {
        let told = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
        let told = told.and_then(|told| told.split(|byte| *byte == b';').next());
        let Some(told) = told.and_then(|told| str::from_utf8(told.trim_ascii()).ok()) else {
            return false;
        };
        self.policy.types.iter().any(|wanted| match wanted.strip_suffix('*') {
            Some(family) => {
                let start = told.get(..family.len());
                start.is_some_and(|start| start.eq_ignore_ascii_case(family))
                    && !told.eq_ignore_ascii_case(EVENT_STREAM)
            }
            None => told.eq_ignore_ascii_case(wanted),
        })
    }
}

/// Whether a whole representation follows: a part of one (206) is a part of its bytes.
fn has_content(status: StatusCode) -> bool {
    !status.is_informational()
        && !matches!(
            status,
            StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::PARTIAL_CONTENT
        )
}

fn told_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// RFC 9111 section 5.2.2.6.
fn must_not_transform(headers: &HeaderMap) -> bool {
    has_element(headers, &header::CACHE_CONTROL, b"no-transform")
}

/// Says that another client may get another answer (RFC 9110 section 12.5.5).
fn vary(headers: &mut HeaderMap) {
    let is_said = has_element(headers, &header::VARY, b"accept-encoding")
        || has_element(headers, &header::VARY, b"*");
    if !is_said {
        headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
}

fn has_element(headers: &HeaderMap, name: &HeaderName, wanted: &[u8]) -> bool {
    let lines = headers.get_all(name).iter();
    lines
        .flat_map(|line| list::elements(line.as_bytes(), b','))
        .any(|element| element.eq_ignore_ascii_case(wanted))
}

/// A strong tag stands for bytes that are no longer sent (RFC 9110 section 8.8.1).
fn weaken(headers: &mut HeaderMap) {
    let Some(tag) = headers.get(header::ETAG) else { return };
    if tag.as_bytes().starts_with(b"\"") {
        let weak = [b"W/", tag.as_bytes()].concat();
        if let Ok(weak) = HeaderValue::from_bytes(&weak) {
            headers.insert(header::ETAG, weak);
        }
    }
}

#[cfg(test)]
mod tests;
