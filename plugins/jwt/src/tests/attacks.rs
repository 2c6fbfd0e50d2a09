//! What somebody without a key might try.

use serde_json::{Value, json};
use tidegate_plugin::fake::Exchange;

use super::mint::{self, Pair};
use super::{NOW, SECRET, check_passes, check_refused, claims, run, shared, shared_with, token};

fn rsa() -> Value {
    json!({ "issuers": [{ "iss": "joe", "public_key": Pair::Rsa.pem() }] })
}

#[test]
fn the_public_key_is_not_a_secret_for_hs256() {
    let header = json!({ "alg": "HS256" });
    for secret in [Pair::Rsa.pem(), Pair::Rsa.pem().trim().to_owned()] {
        let token = mint::hs(secret.as_bytes(), &header, &claims(json!({})));
        check_refused(rsa(), &token, "Invalid algorithm");
    }
}

#[test]
fn a_public_key_and_a_secret_of_one_issuer_do_not_mix() {
    let config = json!({ "issuers": [{
        "iss": "joe",
        "algorithms": ["HS256", "RS256"],
        "keys": [{ "kid": "r", "public_key": Pair::Rsa.pem() }, { "kid": "h", "secret": SECRET }],
    }] });
    let header = json!({ "alg": "HS256", "kid": "r" });
    let token = mint::hs(Pair::Rsa.pem().as_bytes(), &header, &claims(json!({})));
    check_refused(config, &token, "Invalid algorithm");
}

#[test]
fn a_token_without_a_signature_does_not_pass_as_none() {
    for alg in ["none", "None", "NONE", "nOnE"] {
        let header = mint::base64url(json!({ "alg": alg }).to_string().as_bytes());
        let payload = mint::base64url(claims(json!({})).to_string().as_bytes());
        check_refused(shared(), &format!("{header}.{payload}."), "Bad token; invalid alg");
    }
}

#[test]
fn a_signed_token_that_says_none_does_not_pass_either() {
    let token = mint::hs(SECRET.as_bytes(), &json!({ "alg": "none" }), &claims(json!({})));
    check_refused(shared(), &token, "Bad token; invalid alg");
}

#[test]
fn a_key_in_the_header_is_not_believed() {
    let header = json!({
        "alg": "ES256",
        "jwk": Pair::P256.jwk(),
        "jku": "https://evil.example/jwks.json",
        "x5u": "https://evil.example/cert.pem",
    });
    let forged = Pair::P256.token("ES256", &header, &claims(json!({})));
    check_refused(shared(), &forged, "Invalid algorithm");
    let other = json!({ "issuers": [{ "iss": "joe", "public_key": Pair::Stranger.pem() }] });
    check_refused(other, &forged, "Invalid signature");
}

#[test]
fn an_unknown_critical_extension_is_not_ignored() {
    let header = json!({ "alg": "HS256", "crit": ["b64"], "b64": false });
    let token = mint::hs(SECRET.as_bytes(), &header, &claims(json!({})));
    check_refused(shared(), &token, "Bad token; unsupported crit");
}

#[test]
fn a_signature_of_other_claims_is_not_believed() {
    let own = token(json!({}));
    let wanted = mint::base64url(claims(json!({ "sub": "root" })).to_string().as_bytes());
    let parts: Vec<&str> = own.split('.').collect();
    check_refused(shared(), &format!("{}.{wanted}.{}", parts[0], parts[2]), "Invalid signature");
}

#[test]
fn one_issuer_cannot_speak_for_another() {
    let config = json!({ "issuers": [
        { "iss": "joe", "secret": SECRET },
        { "iss": "eve", "secret": "eve's secret of thirty-two bytes or so" },
    ] });
    let forged = mint::hs256(b"eve's secret of thirty-two bytes or so", &claims(json!({})));
    check_refused(config.clone(), &forged, "Invalid signature");
    let own =
        mint::hs256(b"eve's secret of thirty-two bytes or so", &claims(json!({ "iss": "eve" })));
    check_passes(config, &own);
}

#[test]
fn an_ecdsa_signature_of_zeros_is_not_right() {
    // What Java accepted in CVE-2022-21449.
    let config = json!({ "issuers": [{ "iss": "joe", "public_key": Pair::P256.pem() }] });
    let token = Pair::P256.token("ES256", &json!({ "alg": "ES256" }), &claims(json!({})));
    let (message, _) = token.rsplit_once('.').unwrap();
    let zeros = mint::base64url(&[0; 64]);
    check_refused(config, &format!("{message}.{zeros}"), "Invalid signature");
}

#[test]
fn an_oversized_token_is_refused_before_it_is_read() {
    let long = token(json!({ "pad": "x".repeat(8192) }));
    check_refused(shared(), &long, "Bad token; too long");
    check_passes(shared_with(json!({ "max_token_bytes": 16384 })), &long);
}

#[test]
fn the_longest_token_passes_and_one_byte_more_does_not() {
    let token = token(json!({}));
    check_passes(shared_with(json!({ "max_token_bytes": token.len() })), &token);
    let shorter = shared_with(json!({ "max_token_bytes": token.len() - 1 }));
    check_refused(shorter, &token, "Bad token; too long");
}

#[test]
fn a_claim_that_comes_twice_is_refused_even_if_signed() {
    let raw = format!(r#"{{"iss":"joe","sub":"ada","sub":"root","exp":{}}}"#, NOW + 60);
    let token = mint::hs256_raw(SECRET.as_bytes(), &raw);
    check_refused(shared(), &token, "Bad token; invalid claims");
}

#[test]
fn deep_nesting_is_refused_and_costs_no_stack() {
    let raw = format!(r#"{{"iss":"joe","a":{}{}}}"#, "[".repeat(2500), "]".repeat(2500));
    let token = mint::hs256_raw(SECRET.as_bytes(), &raw);
    check_refused(shared(), &token, "Bad token; invalid JSON");
}

#[test]
fn two_tokens_are_refused_even_if_one_of_them_is_right() {
    let exchange = Exchange::get("/")
        .header("authorization", format!("Bearer {}", token(json!({}))))
        .header("authorization", "Bearer x.y.z");
    let outcome = run(shared(), exchange);
    assert_eq!(super::reason(&outcome), (401, "Multiple tokens provided".to_owned()));
}

#[test]
fn two_tokens_in_one_line_are_refused() {
    let token = token(json!({}));
    let joined = format!("{token}, Bearer {token}");
    check_refused(shared(), &joined, "Bad token; invalid JSON");
}

#[test]
fn bytes_that_are_not_text_are_refused() {
    let exchange = Exchange::get("/").header("authorization", b"Bearer \xff.\xfe.a".to_vec());
    let outcome = run(shared(), exchange);
    assert_eq!(super::reason(&outcome), (401, "Bad token; invalid JSON".to_owned()));
}

#[test]
fn optional_excuses_an_absent_token_and_no_bad_one() {
    let config = shared_with(json!({ "optional": true }));
    assert!(run(config.clone(), Exchange::get("/")).answer().is_none());
    check_refused(config, "x.y.z", "Bad token; invalid JSON");
}
