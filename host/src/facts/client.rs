//! The client's side of a connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::HeaderValue;

/// The peer on whose behalf a request was made.
#[derive(Debug, Clone)]
pub struct Client {
    /// Of the client itself, behind trusted proxies too.
    pub address: IpAddr,
    /// The other end of the connection.
    pub peer: SocketAddr,
    /// Absent on a plain connection.
    pub tls: Option<Arc<TlsFacts>>,
}

/// The two ends of a client's connection, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// The client. An IPv4 client of an IPv6 socket is shown with its IPv4 address.
    pub client: SocketAddr,
    /// Where it has connected to.
    pub gateway: SocketAddr,
}

/// How a client's connection is encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: String,
    /// The IANA name.
    pub cipher_suite: String,
    /// From SNI.
    pub server_name: Option<String>,
    /// From ALPN.
    pub alpn: Option<String>,
    /// By which the client has shown who it is; verified.
    pub client_certificate: Option<ClientCertificate>,
}

/// A client's certificate that an authority of the listener has issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// In the form of RFC 4514; only visible ASCII and spaces.
    pub subject: String,
    /// Its other names, in the order of the certificate.
    pub names: Vec<AlternativeName>,
    /// SHA-256 of the whole certificate, in lower-case hexadecimal digits.
    pub fingerprint: String,
    /// In lower-case hexadecimal digits.
    pub serial: String,
    /// The value of `X-Forwarded-Client-Cert`, if upstreams are told of it.
    pub forwarded: Option<HeaderValue>,
}

/// A name of the extension `subjectAltName` (RFC 5280 section 4.2.1.6); those of other kinds are
/// left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlternativeName {
    /// A host.
    Dns(String),
    /// Such as a SPIFFE id.
    Uri(String),
    /// An address of mail.
    Email(String),
    /// An IP address.
    Address(IpAddr),
}
