//! What an operator may get wrong, and where the finger points.

use serde_json::{Value, json};
use tidegate_plugin::fake;

use super::mint::{self, Pair};
use super::{SECRET, configure, merged, refused_configuration, shared_with};
use crate::Jwt;

#[track_caller]
fn check_points(config: Value, pointer: &str, message: &str) {
    let error = refused_configuration(config);
    assert_eq!((error.pointer.as_str(), error.message.as_str()), (pointer, message));
}

#[track_caller]
fn check_issuer(issuer: impl Into<Value>, pointer: &str, message: &str) {
    check_points(json!({ "issuers": [issuer.into()] }), pointer, message);
}

#[test]
fn without_issuers_nothing_could_pass() {
    check_points(json!({}), "", "missing field `issuers`");
    check_points(
        json!({ "issuers": [] }),
        "/issuers",
        "without an issuer no token could ever pass",
    );
}

#[test]
fn an_issuer_needs_a_key() {
    check_issuer(
        json!({ "iss": "joe" }),
        "/issuers/0",
        "the issuer has no key: give it `secret`, `secret_base64`, `public_key`, `jwks` or `keys`",
    );
}

#[test]
fn an_issuer_is_named_once() {
    let one = json!({ "iss": "joe", "secret": SECRET });
    check_points(
        json!({ "issuers": [one, one] }),
        "/issuers/1/iss",
        "another issuer has the same `iss`; put all keys into one, as `keys`",
    );
    let nameless = json!({ "secret": SECRET });
    check_points(
        json!({ "issuers": [one, nameless, nameless] }),
        "/issuers/2",
        "only one issuer may be without `iss`",
    );
}

#[test]
fn an_empty_secret_is_refused_whatever_else_is_allowed() {
    let text = "the secret is empty, so that anyone could sign with it";
    check_issuer(json!({ "secret": "" }), "/issuers/0/secret", text);
    check_issuer(json!({ "secret": "", "allow_short_secret": true }), "/issuers/0/secret", text);
    check_issuer(json!({ "secret_base64": "==" }), "/issuers/0/secret_base64", text);
}

#[test]
fn a_short_secret_needs_a_word_of_the_operator() {
    check_issuer(
        json!({ "secret": "0123456789" }),
        "/issuers/0/secret",
        "the secret has 10 bytes, but HS256 needs at least 32 (RFC 7518 section 3.2); \
         `allow_short_secret = true` accepts it all the same",
    );
    let short = json!({ "secret": "0123456789", "allow_short_secret": true });
    configure(json!({ "issuers": [short] }));
}

#[test]
fn a_secret_that_is_long_enough_for_one_algorithm_may_be_short_for_another() {
    let thirty_two = "0123456789abcdef0123456789abcdef";
    configure(json!({ "issuers": [{ "secret": thirty_two }] }));
    let error = refused_configuration(json!({ "issuers": [
        { "keys": [{ "secret": thirty_two, "algorithms": ["HS512"] }] },
    ] }));
    assert_eq!(error.pointer, "/issuers/0/keys/0/secret");
}

#[test]
fn base64_that_is_none_is_refused() {
    check_issuer(json!({ "secret_base64": "a b" }), "/issuers/0/secret_base64", "not base64");
}

#[test]
fn two_keys_in_one_table_are_refused() {
    check_issuer(
        json!({ "secret": SECRET, "public_key": Pair::Rsa.pem() }),
        "/issuers/0/public_key",
        "beside `secret`; put each key into a table of its own in `keys`",
    );
}

#[test]
fn a_private_key_is_refused_with_the_way_out() {
    check_issuer(
        json!({ "public_key": mint::pem("PRIVATE KEY", b"\x30\x00") }),
        "/issuers/0/public_key",
        "this is a private key; a gateway needs the public one only, \
         which `openssl pkey -in key.pem -pubout` prints",
    );
    let member = merged(Pair::P256.jwk(), json!({ "d": "AA" }));
    check_issuer(
        json!({ "jwks": { "keys": [member] } }),
        "/issuers/0/jwks",
        "key 0 holds a private key (`d`); a gateway needs the public part only",
    );
}

#[test]
fn what_is_no_pem_is_refused() {
    check_issuer(
        json!({ "public_key": "keys/public.pem" }),
        "/issuers/0/public_key",
        "not a key in PEM: there is no line `-----BEGIN PUBLIC KEY-----`",
    );
    let error = refused_configuration(json!({ "issuers": [
        { "public_key": mint::pem("PUBLIC KEY", b"\x30\x00") },
    ] }));
    assert_eq!(error.pointer, "/issuers/0/public_key");
}

#[test]
fn algorithms_that_no_key_is_able_to_do_are_refused() {
    check_issuer(
        json!({ "public_key": Pair::P256.pem(), "algorithms": ["RS256", "ES384"] }),
        "/issuers/0/public_key",
        "the key fits ES256 only, none of which is allowed here",
    );
    check_issuer(
        json!({ "secret": SECRET, "algorithms": [] }),
        "/issuers/0/algorithms",
        "at least one algorithm must be allowed",
    );
}

#[test]
fn none_is_not_an_algorithm() {
    let error = refused_configuration(json!({ "issuers": [
        { "secret": SECRET, "algorithms": ["none"] },
    ] }));
    assert_eq!(error.pointer, "/issuers/0/algorithms/0");
}

