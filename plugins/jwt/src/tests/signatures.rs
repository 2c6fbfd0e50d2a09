//! Every algorithm, every way to write a key, and which key is chosen.

use serde_json::{Value, json};

use super::mint::{self, Pair};
use super::{SECRET, check_passes, check_refused, claims, shared, token};

/// Every asymmetric algorithm with the pair that does it.
const ASYMMETRIC: [(&str, Pair); 10] = [
    ("RS256", Pair::Rsa),
    ("RS384", Pair::Rsa),
    ("RS512", Pair::Rsa),
    ("PS256", Pair::Rsa),
    ("PS384", Pair::Rsa),
    ("PS512", Pair::Rsa),
    ("ES256", Pair::P256),
    ("ES384", Pair::P384),
    ("ES512", Pair::P521),
    ("EdDSA", Pair::Ed25519),
];

fn issuer(more: Value) -> Value {
    json!({ "issuers": [super::merged(json!({ "iss": "joe" }), more)] })
}

fn usual() -> Value {
    claims(json!({}))
}

fn tampered(token: &str) -> String {
    let (message, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{message}.{first}{}", &signature[1..])
}

#[test]
fn the_signature_of_rfc_7515_appendix_a_1_is_right() {
    let key =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
        eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
        dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let config = issuer(json!({ "secret_base64": key }));
    check_refused(config.clone(), token, "exp: token expired");
    tidegate_plugin::fake::clock::set_unix_ms(1_300_819_379_000);
    check_passes(config.clone(), token);
    check_refused(config, &tampered(token), "Invalid signature");
}

#[test]
fn the_signature_of_rfc_7515_appendix_a_3_is_right() {
    tidegate_plugin::fake::clock::set_unix_ms(1_300_819_379_000);
    let jwk = json!({
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    let token = "eyJhbGciOiJFUzI1NiJ9.\
        eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
        DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    check_passes(issuer(json!({ "jwks": { "keys": [jwk] } })), token);
}

#[test]
fn every_mac_is_verified_and_a_changed_one_is_not() {
    for algorithm in ["HS256", "HS384", "HS512"] {
        let token = mint::hs(SECRET.as_bytes(), &json!({ "alg": algorithm }), &usual());
        let config = issuer(json!({ "secret": SECRET, "algorithms": [algorithm] }));
        check_passes(config.clone(), &token);
        check_refused(config, &tampered(&token), "Invalid signature");
    }
}

#[test]
fn every_signature_is_verified_with_a_key_in_pem_and_a_changed_one_is_not() {
    for (algorithm, pair) in ASYMMETRIC {
        let token = pair.token(algorithm, &json!({ "alg": algorithm }), &usual());
        let config = issuer(json!({ "public_key": pair.pem(), "algorithms": [algorithm] }));
        check_passes(config.clone(), &token);
        check_refused(config, &tampered(&token), "Invalid signature");
    }
}

#[test]
fn every_signature_is_verified_with_a_json_web_key() {
    for (algorithm, pair) in ASYMMETRIC {
        let token = pair.token(algorithm, &json!({ "alg": algorithm }), &usual());
        let jwk = super::merged(pair.jwk(), json!({ "alg": algorithm, "use": "sig" }));
        let jwks = json!({ "keys": [jwk] });
        check_passes(issuer(json!({ "jwks": jwks.to_string() })), &token);
        check_passes(issuer(json!({ "jwks": jwks })), &token);
    }
}

#[test]
fn a_key_in_pkcs_1_form_is_read() {
    // The PKCS#1 form is what the DER form of an RSA key holds after 24 bytes.
    let pem = Pair::Rsa.pem();
    let body: String = pem.lines().filter(|line| !line.starts_with("---")).collect();
    let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, body).unwrap();
    let config = issuer(json!({ "public_key": mint::pem("RSA PUBLIC KEY", &der[24..]) }));
    let token = Pair::Rsa.token("RS256", &json!({ "alg": "RS256" }), &usual());
    check_passes(config, &token);
}

#[test]
fn a_secret_may_be_in_either_base64_with_or_without_padding() {
    let secret = [0xfb, 0xff, 0xfe].repeat(11);
    let token = mint::hs256(&secret[..32], &usual());
    for text in [
        "+//++//++//++//++//++//++//++//++//++//++/8=",
        "+//++//++//++//++//++//++//++//++//++//++/8",
        "-__--__--__--__--__--__--__--__--__--__--_8",
    ] {
        check_passes(issuer(json!({ "secret_base64": text })), &token);
    }
}

#[test]
fn without_a_word_about_algorithms_the_usual_one_of_the_key_is_meant() {
    let rsa = issuer(json!({ "public_key": Pair::Rsa.pem() }));
    check_passes(rsa.clone(), &Pair::Rsa.token("RS256", &json!({ "alg": "RS256" }), &usual()));
    let other = Pair::Rsa.token("PS256", &json!({ "alg": "PS256" }), &usual());
    check_refused(rsa, &other, "Invalid algorithm");
    let hs512 = mint::hs(SECRET.as_bytes(), &json!({ "alg": "HS512" }), &usual());
    check_refused(shared(), &hs512, "Invalid algorithm");
}

#[test]
fn the_kid_chooses_the_key() {
    let config = issuer(json!({ "keys": [
        { "kid": "old", "secret": "0123456789abcdef0123456789abcdef" },
        { "kid": "new", "secret": SECRET },
    ] }));
    let with_kid = |kid: &str| {
        let header = json!({ "alg": "HS256", "kid": kid });
        mint::hs(SECRET.as_bytes(), &header, &usual())
    };
    check_passes(config.clone(), &with_kid("new"));
    check_refused(config.clone(), &with_kid("old"), "Invalid signature");
    check_refused(config.clone(), &with_kid("gone"), "No credentials found for given 'kid'");
    check_passes(config, &token(json!({})));
}

#[test]
fn a_key_without_a_name_serves_for_any_kid_that_no_key_has() {
    let header = json!({ "alg": "HS256", "kid": "k1" });
    let token = mint::hs(SECRET.as_bytes(), &header, &usual());
    check_passes(shared(), &token);
    let named = json!({ "kid": "k1", "secret": "0123456789abcdef0123456789abcdef" });
    let config = issuer(json!({ "secret": SECRET, "keys": [named] }));
    check_refused(config, &token, "Invalid signature");
}

#[test]
fn keys_of_several_kinds_stand_beside_each_other() {
    let config = issuer(json!({
        "secret": SECRET,
        "jwks": { "keys": [Pair::P256.jwk(), Pair::Ed25519.jwk(), Pair::Rsa.jwk()] },
    }));
    check_passes(config.clone(), &token(json!({})));
    for (algorithm, pair) in [("ES256", Pair::P256), ("EdDSA", Pair::Ed25519), ("RS256", Pair::Rsa)]
    {
        check_passes(
            config.clone(),
            &pair.token(algorithm, &json!({ "alg": algorithm }), &usual()),
        );
    }
}

#[test]
fn a_signature_that_is_not_base64url_is_told_apart() {
    let token = token(json!({}));
    let (message, _) = token.rsplit_once('.').unwrap();
    check_refused(shared(), &format!("{message}.a+b"), "Bad token; invalid signature");
    check_refused(shared(), &format!("{message}."), "Invalid signature");
    let es512 = Pair::P521.token("ES512", &json!({ "alg": "ES512" }), &usual());
    let (message, _) = es512.rsplit_once('.').unwrap();
    let config = issuer(json!({ "public_key": Pair::P521.pem() }));
    check_refused(config, &format!("{message}.a+b"), "Bad token; invalid signature");
}

#[test]
fn keys_of_a_set_that_are_for_something_else_are_left_out() {
    let members = json!([
        super::merged(Pair::Rsa.jwk(), json!({ "use": "enc" })),
        super::merged(Pair::Rsa.jwk(), json!({ "key_ops": ["encrypt"] })),
        super::merged(Pair::Rsa.jwk(), json!({ "alg": "RSA-OAEP" })),
        { "kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA" },
        { "kty": "OKP", "crv": "X25519", "x": "AA" },
        { "kty": "AKP", "pub": "AA" },
        1,
        Pair::P256.jwk(),
    ]);
    let config = issuer(json!({ "jwks": { "keys": members } }));
    check_passes(config.clone(), &Pair::P256.token("ES256", &json!({ "alg": "ES256" }), &usual()));
    let warnings = tidegate_plugin::fake::log::take();
    assert!(warnings.is_empty(), "the run began with a clean log");
    super::configure(config.clone());
    assert_eq!(tidegate_plugin::fake::log::take().len(), 7);
    let rs256 = Pair::Rsa.token("RS256", &json!({ "alg": "RS256" }), &usual());
    check_refused(config, &rs256, "Invalid algorithm");
}

#[test]
fn the_key_of_a_certificate_is_used() {
    let certificate = "-----BEGIN CERTIFICATE-----\n\
        MIIBfzCCASWgAwIBAgIUDioYWoq2mNYpNcC37DsMs0CKCeAwCgYIKoZIzj0EAwIw\n\
        FTETMBEGA1UEAwwKaWQuZXhhbXBsZTAeFw0yNjExMjEwNDM2MDhaFw0zNjExMTgw\n\
        NDM2MDhaMBUxEzARBgNVBAMMCmlkLmV4YW1wbGUwWTATBgcqhkjOPQIBBggqhkjO\n\
        PQMBBwNCAARzZ0iNhu8E6P6b4wFL7bJpg3tCYbitVVnz8esNkETea1Rupb+Kdwv9\n\
        Y2AIFFTHh91Alvu4ehJ58G6I6AZllJymo1MwUTAdBgNVHQ4EFgQU/HcWYyL2t6Zv\n\
        clBa5kBLl7Oky0MwHwYDVR0jBBgwFoAU/HcWYyL2t6ZvclBa5kBLl7Oky0MwDwYD\n\
        VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiBSR1k8quq/ohNyMXf/IO1D\n\
        LOYvGtMyaKi342fx5JdlRgIhAL29x26GjKOo9JiDP+UJxoUq5OqE6EGXIq+w59ki\n\
        N/kd\n\
        -----END CERTIFICATE-----\n\
        ";
    let token = "eyJhbGciOiJFUzI1NiJ9.\
        eyJpc3MiOiJqb2UiLCJleHAiOjQxMDI0NDQ4MDB9.\
        W64SBimrri9sKnA5pgTngpwlJE_VHMHljkZCoYpv1RuEFZzUpi6UkMe3YfMx_ubPL3HOoGmIjimr0amIcCl4oA";
    check_passes(issuer(json!({ "public_key": certificate })), token);
}
