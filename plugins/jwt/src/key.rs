//! A key, bound to the algorithms it may be used with.

use jsonwebtoken::jwk::{AlgorithmParameters, CommonParameters, Jwk};
use jsonwebtoken::{AlgorithmFamily, DecodingKey, DecodingKeyKind};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use tidegate_plugin::crypto;

use crate::algorithm::Algorithm;
use crate::provider;
use crate::refusal::{Part, Refusal};
use crate::token::{self, Token};

/// What a signature is checked with.
///
/// The algorithms are fixed when the key is made, never taken from a token: a token that says
/// HS256 cannot be checked with the text of a public RSA key (RFC 8725 section 2.1).
#[derive(Debug)]
pub(crate) struct Key {
    /// The name that a token may ask for.
    pub(crate) kid: Option<String>,
    /// Never empty.
    algorithms: Vec<Algorithm>,
    decoding: DecodingKey,
}

/// What a key may be used with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage<'a> {
    /// What the operator allows; absent if the file says nothing.
    pub(crate) allowed: Option<&'a [Algorithm]>,
    /// Whether a secret may be shorter than RFC 7518 section 3.2 demands.
    pub(crate) short_secret: bool,
}

impl Key {
    /// Binds a key to the algorithms that it is able to do, that its own document names, and that
    /// the operator allows; where neither says anything, to the most common one of its kind.
    pub(crate) fn bind(
        decoding: DecodingKey,
        kid: Option<String>,
        own: Option<Algorithm>,
        usage: Usage<'_>,
    ) -> Result<Self, String> {
        let able = able(&decoding)?;
        let mut algorithms: Vec<Algorithm> = able
            .iter()
            .copied()
            .filter(|algorithm| own.is_none_or(|own| own == *algorithm))
            .filter(|algorithm| usage.allowed.is_none_or(|list| list.contains(algorithm)))
            .collect();
        if own.is_none() && usage.allowed.is_none() {
            algorithms.truncate(1);
        }
        if algorithms.is_empty() {
            return Err(format!(
                "the key fits {} only, none of which is allowed here",
                listed(able)
            ));
        }
        let key = Self { kid, algorithms, decoding };
        if !usage.short_secret {
            key.check_length()?;
        }
        key.check_with_host()?;
        Ok(key)
    }

    /// A shared secret.
    pub(crate) fn secret(secret: &[u8]) -> Result<DecodingKey, String> {
        if secret.is_empty() {
            return Err("the secret is empty, so that anyone could sign with it".to_owned());
        }
        Ok(DecodingKey::from_secret(secret))
    }

    /// A public key or certificate in PEM.
    pub(crate) fn pem(text: &str) -> Result<DecodingKey, String> {
        if text.contains("PRIVATE KEY-----") {
            return Err("this is a private key; a gateway needs the public one only, \
                        which `openssl pkey -in key.pem -pubout` prints"
                .to_owned());
        }
        if !text.contains("-----BEGIN ") {
            return Err(
                "not a key in PEM: there is no line `-----BEGIN PUBLIC KEY-----`".to_owned()
            );
        }
        let bytes = text.trim().as_bytes();
        DecodingKey::from_rsa_pem(bytes)
            .or_else(|_| DecodingKey::from_ec_pem(bytes))
            .or_else(|_| DecodingKey::from_ed_pem(bytes))
            .map_err(|error| format!("not a public RSA, EC or Ed25519 key in PEM: {error}"))
    }

