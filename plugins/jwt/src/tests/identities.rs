//! What the upstream and later plugins are told.

use serde_json::json;
use tidegate_plugin::fake::Exchange;
use tidegate_plugin::log::Level;

use super::{NOW, SECRET, bearing, merged, reason, run, shared, shared_with, token};

#[test]
fn later_plugins_are_told_who_the_caller_is() {
    let outcome = run(shared(), bearing(&token(json!({}))));
    assert_eq!(outcome.text_attribute("consumer"), Some("ada"));
    assert_eq!(outcome.text_attribute("auth.subject"), Some("ada"));
    assert_eq!(outcome.text_attribute("auth.issuer"), Some("joe"));
    let claims = format!(r#"{{"exp":{},"iss":"joe","sub":"ada"}}"#, NOW + 60);
    assert_eq!(outcome.text_attribute("auth.claims"), Some(claims.as_str()));
}

#[test]
fn a_refused_request_leaves_no_attributes() {
    let outcome = run(shared(), bearing(&token(json!({ "exp": 1 }))));
    assert!(outcome.attributes().is_empty());
}

#[test]
fn any_claim_may_name_the_consumer() {
    let by = |claim: &str, claims| {
        let config = shared_with(json!({ "consumer_claim": claim }));
        let outcome = run(config, bearing(&token(claims)));
        outcome.text_attribute("consumer").map(str::to_owned)
    };
    assert_eq!(by("azp", json!({ "azp": "shop" })).as_deref(), Some("shop"));
    assert_eq!(by("/org/id", json!({ "org": { "id": 7 } })).as_deref(), Some("7"));
    assert_eq!(by("azp", json!({})), None);
    assert_eq!(by("azp", json!({ "azp": "" })), None);
}

#[test]
fn issuers_with_prefixes_cannot_name_the_same_consumer() {
    let config = json!({ "issuers": [
        { "iss": "joe", "secret": SECRET, "consumer_prefix": "joe:" },
    ] });
    let outcome = run(config, bearing(&token(json!({}))));
    assert_eq!(outcome.text_attribute("consumer"), Some("joe:ada"));
    assert_eq!(outcome.text_attribute("auth.subject"), Some("ada"));
}

fn with_headers() -> serde_json::Value {
    shared_with(json!({ "optional": true, "claims_to_headers": {
        "sub": "X-Auth-Subject",
        "/realm/roles": "x-roles",
        "admin": "x-admin",
    } }))
}

#[test]
fn claims_become_headers() {
    let more = json!({ "realm": { "roles": ["a", "ö"] }, "admin": true });
    let outcome = run(with_headers(), bearing(&token(more)));
    assert_eq!(outcome.request_header_values("x-auth-subject"), [b"ada"]);
    assert_eq!(outcome.request_header("x-roles").as_deref(), Some("[\"a\",\"ö\"]"));
    assert_eq!(outcome.request_header("x-admin").as_deref(), Some("true"));
}

/// A request in which the client has set every one of the headers itself, in all spellings.
fn spoofing(exchange: Exchange) -> Exchange {
    exchange
        .header("x-auth-subject", "root")
        .header("X-Auth-Subject", "root")
        .header("x_auth_subject", "root")
        .header("x-auth_subject", "root")
        .header("x-admin", "true")
        .header("x-other", "kept")
}

#[test]
fn headers_that_the_client_set_itself_are_replaced() {
    let outcome = run(with_headers(), spoofing(bearing(&token(json!({})))));
    assert_eq!(outcome.request_header_values("x-auth-subject"), [b"ada"]);
    for name in ["x_auth_subject", "x-auth_subject", "x-admin"] {
        assert!(outcome.request_header_values(name).is_empty(), "{name}");
    }
    assert_eq!(outcome.request_header("x-other").as_deref(), Some("kept"));
}

#[test]
fn headers_that_the_client_set_itself_are_removed_without_a_token_too() {
    let preflight = Exchange::new("OPTIONS", "/")
        .header("origin", "https://app.example")
        .header("access-control-request-method", "GET");
    let config = merged(with_headers(), json!({ "run_on_preflight": false }));
    for exchange in [Exchange::get("/"), preflight] {
        let outcome = run(config.clone(), spoofing(exchange));
        assert!(outcome.answer().is_none());
        for name in ["x-auth-subject", "x_auth_subject", "x-auth_subject", "x-admin"] {
            assert!(outcome.request_header_values(name).is_empty(), "{name}");
        }
    }
}

#[test]
fn a_claim_with_control_characters_never_becomes_a_header() {
    for sub in ["a\r\nx-admin: true", "a\0b", "a\tb", "\u{7f}", "a\u{85}", " ada", "ada "] {
        let outcome = run(with_headers(), bearing(&token(json!({ "sub": sub }))));
        assert!(outcome.answer().is_none());
        assert!(outcome.request_header_values("x-auth-subject").is_empty(), "{sub:?}");
        assert!(outcome.request_header_values("x-admin").is_empty(), "{sub:?}");
        assert_eq!(outcome.logged(Level::Warn).len(), 1);
        assert_eq!(outcome.text_attribute("auth.subject"), Some(sub));
    }
}

#[test]
fn control_characters_within_a_list_are_escaped() {
    let more = json!({ "realm": { "roles": ["a\r\nb"] } });
    let outcome = run(with_headers(), bearing(&token(more)));
    assert_eq!(outcome.request_header("x-roles").as_deref(), Some(r#"["a\r\nb"]"#));
}

#[test]
fn a_caller_that_cannot_be_made_known_does_not_pass() {
    let mut exchange = bearing(&token(json!({})));
    for number in 0..128 {
        exchange = exchange.attribute(&format!("a{number}"), true);
    }
    let outcome = run(shared(), exchange);
    assert_eq!(reason(&outcome), (500, "An unexpected error occurred".to_owned()));
    assert_eq!(outcome.logged(Level::Error).len(), 1);
}
