//! How an upstream chooses among its endpoints, and what it wants to know about them.

use std::net::SocketAddr;
use std::time::Duration;

use http::HeaderValue;
use http::header::HeaderName;
use http::uri::PathAndQuery;

/// Below this share of healthy endpoints, in percent, health is ignored.
///
/// More than half of an upstream does not fail at once; a check that is wrong does. And the few that
/// are left would not stand the load of all.
pub const PANIC_PERCENT: u8 = 50;

/// Which endpoint takes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balancing {
    /// By what it is chosen (`balance`).
    pub policy: BalancePolicy,
    /// Asks endpoints how they are; `None` asks nothing.
    pub health: Option<HealthCheck>,
    /// Leaves out endpoints that fail with requests; `None` leaves out none.
    pub outlier: Option<Outlier>,
    /// From 0 to 100; 0 never ignores health (`panic_threshold`).
    pub panic_percent: u8,
    /// For how long an endpoint that is new or back gets a growing share.
    pub slow_start: Option<Duration>,
    /// Exchanges at once with one endpoint, over all workers (`max_connections`).
    pub exchanges_max: Option<u32>,
    /// Makes endpoints of the answers to names.
    pub dns: Option<Dns>,
}

impl Default for Balancing {
    fn default() -> Self {
        Self {
            policy: BalancePolicy::RoundRobin,
            health: None,
            outlier: None,
            panic_percent: PANIC_PERCENT,
            slow_start: None,
            exchanges_max: None,
            dns: None,
        }
    }
}

/// By what the endpoint for a request is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BalancePolicy {
    /// In turn, by weight.
    RoundRobin,
    /// The one with the fewest exchanges under way for its weight.
    LeastConnections,
    /// Of two at random, the one that answers sooner for the exchanges that it has.
    PeakEwma,
    /// Of two at random, the one with fewer exchanges under way for its weight.
    PowerOfTwo,
    /// At random, by weight.
    Random,
    /// Always the same for the same value.
    Hash(HashKey),
}

impl BalancePolicy {
    /// As the configuration calls it; `hash` for all that hash.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::RoundRobin => "round_robin",
            Self::LeastConnections => "least_connections",
            Self::PeakEwma => "peak_ewma",
            Self::PowerOfTwo => "power_of_two",
            Self::Random => "random",
            Self::Hash(_) => "hash",
        }
    }
}

/// What of an exchange decides for an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HashKey {
    /// The client's address.
    Ip,
    /// The canonical path, or what a plugin made of it.
    Path,
    /// The attribute `consumer`, which authentication sets.
    Consumer,
    /// The first line of this field.
    Header(HeaderName),
    /// The cookie of this name.
    Cookie(String),
}

/// How endpoints are asked how they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// What is asked.
    pub probe: Probe,
    /// Between two checks of an endpoint; each is up to a tenth earlier or later.
    pub interval: Duration,
    /// For a whole check.
    pub timeout: Duration,
    /// Good checks in a row that make an unhealthy endpoint healthy; at least 1.
    pub rise: u32,
    /// Bad checks in a row that make a healthy endpoint unhealthy; at least 1.
    pub fall: u32,
}

/// What a check asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// For a connection (and encryption, if the endpoint is `https`).
    Tcp,
    /// By the gRPC health checking protocol, over HTTP/2 with prior knowledge or, if the endpoint is
    /// `https`, by ALPN.
    Grpc {
        /// Whose health; empty is that of the whole server.
        service: String,
    },
    /// By `GET`.
    Http {
        /// In origin-form.
        target: PathAndQuery,
        /// What `Host` says in place of the endpoint's address.
        host: Option<HeaderValue>,
        /// Those of a good answer.
        status: StatusRange,
        /// What a good answer's body holds.
        body: Option<String>,
    },
}

/// Statuses from one to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusRange {
    /// From 100.
    pub least: u16,
    /// To 599, and not below `least`.
    pub most: u16,
}

impl StatusRange {
    /// Whether this status is among them.
    #[must_use]
    pub const fn contains(self, status: u16) -> bool {
        self.least <= status && status <= self.most
    }
}

/// When an endpoint that fails with requests is left out, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outlier {
    /// Failed attempts in a row; at least 1.
    pub consecutive_errors: u32,
    /// A share of failed attempts that is too large.
    pub error_rate: Option<ErrorRate>,
    /// How much slower than the others is too slow.
    pub latency: Option<LatencyOutlier>,
    /// Of the first ejection; the n-th is n times as long.
    pub base_ejection: Duration,
    /// No ejection is longer.
    pub max_ejection: Duration,
    /// Share of the endpoints that may be ejected at once, from 1 to 100.
    pub max_ejected_percent: u8,
}

/// How names become endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dns {
    /// Between two look-ups of a name at most; a shorter time to live of its answer goes first.
    pub refresh: Duration,
    /// Who is asked; empty asks whom the system asks.
    pub servers: Vec<SocketAddr>,
    /// Names stand for services (SRV), whose answers have ports and priorities of their own.
    pub srv: bool,
}

/// Which share of failed attempts is too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorRate {
    /// From 1 to 100 (`error_rate`).
    pub percent: u8,
    /// Attempts below which a share says nothing; at least 1 (`min_requests`).
    pub attempts_min: u32,
    /// For how long attempts are counted before the count begins anew.
    pub interval: Duration,
}

/// How much slower than the other endpoints is too slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LatencyOutlier {
    /// Of the median of the others' medians, in percent; above 100 (`latency_factor`).
    pub factor_percent: u32,
    /// Whoever answers within this time is never too slow (`latency_floor`).
    pub floor: Duration,
    /// Answers below which a median says nothing; at least 1 (`min_requests`).
    pub attempts_min: u32,
    /// Over which answers are taken together.
    pub interval: Duration,
}
