//! Accepting clients: sockets, the PROXY protocol, TLS, and one connection from its first byte to its last.
//! Connections of QUIC are the matter of [`http3`].
//!
//! A connection is driven by one future, [`serve`]. It reads through a guard that lets hyper see
//! nothing but what [`framing`] has approved, and one alarm watches whom the connection waits for:
//!
//! | waits for | at most | then |
//! |---|---|---|
//! | the first byte of a request | `idle_timeout` | closed without an answer |
//! | the same in HTTP/1, and of the first in HTTP/2, while the gateway ends | 100 ms, or a second if another process serves | closed without an answer |
//! | the rest of a head | `header_timeout` | answered with 408, closed |
//! | the client to take bytes | `body_timeout` | cut; in HTTP/2 its stream is reset |
//! | the client to close after us | one second | cut |
//!
//! In HTTP/2 a connection waits for a request if no exchange runs, whatever else the client sends.
//! While an exchange runs nothing here ends it except the client that leaves, or [`Drain`].

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use http::HeaderValue;
use http::header::{CONNECTION, UPGRADE};
use http::{StatusCode, Version};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::config;
use crate::facts::Ends;
use crate::telemetry::metrics::Complaint;
use drive::Still;
use frames::Frames;
use framing::{Framing, HeadLimits};
use guard::Guard;
use opening::Opening;
use rest::Transport;
use streams::{Pace, Paced};
use tunnel::Tunnels;
use watch::{Flag, Watch};

mod challenges;
mod drain;
mod drive;
mod frames;
pub mod framing;
mod guard;
mod http2;
pub mod http3;
mod opening;
mod peer;
mod persistent;
mod proxy_protocol;
mod rest;
mod rules;
mod socket;
mod streams;
pub mod tls;
mod tunnel;
mod watch;

pub use challenges::{Challenge, Challenges, Shown};
pub use drain::{Drain, Drainer};
pub use peer::{Fault, Peer};
pub use proxy_protocol::{Unidentified, identify};
pub use rest::Resting;
pub use rules::{Entrance, Rules};
pub use socket::bind;
pub use tunnel::Tunnel;

/// How long a connection of HTTP/1 is idle before it gives its buffers back.
///
/// A client that asks more often has its buffers ready; one that does not pays for new ones at most
/// once a second.
const REST_AFTER: Duration = Duration::from_secs(1);

/// What hyper's read and write buffers of one HTTP/1 connection grow to, if heads are not larger.
const HTTP1_BUFFER_BYTES: usize = 64 * 1024;

/// Field lines for which hyper needs no allocation.
const HTTP1_HEADERS_INLINE: usize = 100;

/// What the connections of one listener have in common.
#[derive(Debug, Clone)]
pub struct Settings {
    head: HeadLimits,
    times: drive::Times,
    http1: http1::Builder,
    http2: http2::Builder,
    http2_head_bytes: u32,
    resting: Resting,
}

impl Settings {
    /// Prepares what the limits ask for; connections at rest are counted by `resting`.
    #[must_use]
    pub fn new(limits: &config::Limits, resting: Resting) -> Self {
        Self {
            head: HeadLimits {
                head_bytes: limits.request_head_bytes,
                headers: limits.request_headers,
            },
            times: drive::Times {
                header: limits.header_timeout,
                idle: limits.idle_timeout,
                write: limits.body_timeout,
                rest: (REST_AFTER < limits.idle_timeout).then_some(REST_AFTER),
            },
            http1: http1_builder(limits),
            http2: http2::builder(limits),
            http2_head_bytes: http2::head_bytes(limits),
            resting,
        }
    }
}

fn http1_builder(limits: &config::Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .keep_alive(true)
        // A client that closes its half while it waits is taken for gone: that is how one that
        // went away is noticed at all.
        .half_close(false)
        // The alarm of this module does it, with an answer.
        .header_read_timeout(None)
        // A head passes whole, with up to one empty line before it, and hyper must never be the
        // one to find it too large.
        .max_buf_size(HTTP1_BUFFER_BYTES.max(limits.request_head_bytes.saturating_add(1024)));
    if limits.request_headers > HTTP1_HEADERS_INLINE {
        builder.max_headers(limits.request_headers);
    }
    builder
}

/// Serves one client to the end of its connection.
///
/// `handle` is called for every request. If [`Peer::take_fault`] has something, the request is a
/// stand-in for one that was refused, and the response must say so.
///
/// A drop closes the connection at once and drops the exchange that runs on it.
///
/// The result says what a client of HTTP/2 did, if its connection was ended for it.
pub async fn serve<S, F, B>(
    stream: TcpStream,
    ends: Ends,
    tls: Option<tls::Acceptor>,
    settings: Arc<Settings>,
    handle: S,
    drain: Drain,
) -> Option<Complaint>
where
    S: Fn(http::Request<Incoming>, Arc<Peer>) -> F + Clone + Send + 'static,
    F: Future<Output = http::Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "connection closed before it was served");
        return None;
    }
    let address = ends.client;
    let Some(acceptor) = tls else {
        let peer = Arc::new(Peer::new(ends, None));
        return plain(stream, peer, settings, handle, drain).await;
    };
    let handshake = async {
        if opening::begins(&stream, &drain).await {
            Some(acceptor.accept(stream).await)
        } else {
            None
        }
    };
    // Each on the heap, and only for as long as it lasts: most connections wait most of the time.
    match timeout(settings.times.header, Box::pin(handshake)).await {
        Ok(Some(Ok((stream, facts)))) => {
            // RFC 8737 section 3: there is nothing to be said to an authority after the handshake.
            if facts.alpn.as_deref() == Some(tls::ACME_PROTOCOL) {
                return None;
            }
            let http2 = facts.alpn.as_deref() == Some("h2");
            let peer = Arc::new(Peer::new(ends, Some(Arc::new(facts))));
            let opening = Opening { stream, first: BytesMut::new(), http2 };
            return Box::pin(talk(opening, peer, settings, handle, drain)).await;
        }
        Ok(Some(Err(error))) => tracing::debug!(peer = %address, %error, "tls handshake failed"),
        Ok(None) => {}
        Err(_) => {
            acceptor.give_up();
            tracing::debug!(peer = %address, "tls handshake timed out");
        }
    }
    None
}

