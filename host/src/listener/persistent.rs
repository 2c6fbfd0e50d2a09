//! A connection of HTTP/1 that carries one request after another, with rests between them.

use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1::UpgradeableConnection;
use hyper::service::Service;
use hyper_util::rt::TokioIo;

use super::Settings;
use super::drain::Drain;
use super::drive::{Still, Times, until_still};
use super::guard::Guard;
use super::rest::{Transport, Woken, rest};
use super::watch::Watch;

/// Serves to the end.
///
/// hyper's connection has two buffers of 8 KiB. It is given up when nothing has come for a
/// while, and another one begins where it was with the first byte that comes.
pub(super) async fn serve<T, S, B>(
    mut io: TokioIo<Guard<T>>,
    mut service: S,
    settings: &Settings,
    watch: &Arc<Watch>,
    drain: &Drain,
) -> Result<(), hyper::Error>
where
    T: Transport,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut times = settings.times;
    loop {
        let mut connection = settings.http1.serve_connection(io, service).with_upgrades();
        let finish = UpgradeableConnection::graceful_shutdown;
        let pinned = Pin::new(&mut connection);
        if let Still::Ended(ended) = until_still(pinned, finish, watch, times, drain).await {
            return ended;
        }
        // Absent after an upgrade, which is an end.
        let Some(parts) = connection.into_parts() else { return Ok(()) };
        if !parts.read_buf.is_empty() {
            // hyper has read all of what it was given, so this does not happen. Going on would lose bytes.
            tracing::error!(
                bytes = parts.read_buf.len(),
                "an idle connection holds bytes, and is closed"
            );
            return Ok(());
        }
        (io, service) = (parts.io, parts.service);
        let patience = times.idle.saturating_sub(times.rest.unwrap_or_default());
        match rest(io.inner().transport(), patience, drain, &settings.resting).await {
            Woken::Bytes | Woken::Drain => {}
            // It is told as hyper tells it.
            Woken::Late => times = Times { idle: Duration::ZERO, rest: None, ..times },
        }
    }
}
