//! Sockets on their way to the workers.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use super::Listener;
use crate::listener;

/// A listener that nobody accepts on yet.
pub(in crate::server) struct Bound {
    pub(in crate::server) listener: Arc<Listener>,
    /// One for each worker; fewer or more if they were inherited.
    pub(super) sockets: Vec<TcpListener>,
}

impl Bound {
    /// At least one socket for each worker. Every inherited one is among them, because each has a
    /// queue of its own.
    ///
    /// To be called when they are accepted on at once: from here on the kernel may choose any of
    /// them for a connection.
    pub(in crate::server) fn sockets(self, workers: usize) -> Vec<TcpListener> {
        let Self { listener, mut sockets } = self;
        let address = listener.address;
        if let Some(missing @ 1..) = workers.checked_sub(sockets.len()) {
            // Those of a supervisor may not be shared by address.
            match listener::bind(address, missing) {
                Ok(more) => sockets.extend(more),
                Err(error) => tracing::debug!(%address, %error, "workers share a socket"),
            }
        }
        match sockets.iter().map(TcpListener::try_clone).collect::<io::Result<Vec<_>>>() {
            Ok(copies) => *listener.lock_sockets() = copies,
            Err(error) => {
                tracing::error!(%address, %error, "these sockets cannot be handed over");
            }
        }
        for index in 0..workers.saturating_sub(sockets.len()) {
            match sockets.get(index).map(TcpListener::try_clone) {
                Some(Ok(shared)) => sockets.push(shared),
                // The others accept.
                Some(Err(error)) => tracing::warn!(%address, %error, "a worker has no socket"),
                None => {}
            }
        }
        sockets
    }
}
