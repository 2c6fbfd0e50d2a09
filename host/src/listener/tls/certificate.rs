//! One certificate with its key, from files.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::Context;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use super::TlsError;
use crate::config::{self, Location};

/// Why a file cannot be used.
pub(super) type Cause = Box<dyn Error + Send + Sync>;

/// A certificate that is shown to clients.
#[derive(Debug)]
pub struct Certificate {
    /// With its chain.
    pub(super) signer: Arc<CertifiedKey>,
    /// The hosts that it is shown for, in lower case, each maybe with `*.` before it.
    pub(super) hosts: Vec<String>,
    file: PathBuf,
    /// Seconds since 1970.
    not_before: i64,
    not_after: i64,
    at: Location,
}

impl Certificate {
    /// Reads the files; what they hold goes into `digest`.
    pub(super) fn read(
        settings: &config::Certificate,
        provider: &CryptoProvider,
        digest: &mut Context,
    ) -> Result<Self, TlsError> {
        let of_certificate =
            |cause| TlsError::new(&settings.certificate, &settings.certificate_at, cause);
        let of_key = |cause| TlsError::new(&settings.key, &settings.key_at, cause);
        let chain = chain(&content(&settings.certificate, digest).map_err(of_certificate)?);
        let chain = chain.map_err(of_certificate)?;
        let key = key(&content(&settings.key, digest).map_err(of_key)?).map_err(of_key)?;
        let facts = Facts::of(&chain).map_err(of_certificate)?;
        let mut signer =
            CertifiedKey::from_der(chain, key, provider).map_err(|error| of_key(error.into()))?;
        if let Some(file) = &settings.ocsp {
            let of_ocsp = |cause| TlsError::new(file, &settings.certificate_at, cause);
            let response = content(file, digest).map_err(of_ocsp)?;
            signer.ocsp = Some(ocsp(response).map_err(of_ocsp)?);
        }
        if let Some(other) = settings.hosts.iter().find(|host| !facts.cover(host)) {
            return Err(of_certificate(facts.uncovered(other)));
        }
        let hosts = if settings.hosts.is_empty() { facts.names } else { settings.hosts.clone() };
        Ok(Self {
            signer: Arc::new(signer),
            hosts,
            file: settings.certificate.clone(),
            not_before: facts.not_before,
            not_after: facts.not_after,
            at: settings.certificate_at.clone(),
        })
    }

    /// The file that it was read from.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Where the configuration names that file.
    #[must_use]
    pub const fn at(&self) -> &Location {
        &self.at
    }

    /// The hosts that it is shown for, in lower case, each maybe with `*.` before it.
    #[must_use]
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// The last second of its validity, in seconds since 1970.
    #[must_use]
    pub const fn not_after(&self) -> i64 {
        self.not_after
    }

    /// Why clients will refuse it now, in seconds since 1970, if they will.
    #[must_use]
    pub const fn expired(&self, now: i64) -> Option<&'static str> {
        if now > self.not_after {
            Some("is no longer valid")
        } else if now < self.not_before {
            Some("is not yet valid")
        } else {
            None
        }
    }
}

/// When the first certificate of a PEM file begins and ends, in seconds since 1970; none if it cannot
/// be read, or there is no key for it in the file.
#[must_use]
pub fn validity(pem: &[u8]) -> Option<(i64, i64)> {
    let chain = chain(pem).ok()?;
    let facts = Facts::of(&chain).ok()?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    CertifiedKey::from_der(chain, key(pem).ok()?, &provider).ok()?;
    Some((facts.not_before, facts.not_after))
}

/// What a certificate says of itself.
struct Facts {
    /// Hosts of the subject's alternative names, in lower case.
    names: Vec<String>,
    not_before: i64,
    not_after: i64,
}

impl Facts {
    fn of(chain: &[CertificateDer<'_>]) -> Result<Self, Cause> {
        let leaf = chain.first().ok_or("no certificate in this file")?;
        let (_rest, leaf) = X509Certificate::from_der(leaf)
            .map_err(|error| format!("the certificate cannot be read: {error}"))?;
        let alternatives = leaf
            .subject_alternative_name()
            .map_err(|error| format!("the certificate's names cannot be read: {error}"))?;
        let names = alternatives.iter().flat_map(|names| &names.value.general_names);
        let names = names.filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        });
        Ok(Self {
            names: names.collect(),
            not_before: leaf.validity().not_before.timestamp(),
            not_after: leaf.validity().not_after.timestamp(),
        })
    }

    /// Whether clients that ask for this host will take the certificate: a wildcard stands for one
    /// label (RFC 9525 section 6.3).
    fn cover(&self, host: &str) -> bool {
        let parent = host.split_once('.').map(|(_, parent)| parent);
        self.names
            .iter()
            .any(|name| name == host || parent.is_some() && name.strip_prefix("*.") == parent)
    }

    fn uncovered(&self, host: &str) -> Cause {
        let names = match self.names.as_slice() {
            [] => "no host".to_owned(),
            names => names.join(", "),
        };
        format!("the certificate is not for `{host}`, but for {names}").into()
    }
}

/// A whole file; it is also added to `digest`, so that another content is another digest.
pub(super) fn content(file: &Path, digest: &mut Context) -> Result<Vec<u8>, Cause> {
    let bytes = std::fs::read(file)?;
    digest.update(&(bytes.len() as u64).to_be_bytes());
    digest.update(&bytes);
    Ok(bytes)
}

/// All certificates of a PEM file, of which there is at least one.
pub(super) fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Cause> {
    let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>()?;
    if chain.is_empty() { Err("no certificate in this file".into()) } else { Ok(chain) }
}

fn key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, Cause> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        rustls_pki_types::pem::Error::NoItemsFound => "no private key in this file".into(),
        other => other.into(),
    })
}

/// What is stapled is not looked into: a client that minds checks it.
fn ocsp(response: Vec<u8>) -> Result<Vec<u8>, Cause> {
    // RFC 6960 section 4.2.1: a sequence in DER.
    if response.first() == Some(&0x30) {
        Ok(response)
    } else {
        Err("not an OCSP response in DER".into())
    }
}
