//! From hyper's request to an exchange: who asks, for what, and by which route.

use std::sync::Arc;

use http::header::{self, HeaderMap, HeaderValue};
use http::uri::Uri;
use http::{Method, Request, Version};
use hyper::body::Incoming;

use super::entrance::{self, Early};
use super::reply::Form;
use super::upgrade::{Offer, Wish};
use super::{fields, span};
use crate::body::RequestBody;
use crate::clock;
use crate::facts::{Client, Exchange, HeadLimits, RequestHead, Scheme};
use crate::failure::Failure;
use crate::listener::{Entrance, Fault, Peer};
use crate::route::{Head, host, path};
use crate::snapshot::Snapshot;
use crate::telemetry::metrics::UNMATCHED;

/// A request that has come in.
pub(super) struct Arrival {
    pub(super) exchange: Box<Exchange>,
    pub(super) body: Incoming,
    /// How a failure is written; the head itself may have gone upstream by then.
    pub(super) form: Form,
    /// Where it goes, or why it goes nowhere.
    pub(super) way: Result<Way, Failure>,
    pub(super) hop: Trust,
    /// Of another protocol, which the route allows.
    pub(super) offer: Option<Box<Offer>>,
}

/// What is to be known of the last hop when the request goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trust {
    /// Whether the peer's forwarded fields are believed.
    pub(super) trusted: bool,
    /// Whether the client accepts trailers.
    pub(super) trailers: bool,
}

/// Reads the head, takes away what is about the connection, and finds the route.
pub(super) fn receive(
    snapshot: &Snapshot,
    entrance: &Entrance,
    request: Request<Incoming>,
    peer: &Peer,
) -> Arrival {
    let fault = peer.take_fault();
    let received = clock::now();
    let (mut parts, body) = request.into_parts();
    let wish = Wish::take(&mut parts, &body);
    let mut headers = parts.headers;
    let settings = &snapshot.settings;
    let direct = if peer.tls.is_some() { Scheme::Https } else { Scheme::Http };

    // HTTP/1 was counted by the guard; HTTP/2 bounds only the bytes of a head by itself.
    let crowded =
        parts.version == Version::HTTP_2 && headers.len() > settings.limits.request_headers;
    let trailers = fields::strip_hop_by_hop(&mut headers);
    let client = fields::client(peer.address.ip(), &headers, &settings.gateway.trusted_proxies);
    let id = fields::request_id(&headers, client.trusted);
    fields::set_request_id(&mut headers, &id);
    if parts.version == Version::HTTP_2 {
        fields::join_cookies(&mut headers);
    }
    let named = name_host(&parts.uri, &mut headers, parts.version);
    let hop = fields::Hop { peer: peer.address.ip(), scheme: direct, port: entrance.port };
    fields::forward(&mut headers, hop, &client);
    fields::set_client_certificate(&mut headers, peer.tls.as_deref());
    let trace = settings.gateway.propagates_trace.then(|| fields::Trace::hand_on(&mut headers));
    let form = Form::of(&headers);

    let head_limits = HeadLimits {
        headers: settings.limits.request_headers,
        bytes: settings.limits.request_head_bytes,
    };
    let request = RequestHead {
        method: parts.method,
        scheme: client.scheme.unwrap_or(direct),
        version: parts.version,
        host: Box::default(),
        port: None,
        uri: parts.uri,
        path: None,
        path_is_final: false,
        query: None,
        headers,
    };
    let trusted = client.trusted;
    let client = Client { address: client.address, peer: peer.address, tls: peer.tls.clone() };
    let received = (received, clock::unix_ms());
    let exchange = Exchange::new(id, received, client, unmatched(), request, head_limits);
    let mut exchange = Box::new(exchange);
    let hop = Trust { trusted, trailers };
    let way = match (fault, named) {
        (Some(fault), _) => Err(refuse(fault)),
        (None, _) if crowded => Err(Failure::RequestHeadTooLarge),
        (None, Err(why)) => Err(Failure::RequestMalformed(why)),
        (None, Ok((host, port))) => {
            exchange.request.host = host;
            exchange.request.port = port;
            lead(snapshot, entrance, &mut exchange, &body)
        }
    };
    let (way, offer) = match (way, wish) {
        (Ok(Way::Route(index)), Some(wish)) => match wish.allowed(snapshot.routes.get(index)) {
            Ok(offer) => (Ok(Way::Route(index)), offer),
            Err(failure) => (Err(failure), None),
        },
        (way, _) => (way, None),
    };
    exchange.span = span::begin(&exchange, trace);
    Arrival { exchange, body, form, way, hop, offer }
}

