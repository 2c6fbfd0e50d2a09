//! Verifying signatures and message authentication codes.

use std::fmt;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::hmac;
use aws_lc_rs::rsa::PublicEncryptingKey;
use aws_lc_rs::signature::{
    self, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};

use super::keys;

/// Signature and MAC algorithms of RFC 7518 section 3.1 and RFC 8037 section 3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// Ed25519.
    EdDsa,
}

/// What a signature is checked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key<'a> {
    /// For the HS algorithms; not empty.
    Secret(&'a [u8]),
    /// A DER-encoded `SubjectPublicKeyInfo` (RFC 5280 section 4.1.2.7), or for RSA also a
    /// PKCS#1 `RSAPublicKey`.
    Der(&'a [u8]),
    /// The parts of an RSA public key, as big-endian integers (`n` and `e` of RFC 7518
    /// section 6.3). Leading zeros do not matter.
    Rsa {
        /// `n`.
        modulus: &'a [u8],
        /// `e`.
        exponent: &'a [u8],
    },
    /// An uncompressed point `04 || x || y` for the ES algorithms, 32 bytes for `EdDsa`.
    Point(&'a [u8]),
}

/// Why nothing can be checked with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyError {
    /// Of another kind than the algorithm's.
    WrongKind {
        /// What the algorithm needs.
        needed: &'static str,
    },
    /// Anyone could sign with it.
    EmptySecret,
    /// Not what its kind says.
    Malformed {
        /// What it should be.
        needed: &'static str,
    },
    /// An RSA key under 2 048 or over 8 192 bits.
    RsaSize,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongKind { needed } => {
                write!(f, "the key is of another kind than the algorithm, which needs {needed}")
            }
            Self::EmptySecret => f.write_str("the secret is empty"),
            Self::Malformed { needed } => write!(f, "the key is malformed: it is not {needed}"),
            Self::RsaSize => f.write_str("an RSA key must have from 2 048 to 8 192 bits"),
        }
    }
}

impl std::error::Error for KeyError {}

/// Whether the signature is that of the message.
///
/// ES signatures have the fixed form `r || s` (RFC 7518 section 3.4). The time it takes to
/// compare a MAC does not depend on where it differs.
///
/// # Errors
/// The key is of another kind than the algorithm's, malformed, or of a size that is not safe.
pub fn verify(
    algorithm: Algorithm,
    key: Key<'_>,
    message: &[u8],
    signature: &[u8],
) -> Result<bool, KeyError> {
    match algorithm.family() {
        Family::Hmac(hash) => {
            let Key::Secret(secret) = key else {
                return Err(KeyError::WrongKind { needed: "a secret" });
            };
            if secret.is_empty() {
                return Err(KeyError::EmptySecret);
            }
            let secret = hmac::Key::new(hash, secret);
            Ok(hmac::verify(&secret, message, signature).is_ok())
        }
        Family::Rsa(_) | Family::Curve { .. } => {
            keys::with(algorithm, key, |key| key.verify_sig(message, signature).is_ok())
        }
    }
}

