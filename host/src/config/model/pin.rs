//! Which file a plugin's component has to be.

use std::path::{Path, PathBuf};

use minisign_verify::{Error, PublicKey, Signature};

/// What the operator demands of a component's file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pin {
    /// Of the file, in lower-case hexadecimal; absent if any will do.
    pub sha256: Option<String>,
    /// One of them has signed the file; empty if it need not be signed.
    pub trusted_keys: Vec<TrustedKey>,
    /// Where the signature is; absent if it is beside the file.
    pub signature: Option<PathBuf>,
}

/// A public key of minisign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKey(PublicKey);

/// Why a signature is no reason to trust a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untrusted {
    /// The text is no signature of minisign.
    Malformed,
    /// None of the keys has made it.
    UnknownKey,
    /// A key that is trusted has signed something else.
    OtherFile,
}

impl TrustedKey {
    /// Reads the second line of a `minisign.pub`, which begins with `RW`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        PublicKey::from_base64(text).ok().map(Self)
    }
}

impl Pin {
    /// Where the signature of this file is; absent if it need not be signed.
    #[must_use]
    pub fn signature_of(&self, component: &Path) -> Option<PathBuf> {
        if self.trusted_keys.is_empty() {
            return None;
        }
        Some(self.signature.clone().unwrap_or_else(|| {
            let mut file = component.as_os_str().to_owned();
            file.push(".minisig");
            file.into()
        }))
    }

    /// Whether one of the keys has signed these bytes, prehashed or as old versions of minisign did.
    ///
    /// # Errors
    ///
    /// See [`Untrusted`].
    pub fn verify(&self, bytes: &[u8], signature: &str) -> Result<(), Untrusted> {
        let signature = Signature::decode(signature).map_err(|_error| Untrusted::Malformed)?;
        let mut why = Untrusted::UnknownKey;
        for TrustedKey(key) in &self.trusted_keys {
            match key.verify(bytes, &signature, true) {
                Ok(()) => return Ok(()),
                Err(Error::UnexpectedKeyId) => {}
                Err(_other) => why = Untrusted::OtherFile,
            }
        }
        Err(why)
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{Pin, TrustedKey, Untrusted};

    const KEY: &str = "RWQRIjNEVWZ3iAdd7Ecvw1aSuPx+8N4eO1PfL7dm+lrVj4y4TyrQvVVQ";
    const OTHER_KEY: &str = "RWSId2ZVRDMiEcLt6vq8ziKpGdx16tyt0XSsol1sw5pwLg5ArwUTj9IU";

    const PREHASHED: &str = "untrusted comment: signature of a test
RUQRIjNEVWZ3iH83ZSSxZwwsjsjgXBdpW3R53FEPcxhnCzyn+0dI44Gpkl8L8dHCv5iu5BRvfKD1jCYqb5XTAXF60Ma85XZ5BQ8=
trusted comment: file:a.wasm
pbK4xhsrEakLxQKEiCfGeIzP5Bfyp0DOu6PaSmAiXKF/+pYMsve5Yma1URQ+The/ASEoS/ztqvBqve0mMpIjBQ==
";

    const LEGACY: &str = "untrusted comment: signature of a test
RWQRIjNEVWZ3iEkAFHJ4L1MegGqzZhB28ZpOsj9WHEXs8QbKMxb2sm3GCPIT91EsMXSJtNpH9JH5BLFrmaKQtXEF3ZZRXIMqeAY=
trusted comment: file:a.wasm
LcmcTTYI5uW3ezak1m0c5MPIm99ampdQUs8RQlG6M1cC2z+dcCIz4FffYygV1kT2Pp0fjtOW+D4rzHPsOpiyDA==
";

    fn trusting(keys: &[&str]) -> Pin {
        let keys = keys.iter().map(|key| TrustedKey::parse(key).expect("a key"));
        Pin { trusted_keys: keys.collect(), ..Pin::default() }
    }

    #[test]
    fn a_file_that_a_trusted_key_has_signed_is_trusted() {
        let pin = trusting(&[OTHER_KEY, KEY]);
        assert_eq!(pin.verify(b"a component", PREHASHED), Ok(()));
        assert_eq!(pin.verify(b"a component", LEGACY), Ok(()));
    }

    #[test]
    fn no_other_file_key_or_text_is() {
        for signature in [PREHASHED, LEGACY] {
            let other = trusting(&[KEY]).verify(b"another one", signature);
            assert_eq!(other, Err(Untrusted::OtherFile));
            let unknown = trusting(&[OTHER_KEY]).verify(b"a component", signature);
            assert_eq!(unknown, Err(Untrusted::UnknownKey));
            let renamed = signature.replace("file:a.wasm", "file:b.wasm");
            let renamed = trusting(&[KEY]).verify(b"a component", &renamed);
            assert_eq!(renamed, Err(Untrusted::OtherFile));
        }
        assert_eq!(trusting(&[KEY]).verify(b"", "RUQ"), Err(Untrusted::Malformed));
        assert_eq!(TrustedKey::parse("RWQ"), None);
    }

    #[test]
    fn a_signature_is_beside_its_file_unless_it_is_named() {
        let file = Path::new("plugins/a.wasm");
        assert_eq!(Pin::default().signature_of(file), None);
        let beside = PathBuf::from("plugins/a.wasm.minisig");
        assert_eq!(trusting(&[KEY]).signature_of(file), Some(beside));
        let named = PathBuf::from("a.sig");
        let pin = Pin { signature: Some(named.clone()), ..trusting(&[KEY]) };
        assert_eq!(pin.signature_of(file), Some(named));
    }
}
