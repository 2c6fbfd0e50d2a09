//! A short stand-in for a long key.

use sha2::{Digest, Sha256};

/// SHA-256 as lower-case hexadecimal digits.
///
/// Clients choose what is counted, so two keys of theirs must not share a digest. A component of
/// its own does it, because a key that long is rare and the capability `crypto` would be asked of
/// every operator.
pub(crate) fn hex(message: &[u8]) -> String {
    use std::fmt::Write as _;

    let digest = Sha256::digest(message);
    let mut text = String::with_capacity(64);
    for byte in digest {
        write!(text, "{byte:02x}").expect("a string takes every text");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::hex;

    #[test]
    fn the_digest_is_the_one_of_fips_180() {
        assert_eq!(hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
