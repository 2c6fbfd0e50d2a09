//! Cryptography by aws-lc.

use aws_lc_rs::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey};
use aws_lc_rs::{digest as hashes, hmac as macs, rand};

use crate::crypto::{Hash, Key, RsaKey, SignatureAlgorithm};

pub(super) fn verify(
    algorithm: SignatureAlgorithm,
    key: &Key,
    message: &[u8],
    signature: &[u8],
) -> Result<bool, String> {
    use SignatureAlgorithm as A;
    match algorithm {
        A::Hs256 => mac(macs::HMAC_SHA256, key, message, signature),
        A::Hs384 => mac(macs::HMAC_SHA384, key, message, signature),
        A::Hs512 => mac(macs::HMAC_SHA512, key, message, signature),
        A::Rs256 => rsa(&signature::RSA_PKCS1_2048_8192_SHA256, key, message, signature),
        A::Rs384 => rsa(&signature::RSA_PKCS1_2048_8192_SHA384, key, message, signature),
        A::Rs512 => rsa(&signature::RSA_PKCS1_2048_8192_SHA512, key, message, signature),
        A::Ps256 => rsa(&signature::RSA_PSS_2048_8192_SHA256, key, message, signature),
        A::Ps384 => rsa(&signature::RSA_PSS_2048_8192_SHA384, key, message, signature),
        A::Ps512 => rsa(&signature::RSA_PSS_2048_8192_SHA512, key, message, signature),
        A::Es256 => curve(&signature::ECDSA_P256_SHA256_FIXED, key, message, signature),
        A::Es384 => curve(&signature::ECDSA_P384_SHA384_FIXED, key, message, signature),
        A::Es512 => curve(&signature::ECDSA_P521_SHA512_FIXED, key, message, signature),
        A::Eddsa => curve(&signature::ED25519, key, message, signature),
    }
}

fn mac(
    algorithm: macs::Algorithm,
    key: &Key,
    message: &[u8],
    signature: &[u8],
) -> Result<bool, String> {
    let Key::Secret(secret) = key else {
        return Err("the HS algorithms need a secret".to_owned());
    };
    Ok(macs::verify(&macs::Key::new(algorithm, secret), message, signature).is_ok())
}

fn rsa(
    parameters: &'static RsaParameters,
    key: &Key,
    message: &[u8],
    signature: &[u8],
) -> Result<bool, String> {
    match key {
        Key::Der(der) => parsed(parameters, der, message, signature),
        Key::Rsa(RsaKey { modulus, exponent }) => {
            let bits = modulus.len() * 8;
            if !(2048..=8192).contains(&bits) {
                return Err(format!("an RSA key of {bits} bits is not from 2048 to 8192"));
            }
            let components = RsaPublicKeyComponents { n: modulus, e: exponent };
            Ok(components.verify(parameters, message, signature).is_ok())
        }
        Key::Secret(_) | Key::Point(_) => {
            Err("the RS and PS algorithms need an RSA key".to_owned())
        }
    }
}

fn curve(
    algorithm: &'static dyn signature::VerificationAlgorithm,
    key: &Key,
    message: &[u8],
    signature: &[u8],
) -> Result<bool, String> {
    match key {
        Key::Der(bytes) | Key::Point(bytes) => parsed(algorithm, bytes, message, signature),
        Key::Secret(_) | Key::Rsa(_) => {
            Err("the ES algorithms and EdDSA need a point of a curve".to_owned())
        }
    }
}

fn parsed(
    algorithm: &'static dyn signature::VerificationAlgorithm,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<bool, String> {
    let key = UnparsedPublicKey::new(algorithm, key)
        .parse()
        .map_err(|error| format!("the key does not fit the algorithm: {error}"))?;
    Ok(key.verify_sig(message, signature).is_ok())
}

pub(super) fn hmac(hash: Hash, key: &[u8], message: &[u8]) -> Vec<u8> {
    let algorithm = match hash {
        Hash::Sha1 => macs::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => macs::HMAC_SHA256,
        Hash::Sha384 => macs::HMAC_SHA384,
        Hash::Sha512 => macs::HMAC_SHA512,
    };
    macs::sign(&macs::Key::new(algorithm, key), message).as_ref().to_vec()
}

pub(super) fn digest(hash: Hash, message: &[u8]) -> Vec<u8> {
    let algorithm = match hash {
        Hash::Sha1 => &hashes::SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => &hashes::SHA256,
        Hash::Sha384 => &hashes::SHA384,
        Hash::Sha512 => &hashes::SHA512,
    };
    hashes::digest(algorithm, message).as_ref().to_vec()
}

pub(super) fn random(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rand::fill(&mut bytes).expect("the system has randomness");
    bytes
}
