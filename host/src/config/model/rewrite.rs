//! What happens to the path and the head of a request on its way.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::template::Captured;
use super::{HostPolicy, Template};

/// What happens to the path on its way to the upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rewrite {
    /// The matched prefix is removed.
    StripPrefix(String),
    /// The matched prefix is replaced.
    ReplacePrefix {
        /// As in the matcher.
        prefix: String,
        /// Begins with `/`, canonical.
        with: String,
    },
    /// The whole path is replaced by this one.
    ReplacePath(String),
    /// The whole path is made of what the route's path has captured.
    Template(Template),
    /// As Kong joins paths (`prefix_mode = "kong"`).
    Kong {
        /// As in the matcher.
        prefix: String,
        /// Whether it is removed.
        strip: bool,
        /// What Kong calls the path of the service; begins with `/`.
        base: String,
        /// Whether a slash stands where the parts meet.
        handling: PathHandling,
    },
    /// As nginx replaces the prefix (`prefix_mode = "nginx"` with `replace_prefix`).
    Nginx {
        /// As in the matcher.
        prefix: String,
        /// What stands behind the address in `proxy_pass`; begins with `/`.
        with: String,
    },
    /// The path goes as the client sent it (`prefix_mode = "nginx"` without `replace_prefix`).
    Raw,
}

/// How Kong joins the path of a service and that of a request (`path_handling`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PathHandling {
    /// With exactly one slash in between.
    #[default]
    V0,
    /// As they are, but for one of two slashes.
    V1,
}

impl PathHandling {
    /// As in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V0 => "v0",
            Self::V1 => "v1",
        }
    }
}

/// Whose rules a route's prefix follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrefixMode {
    /// A prefix is a text, paths are joined as by Kong.
    Kong,
    /// A prefix is a text, paths are replaced as by nginx' `proxy_pass`.
    Nginx,
}

/// Changes to the field lines of a head, in this order: remove, set, add.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderEdits {
    /// All lines of this name go.
    pub remove: Vec<HeaderName>,
    /// One line in place of all of this name.
    pub set: Vec<(HeaderName, FieldText)>,
    /// A further line.
    pub add: Vec<(HeaderName, FieldText)>,
}

/// The value of a field that a route writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldText {
    /// The same for all requests.
    Fixed(HeaderValue),
    /// Made of what the route's match has captured.
    Made(Template),
}

impl From<HeaderValue> for FieldText {
    fn from(value: HeaderValue) -> Self {
        Self::Fixed(value)
    }
}

impl FieldText {
    /// The value for one request. `None` if it would be none, which canonical paths and checked hosts
    /// do not make.
    #[must_use]
    pub fn value<'r>(&self, captured: impl FnOnce() -> Captured<'r>) -> Option<HeaderValue> {
        match self {
            Self::Fixed(value) => Some(value.clone()),
            Self::Made(template) => template.fill_from(&captured()).try_into().ok(),
        }
    }
}

/// What the upstream sees as `Host` because a route says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostRewrite {
    /// As an upstream may have it, too.
    Policy(HostPolicy),
    /// Made of what the route's match has captured.
    Made(Template),
}

impl HeaderEdits {
    /// Whether nothing changes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty() && self.add.is_empty()
    }

    /// Makes the changes; `captured` is what the request has for templates.
    pub fn apply<'r>(&self, headers: &mut HeaderMap, captured: impl Fn() -> Captured<'r>) {
        for name in &self.remove {
            headers.remove(name);
        }
        for (name, text) in &self.set {
            if let Some(value) = text.value(&captured) {
                headers.insert(name, value);
            }
        }
        for (name, text) in &self.add {
            if let Some(value) = text.value(&captured) {
                headers.append(name, value);
            }
        }
    }
}
