//! What a checked configuration is: every name resolves and every number is in range.
//!
//! Past `check` nobody asks again. Indexes such as [`UpstreamId`] come from there only.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, StatusCode};
use ipnet::IpNet;

use super::{Location, Secret};

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
    /// Plugin instances alive at once, over all plugins.
    pub instances: u32,
}

/// An address the gateway accepts connections on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Unique among listeners and the admin address.
    pub address: SocketAddr,
    /// Absent on a plain listener.
    pub tls: Option<Tls>,
    /// Of the table, for findings about binding or certificates.
    pub at: Location,
}

/// PEM files of a TLS listener, joined with the folder of gateway.toml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
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

/// Index into [`Config::upstreams`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UpstreamId(pub usize);

/// A named group of interchangeable endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Unique in the file.
    pub name: String,
    /// Never empty; the sum of weights is at least 1.
    pub endpoints: Vec<Endpoint>,
    /// For name look-up and TCP handshake together.
    pub connect_timeout: Duration,
    /// From the last byte of the request sent to the response's head read.
    pub response_timeout: Duration,
    /// How long a connection may wait for its next request.
    pub idle_timeout: Duration,
    /// What the upstream sees as `Host`.
    pub host: HostPolicy,
}

/// One address of an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    /// From 1 to 65535.
    pub port: u16,
    /// From 0 to 65535; 0 gets no traffic.
    pub weight: u32,
}

/// What the upstream sees as `Host`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPolicy {
    /// What the client sent (`host = "client"`, the default).
    Client,
    /// The endpoint's own address (`host = "endpoint"`).
    Endpoint,
    /// A fixed text (any other).
    Fixed(HeaderValue),
}

/// Index into [`Config::plugins`].
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
    /// What `configure` is given, with environment references replaced; may hold secrets.
    pub config: Secret,
    /// How instances live.
    pub isolation: Isolation,
    /// What a trap or timeout does to the exchange.
    pub on_error: OnError,
    /// The capabilities the operator has granted, by interface name, sorted; `None` if the file
    /// says nothing, which grants an embedded first-party component what it imports and any other
    /// nothing.
    pub grants: Option<Vec<String>>,
    /// What one call and all instances may use.
    pub budget: Budget,
    /// Where things are in the file.
    pub at: PluginPlaces,
}

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
    /// Exchanges that may wait for an instance; more are answered with 503.
    pub queue: usize,
}

/// Where a plugin is in the file.
#[derive(Debug, Clone)]
pub struct PluginPlaces {
    /// The table's header or name.
    pub table: Location,
    /// The value of `component`.
    pub component: Location,
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

/// A match, and what happens to a request that matches.
#[derive(Debug)]
pub struct Route {
    /// Unique in the file; the label on logs and metrics.
    pub name: String,
    /// Which requests.
    pub matcher: Matcher,
    /// Applied to the path on its way to the upstream.
    pub rewrite: Option<Rewrite>,
    /// In the order of the request phase.
    pub pipeline: Vec<PluginId>,
    /// Where a matched request ends up.
    pub destination: Destination,
    /// From the request's head read to the last byte of the response.
    pub timeout: Duration,
    /// Overrides `limits.request_body`.
    pub request_body_bytes: Option<u64>,
    /// Whether `%2F`, `%5C` and the like may stand in a path.
    pub allow_encoded_slash: bool,
    /// Of the table's `match`, or the table.
    pub at: Location,
}

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
}

/// Where a matched request ends up; exactly one, by construction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// It is forwarded.
    Upstream(UpstreamId),
    /// It is answered with this.
    Fixed(FixedResponse),
    /// It is sent elsewhere.
    Redirect(Redirect),
}

/// An answer without an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedResponse {
    /// From 200 to 599.
    pub status: StatusCode,
    /// Validated; never hop-by-hop or `content-length`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// May be empty.
    pub body: String,
}

/// A redirect without an upstream. What is absent stays as the client asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308.
    pub status: StatusCode,
    /// `http` or `https`.
    pub scheme: Option<String>,
    /// Without a port.
    pub host: Option<String>,
    /// Left out of the location if it is the scheme's own.
    pub port: Option<u16>,
    /// Begins with `/`; the query is kept.
    pub path: Option<String>,
}
