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

use http::header::{self, Entry, HeaderName};
use http::{Request, Response, StatusCode, Version};
use tokio::time::{Instant, sleep, timeout};

use crate::body::{Progress, RequestBody};
use crate::clock;
use crate::config::{self, BalancePolicy, HostPolicy, HttpOrigin, Protocol};
use crate::facts::{Exchange, Tally};
use crate::failure::Failure;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::UpstreamMetrics;
pub use admission::Admission;
use balance::{Balance, key};
pub use breaker::Breaker;
use carrier::Carrier;
use connect::Wire;
use discovery::Discovery;
pub use endpoint::Endpoint;
use endpoint::{Address, Care, Seat};
use health::outlier;
use members::{Current, Members};
pub use pool::{IDLE_MAX, IDLE_PER_ENDPOINT_MAX, Pools, Stage};
use reach::Reach;
use response::Lease;
pub use response::ResponseBody;
use retry::Retry;
pub use tls::{Tls, TlsError};
use tries::Choice;
pub use tunnel::{Stay, Tunnel, Upgrading};

/// As an upstream has by default.
const ORIGIN_CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The most that `limits.wall` can be: whoever calls an origin has a deadline of its own.
const ORIGIN_RESPONSE_TIMEOUT: Duration = Duration::from_secs(600);

/// Shorter than that of an upstream, since who talks to many origins leaves many behind.
const ORIGIN_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// What a client is told if every endpoint has as many exchanges as it may.
const BUSY: &str = "all endpoints of the upstream are busy";

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

