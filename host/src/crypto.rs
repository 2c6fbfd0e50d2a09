//! Cryptography at native speed, for plugins.
//!
//! ```text
//! signature   verifying with a public key or a secret
//! keys        keys that have been parsed already
//! ```

mod keys;
mod signature;

use aws_lc_rs::{constant_time, digest, hmac, rand};

pub use signature::{Algorithm, Key, KeyError, verify};

/// Bytes of randomness in one call.
pub const RANDOM_BYTES_MAX: u32 = 65_536;

/// Hash functions of FIPS 180-4. SHA-1 is for old protocols only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// 20 bytes.
    Sha1,
    /// 32 bytes.
    Sha256,
    /// 48 bytes.
    Sha384,
    /// 64 bytes.
    Sha512,
}

impl Hash {
    fn for_digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }

    fn for_hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha384 => hmac::HMAC_SHA384,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }
}

/// The message authentication code of RFC 2104.
#[must_use]
pub fn hmac(hash: Hash, key: &[u8], message: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hash.for_hmac(), key);
    hmac::sign(&key, message).as_ref().to_vec()
}

/// The message's digest.
#[must_use]
pub fn digest(hash: Hash, message: &[u8]) -> Vec<u8> {
    digest::digest(hash.for_digest(), message).as_ref().to_vec()
}

/// Compares in a time that depends on the lengths only.
#[must_use]
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

/// Unpredictable bytes; at most [`RANDOM_BYTES_MAX`], more is cut.
///
/// # Panics
/// If the machine has no randomness, with which nothing could go on.
#[must_use]
pub fn random(length: u32) -> Vec<u8> {
    let length = usize::try_from(length.min(RANDOM_BYTES_MAX)).expect("it is at most 65 536");
    let mut bytes = vec![0; length];
    rand::fill(&mut bytes).expect("the generator was seeded when the process began");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        use std::fmt::Write;
        bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a string takes all");
            text
        })
    }

    #[test]
    fn digests_are_those_of_fips_180_4() {
        assert_eq!(hex(&digest(Hash::Sha1, b"abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(
            hex(&digest(Hash::Sha256, b"abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            hex(&digest(Hash::Sha384, b"abc")),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
             8086072ba1e7cc2358baeca134c825a7"
        );
        assert_eq!(
            hex(&digest(Hash::Sha512, b"abc")),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        );
    }

    #[test]
    fn hmacs_are_those_of_rfc_2202_and_rfc_4231() {
        let (key, message) = (b"Jefe", b"what do ya want for nothing?");
        assert_eq!(
            hex(&hmac(Hash::Sha1, key, message)),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
        );
        assert_eq!(
            hex(&hmac(Hash::Sha256, key, message)),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex(&hmac(Hash::Sha384, key, message)),
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e\
             8e2240ca5e69e2c78b3239ecfab21649"
        );
        assert_eq!(
            hex(&hmac(Hash::Sha512, key, message)),
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
             9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
        );
    }

    #[test]
    fn equal_takes_length_and_every_byte_into_account() {
        assert!(equal(b"", b""));
        assert!(equal(b"abc", b"abc"));
        assert!(!equal(b"abc", b"abd"));
        assert!(!equal(b"abc", b"ab"));
    }

    #[test]
    fn random_bytes_are_as_many_as_asked_for_and_differ() {
        assert!(random(0).is_empty());
        assert_eq!(random(65_536).len(), 65_536);
        assert_eq!(random(u32::MAX).len(), 65_536);
        assert_ne!(random(32), random(32));
    }
}
