//! Which requests a route takes.

use std::fmt;

use http::{HeaderName, Method};
use ipnet::IpNet;

use super::Pattern;

/// Which requests a route takes. All that is given must hold.
#[derive(Debug, Clone)]
pub struct Matcher {
    /// Any of them; empty means any host. Lower-case, without a port.
    pub hosts: Vec<HostMatcher>,
    /// Absent means any path.
    pub path: PathMatcher,
    /// Any of them; empty means any method.
    pub methods: Vec<Method>,
    /// All of them.
    pub headers: Vec<HeaderMatcher>,
    /// All of them.
    pub query: Vec<QueryMatcher>,
    /// One of them holds the client's address; empty means any client.
    pub clients: Vec<IpNet>,
    /// One of them is the name that the client gave by SNI; empty means any or none.
    pub snis: Vec<HostMatcher>,
}

/// One condition for the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostMatcher {
    /// `api.example.com`.
    Exact(String),
    /// `*.example.com`, kept as `.example.com`: one label or more in place of the star.
    Suffix(String),
}

impl fmt::Display for HostMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Suffix(suffix) => write!(f, "*{suffix}"),
        }
    }
}

/// The condition for the path.
#[derive(Debug, Clone)]
pub enum PathMatcher {
    /// The whole canonical path.
    Exact(String),
    /// Whole segments: `/users` takes `/users` and `/users/1`, not `/usersx`. Without a final
    /// slash, except for `/`, which takes every path.
    Prefix(String),
    /// Anchored at both ends.
    Regex(regex::Regex),
    /// The whole canonical path, segment by segment.
    Pattern(Pattern),
    /// Every path that begins with a text, within a segment too (`prefix_mode`).
    Start {
        /// The text; a final slash counts.
        text: String,
        /// Whether the text without its final slash is taken as well, to be redirected.
        bare: bool,
    },
}

impl PathMatcher {
    /// Whether it takes every path.
    #[must_use]
    pub fn is_any(&self) -> bool {
        matches!(self, Self::Prefix(prefix) | Self::Start { text: prefix, .. } if prefix == "/")
    }

    /// The path that lacks nothing but the final slash of a location of nginx, which answers it with a
    /// redirect to the path with it.
    #[must_use]
    pub fn bare(&self) -> Option<&str> {
        match self {
            Self::Start { text, bare: true } => text.strip_suffix('/'),
            _ => None,
        }
    }
}

impl fmt::Display for PathMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(path) => write!(f, "{path} exactly"),
            Self::Prefix(_) | Self::Start { .. } if self.is_any() => f.write_str("any path"),
            Self::Pattern(pattern) => write!(f, "pattern {pattern}"),
            Self::Start { text, .. } => write!(f, "{text} and all that begins with it"),
            Self::Prefix(prefix) => write!(f, "{prefix} and below"),
            Self::Regex(regex) => write!(f, "regex {}", as_written(regex)),
        }
    }
}

/// A regex without the anchors that checking put around it.
pub(crate) fn as_written(regex: &regex::Regex) -> &str {
    let pattern = regex.as_str();
    pattern.strip_prefix(r"\A(?:").and_then(|inner| inner.strip_suffix(r")\z")).unwrap_or(pattern)
}

/// One condition for a header.
#[derive(Debug, Clone)]
pub struct HeaderMatcher {
    /// Which header.
    pub name: HeaderName,
    /// What one of its values must be.
    pub value: ValueMatcher,
}

/// One condition for a query parameter.
#[derive(Debug, Clone)]
pub struct QueryMatcher {
    /// Percent-decoded.
    pub name: String,
    /// What one of its values must be.
    pub value: ValueMatcher,
}

/// What a value must be. It may be a key that callers present, so `Debug` hides it.
#[derive(Clone)]
pub enum ValueMatcher {
    /// `true` in the file.
    Present,
    /// A text in the file.
    Exact(String),
    /// `{ regex = "…" }` in the file; anchored at both ends.
    Regex(regex::Regex),
}

impl fmt::Debug for ValueMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Present => "Present",
            Self::Exact(_) => "Exact(..)",
            Self::Regex(_) => "Regex(..)",
        })
    }
}
