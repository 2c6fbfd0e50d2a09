//! Lends the host's cryptography to the `jsonwebtoken` crate.
//!
//! The crate reads keys and tokens; whether a signature is right is asked of the host, at native
//! speed and without a second implementation in the component.

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{self, Verifier};
use jsonwebtoken::{AlgorithmFamily, DecodingKey, DecodingKeyKind};
use tidegate_plugin::{crypto, log};

use crate::algorithm::Algorithm;

/// Verifies by the capability `crypto`, and does nothing else.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(not_offered()),
    verifier_factory: |algorithm, key| Ok(Box::new(HostVerifier::new(*algorithm, key)?)),
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: |_| Err(not_offered()),
        rsa_pub_components_from_public_key: |_| Err(not_offered()),
        ec_pub_components_from_private_key: |_, _| Err(not_offered()),
        ed_pub_components_from_private_key: |_, _| Err(not_offered()),
        compute_digest: |_, _| Err(not_offered()),
    },
};

fn not_offered() -> Error {
    ErrorKind::Provider("this provider verifies signatures and does nothing else".to_owned()).into()
}

/// Makes the crate use the host. Only the first call of a process has an effect.
pub(crate) fn install() {
    // An error says that a provider is there already. In a component nobody else installs one.
    PROVIDER.install_default().ok();
}

/// Verifies one algorithm with one key.
struct HostVerifier {
    library: jsonwebtoken::Algorithm,
    algorithm: Algorithm,
    key: crypto::Key,
}

impl HostVerifier {
    fn new(library: jsonwebtoken::Algorithm, key: &DecodingKey) -> Result<Self, Error> {
        let algorithm = Algorithm::ALL
            .into_iter()
            .find(|algorithm| algorithm.in_library() == Some(library))
            .ok_or(ErrorKind::UnsupportedAlgorithm)?;
        if library.family() != key.family() {
            return Err(ErrorKind::InvalidAlgorithm.into());
        }
        Ok(Self { library, algorithm, key: host_key(key) })
    }
}

impl Verifier<Vec<u8>> for HostVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        if is_right(self.algorithm, &self.key, message, signature) {
            Ok(())
        } else {
            Err(signature::Error::new())
        }
    }
}

impl JwtVerifier for HostVerifier {
    fn algorithm(&self) -> jsonwebtoken::Algorithm {
        self.library
    }
}

/// Asks the host; a key that the host cannot use makes no signature right.
pub(crate) fn is_right(
    algorithm: Algorithm,
    key: &crypto::Key,
    message: &[u8],
    signature: &[u8],
) -> bool {
    crypto::verify(host_algorithm(algorithm), key, message, signature).unwrap_or_else(|error| {
        log::error(format!("the host cannot verify {algorithm} with a key: {error}"));
        false
    })
}

/// The same key in the words of the contract.
pub(crate) fn host_key(key: &DecodingKey) -> crypto::Key {
    match key.kind() {
        DecodingKeyKind::RsaModulusExponent { n, e } => {
            crypto::Key::Rsa(crypto::RsaKey { modulus: n.clone(), exponent: e.clone() })
        }
        DecodingKeyKind::SecretOrDer(bytes) => match key.family() {
            AlgorithmFamily::Hmac => crypto::Key::Secret(bytes.clone()),
            AlgorithmFamily::Rsa => crypto::Key::Der(bytes.clone()),
            AlgorithmFamily::Ec | AlgorithmFamily::Ed => crypto::Key::Point(bytes.clone()),
        },
    }
}

pub(crate) const fn host_algorithm(algorithm: Algorithm) -> crypto::SignatureAlgorithm {
    use crypto::SignatureAlgorithm as Host;
    match algorithm {
        Algorithm::Hs256 => Host::Hs256,
        Algorithm::Hs384 => Host::Hs384,
        Algorithm::Hs512 => Host::Hs512,
        Algorithm::Rs256 => Host::Rs256,
        Algorithm::Rs384 => Host::Rs384,
        Algorithm::Rs512 => Host::Rs512,
        Algorithm::Ps256 => Host::Ps256,
        Algorithm::Ps384 => Host::Ps384,
        Algorithm::Ps512 => Host::Ps512,
        Algorithm::Es256 => Host::Es256,
        Algorithm::Es384 => Host::Es384,
        Algorithm::Es512 => Host::Es512,
        Algorithm::EdDsa => Host::Eddsa,
    }
}
