//! Idle connections that hold nothing but their socket.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::server::TlsStream;

use super::drain::Drain;

/// What carries the bytes of a connection.
pub(super) trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Ready if there may be bytes to read, or none will ever come.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()>;
}

impl Transport for TcpStream {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        // What is wrong with the socket shows when it is read.
        self.poll_read_ready(cx).map(drop)
    }
}

impl Transport for TlsStream<TcpStream> {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.get_ref().0.poll_readable(cx)
    }
}

/// How many connections rest, over all listeners.
#[derive(Debug, Clone, Default)]
pub struct Resting(pub Gauge);

impl Resting {
    /// One more until what is returned is dropped.
    fn one(&self) -> One<'_> {
        self.0.inc();
        One(&self.0)
    }
}

struct One<'a>(&'a Gauge);

impl Drop for One<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Why a rest is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Woken {
    /// There is something to be read, or the client has left.
    Bytes,
    /// The gateway ends.
    Drain,
    /// The client has had its time.
    Late,
}

/// Waits for what ends a rest. A drop leaves nothing behind, and nothing is read.
pub(super) async fn rest(
    transport: &impl Transport,
    patience: Duration,
    drain: &Drain,
    resting: &Resting,
) -> Woken {
    let _one = resting.one();
    tokio::select! {
        biased;
        () = poll_fn(|cx| transport.poll_readable(cx)) => Woken::Bytes,
        () = drain.begins() => Woken::Drain,
        () = sleep(patience) => Woken::Late,
    }
}
