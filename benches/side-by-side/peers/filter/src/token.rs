//! JSON Web Tokens: algorithm, signature, issuer and expiry. Nothing about a token is kept.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use rsa::{BigUint, Pkcs1v15Sign, RsaPublicKey};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::Config;

#[derive(Clone, Copy)]
pub(crate) enum Algorithm {
    Hs256,
    Rs256,
}

#[derive(Deserialize)]
pub(crate) struct Claims {
    pub(crate) sub: String,
    exp: u64,
    iss: String,
}

#[derive(Deserialize)]
struct Header<'a> {
    alg: &'a str,
}

pub(crate) struct Verifier {
    secret: Hmac<Sha256>,
    public_key: RsaPublicKey,
    issuer: String,
}

impl Verifier {
    pub(crate) fn new(config: &Config) -> Option<Self> {
        let number = |text: &str| Some(BigUint::from_bytes_be(&decoded(text)?));
        Some(Self {
            secret: Hmac::new_from_slice(config.secret.as_bytes()).ok()?,
            public_key: RsaPublicKey::new(number(&config.rs_n)?, number(&config.rs_e)?).ok()?,
            issuer: config.issuer.clone(),
        })
    }

    /// The claims of the bearer token in this field, if it is good.
    pub(crate) fn verify(
        &self,
        authorization: &str,
        algorithm: Algorithm,
        now_s: u64,
    ) -> Option<Claims> {
        let (message, signature) = authorization.strip_prefix("Bearer ")?.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let header = decoded(header)?;
        let header: Header<'_> = serde_json::from_slice(&header).ok()?;
        let signature = decoded(signature)?;
        match (algorithm, header.alg) {
            (Algorithm::Hs256, "HS256") => {
                let mut mac = self.secret.clone();
                mac.update(message.as_bytes());
                mac.verify_slice(&signature).ok()?;
            }
            (Algorithm::Rs256, "RS256") => {
                let digest = Sha256::digest(message.as_bytes());
                self.public_key.verify(Pkcs1v15Sign::new::<Sha256>(), &digest, &signature).ok()?;
            }
            _ => return None,
        }
        let claims: Claims = serde_json::from_slice(&decoded(claims)?).ok()?;
        (claims.exp > now_s && claims.iss == self.issuer).then_some(claims)
    }
}

fn decoded(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}
