//! Where requests are sent.

use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::{Admission, Balancing, Breaker, Retry};
use crate::config::Location;

/// Index into [`Config::upstreams`](super::Config::upstreams).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UpstreamId(pub usize);

/// A named group of interchangeable endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Unique in the file.
    pub name: String,
    /// Never empty; the sum of weights is at least 1.
    pub endpoints: Vec<Endpoint>,
    /// For name look-up and TCP handshake together.
    pub connect_timeout: Duration,
    /// From the last byte of the request sent to the response's head read.
    pub response_timeout: Duration,
    /// How long a connection may wait for its next request.
    pub idle_timeout: Duration,
    /// What the upstream sees as `Host`.
    pub host: HostPolicy,
    /// What is spoken to its endpoints.
    pub protocol: Protocol,
    /// Whether connections begin with whom they are for, and how.
    pub proxy_protocol: Option<ProxyVersion>,
    /// How its `https` endpoints are spoken to; there if it has one.
    pub tls: Option<UpstreamTls>,
    /// Which endpoint takes a request, and what is asked about them beforehand.
    pub balancing: Balancing,
    /// The header in which it is told how much time there is.
    pub deadline_header: Option<HeaderName>,
    /// When a request is sent again; `None` never.
    pub retry: Option<Retry>,
    /// When it is left alone.
    pub breaker: Option<Breaker>,
    /// How many requests it takes at once; `None` sets no bound.
    pub admission: Option<Admission>,
}

/// What is spoken to the endpoints of an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// HTTP/1.1, one exchange at a time on a connection (`"http/1.1"`, the default).
    #[default]
    Http1,
    /// HTTP/2, many exchanges at a time on a connection (`"h2"`): with prior knowledge, and by ALPN
    /// where there is TLS.
    Http2,
}

impl Protocol {
    /// As in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http1 => "http/1.1",
            Self::Http2 => "h2",
        }
    }
}

/// A version of the PROXY protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyVersion {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// Whom the connections to `https` endpoints trust, and who the gateway is to them.
#[derive(Debug, Clone)]
pub struct UpstreamTls {
    /// A PEM file with the certificate authorities that are trusted in place of the system's.
    pub ca: Option<PathBuf>,
    /// What certificates must be for, and what the endpoints are told by SNI, in place of the
    /// endpoint's own host.
    pub server_name: Option<String>,
    /// What the gateway shows to endpoints that ask who it is.
    pub identity: Option<Identity>,
    /// Of the table or the endpoints, for findings about certificates.
    pub at: Location,
}

/// Wherever they are in the file.
impl PartialEq for UpstreamTls {
    fn eq(&self, other: &Self) -> bool {
        (&self.ca, &self.server_name, &self.identity)
            == (&other.ca, &other.server_name, &other.identity)
    }
}

impl Eq for UpstreamTls {}

impl UpstreamTls {
    /// All files that it is made of.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let identity = self.identity.iter().flat_map(|own| [&own.certificate, &own.key]);
        self.ca.iter().chain(identity)
    }
}

/// PEM files of the gateway's own certificate, joined with the folder of gateway.toml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// One address of an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `https` rather than `http`.
    pub is_https: bool,
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    /// From 1 to 65535.
    pub port: u16,
    /// From 0 to 65535; 0 gets no traffic.
    pub weight: u32,
    /// From 0 to 255; those of a higher number are asked only if no healthy one of a lower is left.
    pub priority: u8,
}

/// What the upstream sees as `Host`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPolicy {
    /// What the client sent (`host = "client"`, the default).
    Client,
    /// The endpoint's own address (`host = "endpoint"`).
    Endpoint,
    /// A fixed text (any other).
    Fixed(HeaderValue),
}
