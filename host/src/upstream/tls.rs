//! Encryption towards endpoints.

mod identity;

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use rustls::client::WantsClientCert;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, version};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, InvalidDnsNameError, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::config::{self, Protocol};
use crate::failure::Failure;
use identity::Identity;

/// Why nobody can be trusted.
#[derive(Debug, Clone)]
pub struct TlsError(String);

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for TlsError {}

/// HTTP/2 in ALPN (RFC 9113 section 3.2).
const HTTP2: &[u8] = b"h2";

/// How the connections to `https` endpoints are encrypted, and whom they trust.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
    roots: Arc<RootCertStore>,
    /// What the certificate must be for, in place of the endpoint's own name.
    server_name: Option<ServerName<'static>>,
    /// The same for all that trust the same and are the same to endpoints: their connections may be
    /// shared.
    id: Arc<str>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Tls {
    /// Trusts the certificate authorities of the system. Blocks while it reads them.
    ///
    /// # Errors
    ///
    /// The system has none.
    pub fn of_system() -> Result<Self, TlsError> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        // Systems keep some that no longer conform; whoever needs one of them has a finding of its
        // own.
        let (trusted, _ignored) = roots.add_parsable_certificates(found.certs);
        if trusted == 0 {
            let why = found.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
            return Err(TlsError(format!("the system has no certificate authorities{why}")));
        }
        Self::trusting(roots, "system")
    }

    /// Trusts the certificate authorities of a PEM file. Blocks while it reads it.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or holds none.
    pub fn of_file(file: &Path) -> Result<Self, TlsError> {
        let (roots, digest) =
            authorities(file).map_err(|why| TlsError(format!("`{}`: {why}", file.display())))?;
        Self::trusting(roots, &digest)
    }

    /// The same for endpoints whose certificates are for this name, in place of their own.
    #[must_use]
    pub fn called(self, name: Option<&str>) -> Self {
        match name.map(|name| (name, server_name(name))) {
            Some((name, Ok(server_name))) => {
                let id = format!("{} {name}", self.id).into();
                Self { server_name: Some(server_name), id, ..self }
            }
            // The check lets only hosts through.
            Some((_, Err(_))) | None => self,
        }
    }

    /// The same for endpoints that ask who the gateway is. Blocks while it reads the files.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or they do not fit each other.
    pub fn shown_as(self, files: &config::Identity) -> Result<Self, TlsError> {
        let Identity { chain, key, digest } = Identity::read(files)?;
        let settings = builder(&self.roots)?
            .with_client_auth_cert(chain, key)
            .map_err(|error| TlsError(format!("`{}`: {error}", files.key.display())))?;
        let id = format!("{} as {digest}", self.id).into();
        Ok(Self { connector: connector(settings), id, ..self })
    }

    /// The same for endpoints that are spoken to in this protocol, and no other.
    #[must_use]
    pub fn speaking(&self, protocol: Protocol) -> Self {
        match protocol {
            Protocol::Http1 => self.clone(),
            Protocol::Http2 => {
                let mut settings = ClientConfig::clone(self.connector.config());
                settings.alpn_protocols = vec![HTTP2.to_vec()];
                let connector = TlsConnector::from(Arc::new(settings));
                Self { connector, id: format!("{} h2", self.id).into(), ..self.clone() }
            }
        }
    }

    fn trusting(roots: RootCertStore, id: &str) -> Result<Self, TlsError> {
        let roots = Arc::new(roots);
        let connector = connector(builder(&roots)?.with_no_client_auth());
        Ok(Self { connector, roots, server_name: None, id: id.into() })
    }

    /// For connections that are nobody's endpoint.
    #[must_use]
    pub const fn connector(&self) -> &TlsConnector {
        &self.connector
    }

    /// Tells those apart whose connections must not be shared.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Agrees on encryption with the endpoint that is called `host`.
    pub(super) async fn encrypt(
        &self,
        host: Option<&ServerName<'static>>,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, Failure> {
        let name = self.server_name.as_ref().or(host).ok_or(Failure::TlsCertificateError)?;
        let encrypted = self.connector.connect(name.clone(), stream).await.map_err(|error| {
            tracing::debug!(%error, "no encryption with the endpoint");
            failure(&error).unwrap_or(Failure::ConnectionTerminated)
        })?;
        let wants_http2 = self.connector.config().alpn_protocols.iter().any(|it| it == HTTP2);
        if wants_http2 && encrypted.get_ref().1.alpn_protocol() != Some(HTTP2) {
            tracing::debug!("the endpoint does not agree on HTTP/2");
            return Err(Failure::TlsProtocolError);
        }
        Ok(encrypted)
    }
}

fn builder(
    roots: &Arc<RootCertStore>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TlsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(|error| TlsError(error.to_string()))?;
    Ok(builder.with_root_certificates(Arc::clone(roots)))
}

fn connector(mut settings: ClientConfig) -> TlsConnector {
    settings.alpn_protocols = protocols();
    TlsConnector::from(Arc::new(settings))
}

/// What is offered to endpoints by ALPN (RFC 7301), the most wanted first. Whoever offers more has to
/// look at what was agreed on, before `speak` speaks it.
fn protocols() -> Vec<Vec<u8>> {
    vec![b"http/1.1".to_vec()]
}

/// The name that a certificate must be for: of a host, or an IP address without brackets.
pub(super) fn server_name(host: &str) -> Result<ServerName<'static>, InvalidDnsNameError> {
    ServerName::try_from(host.to_owned())
}

/// What an error on an encrypted connection says; `None` if it is not about the encryption.
pub(super) fn failure(error: &std::io::Error) -> Option<Failure> {
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    tracing::debug!(%error, "TLS error");
    Some(match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
            Failure::TlsCertificateError
        }
        rustls::Error::AlertReceived(_) => Failure::TlsAlertReceived,
        _ => Failure::TlsProtocolError,
    })
}

/// The certificates of a file, and what tells its content from another.
fn authorities(file: &Path) -> Result<(RootCertStore, String), Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    let mut digest = Context::new(&SHA256);
    for certificate in CertificateDer::pem_file_iter(file).map_err(unwrapped)? {
        let certificate = certificate.map_err(unwrapped)?;
        digest.update(&certificate);
        roots.add(certificate).map_err(|error| format!("a certificate cannot be used: {error}"))?;
    }
    if roots.is_empty() {
        return Err("no certificate in this file".into());
    }
    Ok((roots, hexadecimal(digest)))
}

fn hexadecimal(digest: Context) -> String {
    digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The error of the file system itself, which says it best.
fn unwrapped(error: rustls_pki_types::pem::Error) -> Box<dyn Error> {
    match error {
        rustls_pki_types::pem::Error::Io(error) => error.into(),
        other => other.into(),
    }
}