#[test]
fn a_set_without_a_usable_key_says_why() {
    let member = merged(Pair::Rsa.jwk(), json!({ "use": "enc" }));
    check_issuer(
        json!({ "jwks": { "keys": [member, { "kty": "EC" }] } }),
        "/issuers/0/jwks",
        "none of the keys can be used: key 0: not for signatures (`use`); \
         key 1: a kind of key or curve that is not supported: UnsupportedAlgorithm",
    );
    check_issuer(
        json!({ "jwks": { "kyes": [] } }),
        "/issuers/0/jwks",
        "not a JWK Set: it has no list `keys`",
    );
    let error = refused_configuration(json!({ "issuers": [{ "jwks": "https://id/jwks.json" }] }));
    assert_eq!(error.pointer, "/issuers/0/jwks");
}

#[test]
fn an_unknown_key_is_refused_where_it_stands() {
    let error = refused_configuration(json!({ "issuers": [{ "isss": "joe" }] }));
    assert_eq!(error.pointer, "/issuers/0/isss");
    let error = refused_configuration(shared_with(json!({ "tokens": { "header": ["x"] } })));
    assert_eq!(error.pointer, "/tokens/header");
}

#[test]
fn values_out_of_range_are_pointed_at() {
    for (more, pointer) in [
        (json!({ "leeway": "soon" }), "/leeway"),
        (json!({ "leeway": 30 }), "/leeway"),
        (json!({ "max_token_bytes": 63 }), "/max_token_bytes"),
        (json!({ "max_token_bytes": 65537 }), "/max_token_bytes"),
        (json!({ "realm": "a\"b" }), "/realm"),
        (json!({ "realm": "" }), "/realm"),
        (json!({ "require_scopes": ["a b"] }), "/require_scopes/0"),
        (json!({ "require_claims": [""] }), "/require_claims/0"),
        (json!({ "consumer_claim": "" }), "/consumer_claim"),
        (json!({ "tokens": { "headers": ["a b"] } }), "/tokens/headers/0"),
        (json!({ "tokens": { "headers": [] } }), "/tokens"),
        (json!({ "tokens": { "cookies": ["a;b"] } }), "/tokens/cookies/0"),
        (json!({ "tokens": { "query": [""] } }), "/tokens/query/0"),
        (json!({ "claims_to_headers": { "sub": "host" } }), "/claims_to_headers/sub"),
    ] {
        let error = refused_configuration(shared_with(more));
        assert_eq!(error.pointer, pointer, "{}", error.message);
    }
}

#[test]
fn an_audience_is_either_named_or_any() {
    check_issuer(
        json!({ "secret": SECRET, "audience": "a", "any_audience": true }),
        "/issuers/0/any_audience",
        "`audience` says already who tokens must be for",
    );
    check_issuer(
        json!({ "secret": SECRET, "audience": [] }),
        "/issuers/0/audience",
        "an empty list would refuse every token",
    );
}

#[test]
fn a_key_that_the_host_cannot_use_is_found_at_once() {
    fake::crypto::on_verify(|_, _, _, _| Err("the key is too small".to_owned()));
    check_issuer(
        json!({ "public_key": Pair::Rsa.pem() }),
        "/issuers/0/public_key",
        "the key is too small",
    );
}

#[test]
fn an_rsa_key_that_is_too_small_is_found_at_once() {
    let small = json!({ "kty": "RSA", "n": mint::base64url(&[0xc1; 128]), "e": "AQAB" });
    let error = refused_configuration(json!({ "issuers": [{ "jwks": { "keys": [small] } }] }));
    assert_eq!(error.pointer, "/issuers/0/jwks");
}

#[test]
fn no_secret_shows_in_an_error() {
    for config in [
        json!({ "issuers": [{ "secret": "hunter2" }] }),
        json!({ "issuers": [{ "secret": "hunter2", "algorithms": ["RS256"] }] }),
        json!({ "issuers": [{ "secret_base64": "hunter2!" }] }),
        json!({ "issuers": [{ "public_key": "hunter2" }] }),
        json!({ "issuers": [{ "jwks": "hunter2" }] }),
    ] {
        let error = refused_configuration(config);
        assert!(!error.message.contains("hunter2"), "{}", error.message);
    }
}

#[test]
fn the_schema_lists_every_key() {
    let schema = fake::schema::<Jwt>();
    let keys: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "claims_to_headers",
            "consumer_claim",
            "forward_token",
            "issuers",
            "leeway",
            "max_lifetime",
            "max_token_bytes",
            "optional",
            "realm",
            "require_claims",
            "require_exp",
            "require_scopes",
            "run_on_preflight",
            "tokens",
        ]
    );
    assert_eq!(schema["additionalProperties"], json!(false));
}

/// Every complete example of the README is configured, with texts in place of the environment.
#[test]
fn every_example_of_the_readme_is_a_good_configuration() {
    let readme = include_str!("../../README.md");
    let examples: Vec<&str> =
        readme.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(examples.len() >= 3);
    for example in examples {
        let file: Value = toml::from_str::<Value>(example).expect(example);
        for key in ["listeners", "upstreams", "routes", "plugins"] {
            assert!(file.get(key).is_some(), "{key} in {example}");
        }
        for plugin in file["plugins"].as_object().unwrap().values() {
            if plugin["component"] == "jwt" {
                let config = plugin["config"].to_string();
                let config = config.replace("${DJANGO_SECRET_KEY}", SECRET);
                assert!(fake::configure::<Jwt>(config).is_ok(), "{example}");
            }
        }
    }
}
