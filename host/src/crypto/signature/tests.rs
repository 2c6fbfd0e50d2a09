use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaKeyPair, RsaSignatureEncoding,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::super::keys;
use super::{Algorithm, Key, KeyError, verify};

/// The algorithms of RSA, with what signs for them.
const RSA: [(Algorithm, &RsaSignatureEncoding); 6] = [
    (Algorithm::Rs256, &RSA_PKCS1_SHA256),
    (Algorithm::Rs384, &RSA_PKCS1_SHA384),
    (Algorithm::Rs512, &RSA_PKCS1_SHA512),
    (Algorithm::Ps256, &RSA_PSS_SHA256),
    (Algorithm::Ps384, &RSA_PSS_SHA384),
    (Algorithm::Ps512, &RSA_PSS_SHA512),
];

/// The algorithms of Weierstrass curves, with what signs for them.
const ECDSA: [(Algorithm, &EcdsaSigningAlgorithm); 3] = [
    (Algorithm::Es256, &ECDSA_P256_SHA256_FIXED_SIGNING),
    (Algorithm::Es384, &ECDSA_P384_SHA384_FIXED_SIGNING),
    (Algorithm::Es512, &ECDSA_P521_SHA512_FIXED_SIGNING),
];

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

/// A compact JWS is verified, and not after one bit of its signature or message has changed.
fn check_jws(algorithm: Algorithm, key: Key<'_>, jws: &str) {
    let (message, signature) = jws.rsplit_once('.').expect("three parts");
    let mut signature = decode(signature);
    assert_eq!(verify(algorithm, key, message.as_bytes(), &signature), Ok(true));
    assert_eq!(verify(algorithm, key, &message.as_bytes()[1..], &signature), Ok(false));
    signature[7] ^= 1;
    assert_eq!(verify(algorithm, key, message.as_bytes(), &signature), Ok(false));
    assert_eq!(verify(algorithm, key, message.as_bytes(), &signature[1..]), Ok(false));
    assert_eq!(verify(algorithm, key, message.as_bytes(), b""), Ok(false));
}

/// An uncompressed point from its coordinates.
fn point(x: &str, y: &str) -> Vec<u8> {
    [vec![4], decode(x), decode(y)].concat()
}

const JOE: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt\
                   cGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

#[test]
fn hs256_is_that_of_rfc_7515_appendix_a_1() {
    let secret = decode(
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    );
    let signature = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let jws = format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{JOE}.{signature}");
    check_jws(Algorithm::Hs256, Key::Secret(&secret), &jws);
}

#[test]
fn rs256_is_that_of_rfc_7515_appendix_a_2() {
    let modulus = decode(
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt\
         0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSX\
         ndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5\
         IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
    );
    let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W\
         2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkS\
         jtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnv\
         Wh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    let jws = format!("eyJhbGciOiJSUzI1NiJ9.{JOE}.{signature}");
    check_jws(Algorithm::Rs256, Key::Rsa { modulus: &modulus, exponent: &[1, 0, 1] }, &jws);
    let padded = [vec![0], modulus].concat();
    check_jws(Algorithm::Rs256, Key::Rsa { modulus: &padded, exponent: &[0, 1, 0, 1] }, &jws);
}

