//! JSON Web Tokens: algorithm, signature, issuer and expiry. Nothing about a token is kept.

use aws_lc_rs::{hmac, signature};
use serde::Deserialize;

use crate::now_s;

#[derive(Clone, Copy)]
pub(crate) enum Algorithm {
    Hs256,
    Rs256,
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
        }
    }
}

#[derive(Deserialize)]
pub struct Claims {
    pub sub: String,
    exp: u64,
    iss: String,
}

#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    alg: &'a str,
}

pub(crate) struct Verifier {
    secret: hmac::Key,
    public_key: signature::ParsedPublicKey,
    issuer: String,
}

impl Verifier {
    pub(crate) fn new(secret: &[u8], public_key_der: &[u8], issuer: String) -> Self {
        let rsa = &signature::RSA_PKCS1_2048_8192_SHA256;
        Self {
            secret: hmac::Key::new(hmac::HMAC_SHA256, secret),
            public_key: signature::ParsedPublicKey::new(rsa, public_key_der).expect("an RSA key"),
            issuer,
        }
    }

    /// The claims of the bearer token in this field, if it is good.
    pub(crate) fn verify(
        &self,
        authorization: Option<&[u8]>,
        algorithm: Algorithm,
    ) -> Option<Claims> {
        let token = authorization?.strip_prefix(b"Bearer ")?;
        let second = token.iter().rposition(|&octet| octet == b'.')?;
        let message = &token[..second];
        let first = message.iter().position(|&octet| octet == b'.')?;

        let header = decoded(&message[..first])?;
        let header: Header<'_> = serde_json::from_slice(&header).ok()?;
        if header.alg != algorithm.name() {
            return None;
        }
        let signature = decoded(&token[second + 1..])?;
        match algorithm {
            Algorithm::Hs256 => hmac::verify(&self.secret, message, &signature).ok()?,
            Algorithm::Rs256 => self.public_key.verify_sig(message, &signature).ok()?,
        }
        let claims: Claims = serde_json::from_slice(&decoded(&message[first + 1..])?).ok()?;
        (claims.exp > now_s() && claims.iss == self.issuer).then_some(claims)
    }
}

fn decoded(part: &[u8]) -> Option<Vec<u8>> {
    base64_simd::URL_SAFE_NO_PAD.decode_to_vec(part).ok()
}
