//! What a connection, or a stream of one, does once it no longer speaks HTTP.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinSet;

use super::drain::Drain;

type Run = Pin<Box<dyn Future<Output = ()> + Send>>;

/// An extension of a response that takes its connection out of HTTP: a 101 in HTTP/1.1, a 2xx to an
/// extended CONNECT in HTTP/2.
///
/// It is run by the task of the connection, so the connection counts as open until it is done, and
/// ends with it.
#[derive(Clone)]
pub struct Tunnel(Arc<Mutex<Option<Run>>>);

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnel").finish_non_exhaustive()
    }
}

impl Tunnel {
    /// What is to be run once the response is sent. It is dropped if the connection is cut.
    #[must_use]
    pub fn new(run: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::pin(run)))))
    }

    fn take(&self) -> Option<Run> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The tunnels of one connection.
#[derive(Debug, Default)]
pub(super) struct Tunnels {
    /// Of HTTP/1: it begins where HTTP ends.
    next: Mutex<Option<Tunnel>>,
    /// Of HTTP/2: beside each other and other exchanges. A drop ends them.
    streams: Mutex<Option<JoinSet<()>>>,
}

impl Tunnels {
    /// Keeps the tunnel for when the connection is free.
    pub(super) fn put(&self, tunnel: Tunnel) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(tunnel);
    }

    /// Runs the tunnel of a stream; `keep` lives as long as it does.
    pub(super) fn start(&self, tunnel: &Tunnel, keep: impl Send + 'static) {
        let Some(run) = tunnel.take() else { return };
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let streams = streams.get_or_insert_default();
        while streams.try_join_next().is_some() {}
        streams.spawn(async move {
            run.await;
            drop(keep);
        });
    }

    /// Runs what was put, until it is done or the gateway cuts what is under way.
    pub(super) async fn run(&self, drain: &Drain) {
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(run) = next.and_then(|tunnel| tunnel.take()) else { return };
        tokio::select! {
            () = run => {}
            () = drain.is_cut() => {}
        }
    }
}
