//! The health checking protocol of gRPC: `grpc.health.v1.Health/Check`.
//!
//! Its two messages have one field each, so they are written and read here by hand.

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{self, HeaderValue};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Complaint, USER_AGENT};
use crate::failure::Failure;
use crate::upstream::connect::Wire;
use crate::upstream::endpoint::Endpoint;
use crate::upstream::fault;

/// Of an answer, which has two bytes behind its frame's head.
const ANSWER_BYTES_MAX: usize = 1024;

/// The head of a message's frame: whether it is compressed, and its length.
const FRAME_HEAD_BYTES: usize = 5;

/// Field 1, a number, with the value 1: `SERVING`.
const SERVING: [u8; 2] = [0x08, 0x01];

/// Field 1, a text with its length.
const SERVICE: u8 = 0x0a;

/// Asks how the service is; empty stands for the whole server.
pub(super) async fn ask(
    endpoint: &Endpoint,
    service: &str,
    timeout: Duration,
) -> Result<(), Complaint> {
    match super::open(endpoint, timeout).await? {
        Wire::Plain(stream) => exchange(endpoint, service, stream).await,
        Wire::Encrypted(stream) => exchange(endpoint, service, stream).await,
        Wire::Staged(stream) => exchange(endpoint, service, stream).await,
    }
}

async fn exchange<S>(endpoint: &Endpoint, service: &str, stream: S) -> Result<(), Complaint>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = TokioIo::new(stream);
    let broken = |error: &hyper::Error| Complaint::Failed(fault::of_head(error));
    let opened = http2::handshake(TokioExecutor::new(), stream).await;
    let (mut sender, driver) = opened.map_err(|error| broken(&error))?;
    let asked = async move {
        let request = request(endpoint.host(), service).ok_or(Complaint::NotServing)?;
        let response = sender.send_request(request).await;
        understand(response.map_err(|error| broken(&error))?).await
    };
    tokio::select! {
        biased;
        answer = asked => answer,
        _ended = driver => Err(Complaint::Failed(Failure::ConnectionTerminated)),
    }
}

/// Absent if the endpoint's name cannot stand in a URI, which the check does not let through.
fn request(host: &HeaderValue, service: &str) -> Option<Request<Full<Bytes>>> {
    let host = host.to_str().ok()?;
    let uri = format!("http://{host}/grpc.health.v1.Health/Check");
    let mut request = Request::post(uri).body(Full::new(message(service))).ok()?;
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    headers.insert(header::USER_AGENT, USER_AGENT);
    Some(request)
}

/// `HealthCheckRequest { service }` in a frame.
fn message(service: &str) -> Bytes {
    let mut message = BytesMut::new();
    if !service.is_empty() {
        message.put_u8(SERVICE);
        let mut left = service.len();
        while left >= 0x80 {
            // Seven bits at a time, the lowest first; more follow.
            message.put_u8(u8::try_from(left & 0x7f).unwrap_or(0) | 0x80);
            left >>= 7;
        }
        message.put_u8(u8::try_from(left).unwrap_or(0));
        message.put_slice(service.as_bytes());
    }
    let mut frame = BytesMut::with_capacity(FRAME_HEAD_BYTES + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(&message);
    frame.freeze()
}

/// Whether the answer is that the service serves.
async fn understand(response: Response<Incoming>) -> Result<(), Complaint> {
    let (head, body) = response.into_parts();
    if head.status != http::StatusCode::OK {
        return Err(Complaint::Status(head.status.as_u16()));
    }
    let collected = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
    let collected = collected.map_err(|_too_long_or_broken| Complaint::NotServing)?;
    let trailers = collected.trailers().cloned().unwrap_or_default();
    let is_ok = |fields: &HeaderMap| fields.get("grpc-status").is_some_and(|status| status == "0");
    let answer = collected.to_bytes();
    let says = answer.get(FRAME_HEAD_BYTES..).is_some_and(|message| message.starts_with(&SERVING));
    if says && is_ok(&trailers) { Ok(()) } else { Err(Complaint::NotServing) }
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn a_message_is_a_frame_with_one_field() {
        assert_eq!(*message(""), [0, 0, 0, 0, 0]);
        assert_eq!(*message("a.B"), [0, 0, 0, 0, 5, 0x0a, 3, b'a', b'.', b'B']);
        let long = message(&"x".repeat(300));
        assert_eq!(long.get(..8), Some(&[0, 0, 0, 1, 47, 0x0a, 0xac, 0x02][..]));
    }
}
