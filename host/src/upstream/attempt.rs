//! One attempt: one endpoint, one connection, one response's head.

use std::sync::Arc;
use std::time::Duration;

use http::header::{self, Entry};
use http::{Request, Response, StatusCode};
use tokio::time::{sleep, timeout};

use super::balance::Balance;
use super::carrier::Carrier;
use super::connect::{self, Wire};
use super::endpoint::Endpoint;
use super::health::outlier;
use super::reach::Reach;
use super::response::{Lease, ResponseBody};
use super::retry::Retry;
use super::tries::Choice;
use super::tunnel::{Tunnel, Upgrading};
use super::{Pools, RouteHost, Upstream, fault};
use crate::body::{Progress, RequestBody};
use crate::clock;
use crate::config::{HostPolicy, Protocol};
use crate::facts::Tally;
use crate::failure::Failure;

/// What a client is told if every endpoint has as many exchanges as it may.
const BUSY: &str = "all endpoints of the upstream are busy";

/// Why an attempt brought no response.
pub(super) enum Fault {
    /// Nothing was sent: another endpoint can be asked.
    Unsent(Box<Request<RequestBody>>, Failure),
    /// The endpoint may have seen the request.
    Sent(Failure),
}

impl Upstream {
    /// One endpoint, with its part of the tally and the metrics.
    pub(super) async fn attempt(
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
        let answered = match outcome {
            Ok(response) => (!response.status().is_server_error()).then_some(took),
            Err(Fault::Unsent(_, failure) | Fault::Sent(failure)) if !failure.is_upstream() => {
                return;
            }
            Err(_) => None,
        };
        endpoint.took(took, outcome.is_err(), clock::monotonic_us);
        let Some(outlier) = &self.care.balancing.outlier else { return };
        let all = balance.endpoints();
        let ejected = outlier::judge(endpoint, all, outlier, answered, clock::monotonic_us);
        if let Some((time, reason)) = ejected {
            let (upstream, endpoint) = (&self.name, endpoint.address());
            let (seconds, why) = (time.as_secs(), reason.as_str());
            tracing::warn!(%upstream, %endpoint, seconds, why, "endpoint ejected");
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
        // Most tries need none, and it takes room.
        let opened = match Box::pin(self.connect(pools, endpoint, &reach)).await {
            Ok(wire) => wire.speak_http1().await,
            Err(failure) => Err(failure),
        };
        match opened {
            Ok(connection) => self.ask(pools, &reach.key, Carrier::Own(connection), request).await,
            Err(failure) => Err(Fault::Unsent(Box::new(request), failure)),
        }
    }

    /// A new connection, to the network or on a stage.
    pub(super) async fn connect(
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

    pub(super) async fn ask(
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
