//! Accepting clients: sockets, the PROXY protocol, TLS, and one connection from its first byte to its last.
//!
//! A connection is driven by one future, [`serve`]. It reads through a guard that lets hyper see
//! nothing but what [`framing`] has approved, and one alarm watches whom the connection waits for:
//!
//! | waits for | at most | then |
//! |---|---|---|
//! | the first byte of a request | `idle_timeout` | closed without an answer |
//! | the same, of the first request while the gateway ends | 100 ms | closed without an answer |
//! | the rest of a head | `header_timeout` | answered with 408, closed |
//! | the client to take bytes | `body_timeout` | cut |
//! | the client to close after us | one second | cut |
//!
//! While an exchange runs nothing here ends it except the client that leaves, or [`Drain`].

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use http::header::{CONNECTION, UPGRADE};
use http::{StatusCode, Version};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::config;
use crate::facts::Ends;
use framing::{Framing, HeadLimits};
use guard::Guard;
use opening::Opening;
use tunnel::Tunnels;
use watch::Watch;

mod challenges;
mod drain;
mod drive;
pub mod framing;
mod guard;
mod opening;
mod peer;
mod proxy_protocol;
mod rules;
mod socket;
pub mod tls;
mod tunnel;
mod watch;

pub use challenges::{Challenge, Challenges, Shown};
pub use drain::{Drain, Drainer};
pub use peer::{Fault, Peer};
pub use proxy_protocol::{Unidentified, identify};
pub use rules::{Entrance, Rules};
pub use socket::bind;
pub use tunnel::Tunnel;

/// Between two HTTP/2 pings, each of which must be answered within the same time. A peer that has
/// vanished without a word is noticed after 40 seconds at the latest.
const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(20);

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
    http2: http2::Builder<TokioExecutor>,
}

impl Settings {
    /// Prepares what the limits ask for.
    #[must_use]
    pub fn new(limits: &config::Limits) -> Self {
        Self {
            head: HeadLimits {
                head_bytes: limits.request_head_bytes,
                headers: limits.request_headers,
            },
            times: drive::Times {
                header: limits.header_timeout,
                idle: limits.idle_timeout,
                write: limits.body_timeout,
            },
            http1: http1_builder(limits),
            http2: http2_builder(limits),
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

/// The windows stay at the protocol's 64 KiB a stream and hyper's 1 MiB a connection: a client
/// must not make us hold more of a body than its upstream takes. hyper's bounds on streams that a
/// client resets or provokes us to reset stay as they are.
fn http2_builder(limits: &config::Limits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.http2_streams)
        .max_header_list_size(u32::try_from(limits.request_head_bytes).unwrap_or(u32::MAX))
        .initial_stream_window_size(64 * 1024 - 1)
        .adaptive_window(false)
        // RFC 8441: WebSockets over HTTP/2.
        .enable_connect_protocol()
        .keep_alive_interval(HTTP2_PING_INTERVAL)
        .keep_alive_timeout(HTTP2_PING_INTERVAL);
    builder
}

/// Serves one client to the end of its connection.
///
/// `handle` is called for every request. If [`Peer::take_fault`] has something, the request is a
/// stand-in for one that was refused, and the response must say so.
///
/// A drop closes the connection at once and drops the exchange that runs on it.
pub async fn serve<S, F, B>(
    stream: TcpStream,
    ends: Ends,
    tls: Option<tls::Acceptor>,
    settings: Arc<Settings>,
    handle: S,
    drain: Drain,
) where
    S: Fn(http::Request<Incoming>, Arc<Peer>) -> F + Clone + Send + 'static,
    F: Future<Output = http::Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if let Err(error) = stream.set_nodelay(true) {
        return tracing::debug!(%error, "connection closed before it was served");
    }
    let address = ends.client;
    let Some(acceptor) = tls else {
        let peer = Arc::new(Peer::new(ends, None));
        return plain(stream, peer, &settings, handle, drain).await;
    };
    let handshake = async {
        if opening::begins(&stream, &drain).await {
            Some(acceptor.accept(stream).await)
        } else {
            None
        }
    };
    match timeout(settings.times.header, handshake).await {
        Ok(Some(Ok((stream, facts)))) => {
            // RFC 8737 section 3: there is nothing to be said to an authority after the handshake.
            if facts.alpn.as_deref() == Some(tls::ACME_PROTOCOL) {
                return;
            }
            let http2 = facts.alpn.as_deref() == Some("h2");
            let peer = Arc::new(Peer::new(ends, Some(Arc::new(facts))));
            let opening = Opening { stream, first: BytesMut::new(), http2 };
            talk(opening, peer, &settings, handle, drain).await;
        }
        Ok(Some(Err(error))) => tracing::debug!(peer = %address, %error, "tls handshake failed"),
        Ok(None) => {}
        Err(_) => {
            acceptor.give_up();
            tracing::debug!(peer = %address, "tls handshake timed out");
        }
    }
}

/// Without TLS the first bytes tell the protocol.
async fn plain<S, F, B>(
    mut stream: TcpStream,
    peer: Arc<Peer>,
    settings: &Settings,
    handle: S,
    drain: Drain,
) where
    S: Fn(http::Request<Incoming>, Arc<Peer>) -> F + Clone + Send + 'static,
    F: Future<Output = http::Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let times = settings.times;
    if !timeout(times.idle, opening::begins(&stream, &drain)).await.unwrap_or(false) {
        return;
    }
    let mut first = BytesMut::new();
    if let Some(http2) = opening::detect(&mut stream, &mut first, times.header).await {
        talk(Opening { stream, first, http2 }, peer, settings, handle, drain).await;
    }
}

async fn talk<T, S, F, B>(
    opening: Opening<T>,
    peer: Arc<Peer>,
    settings: &Settings,
    handle: S,
    drain: Drain,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Fn(http::Request<Incoming>, Arc<Peer>) -> F + Clone + Send + 'static,
    F: Future<Output = http::Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let watch = Arc::new(Watch::default());
    let mut framing = Framing::new(settings.head);
    if opening.http2 {
        framing.release();
    }
    let io = TokioIo::new(Guard::new(
        opening.stream,
        opening.first,
        framing,
        Arc::clone(&watch),
        Arc::clone(&peer),
    ));
    let address = peer.address;
    let running = Arc::clone(&watch);
    let tunnels = Arc::<Tunnels>::default();
    let switching = Arc::clone(&tunnels);
    let http1 = !opening.http2;
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        let exchange = running.begin();
        peer.show_fault(&mut request);
        let offers = http1 && exchange.sees_offer() && offers_protocol(&request);
        let response = handle(request, Arc::clone(&peer));
        let (peer, switching) = (Arc::clone(&peer), Arc::clone(&switching));
        async move {
            let mut response = response.await;
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
            Ok::<_, Infallible>(response.map(|body| body.map_err(keep)))
        }
    });
    let times = settings.times;
    let ended = if opening.http2 {
        let connection = settings.http2.serve_connection(io, service);
        drive::to_the_end(connection, http2::Connection::graceful_shutdown, &watch, times, &drain)
            .await
    } else {
        let connection = settings.http1.serve_connection(io, service).with_upgrades();
        let finish = http1::UpgradeableConnection::graceful_shutdown;
        drive::to_the_end(connection, finish, &watch, times, &drain).await
    };
    if let Err(error) = ended {
        tracing::debug!(peer = %address, %error, "connection ended early");
    }
    tunnels.run(&drain).await;
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
