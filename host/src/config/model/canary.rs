//! Another version of a plugin, for a share of its exchanges.

use std::fmt;

use http::HeaderName;

use super::Plugin;

/// Which of its versions a plugin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// The one that all exchanges have unless there is a canary.
    Stable,
    /// The other one.
    Canary,
}

/// Another version of a plugin, for a share of its exchanges.
#[derive(Debug, Clone)]
pub struct Canary {
    /// The plugin with the other component and configuration.
    pub plugin: Plugin,
    /// Which exchanges it takes.
    pub selection: Selection,
    /// Whether it runs beside the stable version without effect, in place of it otherwise.
    pub shadow: bool,
}

/// Which exchanges a canary takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// How many.
    pub share: Share,
    /// What always has the same version.
    pub by: CanaryKey,
    /// A header with which a client chooses: `always` or `never`.
    pub force_header: Option<HeaderName>,
}

/// A part of all exchanges, in hundredths of a percent: from 0 to 10000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(pub u32);

impl Share {
    /// All exchanges.
    pub const ALL: Self = Self(10_000);
}

impl fmt::Display for Share {
    /// As in the file, such as `5` or `0.25`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 100, self.0 % 100);
        match (rest, rest % 10) {
            (0, _) => write!(f, "{whole}"),
            (_, 0) => write!(f, "{whole}.{}", rest / 10),
            _ => write!(f, "{whole}.{rest:02}"),
        }
    }
}

/// What always has the same version of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CanaryKey {
    /// Nothing: each request for itself, by its id.
    Request,
    /// A client, by its address.
    Client,
    /// Who sends the same value of this header; who sends none has the stable version.
    Header(HeaderName),
}

impl fmt::Display for CanaryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request => f.write_str("request"),
            Self::Client => f.write_str("client"),
            Self::Header(name) => write!(f, "header `{name}`"),
        }
    }
}
