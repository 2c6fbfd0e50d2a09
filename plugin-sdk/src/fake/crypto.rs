//! Cryptography. With the feature `fake-crypto` it is real, by the library that the gateway uses;
//! without it, only `equal` and what the test installs work.

use super::state;
use crate::crypto::{Hash, Key, SignatureAlgorithm};

/// Bytes of one call of `random`.
const RANDOM_BYTES_MAX: u32 = 65_536;

type Verify = dyn Fn(SignatureAlgorithm, &Key, &[u8], &[u8]) -> Result<bool, String>;

#[derive(Default)]
pub(super) struct Crypto {
    verify: Option<std::rc::Rc<Verify>>,
}

/// Answers `verify` from now on, in place of real cryptography. The arguments are the algorithm,
/// the key, the message and the signature.
pub fn on_verify(
    verify: impl Fn(SignatureAlgorithm, &Key, &[u8], &[u8]) -> Result<bool, String> + 'static,
) {
    state::with(|state| state.crypto.verify = Some(std::rc::Rc::new(verify)));
}

pub(crate) fn verify(
    algorithm: SignatureAlgorithm,
    key: &Key,
    message: &[u8],
    signature: &[u8],
) -> Result<bool, String> {
    let installed = state::with(|state| state.crypto.verify.clone());
    match installed {
        Some(verify) => verify(algorithm, key, message, signature),
        None => real::verify(algorithm, key, message, signature),
    }
}

pub(crate) fn hmac(hash: Hash, key: &[u8], message: &[u8]) -> Vec<u8> {
    real::hmac(hash, key, message)
}

pub(crate) fn digest(hash: Hash, message: &[u8]) -> Vec<u8> {
    real::digest(hash, message)
}

pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    a == b
}

pub(crate) fn random(length: u32) -> Vec<u8> {
    real::random(usize::try_from(length.min(RANDOM_BYTES_MAX)).unwrap_or_default())
}

#[cfg(feature = "fake-crypto")]
#[path = "crypto/real.rs"]
mod real;

#[cfg(not(feature = "fake-crypto"))]
#[path = "crypto/missing.rs"]
mod real;
