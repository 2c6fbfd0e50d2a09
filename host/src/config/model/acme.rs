//! Certificates that an authority issues on request (RFC 8555).

use std::path::PathBuf;

/// How a listener gets a certificate by ACME.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// The hosts of the certificate, in lower case; never empty.
    pub domains: Vec<String>,
    /// The URL of the authority's directory; `https`.
    pub directory: String,
    /// URLs by which the authority may reach somebody, such as `mailto:ops@example.com`.
    pub contact: Vec<String>,
    /// The folder for accounts, certificates and keys, joined with the folder of gateway.toml.
    pub storage: PathBuf,
    /// PEM: whom the directory is trusted by, in place of the system's authorities.
    pub ca: Option<PathBuf>,
    /// How the domains are proved.
    pub challenge: AcmeChallenge,
}

/// How a domain is proved to be the gateway's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcmeChallenge {
    /// By a certificate on the TLS listener, at port 443 (RFC 8737).
    TlsAlpn01,
    /// By a response on a plain listener, at port 80 (RFC 8555 section 8.3).
    Http01,
}
