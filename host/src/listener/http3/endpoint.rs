//! The UDP socket of a listener.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use quinn::{Endpoint, EndpointConfig, TokioRuntime};

use super::settings::Settings;

/// Version 1 (RFC 9000), and no draft.
const VERSIONS: [u32; 1] = [1];

/// Clients that have sent their first packet, and of which nobody has looked at it yet; a worker that is busy
/// for a moment looses none.
const WAITING_MAX: usize = 1024;

/// What is kept of one of them: a first flight with a large certificate.
const WAITING_BYTES: u64 = 64 * 1024;

/// What is kept of all of them.
const WAITING_BYTES_ALL: u64 = 4 * 1024 * 1024;

/// Opens a UDP socket, which does not block.
///
/// It is one for all workers: the kernel spreads packets over several by their addresses, and a client whose
/// address changes, which QUIC allows, would be with a worker that does not know it.
///
/// # Errors
///
/// If the address is not this machine's, the port is taken or needs a privilege.
pub fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Begins to take connections, within a runtime. A drop of all that is made from it closes the socket.
///
/// # Errors
///
/// The socket cannot be used.
pub fn listen(socket: UdpSocket, settings: &Settings) -> io::Result<Endpoint> {
    let mut config = EndpointConfig::default();
    config.supported_versions(VERSIONS.to_vec());
    let mut first = (*settings.quic()).clone();
    first
        .max_incoming(WAITING_MAX)
        .incoming_buffer_size(WAITING_BYTES)
        .incoming_buffer_size_total(WAITING_BYTES_ALL);
    Endpoint::new(config, Some(first), socket, Arc::new(TokioRuntime))
}

/// How many clients have not shown yet that they are where they say.
#[derive(Debug, Default)]
pub struct Handshakes(AtomicUsize);

/// One of them; a drop takes it away.
#[derive(Debug)]
pub struct Handshake(Arc<Handshakes>);

impl Handshakes {
    /// How many they are.
    #[must_use]
    pub fn open(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts one more.
    #[must_use]
    pub fn begin(self: &Arc<Self>) -> Handshake {
        self.0.fetch_add(1, Ordering::Relaxed);
        Handshake(Arc::clone(self))
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
