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

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};

    use super::*;
    use crate::crypto;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Checks that the signature is that of `message` and of no other.
    fn check(algorithm: SignatureAlgorithm, key: &Key, signature: &[u8]) {
        assert_eq!(crypto::verify(algorithm, key, b"message", signature), Ok(true));
        assert_eq!(crypto::verify(algorithm, key, b"massage", signature), Ok(false));
        assert_eq!(crypto::verify(algorithm, key, b"message", b"short"), Ok(false));
    }

    #[test]
    fn an_hmac_is_that_of_rfc_4231_case_2() {
        let tag = crypto::hmac(Hash::Sha256, b"Jefe", b"what do ya want for nothing?");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex(&tag), expected);
        let secret = Key::Secret(b"Jefe".to_vec());
        let verified = crypto::verify(
            SignatureAlgorithm::Hs256,
            &secret,
            b"what do ya want for nothing?",
            &tag,
        );
        assert_eq!(verified, Ok(true));
    }

    #[test]
    fn a_digest_is_that_of_fips_180() {
        let expected = "a9993e364706816aba3e25717850c26c9cd0d89d";
        assert_eq!(hex(&crypto::digest(Hash::Sha1, b"abc")), expected);
        assert_eq!(crypto::digest(Hash::Sha512, b"abc").len(), 64);
    }

    #[test]
    fn an_rsa_signature_is_verified_by_either_form_of_the_key() {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let mut signature = vec![0; pair.public_modulus_len()];
        let rng = SystemRandom::new();
        pair.sign(&signature::RSA_PKCS1_SHA256, &rng, b"message", &mut signature).unwrap();
        let public = pair.public_key();
        let parts = RsaKey {
            modulus: public.modulus().big_endian_without_leading_zero().to_vec(),
            exponent: public.exponent().big_endian_without_leading_zero().to_vec(),
        };
        check(SignatureAlgorithm::Rs256, &Key::Rsa(parts), &signature);
        check(SignatureAlgorithm::Rs256, &Key::Der(public.as_ref().to_vec()), &signature);
        let info = public.as_der().unwrap();
        check(SignatureAlgorithm::Rs256, &Key::Der(info.as_ref().to_vec()), &signature);
    }

    #[test]
    fn signatures_on_curves_are_verified_by_a_point_or_a_key_info() {
        let rng = SystemRandom::new();
        let pair = EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let signature = pair.sign(&rng, b"message").unwrap();
        let point = Key::Point(pair.public_key().as_ref().to_vec());
        check(SignatureAlgorithm::Es256, &point, signature.as_ref());
        let info = pair.public_key().as_der().unwrap();
        check(SignatureAlgorithm::Es256, &Key::Der(info.as_ref().to_vec()), signature.as_ref());

        let pair = Ed25519KeyPair::generate().unwrap();
        let signature = pair.sign(b"message");
        let point = Key::Point(pair.public_key().as_ref().to_vec());
        check(SignatureAlgorithm::Eddsa, &point, signature.as_ref());
    }

    #[test]
    fn a_key_of_another_kind_is_an_error() {
        let secret = Key::Secret(vec![1; 32]);
        assert!(crypto::verify(SignatureAlgorithm::Rs256, &secret, b"", b"").is_err());
        assert!(crypto::verify(SignatureAlgorithm::Es256, &secret, b"", b"").is_err());
        let small = Key::Rsa(RsaKey { modulus: vec![255; 128], exponent: vec![1, 0, 1] });
        assert!(crypto::verify(SignatureAlgorithm::Rs256, &small, b"", b"").is_err());
        let point = Key::Point(vec![4; 65]);
        assert!(crypto::verify(SignatureAlgorithm::Hs256, &point, b"", b"").is_err());
        assert!(crypto::verify(SignatureAlgorithm::Es256, &point, b"", b"").is_err());
    }

    #[test]
    fn random_bytes_are_cut_at_64_kib() {
        assert_eq!(crypto::random(100_000).len(), 65_536);
        assert_ne!(crypto::random(32), crypto::random(32));
    }
}
