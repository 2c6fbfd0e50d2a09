//! Upstreams: which endpoint is asked, over which connection, and how long.
//!
//! ```text
//! Upstream --balance--> Endpoint --pool or connect--> connection --> ResponseBody --> pool
//! ```
//!
//! A connection is in the pool, lent to one exchange, or closed. It goes back into its pool when
//! the response was read to its end and the request was sent to its end; a drop at any other moment
//! closes it. So an exchange whose future is dropped cancels the upstream, without code of its own.

mod admission;
mod attempt;
mod backoff;
mod balance;
mod breaker;
mod carrier;
mod connect;
mod deadline;
mod discovery;
mod endpoint;
mod fault;
mod health;
mod members;
mod multiplex;
mod pool;
mod proxy_protocol;
mod reach;
mod response;
mod retry;
mod tls;
mod tries;
mod tunnel;
mod upkeep;
mod window;

use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderName;
use http::{Request, Response, Version};
use tokio::time::Instant;

use crate::body::RequestBody;
use crate::clock;
use crate::config::{self, BalancePolicy, HostPolicy, HttpOrigin, Protocol};
use crate::facts::{Exchange, Tally};
use crate::failure::Failure;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::UpstreamMetrics;
pub use admission::Admission;
use attempt::Fault;
use balance::{Balance, key};
pub use breaker::Breaker;
use discovery::Discovery;
pub use endpoint::Endpoint;
use endpoint::{Address, Care, Known, Seat};
use members::{Current, Members};
pub use pool::{IDLE_MAX, IDLE_PER_ENDPOINT_MAX, Pools, Stage};
pub use response::ResponseBody;
use retry::Retry;
pub use tls::{Tls, TlsError};
pub use tunnel::{Stay, Tunnel, Upgrading};

/// As an upstream has by default.
const ORIGIN_CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The most that `limits.wall` can be: whoever calls an origin has a deadline of its own.
const ORIGIN_RESPONSE_TIMEOUT: Duration = Duration::from_secs(600);

/// Shorter than that of an upstream, since who talks to many origins leaves many behind.
const ORIGIN_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// A named group of interchangeable endpoints.
#[derive(Debug)]
pub struct Upstream {
    name: Arc<str>,
    members: Members,
    care: Arc<Care>,
    connect_timeout: Duration,
    response_timeout: Duration,
    idle_timeout: Duration,
    host: HostPolicy,
    /// Where it is told how much time there is.
    deadline_header: Option<HeaderName>,
    retry: Option<Retry>,
    breaker: Option<Breaker>,
    admission: Option<Admission>,
    metrics: Arc<UpstreamMetrics>,
}

/// What a route has the upstream see as `Host`, as an extension of its requests.
#[derive(Debug, Clone)]
pub struct RouteHost(pub HostPolicy);

impl Upstream {
    /// Makes what `config` describes.
    ///
    /// `tls` is for `https` endpoints, if there are any. It goes on where `previous`, the upstream of the same name in the snapshot before, is: in
    /// the order of endpoints, and with what is known about each endpoint that is still there.
    #[must_use]
    pub fn build(
        config: &config::Upstream,
        tls: Option<&Tls>,
        metrics: &Metrics,
        previous: Option<&Arc<Self>>,
    ) -> Arc<Self> {
        let own = metrics.upstream(&config.name);
        let tls = tls.map(|tls| tls.speaking(config.protocol));
        let tls = tls.as_ref();
        let care = Arc::new(
            Care::of(&config.balancing, config.endpoints.len())
                .spoken(config.protocol, config.proxy_protocol),
        );
        let before = previous.map(|upstream| upstream.members.current());
        let before = before.as_deref();
        let members = match &config.balancing.dns {
            None => {
                let known = before.map_or_else(Known::default, |it| Known::of(it.endpoints()));
                let since_us = if before.is_some() { clock::monotonic_us() } else { 0 };
                let build = |config| {
                    let seat = Seat { config, address: Address::Own, since_us };
                    Endpoint::build(&seat, tls, &own, &known, &care)
                };
                let endpoints = config.endpoints.iter().map(build).collect();
                Members::Fixed(Balance::build(endpoints, &care, before))
            }
            Some(dns) => {
                let known = previous.and_then(|upstream| match &upstream.members {
                    Members::Found(discovery) => Some(&**discovery),
                    Members::Fixed(_) => None,
                });
                let (names, past) = (&config.endpoints, (known, before));
                let found = Discovery::build(names, dns, tls, (&care, &own), past);
                Members::Found(Box::new(found))
            }
        };
        let name: Arc<str> = config.name.as_str().into();
        Arc::new(Self {
            retry: config.retry.clone().map(|policy| {
                Retry::build(policy, previous.and_then(|upstream| upstream.retry.as_ref()))
            }),
            breaker: config.breaker.clone().map(|policy| {
                let known = previous.and_then(|upstream| upstream.breaker.as_ref());
                Breaker::build(policy, &name, metrics, known)
            }),
            admission: config.admission.map(|bounds| {
                let known = previous.and_then(|upstream| upstream.admission.as_ref());
                Admission::build(bounds, &name, metrics, known)
            }),
            name,
            members,
            care,
            connect_timeout: config.connect_timeout,
            response_timeout: config.response_timeout,
            idle_timeout: config.idle_timeout,
            host: config.host.clone(),
            deadline_header: config.deadline_header.clone(),
            metrics: own,
        })
    }