/// What the algorithms have in common, and what sets them apart.
enum Family {
    Hmac(hmac::Algorithm),
    Rsa(&'static RsaParameters),
    Curve {
        algorithm: &'static dyn VerificationAlgorithm,
        point_bytes: usize,
        /// Of a point; none for Ed25519.
        prefix: Option<u8>,
        point: &'static str,
    },
}

impl Algorithm {
    fn family(self) -> Family {
        let weierstrass = |algorithm: &'static dyn VerificationAlgorithm, point_bytes, point| {
            Family::Curve { algorithm, point_bytes, prefix: Some(4), point }
        };
        match self {
            Self::Hs256 => Family::Hmac(hmac::HMAC_SHA256),
            Self::Hs384 => Family::Hmac(hmac::HMAC_SHA384),
            Self::Hs512 => Family::Hmac(hmac::HMAC_SHA512),
            Self::Rs256 => Family::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Family::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Family::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            Self::Ps256 => Family::Rsa(&signature::RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Family::Rsa(&signature::RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Family::Rsa(&signature::RSA_PSS_2048_8192_SHA512),
            Self::Es256 => weierstrass(&signature::ECDSA_P256_SHA256_FIXED, 65, "a point on P-256"),
            Self::Es384 => weierstrass(&signature::ECDSA_P384_SHA384_FIXED, 97, "a point on P-384"),
            Self::Es512 => {
                weierstrass(&signature::ECDSA_P521_SHA512_FIXED, 133, "a point on P-521")
            }
            Self::EdDsa => Family::Curve {
                algorithm: &signature::ED25519,
                point_bytes: 32,
                prefix: None,
                point: "a point on Ed25519",
            },
        }
    }
}

/// Parses the key of an algorithm that has public keys.
pub(super) fn parse(algorithm: Algorithm, key: Key<'_>) -> Result<ParsedPublicKey, KeyError> {
    match (algorithm.family(), key) {
        (Family::Hmac(_), _) => Err(KeyError::WrongKind { needed: "a secret" }),
        (Family::Rsa(parameters), Key::Der(der)) => {
            let needed = "the DER of an RSA public key";
            let parsed = parse_der(parameters, der, needed)?;
            check_size(parsed, needed)
        }
        (Family::Rsa(parameters), Key::Rsa { modulus, exponent }) => {
            let needed = "the modulus and exponent of an RSA public key";
            let components =
                RsaPublicKeyComponents { n: without_zeros(modulus), e: without_zeros(exponent) };
            let parsed = components
                .to_parsed_public_key(parameters)
                .map_err(|_rejected| KeyError::Malformed { needed })?;
            check_size(parsed, needed)
        }
        (Family::Curve { algorithm, point, .. }, Key::Der(der)) => parse_der(algorithm, der, point),
        (Family::Curve { algorithm, point_bytes, prefix, point }, Key::Point(bytes)) => {
            let has_form = bytes.len() == point_bytes
                && prefix.is_none_or(|prefix| bytes.first() == Some(&prefix));
            if !has_form {
                return Err(KeyError::Malformed { needed: point });
            }
            ParsedPublicKey::new(algorithm, bytes)
                .map_err(|_rejected| KeyError::Malformed { needed: point })
        }
        (Family::Rsa(_), _) => Err(KeyError::WrongKind { needed: "an RSA key" }),
        (Family::Curve { point, .. }, _) => Err(KeyError::WrongKind { needed: point }),
    }
}

fn parse_der(
    algorithm: &'static dyn VerificationAlgorithm,
    der: &[u8],
    needed: &'static str,
) -> Result<ParsedPublicKey, KeyError> {
    // The parsers take a bare point as well, and do not mind what follows the key.
    if !is_one_sequence(der) {
        return Err(KeyError::Malformed { needed });
    }
    ParsedPublicKey::new(algorithm, der).map_err(|_rejected| KeyError::Malformed { needed })
}

/// Whether a DER sequence (X.690 section 8.9) begins with the first byte and ends with the last.
fn is_one_sequence(der: &[u8]) -> bool {
    let (content, length) = match der {
        [0x30, length @ ..=0x7f, content @ ..] => (content, usize::from(*length)),
        [0x30, 0x81, length, content @ ..] => (content, usize::from(*length)),
        [0x30, 0x82, high, low, content @ ..] => {
            (content, usize::from(u16::from_be_bytes([*high, *low])))
        }
        _ => return false,
    };
    content.len() == length
}

fn check_size(parsed: ParsedPublicKey, needed: &'static str) -> Result<ParsedPublicKey, KeyError> {
    let der = parsed.as_der().map_err(|_unspecified| KeyError::Malformed { needed })?;
    // What has been parsed once is refused for its size only: 2 048 to 8 192 bits are taken.
    PublicEncryptingKey::from_der(der.as_ref()).map_err(|_rejected| KeyError::RsaSize)?;
    Ok(parsed)
}

fn without_zeros(integer: &[u8]) -> &[u8] {
    let zeros = integer.iter().take_while(|byte| **byte == 0).count();
    integer.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests;
