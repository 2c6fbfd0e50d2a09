//! JSON Web Tokens for the tests of whoever checks them.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;
use tidegate::crypto::{Hash, hmac};

/// The secret that the tests share with the gateway.
pub const SECRET: &str = "a secret of the tests, 32 bytes.";

/// A token for these claims, signed with HS256 and [`SECRET`].
#[must_use]
pub fn hs256(claims: &Value) -> String {
    signed(claims, SECRET)
}

/// A token for these claims, signed with HS256 and this secret.
#[must_use]
pub fn signed(claims: &Value, secret: &str) -> String {
    let encode = |part: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(part);
    let header = encode(br#"{"alg":"HS256","typ":"JWT"}"#);
    let message = format!("{header}.{}", encode(claims.to_string().as_bytes()));
    let signature = hmac(Hash::Sha256, secret.as_bytes(), message.as_bytes());
    format!("{message}.{}", encode(signature.as_ref()))
}

/// Seconds since 1970.
///
/// # Panics
/// The clock stands before 1970.
#[must_use]
pub fn now() -> u64 {
    tidegate::clock::unix_ms() / 1000
}
