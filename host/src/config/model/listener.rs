//! Where connections are accepted, and how they are encrypted.

use std::net::SocketAddr;
use std::path::PathBuf;

use http::HeaderValue;

use super::Acme;
use crate::config::Location;

/// An address the gateway accepts connections on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Unique among listeners and the admin address.
    pub address: SocketAddr,
    /// Absent on a plain listener.
    pub tls: Option<Tls>,
    /// The port of `https` that requests are sent to; only on a plain listener.
    pub redirect_https: Option<u16>,
    /// The value of `Strict-Transport-Security` (RFC 6797); only on a TLS listener.
    pub hsts: Option<HeaderValue>,
    /// Whether connections must begin with whom they are for (PROXY protocol), which the trusted
    /// proxies alone may say.
    pub proxy_protocol: bool,
    /// Of the table, for findings about binding.
    pub at: Location,
}

/// How the connections of a TLS listener are encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Empty only with `acme`; the first is shown to clients that name no host of another.
    pub certificates: Vec<Certificate>,
    /// How it gets another certificate, behind those.
    pub acme: Option<Acme>,
    /// What clients must speak at least.
    pub min_version: TlsVersion,
    /// Whether clients show certificates of their own.
    pub client_auth: Option<ClientAuth>,
}

/// A version of TLS that the gateway speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    V12,
    /// TLS 1.3 (RFC 8446).
    V13,
}

/// Files of one certificate, joined with the folder of gateway.toml.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// PEM: the chain, leaf first.
    pub certificate: PathBuf,
    /// PEM: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
    /// DER: an OCSP response (RFC 6960) that is stapled.
    pub ocsp: Option<PathBuf>,
    /// The hosts that it is shown for, in lower case, each maybe with `*.` before it; those that are
    /// in the certificate if empty.
    pub hosts: Vec<String>,
    /// Of `certificate`, for findings.
    pub certificate_at: Location,
    /// Of `key`.
    pub key_at: Location,
}

/// Wherever they are in the file.
impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        (&self.certificate, &self.key, &self.ocsp, &self.hosts)
            == (&other.certificate, &other.key, &other.ocsp, &other.hosts)
    }
}

impl Eq for Certificate {}

impl Certificate {
    /// All of them.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.certificate, &self.key].into_iter().chain(&self.ocsp)
    }
}

/// Which certificates clients show.
#[derive(Debug, Clone)]
pub struct ClientAuth {
    /// PEM: the certificate authorities that have issued them.
    pub ca: PathBuf,
    /// Whether a client without one is refused.
    pub is_required: bool,
    /// Whether upstreams are told of it in `X-Forwarded-Client-Cert`.
    pub is_forwarded: bool,
    /// Of `ca`, for findings.
    pub at: Location,
}

/// Wherever it is in the file.
impl PartialEq for ClientAuth {
    fn eq(&self, other: &Self) -> bool {
        (&self.ca, self.is_required, self.is_forwarded)
            == (&other.ca, other.is_required, other.is_forwarded)
    }
}

impl Eq for ClientAuth {}

impl Tls {
    /// All files that it is made of.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let authorities = self.client_auth.iter().map(|auth| &auth.ca);
        self.certificates.iter().flat_map(Certificate::files).chain(authorities)
    }
}