/// Without TLS the first bytes tell the protocol.
async fn plain<S, F, B>(
    mut stream: TcpStream,
    peer: Arc<Peer>,
    settings: Arc<Settings>,
    handle: S,
    drain: Drain,
) -> Option<Complaint>
where
    S: Fn(http::Request<Incoming>, Arc<Peer>) -> F + Clone + Send + 'static,
    F: Future<Output = http::Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let times = settings.times;
    if !timeout(times.idle, opening::begins(&stream, &drain)).await.unwrap_or(false) {
        return None;
    }
    let mut first = BytesMut::new();
    let http2 = opening::detect(&mut stream, &mut first, times.header).await?;
    let opening = Opening { stream, first, http2 };
    Box::pin(talk(opening, peer, settings, handle, drain)).await
}

async fn talk<T, S, F, B>(
    opening: Opening<T>,
    peer: Arc<Peer>,
    settings: Arc<Settings>,
    handle: S,
    drain: Drain,
) -> Option<Complaint>
where
    T: Transport,
    S: Fn(http::Request<Incoming>, Arc<Peer>) -> F + Clone + Send + 'static,
    F: Future<Output = http::Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let watch = Arc::new(Watch::default());
    let (stream, first) = (opening.stream, opening.first);
    let (following, answering) = (Arc::clone(&watch), Arc::clone(&peer));
    let guard = if opening.http2 {
        watch.set(Flag::Http2, true);
        let frames = Frames::new(settings.http2_head_bytes);
        Guard::http2(stream, first, frames, following, answering)
    } else {
        Guard::new(stream, first, Framing::new(settings.head), following, answering)
    };
    let io = TokioIo::new(guard);
    let address = peer.address;
    let running = Arc::clone(&watch);
    let tunnels = Arc::<Tunnels>::default();
    let switching = Arc::clone(&tunnels);
    let http1 = !opening.http2;
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        let mut exchange = running.begin();
        let pace = (!http1).then(Pace::of_next);
        peer.show_fault(&mut request);
        let offers = http1 && exchange.sees_offer() && offers_protocol(&request);
        let response = handle(request, Arc::clone(&peer));
        let (peer, switching) = (Arc::clone(&peer), Arc::clone(&switching));
        // Mapped, because an async block would hold it twice, and hyper has room for it as long as the
        // connection lasts.
        response.map(move |mut response| {
            exchange.answered();
            let tunnel = response.extensions_mut().remove::<Tunnel>();
            let is_taken = response.status() == StatusCode::SWITCHING_PROTOCOLS;
            if offers {
                exchange.answer_offer(is_taken);
            }
            // It is closed anyway, but hyper would not say so, or not in time.
            if peer.body_fault().is_some() || http1 && exchange.is_last() && !is_taken {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            // The body owns the mark that an exchange runs: it is dropped after its last frame.
            // That of a tunnel is dropped at once, and the tunnel has a mark of its own.
            match tunnel {
                Some(tunnel) if http1 => switching.put(tunnel),
                Some(tunnel) => switching.start(&tunnel, exchange.another()),
                None => {}
            }
            let keep = move |error| {
                let _: &watch::Exchange = &exchange;
                error
            };
            Ok::<_, Infallible>(response.map(|body| Paced::new(body, pace).map_err(keep)))
        })
    });
    let ended = if opening.http2 {
        let mut connection = Box::pin(settings.http2.serve_connection(io, service));
        let times = drive::Times { rest: None, ..settings.times };
        let finish = http2::Connection::graceful_shutdown;
        match drive::until_still(connection.as_mut(), finish, &watch, times, &drain).await {
            Still::Ended(ended) => ended,
            Still::Idle => Ok(()),
        }
    } else {
        persistent::serve(io, service, &settings, &watch, &drain).await
    };
    let complaint = ended.as_ref().err().and_then(http2::complaint);
    if let Err(error) = ended {
        tracing::debug!(peer = %address, %error, "connection ended early");
    }
    tunnels.run(&drain).await;
    complaint
}

/// Whether the guard takes this HTTP/1 request for an offer of another protocol (RFC 9110 section
/// 7.8).
fn offers_protocol(request: &http::Request<Incoming>) -> bool {
    request.version() == Version::HTTP_11
        && request.headers().contains_key(UPGRADE)
        && request.body().is_end_stream()
}

/// For what cannot go on.
fn invalid_data(fault: framing::Malformed) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, fault)
}

#[cfg(test)]
mod tests;
