//! Traffic over several upstreams, and copies of it for another.

use std::fmt;
use std::time::Duration;

use http::HeaderName;

use super::{Share, UpstreamId};

/// Requests of one route over several upstreams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Never empty; each upstream once, the sum of weights is at least 1.
    pub targets: Vec<SplitTarget>,
    /// What always goes to the same upstream.
    pub by: SplitKey,
    /// A header with which a client names the upstream.
    pub force_header: Option<HeaderName>,
}

/// One upstream of a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SplitTarget {
    /// Which one.
    pub upstream: UpstreamId,
    /// Its part of the sum of all; from 0 to 65535. With 0 it gets only what is forced.
    pub weight: u32,
}

/// What always goes to the same upstream of a split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SplitKey {
    /// Nothing: each request for itself.
    Request,
    /// A client, by its address.
    Client,
    /// Who sends the same value of this header; each request for itself without it.
    Header(HeaderName),
    /// Who sends the cookie that the gateway has set.
    Cookie(StickyCookie),
}

impl fmt::Display for SplitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request => f.write_str("request"),
            Self::Client => f.write_str("client"),
            Self::Header(name) => write!(f, "header `{name}`"),
            Self::Cookie(cookie) => write!(f, "cookie `{}`", cookie.name),
        }
    }
}

/// A cookie by which a client stays with an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StickyCookie {
    /// A token (RFC 6265 section 4.1.1).
    pub name: String,
    /// Where the client sends it.
    pub path: String,
    /// How long the client keeps it, in whole seconds; absent: until it ends its session.
    pub ttl: Option<Duration>,
}

/// Copies of a route's requests for another upstream, whose answers are dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// Who gets the copies.
    pub upstream: UpstreamId,
    /// How many requests are copied.
    pub share: Share,
    /// A request with a longer body is not copied, in bytes.
    pub body_bytes: u64,
    /// Copies under way at once, in all workers.
    pub concurrency: usize,
}
