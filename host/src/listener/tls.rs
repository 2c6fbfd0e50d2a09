//! Encryption towards clients.

mod certificate;
mod choice;
mod identity;
mod quic;
mod subject;

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use rustls::crypto::{self, CryptoProvider};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::{
    HandshakeKind, ProtocolVersion, RootCertStore, ServerConfig, ServerConnection,
    SupportedProtocolVersion, version,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::{self, Location, TlsVersion};
use crate::facts::TlsFacts;
use crate::listener::Challenges;
use crate::telemetry::metrics::{Handshake, ListenerMetrics};
pub use certificate::{Certificate, validity};
use choice::Choice;

/// Sessions of TLS 1.2 that are kept for clients without tickets, of one listener. The others keep
/// theirs themselves.
const SESSIONS_MAX: usize = 1024;

/// What an authority of ACME speaks while it looks for a proof (RFC 8737).
pub(super) const ACME_PROTOCOL: &str = "acme-tls/1";

/// A certificate or key that cannot be used.
#[derive(Debug)]
pub struct TlsError {
    file: PathBuf,
    at: Location,
    source: Box<dyn Error + Send + Sync>,
}

impl TlsError {
    fn new(file: &Path, at: &Location, source: Box<dyn Error + Send + Sync>) -> Self {
        Self { file: file.to_owned(), at: at.clone(), source }
    }

    /// Where the configuration names the file.
    #[must_use]
    pub const fn at(&self) -> &Location {
        &self.at
    }
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

/// Agrees on encryption with the clients of one listener. Cheap to clone; workers share it, so that
/// a session that began on one goes on on another.
#[derive(Clone)]
pub struct Acceptor(Arc<Inner>);

struct Inner {
    acceptor: TlsAcceptor,
    /// Of the settings and of all files: the same for those that are interchangeable.
    digest: Vec<u8>,
    certificates: Vec<Certificate>,
    /// Whether upstreams are told of clients' certificates.
    forwards: bool,
    metrics: Arc<ListenerMetrics>,
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor")
            .field("certificates", &self.0.certificates)
            .finish_non_exhaustive()
    }
}

impl Acceptor {
    /// Reads the files of a listener: TLS 1.2 and 1.3, `h2` before `http/1.1`. Blocks.
    ///
    /// `issued` is the certificate by ACME with its key, if there is to be one; it is left out while it
    /// cannot be used, because nobody but the gateway can do something about it.
    ///
    /// Sessions of `previous` can be resumed if settings and files are the same. They cannot with
    /// other ones, because who resumes is not asked for a certificate again.
    ///
    /// # Errors
    ///
    /// Names each file that is missing, cannot be read, or does not fit the others.
    pub fn build(
        tls: &config::Tls,
        issued: Option<&Path>,
        challenges: &Arc<Challenges>,
        metrics: Arc<ListenerMetrics>,
        previous: Option<&Self>,
    ) -> Result<Self, Vec<TlsError>> {
        let provider = Arc::new(crypto::aws_lc_rs::default_provider());
        let mut digest = Context::new(&SHA256);
        let mut certificates = Vec::with_capacity(tls.certificates.len());
        let mut errors = Vec::new();
        for settings in &tls.certificates {
            match Certificate::read(settings, &provider, &mut digest) {
                Ok(certificate) => certificates.push(certificate),
                Err(error) => errors.push(error),
            }
        }
        if let Some(file) = issued {
            let settings = of_acme(file);
            certificates.extend(Certificate::read(&settings, &provider, &mut digest).ok());
        }
        let verifier = match &tls.client_auth {
            Some(auth) => verifier(auth, &provider, &mut digest)
                .map_err(|cause| errors.push(TlsError::new(&auth.ca, &auth.at, cause)))
                .ok(),
            None => Some(WebPkiClientVerifier::no_client_auth()),
        };
        let (Some(verifier), true) = (verifier, errors.is_empty()) else {
            return Err(errors);
        };
        digest.update(settings(tls).as_bytes());
        let digest = digest.finish().as_ref().to_vec();
        let acceptor = match previous.filter(|previous| previous.0.digest == digest) {
            Some(previous) => previous.0.acceptor.clone(),
            None => {
                let choice = Choice::of(&certificates, Arc::clone(challenges));
                let answers = issued.is_some();
                acceptor(tls.min_version, provider, verifier, choice, answers)
                    .map_err(|cause| about(tls, cause))?
            }
        };
        let forwards = tls.client_auth.as_ref().is_some_and(|auth| auth.is_forwarded);
        Ok(Self(Arc::new(Inner { acceptor, digest, certificates, forwards, metrics })))
    }

    /// In the order of the file, and the one by ACME behind them if it is there.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.0.certificates
    }

    /// A drop closes the connection; it is counted neither as good nor as failed then.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
    ) -> io::Result<(TlsStream<TcpStream>, TlsFacts)> {
        let Inner { acceptor, forwards, metrics, .. } = &*self.0;
        let stream = match acceptor.accept(stream).await {
            Ok(stream) => stream,
            Err(error) => {
                metrics.handshake(Handshake::Failed);
                return Err(error);
            }
        };
        let connection = stream.get_ref().1;
        metrics.handshake(match connection.handshake_kind() {
            Some(HandshakeKind::Resumed) => Handshake::Resumed,
            Some(HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest) | None => {
                Handshake::Full
            }
        });
        let facts = facts(connection, *forwards);
        Ok((stream, facts))
    }

    /// Notes a client that took too long.
    pub(super) fn give_up(&self) {
        self.0.metrics.handshake(Handshake::Failed);
    }
}

