//! What the operator lets a plugin do.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

/// Capabilities that a plugin may use, each with its scope. Sorted by capability.
///
/// Its serialised form is that of the table in gateway.toml.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Grants(BTreeMap<&'static str, Scope>);

/// How much of a capability is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of it.
    Whole,
    /// Of `consumers`.
    Consumers(ConsumersScope),
    /// Of `http-client`.
    HttpClient(HttpClientScope),
    /// Of `kv`.
    Kv(KvScope),
    /// Of `secret`: names of secrets, sorted. Never empty.
    Secret(Vec<String>),
}

/// Which consumers may be looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConsumersScope {
    /// Kinds of credentials that may be asked for, sorted. Never empty.
    pub kinds: Vec<String>,
}

/// Where requests may be sent. At least one of the lists is not empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HttpClientScope {
    /// Names of upstreams of the configuration.
    pub upstreams: Vec<String>,
    /// Servers outside of it.
    pub hosts: Vec<HttpOrigin>,
}

/// Which keys may be used, and with whom they are shared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KvScope {
    /// The space that all plugins share which are granted this name; the plugin's own if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub space: Option<String>,
    /// What a key must begin with, one of these; empty means any key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<String>,
}

impl KvScope {
    /// Whether the key may be used.
    #[must_use]
    pub fn allows(&self, key: &str) -> bool {
        self.prefixes.is_empty() || self.prefixes.iter().any(|prefix| key.starts_with(prefix))
    }
}

/// A server by scheme, host and port (RFC 6454 section 4).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HttpOrigin {
    /// `https` rather than `http`.
    pub is_https: bool,
    /// A lower-case name, an IPv4 address, or an IPv6 address without brackets. In a grant it may
    /// begin with `*.`, which stands for one label or more.
    pub host: String,
    /// From 1 to 65535; the scheme's own if the file has none.
    pub port: u16,
}

impl Grants {
    /// Whether the capability is granted, whatever its scope.
    #[must_use]
    pub fn has(&self, capability: &str) -> bool {
        self.0.contains_key(capability)
    }

    /// The capabilities, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().copied()
    }

    /// Whether every capability is granted as a whole, so that a list of names says all.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.0.values().all(|scope| *scope == Scope::Whole)
    }

    /// The scope of `consumers`; absent if there is none, or no grant.
    #[must_use]
    pub fn consumers(&self) -> Option<&ConsumersScope> {
        match self.0.get("consumers") {
            Some(Scope::Consumers(scope)) => Some(scope),
            _ => None,
        }
    }

    /// Where `http-client` may send requests; absent if it is not granted.
    #[must_use]
    pub fn http_client(&self) -> Option<&HttpClientScope> {
        match self.0.get("http-client") {
            Some(Scope::HttpClient(scope)) => Some(scope),
            _ => None,
        }
    }

    /// The scope of `kv`; absent if there is none, or no grant.
    #[must_use]
    pub fn kv(&self) -> Option<&KvScope> {
        match self.0.get("kv") {
            Some(Scope::Kv(scope)) => Some(scope),
            _ => None,
        }
    }

    /// The names of the secrets that may be read, sorted.
    #[must_use]
    pub fn secrets(&self) -> &[String] {
        match self.0.get("secret") {
            Some(Scope::Secret(names)) => names,
            _ => &[],
        }
    }
}

impl FromIterator<(&'static str, Scope)> for Grants {
    fn from_iter<I: IntoIterator<Item = (&'static str, Scope)>>(grants: I) -> Self {
        Self(grants.into_iter().collect())
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Whole => serializer.serialize_bool(true),
            Self::Consumers(scope) => scope.serialize(serializer),
            Self::HttpClient(scope) => scope.serialize(serializer),
            Self::Kv(scope) => scope.serialize(serializer),
            Self::Secret(names) => names.serialize(serializer),
        }
    }
}

impl fmt::Display for HttpOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { is_https, host, port } = self;
        let scheme = if *is_https { "https" } else { "http" };
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")
        } else {
            write!(f, "{scheme}://{host}:{port}")
        }
    }
}

impl Serialize for HttpOrigin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
