//! How a connection begins: whether it does, and with which protocol.

use std::time::Duration;

use bytes::BytesMut;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::drain::Drain;
use super::framing::is_http2_preface;

/// A connection of which it is known which protocol it speaks.
pub(super) struct Opening<T> {
    pub(super) stream: T,
    /// What was read to know it.
    pub(super) first: BytesMut,
    pub(super) http2: bool,
}

/// Waits for the client's first bytes; false if there are none, because it leaves or the gateway
/// ends.
///
/// Bytes that have arrived win: tokio moves timers on only after it has looked at the sockets.
/// A drop leaves nothing behind, and nothing is read.
pub(super) async fn begins(stream: &TcpStream, drain: &Drain) -> bool {
    // Not `readable`, which says yes to a socket that tokio has not looked at yet.
    let mut first = [0];
    tokio::select! {
        biased;
        there = stream.peek(&mut first) => matches!(there, Ok(1..)),
        () = drain.first_request_is_late() => false,
    }
}

/// Reads until it is certain whether this is HTTP/2; none if the client leaves.
///
/// A client that stops within the preface goes on as HTTP/1, where its head is awaited and then
/// answered with 408.
pub(super) async fn detect(
    stream: &mut TcpStream,
    first: &mut BytesMut,
    patience: Duration,
) -> Option<bool> {
    loop {
        match timeout(patience, stream.read_buf(first)).await {
            Ok(Ok(0) | Err(_)) => return None,
            Ok(Ok(_)) => {
                if let Some(http2) = is_http2_preface(first) {
                    return Some(http2);
                }
            }
            Err(_) => return Some(false),
        }
    }
}
