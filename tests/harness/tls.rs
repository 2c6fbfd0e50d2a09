//! Authorities, the certificates that they issue, and clients that speak TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, CertifiedIssuer,
    DistinguishedName, DnType, IsCa, KeyPair, SanType,
};
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::client::{self, Client};
use crate::soon;

/// Who issues certificates.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate that an authority has issued, with its key.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The certificate in PEM.
    pub pem: String,
    /// Its key in PEM.
    pub key: String,
    der: CertificateDer<'static>,
    key_der: Vec<u8>,
}

/// A new authority of this name.
#[must_use]
pub fn authority(name: &str) -> Authority {
    let mut parameters = CertificateParams::new(Vec::new()).expect("no names");
    parameters.distinguished_name = called(name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("randomness");
    let issuer = CertifiedIssuer::self_signed(parameters, key).expect("an authority");
    Authority { issuer }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// Its own certificate, in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Issues a certificate for these hosts and addresses.
    #[must_use]
    pub fn issue(&self, names: &[&str]) -> Issued {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        self.sign(&CertificateParams::new(names).expect("names"))
    }

    /// Issues a certificate that was over before it began.
    #[must_use]
    pub fn issue_expired(&self, names: &[&str]) -> Issued {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut parameters = CertificateParams::new(names).expect("names");
        parameters.not_before = rcgen::date_time_ymd(2001, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2001, 12, 31);
        self.sign(&parameters)
    }

    /// Issues the certificate of somebody with this name and URI.
    #[must_use]
    pub fn issue_to(&self, name: &str, uri: &str) -> Issued {
        let mut parameters = CertificateParams::new(Vec::new()).expect("no names");
        parameters.distinguished_name = called(name);
        let uri = rcgen::string::Ia5String::try_from(uri).expect("ASCII");
        parameters.subject_alt_names = vec![SanType::URI(uri)];
        self.sign(&parameters)
    }

    /// Issues a certificate for these hosts that begins and ends at these seconds since 1970.
    #[must_use]
    pub fn issue_between(&self, names: &[&str], not_before: u64, not_after: u64) -> Issued {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut parameters = CertificateParams::new(names).expect("names");
        let begin = rcgen::date_time_ymd(1970, 1, 1);
        parameters.not_before = begin + Duration::from_secs(not_before);
        parameters.not_after = begin + Duration::from_secs(not_after);
        self.sign(&parameters)
    }

    /// Issues what somebody asks for, in PEM.
    #[must_use]
    pub fn sign_request(&self, asked: &CertificateSigningRequestParams) -> String {
        asked.signed_by(&self.issuer).expect("a certificate").pem()
    }

    fn sign(&self, parameters: &CertificateParams) -> Issued {
        let key = KeyPair::generate().expect("randomness");
        let certificate = parameters.signed_by(&key, &*self.issuer).expect("a certificate");
        Issued {
            pem: certificate.pem(),
            key: key.serialize_pem(),
            der: certificate.der().clone(),
            key_der: key.serialize_der(),
        }
    }

    /// A client that trusts this authority and no other.
    #[must_use]
    pub fn dialer(&self) -> Dialer {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("an authority");
        Dialer {
            roots,
            versions: rustls::ALL_VERSIONS,
            protocol: "http/1.1",
            own: None,
            kept: None,
        }
    }
}

fn called(name: &str) -> DistinguishedName {
    let mut called = DistinguishedName::new();
    called.push(DnType::CommonName, name);
    called
}

/// A client of TLS, which keeps its sessions if it is told to.
#[derive(Clone)]
pub struct Dialer {
    roots: RootCertStore,
    versions: &'static [&'static SupportedProtocolVersion],
    protocol: &'static str,
    own: Option<Issued>,
    /// With the sessions so far.
    kept: Option<TlsConnector>,
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialer").finish_non_exhaustive()
    }
}

impl Dialer {
    /// Speaks these versions only.
    #[must_use]
    pub fn speaking(self, versions: &'static [&'static SupportedProtocolVersion]) -> Self {
        Self { versions, ..self }
    }

    /// Offers this protocol, by the name that ALPN has for it.
    #[must_use]
    pub fn offering(self, protocol: &'static str) -> Self {
        Self { protocol, ..self }
    }

    /// Shows this certificate to those who ask.
    #[must_use]
    pub fn showing(self, own: &Issued) -> Self {
        Self { own: Some(own.clone()), ..self }
    }

    /// Goes on with its sessions where it can; clones share them. It comes last.
    #[must_use]
    pub fn resuming(self) -> Self {
        Self { kept: Some(self.connector(Resumption::in_memory_sessions(8))), ..self }
    }

    fn connector(&self, sessions: Resumption) -> TlsConnector {
        TlsConnector::from(Arc::new(self.config(sessions, &[self.protocol])))
    }

    /// What it trusts, shows and offers to speak.
    pub(crate) fn config(&self, sessions: Resumption, protocols: &[&str]) -> ClientConfig {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(self.versions)
            .expect("versions")
            .with_root_certificates(self.roots.clone());
        let mut config = match &self.own {
            None => builder.with_no_client_auth(),
            Some(own) => {
                let key = PrivateKeyDer::try_from(own.key_der.clone()).expect("a key");
                builder.with_client_auth_cert(vec![own.der.clone()], key).expect("they fit")
            }
        };
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        config.resumption = sessions;
        config
    }

    /// Connects to an address as if it was that of `host`.
    ///
    /// # Errors
    /// There was no agreement.
    pub async fn try_connect(
        &self,
        address: SocketAddr,
        host: &str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from(host.to_owned()).expect("a host");
        let kept = self.kept.clone();
        let connector = kept.unwrap_or_else(|| self.connector(Resumption::disabled()));
        soon(connector.connect(name, stream)).await
    }

    /// Connects, and speaks HTTP/1.1.
    pub async fn http1(&self, address: SocketAddr, host: &str) -> Client {
        let stream = self.try_connect(address, host).await.expect("an agreement");
        client::http1_over(stream, host).await
    }

    /// Connects, and speaks HTTP/2.
    pub async fn http2(&self, address: SocketAddr, host: &str) -> Client {
        let stream = soon(TcpStream::connect(address)).await.expect("the gateway listens");
        let name = ServerName::try_from(host.to_owned()).expect("a host");
        let config = self.config(Resumption::disabled(), &["h2"]);
        let stream = soon(TlsConnector::from(Arc::new(config)).connect(name, stream)).await;
        client::http2_over(stream.expect("an agreement"), host).await
    }

    /// The certificate that is shown for a host.
    pub async fn shown(&self, address: SocketAddr, host: &str) -> CertificateDer<'static> {
        let stream = self.try_connect(address, host).await.expect("an agreement");
        let chain = stream.get_ref().1.peer_certificates().expect("a server shows one");
        chain[0].clone().into_owned()
    }
}

impl Issued {
    /// The certificate itself.
    #[must_use]
    pub const fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// Its key in PKCS#8.
    #[must_use]
    pub fn key_der(&self) -> &[u8] {
        &self.key_der
    }
}
