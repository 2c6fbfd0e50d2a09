//! One request through the policy to the origin, and its response back.

use std::convert::Infallible;
use std::time::Instant;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use policies::{Claims, Denied, Line, Policies};

use crate::origin::{Origin, OutBody, Unavailable};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const X_GW: HeaderName = HeaderName::from_static("x-gw");
const X_SUB: HeaderName = HeaderName::from_static("x-sub");

/// Fields of a connection (RFC 9110 section 7.6.1), besides those that `Connection` names.
const HOP_BY_HOP: [HeaderName; 8] = [
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::TRANSFER_ENCODING,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
];

pub struct Gateway {
    pub policies: Policies,
    origin: Origin,
}

/// What of a request the access log shows.
struct Seen {
    began: Instant,
    method: Method,
    target: Uri,
    user_agent: Option<HeaderValue>,
}

impl Gateway {
    pub fn new(policies: Policies, origin: Origin) -> Self {
        Self { policies, origin }
    }

    pub async fn handle(
        &'static self,
        request: Request<Incoming>,
    ) -> Result<Response<OutBody>, Infallible> {
        let began = Instant::now();
        let field = |name| request.headers().get(name).map(HeaderValue::as_bytes);
        let claims = match self.policies.admit(field(header::AUTHORIZATION), field(X_API_KEY)) {
            Ok(claims) => claims,
            Err(denied) => return Ok(own(status_of(denied))),
        };
        let seen = self.policies.policy.logs().then(|| Seen::of(&request, began));
        let response = match self.origin.send(self.forwarded(request, claims.as_ref())).await {
            Ok(response) => self.returned(response),
            Err(Unavailable) => own(StatusCode::BAD_GATEWAY),
        };
        if let Some(seen) = seen {
            self.log(&seen, &response, claims.as_ref());
        }
        Ok(response)
    }

    fn forwarded(
        &self,
        mut request: Request<Incoming>,
        claims: Option<&Claims>,
    ) -> Request<Incoming> {
        *request.version_mut() = Version::HTTP_11;
        let headers = request.headers_mut();
        remove_hop_by_hop(headers);
        headers.insert(header::HOST, self.origin.host.clone());
        if self.policies.policy.edits_headers() {
            headers.insert(X_GW, HeaderValue::from_static("bench"));
        }
        if let Some(subject) = claims.and_then(|claims| HeaderValue::from_str(&claims.sub).ok()) {
            headers.insert(X_SUB, subject);
        }
        request
    }

    fn returned(&self, mut response: Response<OutBody>) -> Response<OutBody> {
        remove_hop_by_hop(response.headers_mut());
        if self.policies.policy.edits_headers() {
            response.headers_mut().insert(X_GW, HeaderValue::from_static("bench"));
        }
        response
    }

    fn log(&self, seen: &Seen, response: &Response<OutBody>, claims: Option<&Claims>) {
        let user_agent = seen.user_agent.as_ref().and_then(|value| value.to_str().ok());
        self.policies.log.write(&Line {
            method: seen.method.as_str(),
            path: seen.target.path(),
            status: response.status().as_u16(),
            bytes: response.body().size_hint().exact().unwrap_or(0),
            duration: seen.began.elapsed(),
            user_agent: user_agent.unwrap_or("-"),
            subject: claims.map_or("-", |claims| &claims.sub),
        });
    }
}

impl Seen {
    fn of(request: &Request<Incoming>, began: Instant) -> Self {
        Self {
            began,
            method: request.method().clone(),
            target: request.uri().clone(),
            user_agent: request.headers().get(header::USER_AGENT).cloned(),
        }
    }
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    if let Some(named) = headers.remove(header::CONNECTION) {
        for name in named.to_str().unwrap_or_default().split(',').map(str::trim) {
            // The usual two are no fields to look for.
            if !name.is_empty()
                && !name.eq_ignore_ascii_case("close")
                && !name.eq_ignore_ascii_case("keep-alive")
            {
                headers.remove(name);
            }
        }
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

fn status_of(denied: Denied) -> StatusCode {
    match denied {
        Denied::Unauthorized => StatusCode::UNAUTHORIZED,
        Denied::TooMany => StatusCode::TOO_MANY_REQUESTS,
    }
}

fn own(status: StatusCode) -> Response<OutBody> {
    let mut response = Response::new(OutBody::Own(Full::new(Bytes::from_static(b"denied\n"))));
    *response.status_mut() = status;
    response
}
