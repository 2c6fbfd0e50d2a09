//! HTTP/2 to endpoints: many exchanges at once over few connections.
//!
//! An exchange takes a stream of a connection that has room. If none has, one exchange opens another
//! connection and the others wait for it, so that a burst does not open a connection each. A
//! connection takes no further streams once the endpoint has said goodbye (GOAWAY); those that it
//! has are finished.

mod group;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderValue, Request, Response, Version, header};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;

use super::carrier::Carrier;
use super::connect::RESPONSE_HEAD_BYTES_MAX;
use super::reach::Reach;
use super::{Endpoint, Fault, Pools, ResponseBody, Upstream};
use crate::body::RequestBody;
use crate::clock;
use crate::failure::Failure;
pub(super) use group::{Group, Opening, Seat};

/// Exchanges at once on one connection, unless the endpoint allows fewer.
///
/// What common servers allow. More would wait for each other's losses on the network.
const STREAMS_MAX: usize = 100;

/// What an endpoint may send ahead on one stream, in bytes: the protocol's own default, so that a
/// client that takes nothing holds no more than that.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024 - 1;

/// The same for a connection: as much as all its streams together, or clients that take nothing
/// would stop the others.
const CONNECTION_WINDOW_BYTES: u32 = 100 * STREAM_WINDOW_BYTES;

/// Between two pings while exchanges run, each of which must be answered within the same time.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// How often an exchange looks for a connection at one endpoint: those that close in the moment
/// between are passed over.
const LOOKS_MAX: usize = 4;

/// A connection that many exchanges use. It is closed when nobody holds it any more.
pub(super) struct Shared {
    sender: SendRequest<RequestBody>,
    driver: AbortHandle,
    is_https: bool,
    /// In use.
    streams: AtomicUsize,
    /// As many as the endpoint allows.
    allowed: Arc<AtomicUsize>,
    idle_timeout: Duration,
    /// When a stream was taken or given back last.
    used: Mutex<Instant>,
}

/// A place for one exchange on a connection.
#[derive(Debug)]
pub(super) struct Stream(Arc<Shared>);

