//! The client's side of a connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

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
}
