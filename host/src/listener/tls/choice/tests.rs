use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs::default_provider;
use tempfile::TempDir;

use super::{Certificate, Choice};
use crate::config::{self, Location};

const ALL: [SignatureScheme; 2] =
    [SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::ED25519];

struct Shelf {
    folder: TempDir,
    certificates: Vec<Certificate>,
}

impl Shelf {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), certificates: Vec::new() }
    }

    /// Adds a certificate for these names, which is shown for `hosts`, or else for its names.
    fn with(mut self, names: &[&str], hosts: &[&str], key: &KeyPair) -> Self {
        let count = self.certificates.len();
        let path = |kind: &str| self.folder.path().join(format!("{count}.{kind}.pem"));
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let certificate = CertificateParams::new(names).unwrap().self_signed(key).unwrap();
        std::fs::write(path("cert"), certificate.pem()).unwrap();
        std::fs::write(path("key"), key.serialize_pem()).unwrap();
        let settings = config::Certificate {
            certificate: path("cert"),
            key: path("key"),
            ocsp: None,
            hosts: hosts.iter().map(ToString::to_string).collect(),
            certificate_at: Location::default(),
            key_at: Location::default(),
        };
        let mut digest = Context::new(&SHA256);
        let read = Certificate::read(&settings, &default_provider(), &mut digest).unwrap();
        self.certificates.push(read);
        self
    }

    /// Which certificate a client gets, by its place.
    fn shown(&self, host: Option<&str>, schemes: &[SignatureScheme]) -> Option<usize> {
        let found = Choice::of(&self.certificates, Arc::default()).find(host, schemes)?;
        self.certificates.iter().position(|it| it.signer.cert == found.cert)
    }
}

fn ecdsa() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

#[test]
fn a_hosts_own_certificate_goes_before_one_with_a_wildcard_and_the_first_is_for_all_others() {
    let shelf = Shelf::new()
        .with(&["default.example"], &[], &ecdsa())
        .with(&["*.example.com"], &[], &ecdsa())
        .with(&["API.example.com", "example.org"], &[], &ecdsa());
    for (host, place) in [
        (Some("api.example.com"), 2),
        (Some("www.example.com"), 1),
        (Some("example.org"), 2),
        (Some("a.b.example.com"), 0),
        (Some("example.com"), 0),
        (Some("unknown"), 0),
        (None, 0),
    ] {
        assert_eq!(shelf.shown(host, &ALL), Some(place), "{host:?}");
    }
}

#[test]
fn the_hosts_of_the_file_take_the_place_of_those_in_the_certificate() {
    let shelf = Shelf::new().with(&["default.example"], &[], &ecdsa()).with(
        &["*.example.com"],
        &["www.example.com"],
        &ecdsa(),
    );
    assert_eq!(shelf.shown(Some("www.example.com"), &ALL), Some(1));
    assert_eq!(shelf.shown(Some("api.example.com"), &ALL), Some(0));
}

#[test]
fn of_two_certificates_for_one_host_a_client_gets_the_one_that_it_can_verify() {
    let ed25519 = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let shelf =
        Shelf::new().with(&["api.example"], &[], &ed25519).with(&["api.example"], &[], &ecdsa());
    let host = Some("api.example");
    assert_eq!(shelf.shown(host, &ALL), Some(0));
    assert_eq!(shelf.shown(host, &[SignatureScheme::ECDSA_NISTP256_SHA256]), Some(1));
    assert_eq!(shelf.shown(host, &[SignatureScheme::RSA_PSS_SHA256]), Some(0));
}