#[test]
fn es256_is_that_of_rfc_7515_appendix_a_3() {
    let point = point(
        "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    );
    let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA\
                     pmWQxfKTUJqPP3-Kg6NU1Q";
    let jws = format!("eyJhbGciOiJFUzI1NiJ9.{JOE}.{signature}");
    check_jws(Algorithm::Es256, Key::Point(&point), &jws);
}

#[test]
fn es512_is_that_of_rfc_7515_appendix_a_4() {
    let point = point(
        "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
        "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
    );
    let jws = "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOY\
               aRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJ\
               jyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn";
    check_jws(Algorithm::Es512, Key::Point(&point), jws);
}

#[test]
fn eddsa_is_that_of_rfc_8037_appendix_a_4() {
    let key = decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    let jws = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PP\
               Ot7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    check_jws(Algorithm::EdDsa, Key::Point(&key), jws);
}

#[test]
fn ps384_is_that_of_rfc_7520_section_4_2() {
    let modulus = decode(
        "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_\
         AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpP\
         e7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg\
         _3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw",
    );
    let jws = "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.\
               SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0\
               ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5v\
               IGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.\
               cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqH\
               CdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn\
               442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0\
               n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-\
               X72Eaw";
    check_jws(Algorithm::Ps384, Key::Rsa { modulus: &modulus, exponent: &[1, 0, 1] }, jws);
}

#[test]
fn every_rsa_algorithm_verifies_its_own_signatures_only() {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    let pkcs1 = pair.public_key().as_ref();
    let spki = pair.public_key().as_der().expect("DER");
    for (signer, encoding) in RSA {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(encoding, &SystemRandom::new(), b"message", &mut signature).expect("signed");
        for (algorithm, _) in RSA {
            for der in [pkcs1, spki.as_ref()] {
                let outcome = verify(algorithm, Key::Der(der), b"message", &signature);
                assert_eq!(outcome, Ok(algorithm == signer), "{signer:?} as {algorithm:?}");
            }
        }
    }
}

#[test]
fn every_curve_verifies_with_its_own_keys_only() {
    for (signer, signing) in ECDSA {
        let pair = EcdsaKeyPair::generate(signing).expect("a key");
        let point = pair.public_key().as_ref();
        let spki = pair.public_key().as_der().expect("DER");
        let signature = pair.sign(&SystemRandom::new(), b"message").expect("signed");
        for (algorithm, _) in ECDSA {
            for key in [Key::Point(point), Key::Der(spki.as_ref())] {
                let outcome = verify(algorithm, key, b"message", signature.as_ref());
                assert_eq!(outcome.is_ok(), algorithm == signer, "{signer:?} as {algorithm:?}");
                assert_eq!(outcome.unwrap_or(false), algorithm == signer);
            }
        }
    }
    let pair = Ed25519KeyPair::generate().expect("a key");
    let spki = pair.public_key().as_der().expect("DER");
    let signature = pair.sign(b"message");
    let outcome = verify(Algorithm::EdDsa, Key::Der(spki.as_ref()), b"message", signature.as_ref());
    assert_eq!(outcome, Ok(true));
}

#[test]
fn hs384_and_hs512_are_their_hmacs() {
    use super::super::{Hash, hmac};
    for (algorithm, hash) in [(Algorithm::Hs384, Hash::Sha384), (Algorithm::Hs512, Hash::Sha512)] {
        let mac = hmac(hash, b"secret", b"message");
        assert_eq!(verify(algorithm, Key::Secret(b"secret"), b"message", &mac), Ok(true));
        assert_eq!(verify(algorithm, Key::Secret(b"secres"), b"message", &mac), Ok(false));
        assert_eq!(verify(algorithm, Key::Secret(b"secret"), b"message", &mac[..32]), Ok(false));
        assert_eq!(verify(Algorithm::Hs256, Key::Secret(b"secret"), b"message", &mac), Ok(false));
    }
}

#[test]
fn a_key_of_another_kind_is_an_error() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let point = Key::Point(pair.public_key().as_ref());
    let rsa = Key::Rsa { modulus: &[0xff; 256], exponent: &[3] };
    for (algorithm, key, text) in [
        (Algorithm::Hs256, Key::Der(b"0"), "a secret"),
        (Algorithm::Hs512, rsa, "a secret"),
        (Algorithm::Rs256, Key::Secret(b"secret"), "an RSA key"),
        (Algorithm::Ps512, point, "an RSA key"),
        (Algorithm::Es256, rsa, "a point on P-256"),
        (Algorithm::Es512, Key::Secret(b"secret"), "a point on P-521"),
        (Algorithm::EdDsa, rsa, "a point on Ed25519"),
    ] {
        let error = verify(algorithm, key, b"", b"").expect_err("another kind");
        let expected = format!("the key is of another kind than the algorithm, which needs {text}");
        assert_eq!(error.to_string(), expected, "{algorithm:?}");
    }
    assert_eq!(verify(Algorithm::Hs256, Key::Secret(b""), b"", b""), Err(KeyError::EmptySecret));
}

