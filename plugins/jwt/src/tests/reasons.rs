//! Every answer, word for word.

use serde_json::{Value, json};
use tidegate_plugin::Answer;
use tidegate_plugin::fake::Exchange;

use super::mint;
use super::{
    NOW, SECRET, bearing, check_passes, check_refused, claims, merged, run, shared, shared_with,
    token,
};

fn shared_issuer(more: Value) -> Value {
    json!({ "issuers": [merged(json!({ "iss": "joe", "secret": SECRET }), more)] })
}

#[test]
fn a_request_without_a_token_is_told_where_to_begin() {
    let outcome = run(shared(), Exchange::get("/").id("r-7"));
    let expected = Answer::new(401)
        .header("www-authenticate", "Bearer realm=\"api\"")
        .header("content-type", "application/json")
        .body(r#"{"message":"Unauthorized","request_id":"r-7"}"#);
    assert_eq!(outcome.answer(), Some(&expected));
}

#[test]
fn a_request_with_a_bad_token_is_told_why() {
    let outcome = run(shared_with(json!({ "realm": "orders" })), bearing("x").id("r-8"));
    let expected = Answer::new(401)
        .header(
            "www-authenticate",
            "Bearer realm=\"orders\", error=\"invalid_token\", \
             error_description=\"Bad token; invalid JSON\"",
        )
        .header("content-type", "application/json")
        .body(r#"{"message":"Bad token; invalid JSON","request_id":"r-8"}"#);
    assert_eq!(outcome.answer(), Some(&expected));
}

#[test]
fn an_expired_token_is_refused_on_the_second() {
    check_refused(shared(), &token(json!({ "exp": NOW })), "exp: token expired");
    check_passes(shared(), &token(json!({ "exp": NOW + 1 })));
    check_passes(shared_with(json!({ "leeway": "10s" })), &token(json!({ "exp": NOW - 9 })));
    let late = token(json!({ "exp": NOW - 10 }));
    check_refused(shared_with(json!({ "leeway": "10s" })), &late, "exp: token expired");
}

#[test]
fn the_body_for_a_time_names_the_claim_as_kong_does() {
    let answer =
        run(shared(), bearing(&token(json!({ "exp": NOW })))).answer().unwrap().body_text();
    assert_eq!(
        answer,
        r#"{"exp":"token expired","message":"exp: token expired","request_id":"request-1"}"#
    );
}

#[test]
fn a_token_without_an_expiry_is_refused() {
    let without = mint::hs256(SECRET.as_bytes(), &json!({ "iss": "joe" }));
    check_refused(shared(), &without, "exp: must be a number");
    check_passes(shared_with(json!({ "require_exp": false })), &without);
}

#[test]
fn a_token_for_later_is_refused() {
    check_refused(shared(), &token(json!({ "nbf": NOW + 1 })), "nbf: token not valid yet");
    check_passes(shared(), &token(json!({ "nbf": NOW })));
    check_refused(shared(), &token(json!({ "nbf": "now" })), "nbf: must be a number");
}

#[test]
fn a_token_that_lasts_too_long_is_refused() {
    let config = shared_with(json!({ "max_lifetime": "1m" }));
    check_passes(config.clone(), &token(json!({ "exp": NOW + 60 })));
    let long = token(json!({ "exp": NOW + 61 }));
    check_refused(config, &long, "exp: exceeds maximum allowed expiration");
}

#[test]
fn a_token_without_an_issuer_is_refused() {
    let without = mint::hs256(SECRET.as_bytes(), &json!({ "exp": NOW + 60 }));
    check_refused(shared(), &without, "No mandatory 'iss' in claims");
    let nameless = json!({ "issuers": [{ "secret": SECRET }] });
    check_passes(nameless.clone(), &without);
    check_refused(nameless, &token(json!({})), "No credentials found for given 'iss'");
}

#[test]
fn a_token_of_an_unknown_issuer_is_refused() {
    for iss in [json!("JOE"), json!("joe/"), json!(1), json!(["joe"])] {
        let token = token(json!({ "iss": iss }));
        check_refused(shared(), &token, "No credentials found for given 'iss'");
    }
}

#[test]
fn a_token_for_somebody_else_is_refused() {
    let config = shared_issuer(json!({ "audience": "api" }));
    check_passes(config.clone(), &token(json!({ "aud": "api" })));
    check_passes(config.clone(), &token(json!({ "aud": ["web", "api"] })));
    for aud in [json!("web"), json!([]), Value::Null] {
        check_refused(config.clone(), &token(json!({ "aud": aud })), "Invalid audience");
    }
    check_refused(config, &token(json!({})), "Invalid audience");
    check_passes(shared_issuer(json!({ "audience": ["a", "b"] })), &token(json!({ "aud": "b" })));
}

#[test]
fn a_token_for_anybody_needs_a_word_of_the_operator() {
    let named = token(json!({ "aud": "web" }));
    check_refused(shared(), &named, "Invalid audience");
    check_passes(shared_issuer(json!({ "any_audience": true })), &named);
}

#[test]
fn a_required_claim_that_is_absent_is_named() {
    let config = shared_with(json!({ "require_claims": ["tenant"] }));
    check_passes(config.clone(), &token(json!({ "tenant": "t1" })));
    check_refused(config, &token(json!({})), "No mandatory 'tenant' in claims");
}

#[test]
fn a_scope_that_is_absent_is_forbidden_and_not_unauthorized() {
    let config = shared_with(json!({ "require_scopes": ["orders:read"] }));
    check_passes(config.clone(), &token(json!({ "scope": "x orders:read" })));
    let outcome = run(config, bearing(&token(json!({ "scope": "x" }))));
    assert_eq!(super::reason(&outcome), (403, "Insufficient scope".to_owned()));
    assert_eq!(
        outcome.answer().unwrap().header_text("www-authenticate").as_deref(),
        Some(
            "Bearer realm=\"api\", error=\"insufficient_scope\", \
             error_description=\"Insufficient scope\", scope=\"orders:read\""
        )
    );
}

#[test]
fn an_issuer_may_have_rules_of_its_own() {
    let config = merged(
        shared_issuer(json!({ "leeway": "5s", "require_claims": [], "require_exp": false })),
        json!({ "require_claims": ["tenant"] }),
    );
    check_passes(config.clone(), &mint::hs256(SECRET.as_bytes(), &json!({ "iss": "joe" })));
    check_passes(config, &token(json!({ "exp": NOW - 4 })));
}

#[test]
fn claims_are_judged_only_once_the_signature_is_right() {
    let forged = mint::hs256(b"another secret", &claims(json!({ "exp": 1, "aud": "web" })));
    check_refused(shared(), &forged, "Invalid signature");
}
