//! Components of the world `wasi:http/proxy` as the end of a route, unmodified.
//!
//! They know nothing of Tidegate's contract: there is no `lifecycle`, so no configuration and no
//! image, and each request has a fresh instance. The request goes in as `wasi:http` has it, with
//! what an upstream would see; the answer's head comes back when the guest sets it, and the body
//! while the guest writes it. Budget, instances and queue are those of any plugin.

mod outgoing;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt as _;
use tokio::sync::oneshot;
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

pub(super) use outgoing::Outgoing;

use super::Plugin;
use super::fault::Fault;
use super::handler::{AnswerBody, Answering, Ending, Handled, RequestStream, Rest};
use crate::body::BodyError;
use crate::facts::{Attribute, Edit, HeadLimits, Open, RequestHead, ResponseHead};
use crate::failure::Failure;
use crate::telemetry::metrics::Phase;

/// What a guest sets in place of a response or as one.
pub(super) type Outcome = Result<Response<HyperOutgoingBody>, ErrorCode>;

/// Answers a request by a component of `wasi:http`. A drop ends the call.
pub(super) async fn handle(
    plugin: &Arc<Plugin>,
    aside: Open,
    body: RequestStream,
) -> Result<Handled, Failure> {
    let ending = Arc::new(Ending::default());
    let asked = Asked::of(&aside);
    let (sender, mut outcome) = oneshot::channel();
    let mut call = Box::pin(answer(Arc::clone(plugin), aside, body, sender, Arc::clone(&ending)));
    let (outcome, call) = tokio::select! {
        biased;
        ended = &mut call => match outcome.try_recv() {
            Ok(outcome) => (outcome, None),
            Err(_) => return Err(ended.err().unwrap_or(Failure::PluginTrap)),
        },
        Ok(outcome) = &mut outcome => (outcome, Some(call)),
    };
    let rest = call.map(|call| -> Rest { Box::pin(async move { drop(call.await) }) });
    asked
        .accept(outcome, ending, rest)
        .map_err(|fault| plugin.blame(&asked.route, &asked.id, &fault))
}

/// Calls the guest; what it sets goes to `sender`.
async fn answer(
    plugin: Arc<Plugin>,
    aside: Open,
    body: RequestStream,
    sender: oneshot::Sender<Outcome>,
    ending: Arc<Ending>,
) -> Result<(), Failure> {
    let (route, id) = (Arc::clone(&aside.route), aside.id.clone());
    let mut lease = match plugin.instances.lend().await {
        Ok(lease) => lease,
        Err(fault) => return Err(plugin.blame(&route, &id, &fault)),
    };
    let has_set = Arc::new(AtomicBool::new(false));
    let set = {
        let has_set = Arc::clone(&has_set);
        move |outcome| {
            has_set.store(true, Ordering::Relaxed);
            // Whoever asked is gone only if this call is about to be ended.
            drop(sender.send(outcome));
        }
    };
    let request = request(&aside.request, body);
    let (aside, returned) = lease.incoming(aside, request, set).await;
    drop(aside);
    plugin.metrics().called(Phase::Handler, lease.took());
    let returned = returned.and_then(|()| match has_set.load(Ordering::Relaxed) {
        true => Ok(()),
        false => Err(Fault::Contract("returned without setting a response".to_owned())),
    });
    let told = returned.map_err(|fault| plugin.blame(&route, &id, &fault));
    // Before the instance goes, whose end the reader of the body sees.
    ending.tell(told.clone());
    told
}

/// The request as `wasi:http` has it.
fn request(head: &RequestHead, body: RequestStream) -> Request<RequestStream> {
    let mut target = head.path().to_owned();
    if let Some(query) = head.query() {
        target.push('?');
        target.push_str(query);
    }
    let mut request = Request::new(body);
    *request.method_mut() = head.method.clone();
    // Canonical paths and checked queries hold only what a target may.
    *request.uri_mut() = PathAndQuery::from_maybe_shared(Bytes::from(target))
        .map_or_else(|_| Uri::from_static("/"), Uri::from);
    *request.headers_mut() = head.headers.clone();
    // HTTP/1.0 may name no host, and `wasi:http` knows no request without an authority.
    request.headers_mut().entry(header::HOST).or_insert(HeaderValue::from_static(""));
    request
}

/// What is to be known of a request when its answer comes.
struct Asked {
    route: Arc<str>,
    id: Box<str>,
    is_head: bool,
    limits: HeadLimits,
    attributes: Vec<(Box<str>, Attribute)>,
}

impl Asked {
    fn of(aside: &Open) -> Self {
        Self {
            route: Arc::clone(&aside.route),
            id: aside.id.clone(),
            is_head: aside.request.method == Method::HEAD,
            limits: aside.head_limits,
            attributes: aside.attributes.clone(),
        }
    }

    /// Checks what the guest has set, as an answer of a plugin is checked.
    fn accept(
        &self,
        outcome: Outcome,
        ending: Arc<Ending>,
        rest: Option<Rest>,
    ) -> Result<Handled, Fault> {
        let response = outcome
            .map_err(|code| Fault::Contract(format!("set the error {code:?} for a response")))?;
        let (parts, body) = response.into_parts();
        let status = parts.status;
        if !(200..600).contains(&status.as_u16()) {
            return Err(Fault::Contract(format!("answered with the status {}", status.as_u16())));
        }
        let length = length(&parts.headers);
        let mut headers = HeaderMap::with_capacity(parts.headers.len());
        for (name, value) in &parts.headers {
            // What describes the connection is the gateway's; `wasi:http` lets some of it pass.
            if Edit::name(name.as_str()).is_ok() {
                let edit = Edit::Append(name.clone(), value.clone());
                edit.apply(&mut headers, self.limits).map_err(|error| {
                    Fault::Contract(format!("answered with a head that is refused: {error:?}"))
                })?;
            }
        }
        let bodyless = self.is_head
            || matches!(
                status,
                StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
            );
        let (answering, rest) = if bodyless {
            if let Some(length) = length {
                headers.insert(header::CONTENT_LENGTH, length.into());
            }
            (Answering::Empty, rest.map(|rest| swallow(body, rest)))
        } else {
            (Answering::Streamed(AnswerBody::proxied(body, length, ending)), rest)
        };
        let attributes = self.attributes.clone();
        Ok(Handled { head: ResponseHead { status, headers }, attributes, answering, rest })
    }
}

/// Takes what the guest writes for nobody, so that it need not know.
fn swallow(mut body: HyperOutgoingBody, rest: Rest) -> Rest {
    let swallowing = async move { while let Some(Ok(_)) = body.frame().await {} };
    Box::pin(async move {
        tokio::join!(rest, swallowing);
    })
}

/// The number of bytes that the guest has announced, and that `wasi:http` holds it to.
fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Why a request's body broke off, in the words of `wasi:http`.
pub(super) fn error_of(error: &BodyError) -> Error {
    match error.failure() {
        Failure::RequestBodyTooLarge => Error::HttpRequestBodySize(None),
        Failure::RequestBodyTimeout => Error::ConnectionReadTimeout,
        _ => Error::ConnectionTerminated,
    }
}