/// What sessions depend on beside files.
fn settings(tls: &config::Tls) -> String {
    let hosts: Vec<&[String]> = tls.certificates.iter().map(|it| it.hosts.as_slice()).collect();
    let required = tls.client_auth.as_ref().map(|auth| auth.is_required);
    let has_acme = tls.acme.is_some();
    format!("{:?} {required:?} {hosts:?} {has_acme}", tls.min_version)
}

/// The chain and the key are one file.
fn of_acme(file: &Path) -> config::Certificate {
    config::Certificate {
        certificate: file.to_owned(),
        key: file.to_owned(),
        ocsp: None,
        hosts: Vec::new(),
        certificate_at: Location::default(),
        key_at: Location::default(),
    }
}

/// What no file is to blame for is shown at the first.
fn about(tls: &config::Tls, cause: Box<dyn Error + Send + Sync>) -> Vec<TlsError> {
    let first = tls.certificates.first().map(|first| (&*first.certificate, &first.certificate_at));
    let nowhere = Location::default();
    let (file, at) = first.unwrap_or((Path::new("tls"), &nowhere));
    vec![TlsError::new(file, at, cause)]
}

fn acceptor(
    min_version: TlsVersion,
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ClientCertVerifier>,
    choice: Choice,
    answers_challenges: bool,
) -> Result<TlsAcceptor, Box<dyn Error + Send + Sync>> {
    let mut settings = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions(min_version))?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(choice));
    settings.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    if answers_challenges {
        settings.alpn_protocols.push(ACME_PROTOCOL.into());
    }
    // Clients keep their sessions, under a key that changes every six hours and that no disk sees.
    settings.ticketer = crypto::aws_lc_rs::Ticketer::new()?;
    settings.session_storage = ServerSessionMemoryCache::new(SESSIONS_MAX);
    Ok(TlsAcceptor::from(Arc::new(settings)))
}

fn versions(least: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    static ALL: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];
    static NEWEST: [&SupportedProtocolVersion; 1] = [&version::TLS13];
    match least {
        TlsVersion::V12 => &ALL,
        TlsVersion::V13 => &NEWEST,
    }
}

/// Whom clients' certificates have to be issued by.
fn verifier(
    auth: &config::ClientAuth,
    provider: &Arc<CryptoProvider>,
    digest: &mut Context,
) -> Result<Arc<dyn ClientCertVerifier>, Box<dyn Error + Send + Sync>> {
    let mut roots = RootCertStore::empty();
    for authority in certificate::chain(&certificate::content(&auth.ca, digest)?)? {
        roots.add(authority).map_err(|error| format!("a certificate cannot be used: {error}"))?;
    }
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = if auth.is_required { builder } else { builder.allow_unauthenticated() };
    Ok(builder.build()?)
}

/// What the handshake has agreed on.
fn facts(connection: &ServerConnection, forwards: bool) -> TlsFacts {
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
        client_certificate: connection
            .peer_certificates()
            .and_then(|chain| chain.first())
            .map(|certificate| identity::of(certificate, forwards)),
    }
}

/// rustls writes `TLS13_AES_…`, IANA `TLS_AES_…`.
fn iana_name(name: &str) -> String {
    name.strip_prefix("TLS13_").map_or_else(|| name.to_owned(), |rest| format!("TLS_{rest}"))
}
