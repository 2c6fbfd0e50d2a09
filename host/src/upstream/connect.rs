//! From an endpoint to a connection that takes a request.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, DuplexStream};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::client::TlsStream;

use super::carrier::Carrier;
use super::endpoint::{Host, Target};
use super::multiplex::Shared;
use super::pool::Connection;
use super::tls::Tls;
use crate::config::Protocol;
use crate::failure::Failure;

/// Status line and field lines of one response, in bytes.
///
/// Twice what a request may have by default: responses set cookies for others to send.
pub(super) const RESPONSE_HEAD_BYTES_MAX: usize = 64 * 1024;

/// Field lines of one response.
///
/// More than twice the 100 that common clients take.
const RESPONSE_HEADERS_MAX: usize = 256;

/// What is read ahead of, or not yet written to, one connection, in bytes.
///
/// Room for a head and a first part of the body; a stalled client costs this much memory and what
/// the sockets hold.
const BUFFER_BYTES_MAX: usize = 128 * 1024;

/// A connection that is open, and speaks nothing yet.
pub(super) enum Wire {
    Plain(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
    /// Within the process.
    Staged(DuplexStream),
}

impl Wire {
    /// Speaks HTTP/1.1.
    pub(super) async fn speak_http1(self) -> Result<Connection, Failure> {
        match self {
            Self::Plain(stream) => speak(stream).await,
            Self::Encrypted(stream) => speak(stream).await,
            Self::Staged(stream) => speak(stream).await,
        }
    }

    /// Speaks what the endpoint is spoken to in, for one exchange.
    pub(super) async fn speak(
        self,
        protocol: Protocol,
        idle_timeout: Duration,
    ) -> Result<Carrier, Failure> {
        match protocol {
            Protocol::Http1 => self.speak_http1().await.map(Carrier::Own),
            Protocol::Http2 => {
                self.speak_http2(idle_timeout).await.map(|shared| Carrier::Stream(shared.take()))
            }
        }
    }

    /// Speaks HTTP/2.
    pub(super) async fn speak_http2(self, idle_timeout: Duration) -> Result<Arc<Shared>, Failure> {
        match self {
            Self::Plain(stream) => Shared::open(stream, false, idle_timeout).await,
            Self::Encrypted(stream) => Shared::open(stream, true, idle_timeout).await,
            Self::Staged(stream) => Shared::open(stream, false, idle_timeout).await,
        }
    }
}

/// Looks the name up, connects, sends the preface and, with `tls`, agrees on encryption, within
/// `timeout` for all of it.
///
/// The addresses are tried in the order of the look-up, each with an equal share of the time that
/// is left. The failure is that of the last.
pub(super) async fn open(
    target: &Target,
    tls: Option<&Tls>,
    preface: Option<&[u8]>,
    timeout: Duration,
) -> Result<Wire, Failure> {
    let deadline = Instant::now() + timeout;
    let mut stream = reach(target, deadline).await?;
    if let Some(preface) = preface {
        match timeout_at(deadline, stream.write_all(preface)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(Failure::ConnectionTerminated),
            Err(_elapsed) => return Err(Failure::ConnectionTimeout),
        }
    }
    let Some(tls) = tls else { return Ok(Wire::Plain(stream)) };
    match timeout_at(deadline, tls.encrypt(target.server_name.as_ref(), stream)).await {
        Ok(encrypted) => Ok(Wire::Encrypted(Box::new(encrypted?))),
        Err(_elapsed) => Err(Failure::ConnectionTimeout),
    }
}

/// Looks the name up and connects, until `deadline`.
pub(super) async fn reach(target: &Target, deadline: Instant) -> Result<TcpStream, Failure> {
    let stream = match &target.host {
        Host::Address(address) => dial(SocketAddr::new(*address, target.port), deadline).await?,
        Host::Name(name) => {
            let found = timeout_at(deadline, lookup_host((name.as_str(), target.port))).await;
            let addresses: Vec<SocketAddr> = match found {
                Ok(Ok(addresses)) => addresses.collect(),
                Ok(Err(error)) => {
                    tracing::debug!(name, %error, "upstream's name does not resolve");
                    return Err(Failure::DnsError);
                }
                Err(_elapsed) => return Err(Failure::ConnectionTimeout),
            };
            dial_each(&addresses, deadline).await?
        }
        Host::Unknown => return Err(Failure::DnsError),
    };
    // A request's head and its body's first part are separate writes; Nagle would hold the second.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "upstream's connection keeps Nagle's algorithm");
    }
    Ok(stream)
}

async fn dial_each(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, Failure> {
    let mut failure = Failure::DnsError;
    for (address, left) in addresses.iter().zip((1..=addresses.len()).rev()) {
        let now = Instant::now();
        let share = deadline.saturating_duration_since(now) / u32::try_from(left).unwrap_or(1);
        match dial(*address, now + share).await {
            Ok(stream) => return Ok(stream),
            Err(why) => failure = why,
        }
    }
    Err(failure)
}

async fn dial(address: SocketAddr, deadline: Instant) -> Result<TcpStream, Failure> {
    match timeout_at(deadline, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => {
            tracing::debug!(%address, %error, "no connection");
            Err(match error.kind() {
                io::ErrorKind::ConnectionRefused => Failure::ConnectionRefused,
                io::ErrorKind::TimedOut => Failure::ConnectionTimeout,
                _ => Failure::ConnectionError,
            })
        }
        Err(_elapsed) => Err(Failure::ConnectionTimeout),
    }
}

/// Speaks HTTP/1.1 over a connection that is open.
async fn speak<S>(stream: S) -> Result<Connection, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder
        .max_headers(RESPONSE_HEADERS_MAX)
        .max_header_size(RESPONSE_HEAD_BYTES_MAX)
        .max_buf_size(BUFFER_BYTES_MAX);
    match builder.handshake(TokioIo::new(stream)).await {
        Ok((sender, driver)) => Ok(Connection::drive(sender, driver)),
        Err(_) => Err(Failure::ConnectionError),
    }
}
