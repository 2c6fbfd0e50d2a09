//! One request, top to bottom.
//!
//! [`handle`] has one way out: every request ends in a response, good or bad. What it goes through
//! reads from `serve` downwards; the exchange itself ends when its response's body does, or when
//! its future or body is dropped because the client left, in [`finish`].

mod arrival;
mod body;
mod compress;
mod entrance;
mod fields;
mod finish;
mod forward;
mod handler;
mod mirror;
mod observer;
mod reply;
mod slot;
mod span;
mod upgrade;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Response, StatusCode};
use tokio::time::Instant as Deadline;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

pub use body::{Body, Cut};
pub use observer::Observer;
pub use slot::begin;

use arrival::{Arrival, Way};
use finish::Finisher;
use upgrade::Offer;

use crate::body::{Content, Held, Incoming, RequestBody};
use crate::config::Redirect;
use crate::facts::{Exchange, Open, ResponseHead, Scheme, Source};
use crate::failure::Failure;
use crate::gate::Gate;
use crate::listener::{Entrance, Peer};
use crate::plugin::{Answered, Holding, Requested};
use crate::route::redirect;
use crate::snapshot::{Destination, Route, Snapshot};
use crate::upstream::{Pools, Upstream};

/// What one worker thread serves with.
pub struct Worker {
    /// Its own connections to endpoints.
    pub pools: Arc<Pools>,
    /// The current one; an exchange keeps the one that it began with.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// Bodies that are held for plugins; all workers share it.
    pub held: Arc<Held>,
    /// Where exchanges wait if too many are under way; all workers share it.
    pub exchanges: Arc<Gate>,
    /// What goes on after a response: log phases. An ending gateway waits for them.
    pub tasks: TaskTracker,
    /// Sees every exchange from outside; a gateway that serves has none.
    pub observer: Option<Arc<dyn Observer>>,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}

/// Answers one request that came in on a listener.
///
/// A drop cancels what is under way upstream and finishes the exchange as one whose client left.
pub async fn handle(
    worker: Arc<Worker>,
    entrance: Entrance,
    request: http::Request<impl Into<Incoming>>,
    peer: Arc<Peer>,
) -> Response<Body> {
    let mut response = answer(worker, &entrance, request.map(Into::into), peer).await;
    if let Some(rules) = &entrance.rules {
        entrance::mark(rules, response.headers_mut());
    }
    response
}

async fn answer(
    worker: Arc<Worker>,
    entrance: &Entrance,
    request: http::Request<Incoming>,
    peer: Arc<Peer>,
) -> Response<Body> {
    let snapshot = worker.snapshot.load_full();
    let arrival = arrival::receive(&snapshot, entrance, request, &peer);
    let Arrival { mut exchange, body, form, mut way, hop, offer } = arrival;
    let index = way.as_ref().ok().and_then(Way::route);
    let finisher = Arc::new(Finisher::new(&snapshot, index, &worker.tasks));
    let finish = match &worker.observer {
        None => Arc::clone(&finisher) as _,
        Some(observer) => observer::attend(observer, &mut exchange, &finisher),
    };
    let mut open = Open::new(exchange, finish);
    if let Some(bounds) = &snapshot.settings.limits.exchanges {
        match Box::pin(worker.exchanges.enter(bounds)).await {
            Ok(place) => finisher.hold(place),
            Err(_no_place) => {
                let why = "the gateway serves as many requests as it can";
                way = way.and(Err(Failure::Overloaded(why)));
            }
        }
    }

    let failure = match way {
        Ok(Way::Early(early)) => {
            let (status, headers, body) = early.reply();
            open.respond(Source::Gateway, ResponseHead { status, headers });
            return respond(&snapshot, open, body.into(), None, None);
        }
        Ok(Way::Route(_)) => None,
        Err(failure) => Some(failure),
    };
    let route = index.and_then(|index| snapshot.routes.get(index));
    let (Some(route), None) = (route, &failure) else {
        let failure = failure.unwrap_or(Failure::RouteNotFound);
        let content = fail(&snapshot, &form, &mut open, failure);
        return respond(&snapshot, open, content.into(), None, None);
    };
    let compress = compress::Choice::of(route, &open.request);
    let (snapshot, worker, peer) = (&*snapshot, &*worker, &*peer);
    let served = Served { snapshot, route, worker, form, hop, peer, entrance, compress };
    let span = open.span.clone();
    // Pinned, here and below, where something is put around a future: to move it is to copy kilobytes.
    let response = pin!(served.serve(open, body, &finisher, offer));
    response.instrument(span).await
}

