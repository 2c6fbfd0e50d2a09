//! What goes to the upstream, and what comes back.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::uri::{PathAndQuery, Uri};
use http::{Request, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;

use super::finish::Finisher;
use super::{Served, fail, fields};
use crate::body::{Content, Progress, RequestBody};
use crate::config::Rewrite;
use crate::facts::{Ends, Open, RequestHead, ResponseHead, Source, Verdict};
use crate::failure::Failure;
use crate::route::rewrite;
use crate::upstream::{ResponseBody, RouteHost};

/// The request's body, within the route's and the gateway's limits.
pub(super) fn body(served: &Served<'_>, body: Incoming, finisher: &Finisher) -> RequestBody {
    if body.is_end_stream() {
        return RequestBody::empty();
    }
    let progress = Arc::new(Progress::new());
    finisher.follow(&progress);
    let idle = served.snapshot.settings.limits.body_timeout;
    RequestBody::streamed(body, served.route.request_body_bytes, idle, progress)
}

/// The request as the upstream gets it; `Host` is set by the policy of the route or the upstream.
/// Fails if the route's rewrite makes no path of the request's.
pub(super) fn request(
    served: &Served<'_>,
    open: &mut Open,
    body: RequestBody,
) -> Result<Request<RequestBody>, Failure> {
    let pipeline = &served.route.pipeline;
    let request = &mut open.request;
    let uri = target(request, served.route.rewrite.as_ref())?;
    // Later phases may look at the request; without them nobody will.
    let mut headers = if pipeline.looks_back() {
        request.headers.clone()
    } else {
        std::mem::take(&mut request.headers)
    };
    let stripped = stripped(served, request);
    fields::prefix(&mut headers, served.hop.trusted, stripped);
    served.route.request_headers.apply(&mut headers);
    fields::via(&mut headers, request.version, &served.snapshot.settings.gateway.name);
    if served.hop.trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("te"));
    }
    let exact = body.size_hint().exact();
    fields::frame(&mut headers, fields::Content::of_request(&request.method, exact));

    let mut sent = Request::new(body);
    *sent.method_mut() = request.method.clone();
    *sent.uri_mut() = uri;
    *sent.headers_mut() = headers;
    if let Some(host) = &served.route.host {
        sent.extensions_mut().insert(RouteHost(host.clone()));
    }
    Ok(sent)
}

/// Whether the path lacks the final slash of the route's location, as nginx has it.
pub(super) fn lacks_slash(served: &Served<'_>, open: &Open) -> bool {
    let bare = served.route.bare.as_deref();
    bare.is_some_and(|bare| !open.request.path_is_final && open.request.path() == bare)
}

/// Whose connection the request came by; behind a trusted proxy, whose request it is.
pub(super) fn ends(served: &Served<'_>, open: &Open) -> Ends {
    let client = if open.client.address == open.client.peer.ip() {
        open.client.peer
    } else {
        // Which port the proxy was asked from is not known.
        SocketAddr::new(open.client.address, 0)
    };
    Ends { client, gateway: served.peer.gateway }
}

/// The prefix that the route's rewrite takes away.
pub(super) fn stripped<'a>(served: &Served<'a>, request: &RequestHead) -> Option<&'a str> {
    match &served.route.rewrite {
        Some(Rewrite::StripPrefix(prefix)) if !request.path_is_final => Some(prefix.as_str()),
        Some(Rewrite::Kong { prefix, strip: true, .. }) if !request.path_is_final => {
            Some(prefix.trim_end_matches('/'))
        }
        _ => None,
    }
}

/// The path that the route's rewrite or a plugin made.
pub(super) fn path<'a>(
    request: &'a RequestHead,
    rewrite: Option<&'a Rewrite>,
) -> Result<Cow<'a, str>, Failure> {
    match rewrite.filter(|_| !request.path_is_final) {
        None => Ok(Cow::Borrowed(request.path())),
        Some(Rewrite::Raw) => Ok(Cow::Borrowed(request.uri.path())),
        Some(rewrite) => rewrite::apply(rewrite, request.path())
            .map_err(|error| Failure::RequestMalformed(error.reason())),
    }
}

/// The target in origin-form: the path that the route's rewrite or a plugin made, and the query.
fn target(request: &RequestHead, rewrite: Option<&Rewrite>) -> Result<Uri, Failure> {
    let path = path(request, rewrite)?;
    let untouched = request.query.is_none() && path == request.uri.path();
    if untouched && request.uri.authority().is_none() {
        return Ok(request.uri.clone());
    }
    let query = request.query();
    let mut text = String::with_capacity(path.len() + query.map_or(0, |query| query.len() + 1));
    text.push_str(&path);
    if let Some(query) = query {
        text.push('?');
        text.push_str(query);
    }
    // Canonical paths and checked queries hold only what a target may.
    Ok(PathAndQuery::from_maybe_shared(Bytes::from(text))
        .map_or_else(|_| Uri::from_static("/"), Uri::from))
}

/// Takes the upstream's response over into the exchange.
pub(super) fn response(
    served: &Served<'_>,
    open: &mut Open,
    response: Response<ResponseBody>,
) -> Content {
    let (parts, body) = response.into_parts();
    if parts.status == StatusCode::SWITCHING_PROTOCOLS || parts.status.as_u16() > 599 {
        let failure = Failure::ResponseMalformed;
        return fail(served.snapshot, &served.form, open, failure).into();
    }
    let mut headers = parts.headers;
    let name = &served.snapshot.settings.gateway.name;
    fields::respond(&mut headers, parts.version, name, &open.id);
    open.respond(Source::Upstream, ResponseHead { status: parts.status, headers });
    Content::streamed(body)
}

/// What a plugin in the middle of the request's body has decided, if one has: its answer, or its
/// failure in place of the upstream's.
pub(super) fn verdict(open: &mut Open, failure: Failure) -> Result<Content, Failure> {
    match open.late.as_ref().and_then(|late| late.take_verdict()) {
        Some(Verdict::Answer(head, body)) => {
            open.respond(Source::Plugin, head);
            Ok(body.into())
        }
        Some(Verdict::Failure(failure)) => Err(failure),
        None => Err(failure),
    }
}

/// Who is to blame for a request that got no response: the client, if its body failed first.
pub(super) fn blame(served: &Served<'_>, finisher: &Finisher, failure: Failure) -> Failure {
    if let Some(fault) = served.peer.body_fault() {
        return Failure::Malformed { status: fault.status, reason: fault.reason };
    }
    finisher.body_failure().unwrap_or(failure)
}