    /// Whether a token may have been signed with this key in this way.
    pub(crate) fn fits(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Whether this key made the token's signature. The algorithm must fit.
    pub(crate) fn signed(&self, token: &Token<'_>) -> Result<bool, Refusal> {
        debug_assert!(self.fits(token.algorithm), "asked with an algorithm that does not fit");
        let message = token.message.as_bytes();
        let malformed = || Refusal::Malformed(Part::Signature);
        let Some(algorithm) = token.algorithm.in_library() else {
            // ES512: the crate has no name for it, so the host is asked directly.
            let signature = token::decode(token.signature).ok_or_else(malformed)?;
            let key = provider::host_key(&self.decoding);
            return Ok(provider::is_right(token.algorithm, &key, message, &signature));
        };
        jsonwebtoken::crypto::verify(token.signature, message, &self.decoding, algorithm)
            .ok()
            .ok_or_else(malformed)
    }

    fn check_length(&self) -> Result<(), String> {
        let DecodingKeyKind::SecretOrDer(bytes) = self.decoding.kind() else {
            return Ok(());
        };
        let length = bytes.len();
        match self.algorithms.iter().find(|algorithm| length < algorithm.secret_bytes_min()) {
            None => Ok(()),
            Some(algorithm) => Err(format!(
                "the secret has {length} bytes, but {algorithm} needs at least {} (RFC 7518 section 3.2); \
                 `allow_short_secret = true` accepts it all the same",
                algorithm.secret_bytes_min()
            )),
        }
    }

    /// Finds keys that the host cannot use while somebody is looking: when they are configured.
    fn check_with_host(&self) -> Result<(), String> {
        let key = provider::host_key(&self.decoding);
        for algorithm in &self.algorithms {
            crypto::verify(provider::host_algorithm(*algorithm), &key, b"", b"")?;
        }
        Ok(())
    }
}

/// What a key is able to do, the most common first; never empty.
fn able(decoding: &DecodingKey) -> Result<&'static [Algorithm], String> {
    use Algorithm as A;
    match (decoding.family(), decoding.kind()) {
        (AlgorithmFamily::Hmac, _) => Ok(&[A::Hs256, A::Hs384, A::Hs512]),
        (AlgorithmFamily::Rsa, _) => {
            Ok(&[A::Rs256, A::Rs384, A::Rs512, A::Ps256, A::Ps384, A::Ps512])
        }
        (AlgorithmFamily::Ec, DecodingKeyKind::SecretOrDer(point)) => {
            match (point.first(), point.len()) {
                (Some(4), 65) => Ok(&[A::Es256]),
                (Some(4), 97) => Ok(&[A::Es384]),
                (Some(4), 133) => Ok(&[A::Es512]),
                _ => {
                    Err("the EC key is not an uncompressed point on P-256, P-384 or P-521"
                        .to_owned())
                }
            }
        }
        (AlgorithmFamily::Ed, DecodingKeyKind::SecretOrDer(point)) if point.len() == 32 => {
            Ok(&[A::EdDsa])
        }
        _ => Err("the key is not one of Ed25519".to_owned()),
    }
}

fn listed(algorithms: &[Algorithm]) -> String {
    let names: Vec<&str> = algorithms.iter().map(|algorithm| algorithm.name()).collect();
    names.join(", ")
}

/// What of a JSON Web Key (RFC 7517 section 4) decides whether and how it is used.
#[derive(Deserialize)]
struct JwkHead {
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default, rename = "use")]
    usage: Option<String>,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    #[serde(default)]
    d: Option<IgnoredAny>,
}

/// What became of one member of a JWK Set.
pub(crate) enum Member {
    /// It can be used.
    Key(Box<Key>),
    /// It is there for something else, or not known here; RFC 7517 section 5 says to ignore it.
    LeftOut(String),
}

/// Reads one member of a JWK Set; an error is a mistake that must not be ignored.
pub(crate) fn from_jwk(value: &Value, usage: Usage<'_>) -> Result<Member, String> {
    let Ok(head) = JwkHead::deserialize(value) else {
        return Ok(Member::LeftOut("not a JSON Web Key".to_owned()));
    };
    if head.d.is_some() {
        return Err("holds a private key (`d`); a gateway needs the public part only".to_owned());
    }
    if head.usage.is_some_and(|usage| usage != "sig") {
        return Ok(Member::LeftOut("not for signatures (`use`)".to_owned()));
    }
    if head.key_ops.is_some_and(|ops| !ops.iter().any(|op| op == "verify")) {
        return Ok(Member::LeftOut("not for verifying (`key_ops`)".to_owned()));
    }
    let own = match head.alg {
        None => None,
        Some(name) => match Algorithm::by_name(&name) {
            None => return Ok(Member::LeftOut(format!("unknown algorithm `{name}`"))),
            algorithm => algorithm,
        },
    };
    let bound = decoding(value).and_then(|key| Key::bind(key, head.kid, own, usage));
    Ok(match bound {
        Ok(key) => Member::Key(Box::new(key)),
        Err(reason) => Member::LeftOut(reason),
    })
}

fn decoding(value: &Value) -> Result<DecodingKey, String> {
    let algorithm = AlgorithmParameters::deserialize(value).map_err(|error| error.to_string())?;
    if let AlgorithmParameters::OctetKey(key) = &algorithm
        && key.value.is_empty()
    {
        return Err("the secret is empty".to_owned());
    }
    let common = CommonParameters::default();
    DecodingKey::from_jwk(&Jwk { common, algorithm })
        .map_err(|error| format!("a kind of key or curve that is not supported: {error}"))
}
