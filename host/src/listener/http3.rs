//! HTTP/3 (RFC 9114): one connection of QUIC from its handshake to its last exchange.
//!
//! ```text
//! stream of a request   reader → head | body            by us
//! streams beside it     SETTINGS, GOAWAY, QPACK          by h3
//! answers               field sections and frames        by h3
//! ```
//!
//! The task of the connection reads the heads of all its streams, each in a task of its own that ends with
//! it, and so do their exchanges run. What a connection waits for is bounded as with HTTP/1 and HTTP/2:
//!
//! | waits for | at most | then |
//! |---|---|---|
//! | the handshake | `header_timeout` | closed |
//! | the first byte of a request, if none is under way | `idle_timeout` | closed |
//! | the rest of a head | `header_timeout` | answered with 408 |
//! | the client to take bytes | `body_timeout` | the stream is reset |
//! | a client that is gone without a word | 40 seconds | closed |

mod answer;
mod body;
mod drive;
mod endpoint;
mod frame;
mod head;
mod open;
mod qpack;
mod reader;
mod settings;
mod transport;
mod uni;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body::Body as HttpBody;
use tokio::time::timeout;

use super::drain::Drain;
use super::peer::Peer;
use super::tls;
use crate::facts::{Ends, TlsFacts};
pub use body::Body;
pub use endpoint::{Handshake, Handshakes, bind, listen};
pub use settings::Settings;

/// Serves one client to the end of its connection.
///
/// `at` is the address of the listener. `handle` is called for every request; if
/// [`Peer::take_fault`] has something, the request is a stand-in for one that was refused.
/// `handshake` is dropped when it is certain that the client is where it says.
///
/// A drop closes the connection at once and drops the exchanges that run on it.
pub async fn serve<S, F, B>(
    incoming: quinn::Incoming,
    (at, handshake): (SocketAddr, Option<Handshake>),
    settings: Arc<Settings>,
    handle: S,
    drain: Drain,
) where
    S: Fn(http::Request<Body>, Arc<Peer>) -> F + Clone + Send + 'static,
    F: Future<Output = http::Response<B>> + Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let address = incoming.remote_address();
    let connected = async {
        let connecting = incoming.accept_with(settings.quic())?;
        tokio::select! {
            biased;
            connection = connecting => connection.map(Some),
            () = drain.first_request_is_late() => Ok(None),
        }
    };
    let connection = match timeout(settings.times().header, connected).await {
        Ok(Ok(Some(connection))) => connection,
        Ok(Ok(None)) => return,
        Ok(Err(error)) => {
            settings.tls().give_up();
            return tracing::debug!(peer = %address, %error, "quic handshake failed");
        }
        Err(_elapsed) => {
            settings.tls().give_up();
            return tracing::debug!(peer = %address, "quic handshake timed out");
        }
    };
    drop(handshake);
    settings.tls().note_quic();
    let client = Client::new(connection, at, settings.tls());
    if let Err(error) = drive::to_the_end(client, &settings, handle, drain).await {
        tracing::debug!(peer = %address, %error, "connection ended early");
    }
}

/// Who is at the other end; its address may change while it is connected (RFC 9000 section 9).
struct Client {
    connection: quinn::Connection,
    at: SocketAddr,
    tls: Arc<TlsFacts>,
    /// As it was when it last asked for something.
    peer: Arc<Peer>,
}

impl Client {
    fn new(connection: quinn::Connection, at: SocketAddr, acceptor: &tls::Acceptor) -> Self {
        let tls = Arc::new(acceptor.quic_facts(&connection));
        let peer = Arc::new(Peer::new(ends(&connection, at), Some(Arc::clone(&tls))));
        Self { connection, at, tls, peer }
    }

    /// Where it is now.
    fn peer(&mut self) -> Arc<Peer> {
        let ends = ends(&self.connection, self.at);
        if ends.client != self.peer.address {
            self.peer = Arc::new(Peer::new(ends, Some(Arc::clone(&self.tls))));
        }
        Arc::clone(&self.peer)
    }

    /// The same, of a request that was refused.
    fn refused(&self, fault: super::Fault) -> Arc<Peer> {
        let ends = ends(&self.connection, self.at);
        Arc::new(Peer::refused(ends, Some(Arc::clone(&self.tls)), fault))
    }
}

fn ends(connection: &quinn::Connection, at: SocketAddr) -> Ends {
    let canonical =
        |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    let local = connection.local_ip().unwrap_or_else(|| at.ip());
    Ends {
        client: canonical(connection.remote_address()),
        gateway: canonical(SocketAddr::new(local, at.port())),
    }
}