/// Why an attempt brought no response.
enum Fault {
    /// Nothing was sent: another endpoint can be asked.
    Unsent(Box<Request<RequestBody>>, Failure),
    /// The endpoint may have seen the request.
    Sent(Failure),
}

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
                let known = before.map_or(&[][..], Balance::endpoints);
                let since_us = if before.is_some() { clock::monotonic_us() } else { 0 };
                let build = |config| {
                    let seat = Seat { config, address: Address::Own, since_us };
                    Endpoint::build(&seat, tls, &own, known, &care)
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
        let endpoint = Endpoint::build(&seat, tls, &metrics, &[], &care);
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

    /// One endpoint, with its part of the tally and the metrics.
    async fn attempt(
        &self,
        pools: &Arc<Pools>,
        (balance, endpoint): (&Balance, &Endpoint),
        choice: Choice,
        mut request: Request<RequestBody>,
        tally: &mut Tally,
    ) -> Result<Response<ResponseBody>, Fault> {
        let Some(under_way) = endpoint.enter() else {
            return Err(Fault::Unsent(Box::new(request), Failure::Overloaded(BUSY)));
        };
        let started = clock::now();
        tally.attempts = tally.attempts.saturating_add(1);
        tally.endpoint = Some(Arc::clone(endpoint.address()));
        self.name_host(&mut request, endpoint);
        let mut outcome = match self.retry.as_ref().and_then(Retry::per_try_timeout) {
            None => self.exchange(pools, endpoint, choice, request).await,
            Some(limit) => {
                let progress = request.body().progress().cloned();
                let exchange = Box::pin(self.exchange(pools, endpoint, choice, request));
                let late = || Err(blame(progress.as_deref(), Failure::ResponseTimeout));
                timeout(limit, exchange).await.unwrap_or_else(|_elapsed| late())
            }
        };
        let took = clock::now().saturating_duration_since(started);
        tally.upstream_time = Some(took);
        tally.upstreams_time += took;
        self.judge(balance, endpoint, &outcome, took);
        match &mut outcome {
            Ok(response) => {
                self.metrics.duration.observe_duration(took);
                endpoint.answered();
                response.body_mut().keep(under_way);
            }
            Err(Fault::Unsent(_, failure) | Fault::Sent(failure)) => {
                endpoint.failed(failure);
                tracing::debug!(
                    upstream = %self.name,
                    endpoint = %endpoint.address(),
                    error = failure.token(),
                    "attempt failed"
                );
            }
        }
        outcome
    }

    /// Draws the conclusions of an attempt for the next ones.
    fn judge(
        &self,
        balance: &Balance,
        endpoint: &Endpoint,
        outcome: &Result<Response<ResponseBody>, Fault>,
        took: Duration,
    ) {
        let has_failed = match outcome {
            Ok(response) => response.status().is_server_error(),
            Err(Fault::Unsent(_, failure) | Fault::Sent(failure)) if !failure.is_upstream() => {
                return;
            }
            Err(_) => true,
        };
        endpoint.took(took, outcome.is_err(), clock::monotonic_us);
        let Some(outlier) = &self.care.balancing.outlier else { return };
        let all = balance.endpoints();
        let ejected = outlier::judge(endpoint, all, outlier, has_failed, clock::monotonic_us);
        if let Some(time) = ejected {
            let (upstream, endpoint) = (&self.name, endpoint.address());
            tracing::warn!(%upstream, %endpoint, seconds = time.as_secs(), "endpoint ejected");
        }
    }

    /// Over a connection of the pool, newest first, else over a new one.
    async fn exchange(
        &self,
        pools: &Arc<Pools>,
        endpoint: &Endpoint,
        choice: Choice,
        mut request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, Fault> {
        let reach = self.reach(endpoint, &request);
        // On a stage everybody speaks HTTP/1.1.
        if self.care.protocol == Protocol::Http2 && pools.stage().is_none() {
            return self.exchange_multiplexed(pools, endpoint, &reach, request).await;
        }
        let is_own = request.extensions().get::<Upgrading>().is_some();
        while !is_own
            && choice == Choice::Any
            && let Some(connection) = pools.take(&reach.key, clock::now())
        {
            let carrier = Carrier::Own(connection);
            match self.ask(pools, &reach.key, carrier, request).await {
                Err(Fault::Unsent(unsent, _)) => request = *unsent,
                outcome => return outcome,
            }
        }
        let opened = match self.connect(pools, endpoint, &reach).await {
            Ok(wire) => wire.speak_http1().await,
            Err(failure) => Err(failure),
        };
        match opened {
            Ok(connection) => self.ask(pools, &reach.key, Carrier::Own(connection), request).await,
            Err(failure) => Err(Fault::Unsent(Box::new(request), failure)),
        }
    }

    /// A new connection, to the network or on a stage.
    async fn connect(
        &self,
        pools: &Pools,
        endpoint: &Endpoint,
        reach: &Reach,
    ) -> Result<Wire, Failure> {
        let Some(stage) = pools.stage() else {
            let preface = reach.preface.as_deref();
            let timeout = self.connect_timeout;
            return connect::open(endpoint.target(), endpoint.tls(), preface, timeout).await;
        };
        stage.connect(&self.name).map(Wire::Staged).ok_or(Failure::ConnectionRefused)
    }

    async fn ask(
        &self,
        pools: &Arc<Pools>,
        key: &Arc<str>,
        mut carrier: Carrier,
        request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, Fault> {
        let progress = request.body().progress().cloned();
        let blame = |failure| blame(progress.as_deref(), failure);
        let is_own = request.extensions().get::<Upgrading>().is_some();
        let spare = carrier.spare(&request);
        let answer = tokio::select! {
            biased;
            answer = carrier.send(request) => answer,
            () = overdue(self.response_timeout, progress.as_deref()) => {
                return Err(blame(Failure::ResponseTimeout));
            }
        };
        let mut response = match answer {
            Ok(response) => response,
            Err((error, unsent)) => {
                let failure = fault::of_head(&error);
                let unsent = unsent.or(spare.filter(|_| fault::is_unprocessed(&error)));
                return Err(match unsent {
                    Some(unsent) => Fault::Unsent(Box::new(unsent), failure),
                    None => blame(failure),
                });
            }
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let on = hyper::upgrade::on(&mut response);
            return match carrier {
                Carrier::Own(connection) if is_own => {
                    let tunnel = Tunnel::new(on, connection);
                    Ok(response.map(|_empty| ResponseBody::switched(tunnel)))
                }
                // Nobody asked for another protocol: RFC 9110 section 15.2.2.
                _ => Err(Fault::Sent(Failure::ResponseMalformed)),
            };
        }
        let lease = Lease {
            carrier,
            pools: Arc::clone(pools),
            key: Arc::clone(key),
            idle_timeout: self.idle_timeout,
            request: progress,
        };
        Ok(response.map(|incoming| ResponseBody::new(incoming, self.response_timeout, lease)))
    }

    /// RFC 9112 section 3.2: a request has exactly one `Host`.
    fn name_host(&self, request: &mut Request<RequestBody>, endpoint: &Endpoint) {
        let of_route = request.extensions().get::<RouteHost>();
        let value = match of_route.map_or(&self.host, |RouteHost(policy)| policy) {
            HostPolicy::Fixed(value) => value.clone(),
            HostPolicy::Endpoint => endpoint.host().clone(),
            HostPolicy::Client => {
                // HTTP/1.0 clients need not name one.
                if let Entry::Vacant(none) = request.headers_mut().entry(header::HOST) {
                    none.insert(endpoint.host().clone());
                }
                return;
            }
        };
        request.headers_mut().insert(header::HOST, value);
    }
}

/// A failure of the endpoint, unless the client's body failed first.
fn blame(progress: Option<&Progress>, failure: Failure) -> Fault {
    let client = progress.and_then(Progress::failure);
    Fault::Sent(client.cloned().unwrap_or(failure))
}

/// Ends when the upstream has had nothing to wait for, for `timeout`.
///
/// The time runs from the moment the request is handed to the connection and begins anew with each
/// frame of its body that is passed on; it stands still while the client is waited for, which has a
/// limit of its own.
async fn overdue(timeout: Duration, progress: Option<&Progress>) {
    let mut left = timeout;
    while !left.is_zero() {
        sleep(left).await;
        left = match progress.map(Progress::upstream_idle) {
            None => Duration::ZERO,
            Some(Some(idle)) => timeout.saturating_sub(idle),
            Some(None) => timeout,
        };
    }
}

#[cfg(test)]
mod tests;
