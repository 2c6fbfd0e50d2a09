//! Upstreams: which endpoint is asked, over which connection, and how long.
//!
//! ```text
//! Upstream --balance--> Endpoint --pool or connect--> connection --> ResponseBody --> pool
//! ```
//!
//! A connection is in the pool, lent to one exchange, or closed. It goes back into its pool when
//! the response was read to its end and the request was sent to its end; a drop at any other moment
//! closes it. So an exchange whose future is dropped cancels the upstream, without code of its own.

mod balance;
mod carrier;
mod connect;
mod endpoint;
mod fault;
mod multiplex;
mod pool;
mod proxy_protocol;
mod reach;
mod response;
mod tls;
mod tunnel;

use std::sync::Arc;
use std::time::Duration;

use http::header::{self, Entry};
use http::{Request, Response, StatusCode, Version};
use tokio::time::sleep;

use crate::body::{Progress, RequestBody};
use crate::clock;
use crate::config::{self, HostPolicy, HttpOrigin, Protocol, ProxyVersion};
use crate::facts::Tally;
use crate::failure::Failure;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::UpstreamMetrics;
use balance::Balance;
use carrier::Carrier;
use connect::Wire;
pub use endpoint::Endpoint;
pub use pool::{IDLE_MAX, IDLE_PER_ENDPOINT_MAX, Pools, Stage};
use reach::Reach;
use response::Lease;
pub use response::ResponseBody;
pub use tls::{Tls, TlsError};
pub use tunnel::{Tunnel, Upgrading};

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
    endpoints: Box<[Endpoint]>,
    balance: Balance,
    connect_timeout: Duration,
    response_timeout: Duration,
    idle_timeout: Duration,
    host: HostPolicy,
    protocol: Protocol,
    proxy_protocol: Option<ProxyVersion>,
    metrics: Arc<UpstreamMetrics>,
}

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
        let known = previous.map_or(&[][..], |upstream| &upstream.endpoints);
        let weights: Vec<u32> = config.endpoints.iter().map(|endpoint| endpoint.weight).collect();
        Arc::new(Self {
            name: config.name.as_str().into(),
            endpoints: config
                .endpoints
                .iter()
                .map(|endpoint| Endpoint::build(endpoint, tls.as_ref(), &own, known))
                .collect(),
            balance: Balance::build(&weights, previous.map(|upstream| &upstream.balance)),
            connect_timeout: config.connect_timeout,
            response_timeout: config.response_timeout,
            idle_timeout: config.idle_timeout,
            host: config.host.clone(),
            protocol: config.protocol,
            proxy_protocol: config.proxy_protocol,
            metrics: own,
        })
    }

    /// What lies behind an origin that the configuration does not know as an upstream; counted
    /// nowhere, since there may be any number of them. `tls` is for `https`.
    #[must_use]
    pub fn of_origin(origin: &HttpOrigin, tls: Option<Tls>) -> Arc<Self> {
        let HttpOrigin { is_https, host, port } = origin.clone();
        let endpoint = config::Endpoint { is_https, host, port, weight: 1 };
        let metrics = Arc::<UpstreamMetrics>::default();
        Arc::new(Self {
            name: origin.to_string().into(),
            endpoints: Box::new([Endpoint::build(&endpoint, tls.as_ref(), &metrics, &[])]),
            balance: Balance::build(&[endpoint.weight], None),
            connect_timeout: ORIGIN_CONNECT_TIMEOUT,
            response_timeout: ORIGIN_RESPONSE_TIMEOUT,
            idle_timeout: ORIGIN_IDLE_TIMEOUT,
            host: HostPolicy::Endpoint,
            protocol: Protocol::Http1,
            proxy_protocol: None,
            metrics,
        })
    }

    /// As in the configuration.
    #[must_use]
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What is spoken to its endpoints.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Whether connections to it can leave HTTP for another protocol.
    #[must_use]
    pub fn can_switch(&self) -> bool {
        self.protocol == Protocol::Http1
    }

    /// Whether its endpoints are told whose connection a request came by, which an extension of the
    /// request has to say: [`Ends`](crate::facts::Ends).
    #[must_use]
    pub const fn tells_ends(&self) -> bool {
        self.proxy_protocol.is_some()
    }

    /// In the order of the configuration.
    pub fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.iter()
    }

    /// Sends a request and gives its response as soon as the head is in.
    ///
    /// The URI is in origin-form and the fields are end-to-end; `host` is set here. A dead
    /// connection of the pool is replaced, and an endpoint that cannot be connected to is passed
    /// over for the next in turn, each endpoint being asked once at most. Both happen only while
    /// nothing of the request was sent and nothing of its body was read.
    ///
    /// A drop of this future or of the response's body closes the connection, which cancels the
    /// request at the endpoint.
    ///
    /// # Errors
    ///
    /// Who failed: the last endpoint that was asked, or the client if its body did.
    pub async fn send(
        self: &Arc<Self>,
        pools: &Arc<Pools>,
        mut request: Request<RequestBody>,
        tally: &mut Tally,
    ) -> Result<Response<ResponseBody>, Failure> {
        *request.version_mut() = Version::HTTP_11;
        tally.upstream = Some(Arc::clone(&self.name));
        let mut failure = Failure::DestinationUnavailable;
        let mut turn = self.balance.turn();
        while let Some(endpoint) = turn.next().and_then(|index| self.endpoints.get(index)) {
            match self.attempt(pools, endpoint, request, tally).await {
                Ok(response) => return Ok(response),
                Err(Fault::Sent(failure)) => return Err(failure),
                Err(Fault::Unsent(unsent, why)) => (request, failure) = (*unsent, why),
            }
        }
        Err(failure)
    }

    /// One endpoint, with its part of the tally and the metrics.
    async fn attempt(
        &self,
        pools: &Arc<Pools>,
        endpoint: &Endpoint,
        mut request: Request<RequestBody>,
        tally: &mut Tally,
    ) -> Result<Response<ResponseBody>, Fault> {
        let started = clock::now();
        tally.attempts = tally.attempts.saturating_add(1);
        tally.endpoint = Some(Arc::clone(endpoint.address()));
        self.name_host(&mut request, endpoint);
        let outcome = self.exchange(pools, endpoint, request).await;
        let took = clock::now().saturating_duration_since(started);
        tally.upstream_time = Some(took);
        match &outcome {
            Ok(_) => {
                self.metrics.duration.observe_duration(took);
                endpoint.answered();
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

    /// Over a connection of the pool, newest first, else over a new one.
    async fn exchange(
        &self,
        pools: &Arc<Pools>,
        endpoint: &Endpoint,
        mut request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, Fault> {
        let reach = self.reach(endpoint, &request);
        // On a stage everybody speaks HTTP/1.1.
        if self.protocol == Protocol::Http2 && pools.stage().is_none() {
            return self.exchange_multiplexed(pools, endpoint, &reach, request).await;
        }
        let is_own = request.extensions().get::<Upgrading>().is_some();
        while !is_own && let Some(connection) = pools.take(&reach.key, clock::now()) {
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
        let blame = |failure| {
            let client = progress.as_deref().and_then(Progress::failure);
            Fault::Sent(client.cloned().unwrap_or(failure))
        };
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
        let value = match &self.host {
            HostPolicy::Fixed(value) => value,
            HostPolicy::Endpoint => endpoint.host(),
            HostPolicy::Client => {
                // HTTP/1.0 clients need not name one.
                if let Entry::Vacant(none) = request.headers_mut().entry(header::HOST) {
                    none.insert(endpoint.host().clone());
                }
                return;
            }
        };
        request.headers_mut().insert(header::HOST, value.clone());
    }
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
