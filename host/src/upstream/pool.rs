//! Connections that wait for their next request.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::task::AbortHandle;

use super::multiplex::{Group, Opening, Seat, Shared};
use crate::body::RequestBody;

/// Idle connections that one worker keeps to one endpoint.
///
/// As many as a burst may have opened; beyond, the one that has waited longest is closed. An idle
/// connection costs a socket and about 1 KiB.
pub const IDLE_PER_ENDPOINT_MAX: usize = 256;

/// Idle connections that one worker keeps in all.
///
/// Endpoints of upstreams are few, but a plugin may be allowed to talk to any number of origins.
pub const IDLE_MAX: usize = 4096;

/// The idle upstream connections of one worker thread, by endpoint.
///
/// They outlive snapshots: what counts is the endpoint's address and its encryption. The newest is
/// lent first, so that those which a burst left over grow old and are closed.
#[derive(Default)]
pub struct Pools {
    idle: Mutex<Idles>,
    /// Those that speak HTTP/2, idle or not, by endpoint.
    shared: Mutex<HashMap<Arc<str>, Group>>,
    /// Where connections are made to in place of the network.
    stage: Option<Arc<dyn Stage>>,
}

/// Upstreams within the process, for trying out what would be sent.
pub trait Stage: Send + Sync {
    /// The near end of a new connection to the upstream of this name; `None` refuses it.
    fn connect(&self, upstream: &str) -> Option<DuplexStream>;
}

#[derive(Default)]
struct Idles {
    by_endpoint: HashMap<Arc<str>, VecDeque<Idle>>,
    /// Of all endpoints.
    count: usize,
}

struct Idle {
    connection: Connection,
    until: Instant,
}

impl Idle {
    fn is_fit(&self, now: Instant) -> bool {
        self.until > now && !self.connection.sender.is_closed()
    }
}

/// An open connection. A drop closes it, whatever is under way.
pub(super) struct Connection {
    pub(super) sender: SendRequest<RequestBody>,
    driver: AbortHandle,
}

impl Pools {
    /// Without any connection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Without any connection, and without a network: connections lead to `stage`.
    #[must_use]
    pub fn on(stage: Arc<dyn Stage>) -> Self {
        Self { stage: Some(stage), ..Self::default() }
    }

    /// Where connections are made to in place of the network.
    pub(super) fn stage(&self) -> Option<&dyn Stage> {
        self.stage.as_deref()
    }

    /// Closes what has waited for too long, and forgets what the other end has closed. A worker
    /// calls it every second or so.
    pub fn purge(&self, now: Instant) {
        let Idles { by_endpoint, count } = &mut *self.lock();
        by_endpoint.retain(|_, idle| {
            idle.retain(|idle| idle.is_fit(now));
            !idle.is_empty()
        });
        *count = by_endpoint.values().map(VecDeque::len).sum();
        self.lock_shared().retain(|_, group| group.purge(now));
    }

    /// A place for an exchange by HTTP/2, or what has to be done for one.
    pub(super) fn seat(self: &Arc<Self>, endpoint: &Arc<str>, now: Instant) -> Seat {
        let mut shared = self.lock_shared();
        let group = match shared.get_mut(&**endpoint) {
            Some(group) => group,
            None => shared.entry(Arc::clone(endpoint)).or_default(),
        };
        group.seat(now, |told| Opening::new(Arc::clone(self), Arc::clone(endpoint), told))
    }

    /// Offers a connection that speaks HTTP/2.
    pub(super) fn share(&self, endpoint: &Arc<str>, connection: Arc<Shared>) {
        self.lock_shared().entry(Arc::clone(endpoint)).or_default().add(connection);
    }

    /// Nobody opens one any more.
    pub(super) fn close_opening(&self, endpoint: &str) {
        if let Some(group) = self.lock_shared().get_mut(endpoint) {
            group.close_opening();
        }
    }

    /// How many connections speak HTTP/2.
    #[must_use]
    pub fn shared(&self) -> usize {
        // A sum has no order.
        self.lock_shared().values().map(Group::len).sum()
    }

    /// How many connections wait.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.lock().count
    }

    /// The newest that can take a request; what is found unfit on the way is closed.
    pub(super) fn take(&self, endpoint: &str, now: Instant) -> Option<Connection> {
        let Idles { by_endpoint, count } = &mut *self.lock();
        let idle = by_endpoint.get_mut(endpoint)?;
        while let Some(newest) = idle.pop_back() {
            *count -= 1;
            if newest.is_fit(now) && newest.connection.sender.is_ready() {
                return Some(newest.connection);
            }
        }
        None
    }

    /// Keeps a connection for `until` then.
    pub(super) fn put(&self, endpoint: &Arc<str>, connection: Connection, until: Instant) {
        if connection.sender.is_closed() {
            return;
        }
        let Idles { by_endpoint, count } = &mut *self.lock();
        if *count >= IDLE_MAX {
            return;
        }
        let idle = match by_endpoint.get_mut(&**endpoint) {
            Some(idle) => idle,
            None => by_endpoint.entry(Arc::clone(endpoint)).or_default(),
        };
        if idle.len() >= IDLE_PER_ENDPOINT_MAX && idle.pop_front().is_some() {
            *count -= 1;
        }
        idle.push_back(Idle { connection, until });
        *count += 1;
    }

    /// Never held across an await; a panic leaves the map whole.
    fn lock_shared(&self) -> MutexGuard<'_, HashMap<Arc<str>, Group>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Never held across an await; a panic leaves the map whole.
    fn lock(&self) -> MutexGuard<'_, Idles> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pools").field("idle", &self.idle()).finish()
    }
}

impl Connection {
    /// Has a task move the bytes.
    #[expect(
        clippy::disallowed_methods,
        reason = "the task ends with the connection, which an exchange or a pool owns; drain waits for exchanges"
    )]
    pub(super) fn drive<S>(
        sender: SendRequest<RequestBody>,
        driver: http1::Connection<TokioIo<S>, RequestBody>,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let driver = tokio::spawn(async move {
            // A connection whose head was a 101 goes to whoever holds the other end of it.
            if let Err(error) = driver.with_upgrades().await {
                tracing::debug!(%error, "upstream's connection broke");
            }
        });
        Self { sender, driver: driver.abort_handle() }
    }
}

impl Drop for Connection {
    /// Without the abort a half-sent request would be sent to its end first.
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("closed", &self.sender.is_closed()).finish()
    }
}
