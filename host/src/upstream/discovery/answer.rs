//! What name servers answer.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData};

use crate::clock;
use crate::config::{self, Dns};

/// Hosts of one service whose addresses are asked for.
const HOSTS_MAX: usize = 256;

/// One address that a name stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) ip: IpAddr,
    service: Option<Service>,
}

/// What an SRV record says of a host (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Service {
    /// Counted from 0 among the priorities of the answer.
    rank: u8,
    weight: u32,
    port: u16,
    host: String,
}

/// What a name stands for.
#[derive(Debug)]
pub(super) struct Answer {
    /// Sorted, never empty.
    pub(super) places: Vec<Place>,
    /// For how long that holds.
    pub(super) ttl: Duration,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum NoAnswer {
    Net(NetError),
    /// The answer has no record of the kind that was asked for.
    Empty,
    /// The system's name servers are not known.
    Nobody,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Net(error) => error.fmt(f),
            Self::Empty => f.write_str("the answer has no such record"),
            Self::Nobody => f.write_str("there is no name server to ask"),
        }
    }
}

impl From<NetError> for NoAnswer {
    fn from(error: NetError) -> Self {
        Self::Net(error)
    }
}

/// Who is asked, and when next.
pub(in crate::upstream) struct Resolver {
    resolver: Option<TokioResolver>,
    next: Mutex<Instant>,
    /// Names without an answer the last time, so that each is complained of once.
    failing: Mutex<BTreeSet<String>>,
}

impl Place {
    /// The endpoint here, if the name is this one of the configuration.
    pub(super) fn endpoint(&self, name: &config::Endpoint) -> config::Endpoint {
        match &self.service {
            None => name.clone(),
            Some(Service { rank, weight, port, host }) => config::Endpoint {
                is_https: name.is_https,
                host: host.clone(),
                port: *port,
                weight: *weight,
                priority: name.priority.saturating_add(*rank),
            },
        }
    }
}

impl Resolver {
    /// Of these settings; reads those of the system if they name nobody.
    pub(super) fn of(dns: &Dns) -> Self {
        let provider = TokioRuntimeProvider::default();
        let builder = if dns.servers.is_empty() {
            TokioResolver::builder(provider)
        } else {
            let servers = dns.servers.iter().map(|server| {
                let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
                connections.iter_mut().for_each(|connection| connection.port = server.port());
                NameServerConfig::new(server.ip(), true, connections)
            });
            let config = ResolverConfig::from_name_servers(servers.collect());
            Ok(TokioResolver::builder_with_config(config, provider))
        };
        let resolver = builder.and_then(|mut builder| {
            let options = builder.options_mut();
            options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
            // When to ask again is decided here.
            options.cache_size = 0;
            builder.build()
        });
        let resolver = resolver.inspect_err(|error| {
            tracing::error!(%error, "names cannot be resolved");
        });
        Self { resolver: resolver.ok(), next: Mutex::new(clock::now()), failing: Mutex::default() }
    }

    /// How long to wait before asking.
    pub(super) fn due(&self) -> Duration {
        let next = *self.next.lock().unwrap_or_else(PoisonError::into_inner);
        next.saturating_duration_since(clock::now())
    }

    /// Nobody need ask before so long.
    pub(super) fn rest(&self, hold: Duration) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = clock::now() + hold;
    }

    /// Remembers whether a name was answered; true if that is news.
    pub(super) fn note(&self, name: &str, is_answered: bool) -> bool {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        if is_answered { failing.remove(name) } else { failing.insert(name.to_owned()) }
    }

    /// What the name stands for; with `is_service` by SRV records.
    pub(super) async fn ask(&self, name: &str, is_service: bool) -> Result<Answer, NoAnswer> {
        let resolver = self.resolver.as_ref().ok_or(NoAnswer::Nobody)?;
        // Hosts of the configuration are in ASCII.
        let name = Name::from_ascii(name).map_err(NetError::from)?;
        let (mut places, until) = if is_service {
            services(resolver, name).await?
        } else {
            hosts(resolver, name).await?
        };
        if places.is_empty() {
            return Err(NoAnswer::Empty);
        }
        places.sort();
        places.dedup();
        Ok(Answer { places, ttl: until.saturating_duration_since(clock::now()) })
    }
}

async fn hosts(resolver: &TokioResolver, name: Name) -> Result<(Vec<Place>, Instant), NoAnswer> {
    let found = resolver.lookup_ip(name).await?;
    let places = found.iter().map(|ip| Place { ip, service: None }).collect();
    Ok((places, found.valid_until()))
}

async fn services(resolver: &TokioResolver, name: Name) -> Result<(Vec<Place>, Instant), NoAnswer> {
    let found = resolver.srv_lookup(name).await?;
    let mut until = found.valid_until();
    let records: Vec<_> = found
        .answers()
        .iter()
        .filter_map(|record| match &record.data {
            RData::SRV(service) => Some(service),
            _ => None,
        })
        .take(HOSTS_MAX)
        .collect();
    let priorities: BTreeSet<u16> = records.iter().map(|service| service.priority).collect();
    let mut places = Vec::new();
    for record in records {
        let before = priorities.range(..record.priority).count();
        let host = record.target.to_ascii();
        let service = Service {
            rank: u8::try_from(before).unwrap_or(u8::MAX),
            // RFC 2782: those of weight 0 have a small chance.
            weight: u32::from(record.weight.max(1)),
            port: record.port,
            host: host.trim_end_matches('.').to_ascii_lowercase(),
        };
        // RFC 2782: a dot stands for a service that is not offered.
        if service.host.is_empty() {
            continue;
        }
        let found = resolver.lookup_ip(record.target.clone()).await?;
        until = until.min(found.valid_until());
        places.extend(found.iter().map(|ip| Place { ip, service: Some(service.clone()) }));
    }
    Ok((places, until))
}
