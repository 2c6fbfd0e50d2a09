//! Cryptography at native speed. Needs the grant `crypto`.
//!
//! Random numbers come from here and from nowhere else: an instance starts from a memory image, so
//! a generator of its own would repeat itself in every instance.

use crate::host::crypto as host;

pub use crate::bindings::plugin::tidegate::plugin::crypto::{
    Hash, Key, RsaKey, SignatureAlgorithm,
};

/// Whether the signature is that of the message.
///
/// ES signatures have the fixed form `r || s` (RFC 7518 section 3.4).
///
/// # Errors
/// The key is malformed, of another kind than the algorithm's, or an RSA key under 2 048 or over
/// 8 192 bits.
pub fn verify(
    algorithm: SignatureAlgorithm,
    key: &Key,
    message: &[u8],
    signature: &[u8],
) -> Result<bool, String> {
    host::verify(algorithm, key, message, signature)
}

/// The keyed hash of RFC 2104.
#[must_use]
pub fn hmac(hash: Hash, key: &[u8], message: &[u8]) -> Vec<u8> {
    host::hmac(hash, key, message)
}

/// The hash of a message.
#[must_use]
pub fn digest(hash: Hash, message: &[u8]) -> Vec<u8> {
    host::digest(hash, message)
}

/// Compares in a time that depends on the lengths only.
#[must_use]
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    host::equal(a, b)
}

/// Unpredictable bytes, at most 65 536; more is cut.
#[must_use]
pub fn random(length: u32) -> Vec<u8> {
    host::random(length)
}
