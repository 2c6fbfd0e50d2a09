//! Which requests a route takes.

use std::fmt;

use http::{HeaderName, Method};

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
}

impl PathMatcher {
    /// Whether it takes every path.
    #[must_use]
    pub fn is_any(&self) -> bool {
        matches!(self, Self::Prefix(prefix) if prefix == "/")
    }
}

impl fmt::Display for PathMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(path) => write!(f, "{path} exactly"),
            Self::Prefix(_) if self.is_any() => f.write_str("any path"),
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
