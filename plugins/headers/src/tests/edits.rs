//! What the edits do.

use serde_json::{Value, json};
use tidegate_plugin::RequestAction;
use tidegate_plugin::fake::{self, Exchange, Outcome};

use super::plugin;

/// What comes of a request without the plugin being asked for anything but its edits.
fn edited(config: &Value, exchange: Exchange) -> Outcome<RequestAction> {
    let outcome = fake::run_request(&plugin(config), exchange);
    assert_eq!(outcome.action, RequestAction::Forward);
    assert_eq!(outcome.messages, []);
    outcome
}

/// A list of each kind of edit.
fn each() -> Value {
    json!({
        "remove": ["X-Debug"],
        "set": { "X-Gw": "bench" },
        "default": { "x-tenant": "acme" },
        "add": { "x-tag": "a", "x-tags": ["b", "c"] },
    })
}

#[test]
fn a_request_has_its_headers_removed_set_defaulted_and_added() {
    let exchange = Exchange::get("/")
        .header("x-debug", "1")
        .header("x-debug", "2")
        .header("x-gw", "client")
        .header("x-gw", "again")
        .header("x-tag", "0")
        .header("x-kept", "k");
    let outcome = edited(&json!({ "request": each() }), exchange);
    assert_eq!(outcome.request_header_values("x-debug"), [b""; 0]);
    assert_eq!(outcome.request_header_values("x-gw"), [b"bench"]);
    assert_eq!(outcome.request_header_values("x-tenant"), [b"acme"]);
    assert_eq!(outcome.request_header_values("x-tag"), [b"0", b"a"]);
    assert_eq!(outcome.request_header_values("x-tags"), [b"b", b"c"]);
    assert_eq!(outcome.request_header_values("x-kept"), [b"k"]);
    assert!(outcome.edits().is_empty(), "the response stays as it is");
}

#[test]
fn a_response_has_its_headers_removed_set_defaulted_and_added() {
    let exchange = Exchange::get("/")
        .response_header("x-debug", "1")
        .response_header("x-gw", "upstream")
        .response_header("x-tag", "0")
        .response_header("x-kept", "k");
    let outcome = edited(&json!({ "response": each() }), exchange);
    assert_eq!(outcome.response_header_values("x-debug"), [b""; 0]);
    assert_eq!(outcome.response_header_values("x-gw"), [b"bench"]);
    assert_eq!(outcome.response_header_values("x-tenant"), [b"acme"]);
    assert_eq!(outcome.response_header_values("x-tag"), [b"0", b"a"]);
    assert_eq!(outcome.response_header_values("x-tags"), [b"b", b"c"]);
    assert_eq!(outcome.response_header_values("x-kept"), [b"k"]);
    assert_eq!(outcome.request_headers(), [], "the request stays as it is");
}

#[test]
fn a_default_gives_way_to_a_header_of_any_value() {
    let config = json!({
        "request": { "default": { "x-a": "default", "x-b": "default" } },
        "response": { "default": { "x-a": "default", "x-b": "default" } },
    });
    let exchange = Exchange::get("/").header("X-A", "").response_header("x-b", "given");
    let outcome = edited(&config, exchange);
    assert_eq!(outcome.request_header_values("x-a"), [b""]);
    assert_eq!(outcome.request_header_values("x-b"), [b"default"]);
    assert_eq!(outcome.response_header_values("x-a"), [b"default"]);
    assert_eq!(outcome.response_header_values("x-b"), [b"given"]);
}

#[test]
fn edits_of_one_name_are_made_in_their_order() {
    let config = json!({ "request": {
        "remove": ["x-a", "x-b", "x-c"],
        "set": { "x-a": "set" },
        "default": { "x-a": "default", "x-b": "default" },
        "add": { "x-a": "added", "x-b": "added", "x-c": "added" },
    }});
    let exchange = Exchange::get("/").header("x-a", "0").header("x-b", "0").header("x-c", "0");
    let outcome = edited(&config, exchange);
    assert_eq!(outcome.request_header_values("x-a"), [b"set".as_slice(), b"added"]);
    assert_eq!(outcome.request_header_values("x-b"), [b"default".as_slice(), b"added"]);
    assert_eq!(outcome.request_header_values("x-c"), [b"added"]);
}

#[test]
fn a_value_may_be_empty_or_more_than_ascii() {
    let config = json!({ "request": { "set": { "x-empty": "", "x-city": "Zürich\t1" } } });
    let outcome = edited(&config, Exchange::get("/"));
    assert_eq!(outcome.request_header("x-empty").as_deref(), Some(""));
    assert_eq!(outcome.request_header("x-city").as_deref(), Some("Zürich\t1"));
}

#[test]
fn a_client_that_fills_the_head_does_not_keep_its_own_header() {
    let plugin = plugin(&json!({ "request": { "set": { "x-admin": "false" } } }));
    let exchange = Exchange::get("/").header("x-admin", "1").header("x-pad", "p".repeat(40_000));
    let outcome = fake::run_request(&plugin, exchange);
    let answer = outcome.answer().expect("an answer");
    assert_eq!(answer.status, 431);
    assert_eq!(answer.header_text("content-type").as_deref(), Some("application/json"));
    assert_eq!(answer.body_text(), r#"{"message":"the request's headers are too large"}"#);
    let warnings = outcome.logged(tidegate_plugin::log::Level::Warn);
    assert_eq!(warnings, ["the header x-admin cannot be edited: too-large"]);
}
