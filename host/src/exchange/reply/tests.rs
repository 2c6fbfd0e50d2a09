//! What clients are told.

use http::StatusCode;
use http::header::{HeaderName, HeaderValue};

use super::{Form, fixed, redirect, to};
use crate::config::model::FixedResponse;
use crate::failure::Failure;

fn content_type(accept: Option<&str>) -> String {
    let accept = accept.map(|accept| HeaderValue::from_str(accept).unwrap());
    let (_, headers, _) =
        to(&Failure::RouteNotFound, &Form { accept, grpc: None }, "id", "tidegate");
    headers["content-type"].to_str().unwrap().to_owned()
}

#[test]
fn the_form_follows_accept_and_json_wins_a_tie() {
    const JSON: &str = "application/json";
    const TEXT: &str = "text/plain; charset=utf-8";
    for (accept, expected) in [
        (None, JSON),
        (Some(""), JSON),
        (Some("*/*"), JSON),
        (Some("application/json"), JSON),
        (Some("APPLICATION/JSON"), JSON),
        (Some("application/*"), JSON),
        (Some("image/png"), JSON),
        (Some("text/plain, application/json"), JSON),
        (Some("text/plain;q=0.5, application/json;q=0.5"), JSON),
        (Some("text/plain;q=0.5, application/json;q=0.501"), JSON),
        (Some("text/plain;q=0, */*;q=0.1"), JSON),
        (Some("text/plain;q=2"), JSON),
        (Some("text/plain;q=0.1234"), JSON),
        (Some("text/plain;q=1.001"), JSON),
        (Some("text/plain"), TEXT),
        (Some("text/*"), TEXT),
        (Some("Text/Plain; charset=utf-8"), TEXT),
        (Some("text/plain;q=0.001"), TEXT),
        (Some("application/json;q=0.5, text/plain;q=0.8"), TEXT),
        (Some("application/json;q=0, */*"), TEXT),
        (Some("*/*;q=0.9, text/plain;Q=1.000"), TEXT),
        (Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), TEXT),
    ] {
        assert_eq!(content_type(accept), expected, "{accept:?}");
    }
}

#[test]
fn json_tells_message_error_and_request_id() {
    let failure = Failure::Malformed { status: 414, reason: "the \"target\" is too long" };
    let (status, headers, body) = to(&failure, &Form::default(), "a\"b\\c", "tidegate");
    assert_eq!(status, StatusCode::URI_TOO_LONG);
    assert_eq!(
        str::from_utf8(&body).unwrap(),
        r#"{"message":"the \"target\" is too long","error":"request_framing_error","request_id":"a\"b\\c"}"#
    );
    assert_eq!(
        headers["proxy-status"],
        r#"tidegate; error=request_framing_error; details="the \"target\" is too long""#
    );
    assert_eq!(headers["cache-control"], "no-store");
    assert!(!headers.contains_key("retry-after"));
}

#[test]
fn text_tells_message_and_request_id() {
    let accept = HeaderValue::from_static("text/plain");
    let (status, headers, body) = to(
        &Failure::ConnectionRefused,
        &Form { accept: Some(accept), grpc: None },
        "r1",
        "tidegate",
    );
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    assert_eq!(&body[..], b"the upstream refused the connection\nrequest id: r1\n");
    assert_eq!(
        headers["proxy-status"],
        r#"tidegate; error=connection_refused; details="the upstream refused the connection""#
    );
}

#[test]
fn an_overloaded_gateway_says_when_to_come_back() {
    let (status, headers, _) =
        to(&Failure::Overloaded("no instance is free"), &Form::default(), "r", "g");
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(headers["retry-after"], "1");
}

#[test]
fn a_name_that_is_no_structured_token_is_a_string() {
    for (name, start) in [
        ("edge", "edge; "),
        ("edge-1.example", "edge-1.example; "),
        ("*", "*; "),
        ("1edge", "\"1edge\"; "),
        ("a\"b", "\"a\\\"b\"; "),
        ("", "\"\"; "),
    ] {
        let (_, headers, _) = to(&Failure::RouteNotFound, &Form::default(), "r", name);
        let value = headers["proxy-status"].to_str().unwrap();
        assert!(value.starts_with(start), "{value}");
    }
}

#[test]
fn a_status_that_is_none_on_the_wire_becomes_500() {
    let (status, _, _) =
        to(&Failure::Malformed { status: 7, reason: "odd" }, &Form::default(), "r", "g");
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[test]
fn a_fixed_response_is_given_as_configured() {
    let line = |name, value| (HeaderName::from_static(name), HeaderValue::from_static(value));
    let (status, headers, body) = fixed(&FixedResponse {
        status: StatusCode::SERVICE_UNAVAILABLE,
        headers: vec![line("retry-after", "600"), line("x-a", "1"), line("x-a", "2")],
        body: "back soon".to_owned(),
    });
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(headers.len(), 3);
    assert_eq!(headers["retry-after"], "600");
    assert_eq!(headers.get_all("x-a").iter().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(&body[..], b"back soon");
}

#[test]
fn a_redirect_tells_where_and_nothing_else() {
    for (location, sent) in [
        ("https://a.example/x?y=z", "https://a.example/x?y=z"),
        ("/a b\r\nset-cookie: x", "/a%20b%0D%0Aset-cookie:%20x"),
        ("/ü", "/%C3%BC"),
    ] {
        let (status, headers, body) = redirect(StatusCode::PERMANENT_REDIRECT, location);
        assert_eq!(status, StatusCode::PERMANENT_REDIRECT);
        assert_eq!(headers.len(), 1);
        assert_eq!(headers["location"], sent);
        assert!(body.is_empty());
    }
}
