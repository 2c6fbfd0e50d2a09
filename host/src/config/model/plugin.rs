//! Which components run, and what they may use.

use std::path::PathBuf;
use std::time::Duration;

use super::{Canary, Clause, Grants, Pin, Version};
use crate::config::{Location, Secret};

/// Index into [`Config::plugins`](super::Config::plugins).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PluginId(pub usize);

/// A component with one configuration.
#[derive(Debug, Clone)]
pub struct Plugin {
    /// Unique in the file.
    pub name: String,
    /// A name (`jwt`), looked up in the plugins directory and among the embedded components, or
    /// a path that ends in `.wasm`, joined with the folder of gateway.toml.
    pub component: Component,
    /// Which file it has to be.
    pub pin: Pin,
    /// What `configure` is given, with environment references replaced; may hold secrets.
    pub config: Secret,
    /// How instances live.
    pub isolation: Isolation,
    /// What a trap or timeout does to the exchange.
    pub on_error: OnError,
    /// What a body does that is too long to be held for the plugin.
    pub on_large_body: OnLargeBody,
    /// The capabilities the operator has granted; `None` if the file says nothing, which grants an
    /// embedded first-party component what it imports without a scope, and any other nothing.
    pub grants: Option<Grants>,
    /// What one call and all instances may use.
    pub budget: Budget,
    /// For which exchanges it runs, wherever it stands; all must hold.
    pub clauses: Vec<Clause>,
    /// Whether what it does to an exchange is undone, and only told.
    pub shadow: bool,
    /// Which version this is.
    pub version: Version,
    /// Another version, for a share of its exchanges.
    pub canary: Option<Box<Canary>>,
    /// Where things are in the file.
    pub at: PluginPlaces,
}

impl Plugin {
    /// What logs call it, and what its metrics are kept under: the name, and of a canary
    /// `name@canary`, which no name can be.
    #[must_use]
    pub fn label(&self) -> String {
        match self.version {
            Version::Stable => self.name.clone(),
            Version::Canary => format!("{}{CANARY_SUFFIX}", self.name),
        }
    }
}

/// What follows the name of a plugin in the label of its canary.
pub const CANARY_SUFFIX: &str = "@canary";

/// Which file a plugin runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Component {
    /// `name.wasm` of the plugins directory, else the embedded one.
    Named(String),
    /// This file.
    File(PathBuf),
}

/// How instances of a plugin live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// A fresh one for every call.
    Request,
    /// Kept and lent again, up to a number of calls.
    Pooled {
        /// Calls after which an instance is retired; at least 1.
        calls: u32,
        /// Idle instances kept at most; at least 1.
        idle: usize,
    },
}

/// What a trap or timeout of a plugin does to the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// It is answered with 500 or 503.
    Deny,
    /// It goes on as if the plugin were not there.
    Skip,
}

/// What happens to an exchange whose body is longer than a plugin can be shown whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLargeBody {
    /// A request is answered with 413, a response with 502.
    Deny,
    /// It goes on without the plugin seeing the body.
    Skip,
}

/// What a plugin may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Linear memories and tables of one instance, in bytes.
    pub memory_bytes: usize,
    /// Running time of one call.
    pub cpu: Duration,
    /// From start to end of one call, waiting included.
    pub wall: Duration,
    /// Instances alive at once.
    pub instances: usize,
    /// Requests of its own that one instance may have under way.
    pub calls: usize,
    /// Requests of their own that all instances may have under way.
    pub calls_total: usize,
    /// Exchanges that may wait for an instance; more are answered with 503.
    pub queue: usize,
    /// One body that is held whole for the plugin, in bytes.
    pub body_bytes: u64,
}

/// Where a plugin is in the file.
#[derive(Debug, Clone)]
pub struct PluginPlaces {
    /// The table's header or name.
    pub table: Location,
    /// The value of `component`.
    pub component: Location,
    /// The value of `sha256`, or of `component`.
    pub sha256: Location,
    /// The value of `signature`, of `trusted_keys`, or of `component`.
    pub signature: Location,
    /// The value of `grants`, or the table.
    pub grants: Location,
    /// The `config` table and every value below it, by JSON Pointer; sorted.
    pub config: Vec<(String, Location)>,
}

impl PluginPlaces {
    /// Where the value is that a JSON Pointer into `config` means; of the nearest value around it
    /// if there is none, such as a key that is missing.
    #[must_use]
    pub fn locate(&self, pointer: &str) -> &Location {
        let mut pointer = pointer;
        loop {
            let found = self.config.binary_search_by(|(known, _)| known.as_str().cmp(pointer));
            if let Some((_, location)) = found.ok().and_then(|index| self.config.get(index)) {
                return location;
            }
            match pointer.rsplit_once('/') {
                Some((around, _)) => pointer = around,
                None => return &self.table,
            }
        }
    }
}