    /// What lies behind an origin that the configuration does not know as an upstream; counted
    /// nowhere, since there may be any number of them. `tls` is for `https`.
    #[must_use]
    pub fn of_origin(origin: &HttpOrigin, tls: Option<&Tls>) -> Arc<Self> {
        let HttpOrigin { is_https, host, port } = origin.clone();
        let config = config::Endpoint { is_https, host, port, weight: 1, priority: 0 };
        let metrics = Arc::<UpstreamMetrics>::default();
        let care = Arc::<Care>::default();
        let seat = Seat { config: &config, address: Address::Own, since_us: 0 };
        let endpoint = Endpoint::build(&seat, tls, &metrics, &Known::default(), &care);
        Arc::new(Self {
            name: origin.to_string().into(),
            members: Members::Fixed(Balance::build(vec![endpoint], &care, None)),
            care,
            connect_timeout: ORIGIN_CONNECT_TIMEOUT,
            response_timeout: ORIGIN_RESPONSE_TIMEOUT,
            idle_timeout: ORIGIN_IDLE_TIMEOUT,
            host: HostPolicy::Endpoint,
            deadline_header: None,
            retry: Some(Retry::build(config::Retry::default(), None)),
            breaker: None,
            admission: None,
            metrics,
        })
    }

    /// As in the configuration.
    #[must_use]
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Those that there are now, in the order of the configuration.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.current().endpoints().to_vec()
    }

    /// By what the endpoint for a request is chosen.
    #[must_use]
    pub fn policy(&self) -> &BalancePolicy {
        &self.care.balancing.policy
    }

    fn current(&self) -> Current<'_> {
        self.members.current()
    }

    /// What decides for an endpoint, if the upstream hashes something that the exchange has.
    #[must_use]
    pub fn affinity(&self, exchange: &Exchange) -> Option<u64> {
        match self.policy() {
            BalancePolicy::Hash(by) => key::of(exchange, by),
            _ => None,
        }
    }

    /// Its circuit breaker, if it has one.
    #[must_use]
    pub const fn breaker(&self) -> Option<&Breaker> {
        self.breaker.as_ref()
    }

    /// How many requests it takes at once, if that is bounded.
    #[must_use]
    pub const fn admission(&self) -> Option<&Admission> {
        self.admission.as_ref()
    }

    /// What is spoken to its endpoints.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.care.protocol
    }

    /// Whether connections to it can leave HTTP for another protocol.
    #[must_use]
    pub fn can_switch(&self) -> bool {
        self.care.protocol == Protocol::Http1
    }

    /// Whether its endpoints are told whose connection a request came by, which an extension of the
    /// request has to say: [`Ends`](crate::facts::Ends).
    #[must_use]
    pub fn tells_ends(&self) -> bool {
        self.care.proxy_protocol.is_some()
    }

    /// Sends a request and gives its response as soon as the head is in.
    ///
    /// The URI is in origin-form and the fields are end-to-end; `host` is set here. A dead
    /// connection of the pool is replaced, and an endpoint that cannot be connected to is passed
    /// over for the next in turn, each endpoint being asked once at most. Both happen only while
    /// nothing of the request was sent and nothing of its body was read. After that the request is
    /// sent again only as the policy for retries says, and never once a response was given.
    ///
    /// The caller drops the future at `deadline`, which counts against the upstream.
    ///
    /// A drop of this future or of the response's body closes the connection, which cancels the
    /// request at the endpoint, and gives its place at the upstream to another.
    ///
    /// # Errors
    ///
    /// Who failed: the upstream, which may be left alone or full, the last endpoint that was asked,
    /// or the client if its body did.
    pub async fn send(
        self: &Arc<Self>,
        pools: &Arc<Pools>,
        mut request: Request<RequestBody>,
        deadline: Instant,
        tally: &mut Tally,
    ) -> Result<Response<ResponseBody>, Failure> {
        *request.version_mut() = Version::HTTP_11;
        tally.upstream = Some(Arc::clone(&self.name));
        if self.admission.is_none() && self.breaker.is_none() {
            return self.try_all(pools, request, deadline, tally).await;
        }
        let asked = clock::now();
        if let Some(breaker) = &self.breaker {
            breaker.look(asked)?;
        }
        let place = match &self.admission {
            Some(admission) => Some(Box::pin(admission.enter()).await?),
            None => None,
        };
        let trial = match &self.breaker {
            Some(breaker) => Some(breaker.enter(clock::now(), deadline.into_std())?),
            None => None,
        };
        let mut outcome = self.try_all(pools, request, deadline, tally).await;
        if let Some(trial) = trial {
            trial.end(outcome.as_ref().map(Response::status), clock::now());
        }
        if let (Ok(response), Some(place)) = (&mut outcome, place) {
            response.body_mut().hold(place);
        }
        outcome
    }
}

#[cfg(test)]
mod tests;
