//! A token as an identity provider would give it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::crypto::{self, Hash};

/// How long the token is good for.
const LIFETIME_S: u64 = 24 * 60 * 60;

/// A JSON Web Token for the demo's configuration, signed with HS256 (RFC 7515 section 3.3).
pub(super) fn mint(secret: &str, now_s: u64) -> String {
    let claims = json!({
        "iss": "tidegate-demo",
        "aud": "demo",
        "sub": "ada",
        "iat": now_s,
        "exp": now_s + LIFETIME_S,
    });
    sign(secret, &json!({ "alg": "HS256", "typ": "JWT" }), &claims)
}

fn sign(secret: &str, header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(header), encode(claims));
    let signature = crypto::hmac(Hash::Sha256, secret.as_bytes(), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with another implementation: `openssl dgst -sha256 -hmac`.
    #[test]
    fn a_token_is_signed_as_others_sign_it() {
        let token = sign("secret", &json!({ "alg": "HS256" }), &json!({ "sub": "ada" }));
        let (signed, signature) = token.rsplit_once('.').expect("three parts");
        assert_eq!(signed, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ");
        assert_eq!(signature, "Sl2SLd0LojSQ-rhW2V5n4GC4rb0qp17dPUjkNSSZpKc");
    }
}