/// What serving one exchange needs.
struct Served<'a> {
    snapshot: &'a Snapshot,
    route: &'a Route,
    worker: &'a Worker,
    form: reply::Form,
    hop: arrival::Trust,
    peer: &'a Peer,
    entrance: &'a Entrance,
    /// If the route's responses are compressed.
    compress: Option<compress::Choice<'a>>,
}

impl Served<'_> {
    async fn serve(
        &self,
        open: Open,
        body: Incoming,
        finisher: &Finisher,
        mut offer: Option<Box<Offer>>,
    ) -> Response<Body> {
        let timeout = self.form.timeout().unwrap_or(Duration::MAX).min(self.route.timeout);
        let deadline = Deadline::from_std(open.received) + timeout;

        let holding = Holding { held: &self.worker.held, deadline };
        let mut body = forward::body(self, body, finisher);

        let requested = self.route.pipeline.on_request(open, &mut body, &holding).await;
        let Requested { mut open, answered, turns } = requested;
        let mut cookie = None;
        let content = match answered {
            Answered::Plugin(content) => content.into(),
            Answered::Failed(failure) => {
                self.fail(&mut open, forward::blame(self, finisher, failure))
            }
            Answered::Not => {
                let (offer, cookie) = (offer.as_deref_mut(), &mut cookie);
                self.arrive(&mut open, body, finisher, deadline, offer, cookie).await
            }
        };
        open.take_in();

        let (open, content) = self
            .route
            .pipeline
            .on_response(open, turns, content, &holding, |exchange, failure| {
                fail(self.snapshot, &self.form, exchange, failure)
            })
            .await;
        match offer {
            None => respond(self.snapshot, open, content, Some((self, deadline)), cookie),
            Some(offer) => upgrade::respond(self, *offer, open, content, deadline, cookie),
        }
    }

    /// Goes where the route leads; the exchange has its response afterwards, and `cookie` what makes the
    /// client stay with the upstream that was chosen for it.
    async fn arrive(
        &self,
        open: &mut Open,
        body: RequestBody,
        finisher: &Finisher,
        deadline: Deadline,
        offer: Option<&mut Offer>,
        cookie: &mut Option<HeaderValue>,
    ) -> Content {
        if forward::lacks_slash(self, open) {
            return self.redirect(open, &redirect::to_slash(open.request.path()));
        }
        match &self.route.destination {
            Destination::Upstream(upstream) => {
                self.forward(open, upstream, body, finisher, deadline, offer).await
            }
            Destination::Split(chooser, upstreams) => {
                let is_https = open.request.scheme == Scheme::Https;
                let client = open.client.address;
                let choice = chooser.choose(&open.request.headers, client, is_https);
                let Some(upstream) = upstreams.get(choice.index) else {
                    return self.fail(open, Failure::DestinationUnavailable);
                };
                *cookie = choice.cookie;
                self.forward(open, upstream, body, finisher, deadline, offer).await
            }
            Destination::Handler(plugin) => {
                let asked = {
                    let asked = pin!(handler::ask(self, open, plugin, body));
                    tokio::time::timeout_at(deadline, asked).await
                };
                match asked {
                    Ok(Ok(handled)) => handler::answer(self, open, handled),
                    Ok(Err(failure)) => self.fail(open, failure),
                    Err(_elapsed) => self.fail(open, Failure::RouteTimeout),
                }
            }
            Destination::Fixed(response) => {
                let (status, headers, body) = reply::fixed(response);
                open.respond(Source::Gateway, ResponseHead { status, headers });
                body.into()
            }
            Destination::Redirect(to) => self.redirect(open, to),
        }
    }

    /// Asks an upstream.
    async fn forward(
        &self,
        open: &mut Open,
        upstream: &Arc<Upstream>,
        body: RequestBody,
        finisher: &Finisher,
        deadline: Deadline,
        offer: Option<&mut Offer>,
    ) -> Content {
        // Before the request takes the head's fields with it.
        open.tally.affinity = upstream.affinity(open);
        let mut request = match forward::request(self, open, body) {
            Ok(request) => request,
            Err(failure) => return self.fail(open, failure),
        };
        if upstream.tells_ends() {
            request.extensions_mut().insert(forward::ends(self, open));
        }
        match (&offer, &self.route.mirror) {
            (Some(offer), _) => offer.ask(&mut request),
            (None, Some(mirror)) => mirror::copy(self, mirror, &mut request),
            (None, None) => {}
        }
        let sent = {
            let sent = pin!(upstream.send(&self.worker.pools, request, deadline, &mut open.tally));
            tokio::time::timeout_at(deadline, sent).await
        };
        let outcome = match sent {
            Ok(outcome) => outcome,
            Err(_elapsed) => Err(Failure::RouteTimeout),
        };
        match (outcome, offer) {
            (Ok(response), Some(offer)) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                offer.take_up(self, open, response)
            }
            (Ok(response), _) => forward::response(self, open, response),
            (Err(failure), _) => match forward::verdict(open, failure) {
                Ok(content) => content,
                Err(failure) => self.fail(open, forward::blame(self, finisher, failure)),
            },
        }
    }

    /// Sends the client elsewhere.
    fn redirect(&self, open: &mut Open, to: &Redirect) -> Content {
        let request = &open.request;
        let origin = redirect::Origin {
            scheme: request.scheme.as_str(),
            host: &request.host,
            port: request.port,
            path: request.path(),
            query: request.query(),
        };
        match redirect::location(to, &origin) {
            Ok(location) => {
                let (status, headers, body) = reply::redirect(to.status, &location);
                open.respond(Source::Gateway, ResponseHead { status, headers });
                body.into()
            }
            Err(error) => self.fail(open, Failure::RequestMalformed(error.reason())),
        }
    }

    fn fail(&self, open: &mut Open, failure: Failure) -> Content {
        fail(self.snapshot, &self.form, open, failure).into()
    }
}

