//! What a checked configuration is: every name resolves and every number is in range.
//!
//! Past `check` nobody asks again. Indexes such as [`UpstreamId`] come from there only.

mod acme;
mod balancing;
mod canary;
mod compression;
mod consumer;
mod grants;
mod listener;
mod matcher;
mod pattern;
mod pin;
mod pipeline;
mod plugin;
mod resilience;
mod rewrite;
mod route;
mod secret;
mod split;
mod template;
mod upgrade;
mod upstream;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::Location;
pub use acme::{Acme, AcmeChallenge};
pub use balancing::{
    BalancePolicy, Balancing, Dns, ErrorRate, HashKey, HealthCheck, Outlier, PANIC_PERCENT, Probe,
    StatusRange,
};
pub use canary::{Canary, CanaryKey, Selection, Share, Version};
pub use compression::{Coding, Compression, RouteCompression};
pub use consumer::{Consumer, Credential};
pub use grants::{ConsumersScope, Grants, HttpClientScope, HttpOrigin, KvScope, Scope};
pub use listener::{Certificate, ClientAuth, Listener, Tls, TlsVersion};
pub(crate) use matcher::as_written;
pub use matcher::{HeaderMatcher, HostMatcher, Matcher, PathMatcher, QueryMatcher, ValueMatcher};
pub use pattern::{Pattern, Segment};
pub use pin::{Pin, TrustedKey, Untrusted};
pub use pipeline::{Clause, Condition, Owner, PipelineEntry};
pub use plugin::{
    Budget, CANARY_SUFFIX, Component, Isolation, OnError, OnLargeBody, Plugin, PluginId,
    PluginPlaces,
};
pub use resilience::{Admission, Breaker, Retry, RetryBudget, RetryFault, RetryOn, SlowCalls};
pub use rewrite::{HeaderEdits, PrefixMode, Rewrite};
pub use route::{Destination, FixedResponse, Redirect, Route};
pub use secret::{NamedSecret, Secret};
pub use split::{Mirror, Split, SplitKey, SplitTarget, StickyCookie};
pub use template::{Captures, Part, Template};
pub use upgrade::Upgrade;
pub use upstream::{
    Endpoint, HostPolicy, Identity, Protocol, ProxyVersion, Upstream, UpstreamId, UpstreamTls,
};

/// A whole gateway.toml with its includes.
#[derive(Debug)]
pub struct Config {
    /// The `[gateway]` table.
    pub gateway: Gateway,
    /// The `[admin]` table; absent if `admin = false`.
    pub admin: Option<SocketAddr>,
    /// The `[limits]` table.
    pub limits: Limits,
    /// Never empty.
    pub listeners: Vec<Listener>,
    /// Without `stdout` and `stderr`, which always exist.
    pub outputs: Vec<Output>,
    /// In the order of the file.
    pub consumers: Vec<Consumer>,
    /// In the order of the file.
    pub secrets: Vec<NamedSecret>,
    /// Indexed by [`UpstreamId`].
    pub upstreams: Vec<Upstream>,
    /// Indexed by [`PluginId`].
    pub plugins: Vec<Plugin>,
    /// In the order of the file, which is the last tie-breaker of precedence.
    pub routes: Vec<Route>,
}

/// Settings of the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// What `Via` and `Proxy-Status` call this gateway; a token.
    pub name: String,
    /// Threads that serve connections; `None` is one a core.
    pub workers: Option<usize>,
    /// Peers whose forwarded fields and request ids are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How long an ending gateway waits for what is under way.
    pub drain_timeout: Duration,
    /// Where `component = "name"` looks for `name.wasm` first. Absolute, or relative to the
    /// working directory (joined with the folder of gateway.toml already).
    pub plugins_dir: PathBuf,
    /// Where compiled code is kept between starts; `None` keeps nothing.
    pub cache_dir: Option<PathBuf>,
    /// Whether upstreams are told of the gateway's span (W3C Trace Context).
    pub propagates_trace: bool,
    /// How the responses of routes are compressed that do not say otherwise.
    pub compression: Option<Compression>,
    /// One of them has signed each component that is read from a file, unless its plugin says
    /// otherwise; empty if none need be signed.
    pub trusted_keys: Vec<TrustedKey>,
}

/// Hard sizes and waiting times of the client's side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Request line and field lines of one request, in bytes.
    pub request_head_bytes: usize,
    /// Field lines of one request.
    pub request_headers: usize,
    /// Body of one request, in bytes; a route may set its own.
    pub request_body_bytes: u64,
    /// Client connections open at once, over all listeners.
    pub connections: usize,
    /// From the first byte of a request's head to its last.
    pub header_timeout: Duration,
    /// Without a request under way on a connection.
    pub idle_timeout: Duration,
    /// Between two reads of a request's body, and two writes of a response's body.
    pub body_timeout: Duration,
    /// Exchanges at once on one HTTP/2 connection.
    pub http2_streams: u32,
    /// Counters held at once, over all plugins.
    pub counters: usize,
    /// Bytes of keys and values that one plugin may hold in `kv`.
    pub kv_bytes: usize,
    /// All bodies together that are held for plugins at one time, in bytes.
    pub held_bodies_bytes: u64,
    /// Bytes of responses that all plugins together may hold in `cache`.
    pub cache_bytes: usize,
    /// Plugin instances alive at once, over all plugins.
    pub instances: u32,
    /// Exchanges at once, over all listeners; `None` sets no bound.
    pub exchanges: Option<Admission>,
}

/// A named destination for lines that plugins write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Unique; not `stdout` or `stderr`.
    pub name: String,
    /// Appended to; opened again on SIGHUP. Joined with the folder of gateway.toml.
    pub file: PathBuf,
    /// Lines that may wait; at least 1.
    pub queue: usize,
    /// Of the table, for findings about opening the file.
    pub at: Location,
}
