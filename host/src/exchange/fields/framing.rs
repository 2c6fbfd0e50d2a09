//! `Content-Length`, made to agree with the body that is sent.

use http::header::{self, HeaderMap};
use http::{Method, StatusCode};

use super::text::Short;

/// What follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::exchange) enum Content {
    /// Nothing, and no field says so: most GET requests, 1xx and 204.
    Nothing,
    /// Nothing, but the fields may tell the length of what would have followed: a response to HEAD
    /// and 304.
    Described,
    /// So many bytes.
    Exact(u64),
    /// A number of bytes that is not known yet.
    Streamed,
}

impl Content {
    /// What follows a request's head. An empty body is worth a `content-length: 0` where the method
    /// gives content a meaning (RFC 9110 section 8.6).
    pub(in crate::exchange) fn of_request(method: &Method, exact: Option<u64>) -> Self {
        let expected = matches!(*method, Method::POST | Method::PUT | Method::PATCH);
        match exact {
            Some(0) if !expected => Self::Nothing,
            Some(length) => Self::Exact(length),
            None => Self::Streamed,
        }
    }

    /// What follows a response's head, given the request's method (RFC 9112 section 6.3).
    pub(in crate::exchange) fn of_response(
        method: &Method,
        status: StatusCode,
        exact: Option<u64>,
    ) -> Self {
        if status.is_informational() || status == StatusCode::NO_CONTENT {
            Self::Nothing
        } else if *method == Method::HEAD || status == StatusCode::NOT_MODIFIED {
            Self::Described
        } else {
            exact.map_or(Self::Streamed, Self::Exact)
        }
    }
}

/// Makes the framing fields say what follows the head.
///
/// `Transfer-Encoding` always goes: whether a streamed body is chunked is decided by who writes it.
pub(in crate::exchange) fn frame(headers: &mut HeaderMap, content: Content) {
    headers.remove(header::TRANSFER_ENCODING);
    match content {
        Content::Nothing | Content::Streamed => {
            headers.remove(header::CONTENT_LENGTH);
        }
        Content::Described => {
            if !tells_one_length(headers) {
                headers.remove(header::CONTENT_LENGTH);
            }
        }
        Content::Exact(length) => {
            let text = Short::number(length);
            let mut lines = headers.get_all(header::CONTENT_LENGTH).iter();
            let agrees = lines.next().is_some_and(|told| told.as_bytes() == text.as_bytes());
            if !agrees || lines.next().is_some() {
                headers.insert(header::CONTENT_LENGTH, text.value());
            }
        }
    }
}

fn tells_one_length(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(header::CONTENT_LENGTH).iter();
    let told = lines.next().and_then(|line| line.to_str().ok());
    told.is_some_and(|told| {
        told.bytes().all(|byte| byte.is_ascii_digit()) && told.parse::<u64>().is_ok()
    }) && lines.next().is_none()
}

#[cfg(test)]
mod tests {
    use http::header::HeaderMap;
    use http::{Method, StatusCode};

    use super::super::tests::{lines, map};
    use super::{Content, frame};

    #[test]
    fn the_length_agrees_with_what_is_sent() {
        let chunked = "transfer-encoding: chunked";
        for (before, content, after) in [
            (&[][..], Content::Nothing, &[][..]),
            (&["content-length: 5"], Content::Nothing, &[]),
            (&["content-length: 5"], Content::Streamed, &[]),
            (&[chunked], Content::Streamed, &[]),
            (&[chunked], Content::Exact(7), &["content-length: 7"]),
            (&[], Content::Exact(0), &["content-length: 0"]),
            (&["content-length: 5"], Content::Exact(5), &["content-length: 5"]),
            (&["content-length: 5"], Content::Exact(6), &["content-length: 6"]),
            (
                &["content-length: 5", "content-length: 5"],
                Content::Exact(5),
                &["content-length: 5"],
            ),
            (&["content-length: 5"], Content::Described, &["content-length: 5"]),
            (&["content-length: 5", chunked], Content::Described, &["content-length: 5"]),
            (&["content-length: 5, 5"], Content::Described, &[]),
            (&["content-length: 5", "content-length: 6"], Content::Described, &[]),
            (&["content-length: +5"], Content::Described, &[]),
            (&["content-length: 99999999999999999999"], Content::Described, &[]),
            (&[], Content::Described, &[]),
        ] {
            let mut headers: HeaderMap = map(before);
            frame(&mut headers, content);
            assert_eq!(lines(&headers), after, "{before:?} {content:?}");
        }
    }

    #[test]
    fn an_empty_request_has_a_length_only_where_content_is_expected() {
        assert_eq!(Content::of_request(&Method::GET, Some(0)), Content::Nothing);
        assert_eq!(Content::of_request(&Method::DELETE, Some(0)), Content::Nothing);
        assert_eq!(Content::of_request(&Method::POST, Some(0)), Content::Exact(0));
        assert_eq!(Content::of_request(&Method::PUT, Some(0)), Content::Exact(0));
        assert_eq!(Content::of_request(&Method::GET, Some(3)), Content::Exact(3));
        assert_eq!(Content::of_request(&Method::GET, None), Content::Streamed);
    }

    #[test]
    fn a_response_has_content_by_its_status_and_the_requests_method() {
        let of = |method: &Method, status: u16, exact| {
            Content::of_response(method, StatusCode::from_u16(status).unwrap(), exact)
        };
        assert_eq!(of(&Method::GET, 200, Some(3)), Content::Exact(3));
        assert_eq!(of(&Method::GET, 200, None), Content::Streamed);
        assert_eq!(of(&Method::GET, 204, Some(3)), Content::Nothing);
        assert_eq!(of(&Method::HEAD, 204, Some(3)), Content::Nothing);
        assert_eq!(of(&Method::HEAD, 200, Some(0)), Content::Described);
        assert_eq!(of(&Method::GET, 304, Some(0)), Content::Described);
    }
}