/// Makes the gateway's answer to a failure the exchange's response.
fn fail(
    snapshot: &Snapshot,
    form: &reply::Form,
    exchange: &mut Exchange,
    failure: Failure,
) -> Bytes {
    let name = &snapshot.settings.gateway.name;
    let (status, headers, content) = reply::to(&failure, form, &exchange.id, name);
    let Exchange { id, route, tally, .. } = &*exchange;
    let (upstream, endpoint) = (tally.upstream.as_deref(), tally.endpoint.as_deref());
    // The status of an answer to gRPC says nothing.
    if failure.status() >= 500 {
        let error = failure.token();
        tracing::warn!(request_id = %id, %route, upstream, endpoint, error, "exchange failed");
    } else {
        let error = failure.token();
        tracing::debug!(request_id = %id, %route, error, cause = %failure, "request refused");
    }
    exchange.tally.failure = Some(failure);
    exchange.respond(Source::Gateway, ResponseHead { status, headers });
    content
}

/// Turns the exchange's response and `content` into what hyper sends; `cookie` goes with the answer of
/// an upstream.
fn respond(
    snapshot: &Snapshot,
    mut open: Open,
    content: Content,
    routed: Option<(&Served<'_>, Deadline)>,
    cookie: Option<HeaderValue>,
) -> Response<Body> {
    let keep = routed.is_some_and(|(served, _)| served.route.pipeline.has_log_phase());
    let Exchange { request, response, id, source, .. } = &mut *open;
    let Some(head) = response else {
        // `serve` sets it on every way; answering without one would be answering nothing.
        return Response::new(Body::new(Content::Empty, open, None));
    };
    if *source == Source::Upstream {
        fields::set_request_id(&mut head.headers, id);
    } else {
        fields::via(&mut head.headers, http::Version::HTTP_11, &snapshot.settings.gateway.name);
        fields::set_request_id(&mut head.headers, id);
    }
    if let Some(cookie) = cookie.filter(|_| *source == Source::Upstream) {
        head.headers.append(header::SET_COOKIE, cookie);
    }
    if let Some((served, _)) = routed {
        let edits = &served.route.response_headers;
        edits.apply(&mut head.headers, || forward::captured(request));
    }
    let content = match routed.and_then(|(served, _)| served.compress.as_ref()) {
        Some(compress) => compress.apply(&request.method, head, content),
        None => content,
    };
    let length = fields::Content::of_response(&request.method, head.status, content.exact());
    if let Content::Full(full) = &content
        && request.method == Method::HEAD
        && head.status != StatusCode::NOT_MODIFIED
    {
        // RFC 9110 section 8.6: what a GET would have got.
        fields::frame(&mut head.headers, fields::Content::Exact(full.bytes().len() as u64));
    }
    fields::frame(&mut head.headers, length);
    let bodyless = matches!(length, fields::Content::Nothing | fields::Content::Described)
        || head.status == StatusCode::RESET_CONTENT;
    let content = if bodyless { Content::Empty } else { content };

    let status = head.status;
    let headers = if keep { head.headers.clone() } else { std::mem::take(&mut head.headers) };
    let deadline = routed.map(|(_, deadline)| deadline);
    let farewell = routed.and_then(|(served, _)| served.route.farewell());
    let mut sent = Response::new(Body::new(content, open, deadline).until(farewell));
    *sent.status_mut() = status;
    *sent.headers_mut() = headers;
    sent
}
