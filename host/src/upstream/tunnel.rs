//! Connections that leave HTTP.

use hyper::upgrade::{OnUpgrade, Upgraded};

use super::endpoint::UnderWay;
use super::pool::Connection;
use crate::gate::Place;

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
    stay: Stay,
}

/// The part of a tunnel in what its upstream may have at once, until it is dropped.
#[derive(Debug, Default)]
pub struct Stay {
    _under_way: Option<UnderWay>,
    _place: Option<Place>,
}

impl Tunnel {
    pub(super) fn new(on: OnUpgrade, connection: Connection) -> Self {
        Self { on, connection, stay: Stay::default() }
    }

    /// It counts like the exchange that it came from.
    pub(super) fn counted(self, under_way: Option<UnderWay>, place: Option<Place>) -> Self {
        Self { stay: Stay { _under_way: under_way, _place: place }, ..self }
    }

    /// The bytes behind the head, and what is to be kept until they end.
    ///
    /// # Errors
    ///
    /// The connection broke.
    pub async fn open(self) -> hyper::Result<(Upgraded, Stay)> {
        let Self { on, connection, stay } = self;
        let upgraded = on.await;
        drop(connection);
        Ok((upgraded?, stay))
    }
}
