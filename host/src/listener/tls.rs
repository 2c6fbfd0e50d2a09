//! Encryption towards clients.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::{ProtocolVersion, ServerConfig, ServerConnection, version};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config;
use crate::facts::TlsFacts;

/// A certificate or key that cannot be used.
#[derive(Debug)]
pub struct TlsError {
    file: PathBuf,
    source: Box<dyn Error + Send + Sync>,
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.file.display(), self.source)
    }
}

impl Error for TlsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref())
    }
}

/// Reads the files of a listener: TLS 1.2 and 1.3, `h2` before `http/1.1`.
///
/// # Errors
///
/// Names the file that is missing, is not PEM, or does not fit the other one.
pub fn acceptor(tls: &config::Tls) -> Result<TlsAcceptor, TlsError> {
    let in_file = |file: &Path| {
        let file = file.to_owned();
        move |source: Box<dyn Error + Send + Sync>| TlsError { file, source }
    };
    let chain = certificates(&tls.certificate).map_err(in_file(&tls.certificate))?;
    let key = key(&tls.key).map_err(in_file(&tls.key))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut settings = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(|error| in_file(&tls.certificate)(error.into()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| in_file(&tls.key)(error.into()))?;
    settings.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(settings)))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Box<dyn Error + Send + Sync>> {
    let chain = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unwrapped)?;
    if chain.is_empty() { Err("no certificate in this file".into()) } else { Ok(chain) }
}

fn key(file: &Path) -> Result<PrivateKeyDer<'static>, Box<dyn Error + Send + Sync>> {
    PrivateKeyDer::from_pem_file(file).map_err(|error| match error {
        rustls_pki_types::pem::Error::NoItemsFound => "no private key in this file".into(),
        other => unwrapped(other),
    })
}

/// The error of the file system itself, which says it best.
fn unwrapped(error: rustls_pki_types::pem::Error) -> Box<dyn Error + Send + Sync> {
    match error {
        rustls_pki_types::pem::Error::Io(error) => error.into(),
        other => other.into(),
    }
}

/// What the handshake has agreed on.
pub(super) fn facts(connection: &ServerConnection) -> TlsFacts {
    TlsFacts {
        version: match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2".to_owned(),
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3".to_owned(),
            other => other.map(|version| format!("{version:?}")).unwrap_or_default(),
        },
        cipher_suite: connection
            .negotiated_cipher_suite()
            .and_then(|suite| suite.suite().as_str())
            .map(iana_name)
            .unwrap_or_default(),
        server_name: connection.server_name().map(str::to_owned),
        alpn: connection
            .alpn_protocol()
            .map(|protocol| String::from_utf8_lossy(protocol).into_owned()),
    }
}

/// rustls writes `TLS13_AES_…`, IANA `TLS_AES_…`.
fn iana_name(name: &str) -> String {
    name.strip_prefix("TLS13_").map_or_else(|| name.to_owned(), |rest| format!("TLS_{rest}"))
}
