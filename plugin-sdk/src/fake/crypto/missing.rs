//! What stands in for cryptography without the feature `fake-crypto`.

use crate::crypto::{Hash, Key, SignatureAlgorithm};

pub(super) fn verify(_: SignatureAlgorithm, _: &Key, _: &[u8], _: &[u8]) -> Result<bool, String> {
    missing("crypto.verify")
}

pub(super) fn hmac(_: Hash, _: &[u8], _: &[u8]) -> Vec<u8> {
    missing("crypto.hmac")
}

pub(super) fn digest(_: Hash, _: &[u8]) -> Vec<u8> {
    missing("crypto.digest")
}

pub(super) fn random(_: usize) -> Vec<u8> {
    missing("crypto.random")
}

#[expect(clippy::panic, reason = "a test without the feature cannot go on")]
fn missing(function: &str) -> ! {
    panic!(
        "`{function}` of the fake host needs the feature `fake-crypto` of `tidegate-plugin`; \
         turn it on in `[dev-dependencies]`"
    )
}