#[test]
fn a_malformed_key_is_an_error() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let point = pair.public_key().as_ref().to_vec();
    let spki = pair.public_key().as_der().expect("DER").as_ref().to_vec();
    let off_curve = {
        let mut point = point.clone();
        point[64] ^= 1;
        point
    };
    let trailing = [spki.clone(), vec![0]].concat();
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    let rsa_spki = rsa.public_key().as_der().expect("DER").as_ref().to_vec();
    let rsa_trailing = [rsa_spki.clone(), vec![0]].concat();
    for (algorithm, key) in [
        (Algorithm::Es256, Key::Point(&point[1..])),
        (Algorithm::Es256, Key::Point(&point[..33])),
        (Algorithm::Es256, Key::Point(&off_curve)),
        (Algorithm::Es256, Key::Point(&spki)),
        (Algorithm::Es256, Key::Der(&point)),
        (Algorithm::Es256, Key::Der(&trailing)),
        (Algorithm::Es256, Key::Der(&spki[..50])),
        (Algorithm::Es256, Key::Der(&rsa_spki)),
        (Algorithm::EdDsa, Key::Point(&[7; 31])),
        (Algorithm::EdDsa, Key::Der(&[0x30; 32])),
        (Algorithm::EdDsa, Key::Der(&spki)),
        (Algorithm::Rs256, Key::Der(&spki)),
        (Algorithm::Rs256, Key::Der(&rsa_trailing)),
        (Algorithm::Rs256, Key::Der(b"")),
        (Algorithm::Rs256, Key::Rsa { modulus: &[], exponent: &[3] }),
        (Algorithm::Rs256, Key::Rsa { modulus: &[0xff; 256], exponent: &[0] }),
    ] {
        let outcome = verify(algorithm, key, b"message", &[0; 64]);
        assert!(matches!(outcome, Err(KeyError::Malformed { .. })), "{algorithm:?} {outcome:?}");
    }
}

#[test]
fn an_rsa_key_has_from_2048_to_8192_bits() {
    let check = |bytes: usize| {
        let key = Key::Rsa { modulus: &vec![0xff; bytes], exponent: &[1, 0, 1] };
        verify(Algorithm::Rs256, key, b"message", &vec![1; bytes])
    };
    assert_eq!(check(128), Err(KeyError::RsaSize));
    assert_eq!(check(255), Err(KeyError::RsaSize));
    assert_eq!(check(256), Ok(false));
    assert_eq!(check(1024), Ok(false));
    assert_eq!(check(1025), Err(KeyError::RsaSize));
}

#[test]
fn a_thread_keeps_the_keys_it_used_last() {
    let pairs: Vec<_> = (0..40).map(|_| Ed25519KeyPair::generate().expect("a key")).collect();
    let check = |pair: &Ed25519KeyPair| {
        let signature = pair.sign(b"message");
        let key = Key::Point(pair.public_key().as_ref());
        assert_eq!(verify(Algorithm::EdDsa, key, b"message", signature.as_ref()), Ok(true));
    };
    let before = keys::kept();
    for pair in &pairs[..20] {
        check(pair);
        check(&pairs[0]);
    }
    assert_eq!(keys::kept(), (before + 20).min(32));
    pairs.iter().for_each(check);
    pairs.iter().rev().for_each(check);
    assert_eq!(keys::kept(), 32);
    // The same bytes for another algorithm are another key.
    let key = Key::Point(pairs[0].public_key().as_ref());
    assert!(verify(Algorithm::Es256, key, b"message", &[0; 64]).is_err());
}

#[test]
#[ignore = "a measurement: cargo test --release -- --ignored --nocapture a_kept_key_saves"]
fn a_kept_key_saves_so_many_nanoseconds() {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    let mut rsa_signature = vec![0; 256];
    rsa.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), b"m", &mut rsa_signature).expect("signed");
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let ec_signature = ec.sign(&SystemRandom::new(), b"m").expect("signed");
    let ed = Ed25519KeyPair::generate().expect("a key");
    let ed_signature = ed.sign(b"m");
    let rsa_der = rsa.public_key().as_der().expect("DER");
    for (algorithm, key, signature) in [
        (Algorithm::Rs256, Key::Der(rsa_der.as_ref()), rsa_signature.as_slice()),
        (Algorithm::Es256, Key::Point(ec.public_key().as_ref()), ec_signature.as_ref()),
        (Algorithm::EdDsa, Key::Point(ed.public_key().as_ref()), ed_signature.as_ref()),
    ] {
        let kept = time(|| verify(algorithm, key, b"m", signature) == Ok(true));
        let parsed = time(|| {
            let key = super::parse(algorithm, key).expect("a key");
            key.verify_sig(b"m", signature).is_ok()
        });
        println!("{algorithm:?}: {kept} ns with a kept key, {parsed} ns with a parsed one");
    }
    let mac = super::super::hmac(super::super::Hash::Sha256, &[7; 32], b"m");
    let secret = time(|| verify(Algorithm::Hs256, Key::Secret(&[7; 32]), b"m", &mac) == Ok(true));
    let kept = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &[7; 32]);
    let with_kept = time(|| aws_lc_rs::hmac::verify(&kept, b"m", &mac).is_ok());
    println!("Hs256: {with_kept} ns with a kept secret, {secret} ns with another");
}

fn time(check: impl Fn() -> bool) -> u128 {
    let start = crate::clock::now();
    for _ in 0..5000 {
        assert!(check());
    }
    start.elapsed().as_nanos() / 5000
}
