//! The connections of one worker to one endpoint.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use super::{Shared, Stream};
use crate::failure::Failure;
use crate::upstream::Pools;

/// Connections of one worker to one endpoint.
///
/// Eight hundred exchanges at once; those beyond wait for a stream of the emptiest.
const CONNECTIONS_MAX: usize = 8;

/// Connections to one endpoint, and whether another one is on its way.
#[derive(Debug, Default)]
pub(in crate::upstream) struct Group {
    connections: Vec<Arc<Shared>>,
    opening: Option<watch::Receiver<Option<Failure>>>,
}

/// What an exchange finds.
#[derive(Debug)]
pub(in crate::upstream) enum Seat {
    /// A stream.
    Taken(Stream),
    /// Nothing, so it has to open a connection.
    Opened(Opening),
    /// Another exchange that opens one. It tells only a failure.
    Awaited(watch::Receiver<Option<Failure>>),
}

/// The duty to open a connection. Who drops it has given up, and the next one takes it over.
#[derive(Debug)]
pub(in crate::upstream) struct Opening {
    pools: Arc<Pools>,
    key: Arc<str>,
    told: watch::Sender<Option<Failure>>,
}

impl Group {
    /// Whether there is anything to keep; what is closed or has waited for too long is closed.
    pub(in crate::upstream) fn purge(&mut self, now: Instant) -> bool {
        self.connections.retain(|connection| connection.is_fit(now));
        !self.connections.is_empty() || self.opening.is_some()
    }

    /// Takes a stream of the first connection that has room, so that those which a burst left over
    /// grow old. `open` makes the duty to open another one.
    pub(in crate::upstream) fn seat(
        &mut self,
        now: Instant,
        open: impl FnOnce(watch::Sender<Option<Failure>>) -> Opening,
    ) -> Seat {
        self.connections.retain(|connection| connection.is_fit(now));
        if let Some(connection) = self.connections.iter().find(|it| it.room() > 0) {
            return Seat::Taken(connection.take());
        }
        if let Some(opening) = &self.opening {
            return Seat::Awaited(opening.clone());
        }
        if self.connections.len() < CONNECTIONS_MAX {
            let (told, opening) = watch::channel(None);
            self.opening = Some(opening);
            return Seat::Opened(open(told));
        }
        let emptiest = self.connections.iter().min_by_key(|it| it.load());
        Seat::Taken(emptiest.expect("as many as there may be are more than none").take())
    }

    pub(in crate::upstream) fn add(&mut self, connection: Arc<Shared>) {
        self.connections.push(connection);
    }

    pub(in crate::upstream) fn close_opening(&mut self) {
        self.opening = None;
    }

    pub(in crate::upstream) fn len(&self) -> usize {
        self.connections.len()
    }
}

impl Opening {
    pub(in crate::upstream) const fn new(
        pools: Arc<Pools>,
        key: Arc<str>,
        told: watch::Sender<Option<Failure>>,
    ) -> Self {
        Self { pools, key, told }
    }

    /// Offers the connection to all who wait, and takes a stream of it.
    pub(super) fn done(self, connection: Arc<Shared>) -> Stream {
        let stream = connection.take();
        self.pools.share(&self.key, connection);
        stream
    }

    /// Tells those who wait that it is no use.
    pub(super) fn failed(self, failure: Failure) {
        self.told.send_replace(Some(failure));
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.pools.close_opening(&self.key);
    }
}