/// Where a request goes.
pub(super) enum Way {
    /// Index into the snapshot's routes.
    Route(usize),
    /// No further: it is answered before any route is looked for.
    Early(Early),
}

impl Way {
    pub(super) const fn route(&self) -> Option<usize> {
        match self {
            Self::Route(index) => Some(*index),
            Self::Early(_) => None,
        }
    }
}

fn lead(
    snapshot: &Snapshot,
    entrance: &Entrance,
    exchange: &mut Exchange,
    body: &Incoming,
) -> Result<Way, Failure> {
    let rules = entrance.rules.as_deref();
    match entrance::early(rules, &snapshot.challenges, &exchange.request)? {
        Some(early) => Ok(Way::Early(early)),
        None => find(snapshot, exchange, body).map(Way::Route),
    }
}

/// The name of the route where there is none, made once.
fn unmatched() -> Arc<str> {
    static NAME: std::sync::OnceLock<Arc<str>> = std::sync::OnceLock::new();
    Arc::clone(NAME.get_or_init(|| UNMATCHED.into()))
}

fn refuse(fault: Fault) -> Failure {
    match fault {
        Fault::Malformed(fault) => {
            Failure::Malformed { status: fault.status, reason: fault.reason }
        }
        Fault::HeadTimeout => Failure::RequestHeadTimeout,
    }
}

/// The host and port that the client asks for, with `Host` made to say the same.
///
/// In HTTP/1 the guard has seen to it that a target with an authority agrees with `Host`; in HTTP/2
/// the authority is the one that counts, and a `Host` beside it must be the same (RFC 9113 section
/// 8.3.1).
fn name_host(
    uri: &Uri,
    headers: &mut HeaderMap,
    version: Version,
) -> Result<(Box<str>, Option<u16>), &'static str> {
    if let Some(authority) = uri.authority() {
        let told = headers.get(header::HOST);
        if version == Version::HTTP_2
            && told.is_some_and(|told| {
                !told.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes())
            })
        {
            return Err("host and :authority differ");
        }
        if told.is_none() {
            let value = HeaderValue::from_str(authority.as_str());
            headers.insert(header::HOST, value.map_err(|_invalid| "the host is not valid")?);
        }
    }
    let Some(told) = headers.get(header::HOST) else {
        return Ok((Box::default(), None));
    };
    let told = told.to_str().map_err(|_not_ascii| "the host is not valid")?;
    if told.is_empty() {
        return Ok((Box::default(), None));
    }
    let host = host::parse(told).map_err(host::HostError::reason)?;
    Ok((host.name.into(), host.port))
}

/// Finds the route and whatever refuses the request before a plugin sees it.
fn find(snapshot: &Snapshot, exchange: &mut Exchange, body: &Incoming) -> Result<usize, Failure> {
    let request = &mut exchange.request;
    if request.method == Method::CONNECT {
        return Err(Failure::MethodNotSupported);
    }
    let canonical = path::canonical(request.uri.path())
        .map_err(|error| Failure::RequestMalformed(error.reason()))?;
    let head = Head {
        host: &request.host,
        path: &canonical.path,
        method: &request.method,
        headers: &request.headers,
        query: request.uri.query(),
        client: Some(exchange.client.address),
        server_name: exchange.client.tls.as_ref().and_then(|tls| tls.server_name.as_deref()),
    };
    let index = snapshot.router.find(&head).ok_or(Failure::RouteNotFound)?;
    let route = snapshot.routes.get(index).ok_or(Failure::RouteNotFound)?;
    canonical
        .check(route.allow_encoded_slash)
        .map_err(|error| Failure::RequestMalformed(error.reason()))?;
    let rewritten = match canonical.path {
        std::borrow::Cow::Borrowed(_) => None,
        std::borrow::Cow::Owned(path) => Some(path.into_boxed_str()),
    };
    request.path = rewritten;
    exchange.route = Arc::clone(&route.name);
    if RequestBody::exceeds(body, route.request_body_bytes) {
        return Err(Failure::RequestBodyTooLarge);
    }
    Ok(index)
}
