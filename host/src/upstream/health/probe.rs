//! One look at how an endpoint is.

mod grpc;

use std::fmt;
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::uri::{PathAndQuery, Uri};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::body::RequestBody;
use crate::config::{HealthCheck, Probe};
use crate::failure::Failure;
use crate::upstream::connect::Wire;
use crate::upstream::endpoint::Endpoint;
use crate::upstream::{connect, fault, proxy_protocol};

/// What is read of the body of a check's answer, in bytes: a page of status is shorter.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// So that a log of the endpoint tells checks from clients.
const USER_AGENT: HeaderValue = HeaderValue::from_static("tidegate-health");

/// Why a check was bad.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::upstream) enum Complaint {
    /// There was no answer.
    Failed(Failure),
    /// It took longer than `timeout`.
    Late,
    /// The answer's status is another than expected.
    Status(u16),
    /// The answer's body does not hold what it should.
    Body,
    /// The service says that it does not serve, or nothing that can be understood.
    NotServing,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => failure.fmt(f),
            Self::Late => f.write_str("no answer in time"),
            Self::Status(status) => write!(f, "the answer's status is {status}"),
            Self::Body => f.write_str("the answer's body does not hold the expected text"),
            Self::NotServing => f.write_str("the service does not say that it serves"),
        }
    }
}

/// Checks the endpoint over a connection of its own, as a new client would find it.
///
/// A drop ends the check, and closes the connection.
pub(in crate::upstream) async fn ask(
    endpoint: &Endpoint,
    check: &HealthCheck,
) -> Result<(), Complaint> {
    let asked = async {
        if let Probe::Grpc { service } = &check.probe {
            return grpc::ask(endpoint, service, check.timeout).await;
        }
        let wire = open(endpoint, check.timeout).await?;
        let Probe::Http { target, host, status, body } = &check.probe else { return Ok(()) };
        let host = host.as_ref().unwrap_or_else(|| endpoint.host());
        let carrier = wire.speak(endpoint.protocol(), check.timeout).await;
        let mut carrier = carrier.map_err(Complaint::Failed)?;
        let sent = carrier.send(request(target, host)).await;
        let response = sent.map_err(|(error, _)| Complaint::Failed(fault::of_head(&error)))?;
        let found = response.status().as_u16();
        if !status.contains(found) {
            return Err(Complaint::Status(found));
        }
        match body {
            Some(text) if !holds(response, text.as_bytes()).await? => Err(Complaint::Body),
            Some(_) | None => Ok(()),
        }
    };
    timeout(check.timeout, asked).await.unwrap_or(Err(Complaint::Late))
}

/// A connection for the gateway itself.
async fn open(endpoint: &Endpoint, timeout: Duration) -> Result<Wire, Complaint> {
    let preface = endpoint.proxy_protocol().map(|version| proxy_protocol::header(version, None));
    let (target, tls) = (endpoint.target(), endpoint.tls());
    let opened = connect::open(target, tls, preface.as_deref(), timeout).await;
    opened.map_err(Complaint::Failed)
}

fn request(target: &PathAndQuery, host: &HeaderValue) -> Request<RequestBody> {
    let mut request = Request::new(RequestBody::empty());
    *request.uri_mut() = Uri::from(target.clone());
    request.headers_mut().insert(header::HOST, host.clone());
    request.headers_mut().insert(header::USER_AGENT, USER_AGENT);
    request
}

/// Whether the text is in the body's beginning.
async fn holds(response: Response<Incoming>, text: &[u8]) -> Result<bool, Complaint> {
    let mut body = response.into_body();
    let mut read = Vec::new();
    while read.len() < BODY_BYTES_MAX && memchr::memmem::find(&read, text).is_none() {
        match body.frame().await {
            None => break,
            Some(Ok(frame)) => {
                let part = frame.data_ref().map_or(&[][..], |part| part.as_ref());
                let room = BODY_BYTES_MAX - read.len();
                read.extend_from_slice(part.get(..room).unwrap_or(part));
            }
            Some(Err(error)) => {
                return Err(Complaint::Failed(fault::of_body(&error)));
            }
        }
    }
    Ok(memchr::memmem::find(&read, text).is_some())
}
