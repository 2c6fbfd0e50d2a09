//! Who the gateway is to endpoints that ask.

use std::error::Error;
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::{TlsError, hexadecimal, unwrapped};
use crate::config;

/// The gateway's own certificate with its key.
pub(super) struct Identity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    /// What tells the chain from another.
    pub(super) digest: String,
}

impl Identity {
    /// Blocks while it reads the files.
    pub(super) fn read(files: &config::Identity) -> Result<Self, TlsError> {
        let of = |file: &Path| {
            let file = file.display().to_string();
            move |why: Box<dyn Error>| TlsError(format!("`{file}`: {why}"))
        };
        let chain = chain(&files.certificate).map_err(of(&files.certificate))?;
        let key = key(&files.key).map_err(of(&files.key))?;
        let mut digest = Context::new(&SHA256);
        chain.iter().for_each(|certificate| digest.update(certificate));
        Ok(Self { chain, key, digest: hexadecimal(digest) })
    }
}

fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, Box<dyn Error>> {
    let chain = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unwrapped)?;
    if chain.is_empty() { Err("no certificate in this file".into()) } else { Ok(chain) }
}

fn key(file: &Path) -> Result<PrivateKeyDer<'static>, Box<dyn Error>> {
    PrivateKeyDer::from_pem_file(file).map_err(|error| match error {
        rustls_pki_types::pem::Error::NoItemsFound => "no private key in this file".into(),
        other => unwrapped(other),
    })
}
