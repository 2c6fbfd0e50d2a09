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
