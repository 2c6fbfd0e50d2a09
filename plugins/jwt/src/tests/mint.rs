//! Makes tokens and keys, apart from the code under test.

use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

static RSA: LazyLock<RsaKeyPair> =
    LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
static P256: LazyLock<EcdsaKeyPair> =
    LazyLock::new(|| EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap());
static STRANGER: LazyLock<EcdsaKeyPair> =
    LazyLock::new(|| EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap());
static P384: LazyLock<EcdsaKeyPair> =
    LazyLock::new(|| EcdsaKeyPair::generate(&signature::ECDSA_P384_SHA384_FIXED_SIGNING).unwrap());
static P521: LazyLock<EcdsaKeyPair> =
    LazyLock::new(|| EcdsaKeyPair::generate(&signature::ECDSA_P521_SHA512_FIXED_SIGNING).unwrap());
static ED25519: LazyLock<Ed25519KeyPair> = LazyLock::new(|| Ed25519KeyPair::generate().unwrap());

/// A pair whose private half signs and whose public half goes into a configuration.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pair {
    Rsa,
    P256,
    P384,
    P521,
    Ed25519,
    /// Another one of P-256.
    Stranger,
}

impl Pair {
    /// In the form of RFC 5280 section 4.1.2.7.
    fn der(self) -> Vec<u8> {
        fn der(key: &impl AsDer<PublicKeyX509Der<'static>>) -> Vec<u8> {
            key.as_der().unwrap().as_ref().to_vec()
        }
        match self {
            Self::Rsa => der(RSA.public_key()),
            Self::P256 => der(P256.public_key()),
            Self::Stranger => der(STRANGER.public_key()),
            Self::P384 => der(P384.public_key()),
            Self::P521 => der(P521.public_key()),
            Self::Ed25519 => der(ED25519.public_key()),
        }
    }

    /// What most issuers publish.
    pub(super) fn pem(self) -> String {
        pem("PUBLIC KEY", &self.der())
    }

    /// As a member of a JWK Set, without `alg` and `kid`.
    pub(super) fn jwk(self) -> Value {
        let point = |pair: &EcdsaKeyPair, curve: &str| {
            let point = &pair.public_key().as_ref()[1..];
            let (x, y) = point.split_at(point.len() / 2);
            json!({ "kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y) })
        };
        match self {
            Self::Rsa => {
                let key = RSA.public_key();
                let n = key.modulus().big_endian_without_leading_zero();
                let e = key.exponent().big_endian_without_leading_zero();
                json!({ "kty": "RSA", "n": base64url(n), "e": base64url(e) })
            }
            Self::P256 => point(&P256, "P-256"),
            Self::Stranger => point(&STRANGER, "P-256"),
            Self::P384 => point(&P384, "P-384"),
            Self::P521 => point(&P521, "P-521"),
            Self::Ed25519 => {
                let x = base64url(ED25519.public_key().as_ref());
                json!({ "kty": "OKP", "crv": "Ed25519", "x": x })
            }
        }
    }

    fn sign(self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let rsa = |padding| {
            let mut signature = vec![0; RSA.public_modulus_len()];
            RSA.sign(padding, &random, message, &mut signature).unwrap();
            signature
        };
        match (self, algorithm) {
            (Self::Rsa, "RS256") => rsa(&signature::RSA_PKCS1_SHA256),
            (Self::Rsa, "RS384") => rsa(&signature::RSA_PKCS1_SHA384),
            (Self::Rsa, "RS512") => rsa(&signature::RSA_PKCS1_SHA512),
            (Self::Rsa, "PS256") => rsa(&signature::RSA_PSS_SHA256),
            (Self::Rsa, "PS384") => rsa(&signature::RSA_PSS_SHA384),
            (Self::Rsa, "PS512") => rsa(&signature::RSA_PSS_SHA512),
            (Self::P256, _) => P256.sign(&random, message).unwrap().as_ref().to_vec(),
            (Self::Stranger, _) => STRANGER.sign(&random, message).unwrap().as_ref().to_vec(),
            (Self::P384, _) => P384.sign(&random, message).unwrap().as_ref().to_vec(),
            (Self::P521, _) => P521.sign(&random, message).unwrap().as_ref().to_vec(),
            (Self::Ed25519, _) => ED25519.sign(message).as_ref().to_vec(),
            (Self::Rsa, _) => panic!("RSA does not do {algorithm}"),
        }
    }

    /// A token signed in this way; the header is as given, whatever it says.
    pub(super) fn token(self, algorithm: &str, header: &Value, claims: &Value) -> String {
        signed(header, claims, |message| self.sign(algorithm, message))
    }
}

/// A token with a MAC by the algorithm that the header names.
pub(super) fn hs(secret: &[u8], header: &Value, claims: &Value) -> String {
    let algorithm = match header["alg"].as_str() {
        Some("HS384") => hmac::HMAC_SHA384,
        Some("HS512") => hmac::HMAC_SHA512,
        _ => hmac::HMAC_SHA256,
    };
    let key = hmac::Key::new(algorithm, secret);
    signed(header, claims, |message| hmac::sign(&key, message).as_ref().to_vec())
}

/// The usual token.
pub(super) fn hs256(secret: &[u8], claims: &Value) -> String {
    hs(secret, &json!({ "alg": "HS256", "typ": "JWT" }), claims)
}

/// A token with claims that no JSON library would write.
pub(super) fn hs256_raw(secret: &[u8], claims: &str) -> String {
    let message = format!("{}.{}", base64url(br#"{"alg":"HS256"}"#), base64url(claims.as_bytes()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    format!("{message}.{}", base64url(hmac::sign(&key, message.as_bytes()).as_ref()))
}

fn signed(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let part = |value: &Value| base64url(value.to_string().as_bytes());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = sign(message.as_bytes());
    format!("{message}.{}", base64url(&signature))
}

pub(super) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> =
        (0..text.len()).step_by(64).map(|at| &text[at..(at + 64).min(text.len())]).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