impl Shared {
    /// Speaks HTTP/2 over a connection that is open, with prior knowledge.
    #[expect(
        clippy::disallowed_methods,
        reason = "the task ends with the connection, which exchanges and a pool own; drain waits for exchanges"
    )]
    pub(super) async fn open<S>(
        stream: S,
        is_https: bool,
        idle_timeout: Duration,
    ) -> Result<Arc<Self>, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_header_list_size(u32::try_from(RESPONSE_HEAD_BYTES_MAX).unwrap_or(u32::MAX))
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_INTERVAL);
        let opened = builder.handshake(TokioIo::new(stream)).await;
        let Ok((sender, mut connection)) = opened else { return Err(Failure::ConnectionError) };
        let allowed = Arc::new(AtomicUsize::new(STREAMS_MAX));
        let told = Arc::clone(&allowed);
        let driver = tokio::spawn(async move {
            let ended = std::future::poll_fn(|cx| {
                let polled = std::pin::Pin::new(&mut connection).poll(cx);
                told.store(connection.current_max_send_streams(), Ordering::Relaxed);
                polled
            });
            if let Err(error) = ended.await {
                tracing::debug!(%error, "upstream's connection broke");
            }
        });
        Ok(Arc::new(Self {
            sender,
            driver: driver.abort_handle(),
            is_https,
            streams: AtomicUsize::new(0),
            allowed,
            idle_timeout,
            used: Mutex::new(clock::now()),
        }))
    }

    /// How many more streams it takes.
    fn room(&self) -> usize {
        let allowed = self.allowed.load(Ordering::Relaxed).clamp(1, STREAMS_MAX);
        allowed.saturating_sub(self.streams.load(Ordering::Relaxed))
    }

    fn load(&self) -> usize {
        self.streams.load(Ordering::Relaxed)
    }

    fn is_fit(&self, now: Instant) -> bool {
        let in_use = self.streams.load(Ordering::Relaxed) > 0;
        !self.sender.is_closed() && (in_use || *self.used() + self.idle_timeout > now)
    }

    pub(super) fn take(self: &Arc<Self>) -> Stream {
        self.streams.fetch_add(1, Ordering::Relaxed);
        Stream(Arc::clone(self))
    }

    fn used(&self) -> MutexGuard<'_, Instant> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("streams", &self.streams).finish_non_exhaustive()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        *self.0.used() = clock::now();
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Stream {
    /// A drop of what is returned resets the stream.
    pub(super) fn send(
        &self,
        request: Request<RequestBody>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<RequestBody>>>> + use<>
    {
        let mut sender = self.0.sender.clone();
        let request = address(request, self.0.is_https);
        async move { sender.try_send_request(request).await }
    }
}

impl Upstream {
    /// Over a stream of a connection to this endpoint.
    pub(super) async fn exchange_multiplexed(
        &self,
        pools: &Arc<Pools>,
        endpoint: &Endpoint,
        reach: &Reach,
        mut request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, Fault> {
        let mut failure = Failure::ConnectionTerminated;
        for _ in 0..LOOKS_MAX {
            match pools.seat(&reach.key, clock::now()) {
                Seat::Taken(stream) => {
                    let carrier = Carrier::Stream(stream);
                    match self.ask(pools, &reach.key, carrier, request).await {
                        Err(Fault::Unsent(unsent, why)) => (request, failure) = (*unsent, why),
                        outcome => return outcome,
                    }
                }
                Seat::Opened(opening) => {
                    let opened = match self.connect(pools, endpoint, reach).await {
                        Ok(wire) => wire.speak_http2(self.idle_timeout).await,
                        Err(failure) => Err(failure),
                    };
                    let connection = match opened {
                        Ok(connection) => connection,
                        Err(failure) => {
                            opening.failed(failure.clone());
                            return Err(Fault::Unsent(Box::new(request), failure));
                        }
                    };
                    let carrier = Carrier::Stream(opening.done(connection));
                    // Whoever refuses the first request of a connection is not asked again.
                    return self.ask(pools, &reach.key, carrier, request).await;
                }
                Seat::Awaited(mut opened) => {
                    // One that gave up, or has brought a connection, is gone: look again.
                    if let Ok(told) = opened.wait_for(Option::is_some).await
                        && let Some(failure) = told.clone()
                    {
                        return Err(Fault::Unsent(Box::new(request), failure));
                    }
                }
            }
        }
        Err(Fault::Unsent(Box::new(request), failure))
    }
}

/// Puts what `Host` says into the target, as `:scheme` and `:authority` (RFC 9113 section 8.3.1).
fn address(mut request: Request<RequestBody>, is_https: bool) -> Request<RequestBody> {
    let headers = request.headers_mut();
    // It is about connections of HTTP/1.1; what it names but `TE` is gone already.
    headers.remove(header::CONNECTION);
    let host = headers.remove(header::HOST);
    let authority = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(if is_https { Scheme::HTTPS } else { Scheme::HTTP });
    // `name_host` has seen to it that there is one; the check and the guard, that it is valid.
    parts.authority = authority.or_else(|| Some(Authority::from_static("invalid")));
    parts.path_and_query.get_or_insert_with(|| PathAndQuery::from_static("/"));
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    *request.version_mut() = Version::HTTP_2;
    request
}

/// Undoes it, for another endpoint.
pub(super) fn restore(mut request: Request<RequestBody>) -> Request<RequestBody> {
    let parts = std::mem::take(request.uri_mut()).into_parts();
    let host = parts.authority.and_then(|it| HeaderValue::from_str(it.as_str()).ok());
    if let Some(host) = host {
        request.headers_mut().insert(header::HOST, host);
    }
    *request.uri_mut() = parts.path_and_query.map_or_else(|| Uri::from_static("/"), Uri::from);
    *request.version_mut() = Version::HTTP_11;
    request
}

#[cfg(test)]
mod tests;
