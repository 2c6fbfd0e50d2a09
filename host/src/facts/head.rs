//! What was asked and what is answered, without bodies.

use http::header::HeaderMap;
use http::uri::Uri;
use http::{Method, StatusCode, Version};

/// A request's head as plugins and the router see it.
#[derive(Debug, Clone)]
pub struct RequestHead {
    /// Of the request line.
    pub method: Method,
    /// As the client used it.
    pub scheme: Scheme,
    /// Of the request line or the connection.
    pub version: Version,
    /// Lower-case, without a port; empty if the client named none.
    pub host: Box<str>,
    /// The port that the client named.
    pub port: Option<u16>,
    /// The target as received; holds the path and query unless they were replaced.
    pub uri: Uri,
    /// The canonical path where it differs from the target's, or what a plugin set.
    pub path: Option<Box<str>>,
    /// Whether a plugin set the path, which the route's rewrite then leaves alone.
    pub path_is_final: bool,
    /// What a plugin set the query to.
    pub query: Option<Option<Box<str>>>,
    /// Field lines, `host` included.
    pub headers: HeaderMap,
}

impl RequestHead {
    /// The canonical path, or what a plugin set.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path.as_deref().unwrap_or_else(|| self.uri.path())
    }

    /// Without the question mark.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        match &self.query {
            Some(replaced) => replaced.as_deref(),
            None => self.uri.query(),
        }
    }
}

/// A response's head.
#[derive(Debug, Clone)]
pub struct ResponseHead {
    /// From 200 to 599.
    pub status: StatusCode,
    /// Field lines.
    pub headers: HeaderMap,
}

/// How the client reached the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// With TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}
