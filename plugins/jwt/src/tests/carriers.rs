//! Where tokens are found, and what the upstream sees of them.

use serde_json::{Value, json};
use tidegate_plugin::RequestAction;
use tidegate_plugin::fake::{Exchange, Outcome};

use super::{reason, run, shared_with, token};

/// Looks everywhere.
fn everywhere(more: Value) -> Value {
    let tokens = json!({
        "headers": ["Authorization", "X-Jwt"],
        "query": ["jwt"],
        "cookies": ["session"],
    });
    shared_with(super::merged(json!({ "tokens": tokens }), more))
}

#[track_caller]
fn check_forwarded(outcome: &Outcome<RequestAction>) {
    assert_eq!(outcome.action, RequestAction::Forward);
}

#[test]
fn a_token_is_found_in_header_query_and_cookie() {
    let token = token(json!({}));
    for exchange in [
        Exchange::get("/").header("authorization", format!("bearer {token}")),
        Exchange::get("/").header("x-jwt", token.clone()),
        Exchange::get(&format!("/?a=1&jwt={token}")),
        Exchange::get("/").header("cookie", format!("a=1; session={token}")),
    ] {
        check_forwarded(&run(everywhere(json!({})), exchange));
    }
}

#[test]
fn by_default_only_the_authorization_header_is_looked_at() {
    let token = token(json!({}));
    let exchange = Exchange::get(&format!("/?jwt={token}"))
        .header("x-jwt", token.clone())
        .header("cookie", format!("jwt={token}"));
    let outcome = run(super::shared(), exchange);
    assert_eq!(reason(&outcome), (401, "Unauthorized".to_owned()));
}

#[test]
fn the_same_token_in_several_places_is_one_token() {
    let token = token(json!({}));
    let exchange = Exchange::get(&format!("/?jwt={token}"))
        .header("authorization", format!("Bearer {token}"))
        .header("cookie", format!("session={token}"));
    check_forwarded(&run(everywhere(json!({})), exchange));
}

#[test]
fn different_tokens_in_different_places_are_refused() {
    let exchange = Exchange::get("/?jwt=x.y.z")
        .header("authorization", format!("Bearer {}", token(json!({}))));
    let outcome = run(everywhere(json!({})), exchange);
    assert_eq!(reason(&outcome), (401, "Multiple tokens provided".to_owned()));
    let challenge = outcome.answer().unwrap().header_text("www-authenticate").unwrap();
    assert_eq!(
        challenge,
        "Bearer realm=\"api\", error=\"invalid_request\", \
         error_description=\"Multiple tokens provided\""
    );
}

#[test]
fn another_scheme_is_somebody_elses_business() {
    let exchange = Exchange::get("/").header("authorization", "Basic dTpw");
    let outcome = run(super::shared(), exchange.clone());
    assert_eq!(reason(&outcome), (401, "Unauthorized".to_owned()));
    let outcome = run(shared_with(json!({ "optional": true })), exchange);
    check_forwarded(&outcome);
    assert_eq!(outcome.request_header("authorization").as_deref(), Some("Basic dTpw"));
}

#[test]
fn the_upstream_sees_the_token_unless_told_otherwise() {
    let token = token(json!({}));
    let outcome = run(super::shared(), super::bearing(&token));
    assert_eq!(outcome.request_header("authorization"), Some(format!("Bearer {token}")));
}

#[test]
fn a_token_is_taken_out_of_every_place() {
    let token = token(json!({}));
    let exchange = Exchange::get(&format!("/?a[]=1&jwt={token}&b=2"))
        .header("authorization", format!("Bearer {token}"))
        .header("authorization", "Basic dTpw")
        .header("x-jwt", token.clone())
        .header("cookie", format!("a=1; session={token}"))
        .header("cookie", format!("session={token}"));
    let outcome = run(everywhere(json!({ "forward_token": false })), exchange);
    check_forwarded(&outcome);
    assert_eq!(outcome.query(), Some("a%5B%5D=1&b=2"));
    assert_eq!(outcome.request_header_values("authorization"), [b"Basic dTpw"]);
    assert!(outcome.request_header_values("x-jwt").is_empty());
    assert_eq!(outcome.request_header_values("cookie"), [b"a=1"]);
}

#[test]
fn a_query_and_a_cookie_that_held_only_the_token_are_gone() {
    let token = token(json!({}));
    let exchange =
        Exchange::get(&format!("/?jwt={token}")).header("cookie", format!("session={token}"));
    let outcome = run(everywhere(json!({ "forward_token": false })), exchange);
    assert_eq!(outcome.query(), None);
    assert!(outcome.request_header_values("cookie").is_empty());
}

#[test]
fn a_preflight_needs_a_token_unless_told_otherwise() {
    let preflight = Exchange::new("OPTIONS", "/")
        .header("origin", "https://app.example")
        .header("access-control-request-method", "POST");
    let outcome = run(super::shared(), preflight.clone());
    assert_eq!(reason(&outcome), (401, "Unauthorized".to_owned()));
    let config = shared_with(json!({ "run_on_preflight": false }));
    check_forwarded(&run(config.clone(), preflight));
    let plain = Exchange::new("OPTIONS", "/").header("origin", "https://app.example");
    assert_eq!(reason(&run(config, plain)), (401, "Unauthorized".to_owned()));
}
