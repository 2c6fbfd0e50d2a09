//! `crypto`: cryptography at native speed.

use tidegate_macros::host_calls;
use wasmtime::Result;

use crate::crypto;
use crate::plugin::contract::bindings::tidegate::plugin::crypto as wit;
use crate::plugin::guest::Guest;
use crate::telemetry::metrics::Interface;

#[host_calls(Interface::Crypto)]
impl wit::Host for Guest {
    fn verify(
        &mut self,
        algorithm: wit::SignatureAlgorithm,
        #[secret] key: wit::Key,
        message: Vec<u8>,
        signature: Vec<u8>,
    ) -> Result<Result<bool, String>> {
        let key = match &key {
            wit::Key::Secret(secret) => crypto::Key::Secret(secret),
            wit::Key::Der(der) => crypto::Key::Der(der),
            wit::Key::Rsa(rsa) => {
                crypto::Key::Rsa { modulus: &rsa.modulus, exponent: &rsa.exponent }
            }
            wit::Key::Point(point) => crypto::Key::Point(point),
        };
        Ok(crypto::verify(algorithm.into(), key, &message, &signature)
            .map_err(|error| error.to_string()))
    }

    fn hmac(
        &mut self,
        hash: wit::Hash,
        #[secret] key: Vec<u8>,
        message: Vec<u8>,
    ) -> Result<Vec<u8>> {
        Ok(crypto::hmac(hash.into(), &key, &message))
    }

    fn digest(&mut self, hash: wit::Hash, message: Vec<u8>) -> Result<Vec<u8>> {
        Ok(crypto::digest(hash.into(), &message))
    }

    fn equal(&mut self, #[secret] a: Vec<u8>, #[secret] b: Vec<u8>) -> Result<bool> {
        Ok(crypto::equal(&a, &b))
    }

    #[secret]
    fn random(&mut self, length: u32) -> Result<Vec<u8>> {
        Ok(crypto::random(length))
    }
}

impl From<wit::Hash> for crypto::Hash {
    fn from(hash: wit::Hash) -> Self {
        match hash {
            wit::Hash::Sha1 => Self::Sha1,
            wit::Hash::Sha256 => Self::Sha256,
            wit::Hash::Sha384 => Self::Sha384,
            wit::Hash::Sha512 => Self::Sha512,
        }
    }
}

impl From<wit::SignatureAlgorithm> for crypto::Algorithm {
    fn from(algorithm: wit::SignatureAlgorithm) -> Self {
        use wit::SignatureAlgorithm as Wit;
        match algorithm {
            Wit::Hs256 => Self::Hs256,
            Wit::Hs384 => Self::Hs384,
            Wit::Hs512 => Self::Hs512,
            Wit::Rs256 => Self::Rs256,
            Wit::Rs384 => Self::Rs384,
            Wit::Rs512 => Self::Rs512,
            Wit::Ps256 => Self::Ps256,
            Wit::Ps384 => Self::Ps384,
            Wit::Ps512 => Self::Ps512,
            Wit::Es256 => Self::Es256,
            Wit::Es384 => Self::Es384,
            Wit::Es512 => Self::Es512,
            Wit::Eddsa => Self::EdDsa,
        }
    }
}
