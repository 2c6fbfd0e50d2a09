//! Signing components as minisign does.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// Names the key in signatures.
const KEY_ID: [u8; 8] = *b"tidegate";

/// A key pair that is made of one byte.
#[derive(Debug)]
pub struct Signer(Ed25519KeyPair);

/// The signer of this number; equal numbers make equal keys.
///
/// # Panics
/// Never.
#[must_use]
pub fn signer(seed: u8) -> Signer {
    Signer(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("32 bytes are a seed"))
}

impl Signer {
    /// The second line of `minisign.pub`.
    #[must_use]
    pub fn public_key(&self) -> String {
        BASE64_STANDARD.encode([&b"Ed"[..], &KEY_ID[..], self.0.public_key().as_ref()].concat())
    }

    /// What stands in the `.minisig` beside a file with this content, as it was made without
    /// hashing the file first (`minisign -l`).
    #[must_use]
    pub fn sign(&self, content: &[u8]) -> String {
        let comment = "signed for a test";
        let signature = self.0.sign(content);
        let global = self.0.sign(&[signature.as_ref(), comment.as_bytes()].concat());
        format!(
            "untrusted comment: signature\n{}\ntrusted comment: {comment}\n{}\n",
            BASE64_STANDARD.encode([&b"Ed"[..], &KEY_ID[..], signature.as_ref()].concat()),
            BASE64_STANDARD.encode(global.as_ref()),
        )
    }
}
