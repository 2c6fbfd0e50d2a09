//! Connections that leave HTTP.

use hyper::upgrade::{OnUpgrade, Upgraded};

use super::pool::Connection;

/// An extension of a request that offers another protocol (`Upgrade`, RFC 9110 section 7.8): it goes
/// over a connection of its own, and may be answered with 101.
#[derive(Debug, Clone, Copy)]
pub struct Upgrading;

/// An endpoint's connection behind a 101. A drop closes it.
#[derive(Debug)]
pub struct Tunnel {
    on: OnUpgrade,
    /// Moves the bytes until the connection is handed over.
    connection: Connection,
}

impl Tunnel {
    pub(super) const fn new(on: OnUpgrade, connection: Connection) -> Self {
        Self { on, connection }
    }

    /// The bytes behind the head.
    ///
    /// # Errors
    ///
    /// The connection broke.
    pub async fn open(self) -> hyper::Result<Upgraded> {
        let Self { on, connection } = self;
        let upgraded = on.await;
        drop(connection);
        upgraded
    }
}
