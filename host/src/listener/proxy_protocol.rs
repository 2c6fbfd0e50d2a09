//! The PROXY protocol: a connection begins with whom it is for.
//!
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>. Nothing but what sections 2.1 and 2.2
//! say is taken, because what is taken is believed: an address that is not quite one would be
//! somebody's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::drain::Drain;
use super::opening;
use crate::facts::Ends;

/// A proxy sends it with the first packet; what comes later is no proxy.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A whole header of version 1 with its line end (section 2.1).
const TEXT_BYTES_MAX: usize = 107;

/// `PROXY UNKNOWN` and the line end; version 2 is longer.
const START_BYTES: usize = 15;

/// What version 2 begins with.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// What follows the fixed part of version 2: two addresses, and what proxies tell besides, such as
/// the names of a certificate. One packet on most networks.
const BINARY_BYTES_MAX: usize = 1024;

/// Why a connection is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unidentified {
    /// It does not say whom it is for, or may not.
    Refused,
    /// It is over.
    Gone,
}

/// Finds out who has connected. If `proxies` are given, one of them must say so first.
///
/// A drop leaves a connection behind of which a part may be read.
///
/// # Errors
///
/// Why the connection is to be closed.
pub async fn identify(
    stream: &mut TcpStream,
    proxies: Option<&[IpNet]>,
    drain: &Drain,
) -> Result<Ends, Unidentified> {
    let (Ok(client), Ok(gateway)) = (stream.peer_addr(), stream.local_addr()) else {
        return Err(Unidentified::Gone);
    };
    let peer = Ends { client: canonical(client), gateway: canonical(gateway) };
    let Some(proxies) = proxies else { return Ok(peer) };
    if !proxies.iter().any(|network| network.contains(&peer.client.ip())) {
        tracing::debug!(peer = %peer.client, "a connection of nobody who is a trusted proxy");
        return Err(Unidentified::Refused);
    }
    let told = async {
        if !opening::begins(stream, drain).await {
            return Err(Unidentified::Gone);
        }
        receive(stream).await
    };
    match timeout(TIMEOUT, told).await {
        Ok(Ok(told)) => Ok(told.unwrap_or(peer)),
        Ok(Err(why)) => {
            tracing::debug!(peer = %peer.client, ?why, "no header of the PROXY protocol");
            Err(why)
        }
        Err(_elapsed) => {
            tracing::debug!(peer = %peer.client, "no header of the PROXY protocol in time");
            Err(Unidentified::Refused)
        }
    }
}

/// Reads the header and not a byte more; none if the proxy speaks for itself.
async fn receive(stream: &mut TcpStream) -> Result<Option<Ends>, Unidentified> {
    let mut start = [0; START_BYTES];
    stream.read_exact(&mut start).await.or(Err(Unidentified::Gone))?;
    if start.starts_with(SIGNATURE) {
        return receive_binary(stream, start).await;
    }
    if !start.starts_with(b"PROXY ") {
        return Err(Unidentified::Refused);
    }
    let mut line = Vec::with_capacity(TEXT_BYTES_MAX);
    line.extend_from_slice(&start);
    while !line.ends_with(b"\n") {
        let left = TEXT_BYTES_MAX.saturating_sub(line.len());
        let mut next = [0; TEXT_BYTES_MAX];
        let next = next.get_mut(..left).unwrap_or_default();
        // What comes after the line is not ours to read.
        let seen = stream.peek(next).await.or(Err(Unidentified::Gone))?;
        let seen = next.get_mut(..seen).unwrap_or_default();
        let end = seen.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        let part = seen.get_mut(..end.unwrap_or(usize::MAX).min(seen.len())).unwrap_or_default();
        if part.is_empty() {
            // Too long, or ended.
            return Err(Unidentified::Refused);
        }
        stream.read_exact(part).await.or(Err(Unidentified::Gone))?;
        line.extend_from_slice(part);
    }
    parse_text(&line).ok_or(Unidentified::Refused)
}

async fn receive_binary(
    stream: &mut TcpStream,
    start: [u8; START_BYTES],
) -> Result<Option<Ends>, Unidentified> {
    let last = stream.read_u8().await.or(Err(Unidentified::Gone))?;
    let [.., command, family, length] = start;
    let length = usize::from(u16::from_be_bytes([length, last]));
    if length > BINARY_BYTES_MAX {
        return Err(Unidentified::Refused);
    }
    let mut rest = [0; BINARY_BYTES_MAX];
    let rest = rest.get_mut(..length).unwrap_or_default();
    stream.read_exact(rest).await.or(Err(Unidentified::Gone))?;
    parse_binary(command, family, rest).ok_or(Unidentified::Refused)
}

/// `PROXY TCP4 <client> <gateway> <port> <port>`, with one space between; none if it is malformed,
/// `Some(None)` if the proxy does not know.
#[expect(clippy::option_option, reason = "the outer one is the fault")]
fn parse_text(line: &[u8]) -> Option<Option<Ends>> {
    let line = std::str::from_utf8(line.strip_suffix(b"\r\n")?).ok()?;
    let mut words = line.strip_prefix("PROXY ")?.split(' ');
    let family = words.next()?;
    if family == "UNKNOWN" {
        // What follows is to be ignored.
        return Some(None);
    }
    let mut addresses: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(); 2];
    for address in &mut addresses {
        let word = words.next()?;
        *address = match family {
            "TCP4" => word.parse::<Ipv4Addr>().ok()?.into(),
            "TCP6" => word.parse::<Ipv6Addr>().ok()?.into(),
            _ => return None,
        };
    }
    let mut ports = [0; 2];
    for port in &mut ports {
        *port = self::port(words.next()?)?;
    }
    if words.next().is_some() {
        return None;
    }
    let ([client, gateway], [from, to]) = (addresses, ports);
    Some(Some(ends(client, from, gateway, to)))
}

/// Digits, without a zero that says nothing.
fn port(word: &str) -> Option<u16> {
    let is_plain =
        word.bytes().all(|byte| byte.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
    if is_plain { word.parse().ok() } else { None }
}

/// What stands between the signature with its fixed part and the first byte of the client.
#[expect(clippy::option_option, reason = "the outer one is the fault")]
fn parse_binary(command: u8, family: u8, rest: &[u8]) -> Option<Option<Ends>> {
    match command {
        // The proxy's own, such as a health check.
        0x20 => return Some(None),
        0x21 => {}
        _ => return None,
    }
    match family {
        // It cannot say.
        0x00 => Some(None),
        0x11 => {
            let (client, rest) = rest.split_first_chunk::<4>()?;
            let (gateway, rest) = rest.split_first_chunk::<4>()?;
            binary_ends((*client).into(), (*gateway).into(), rest)
        }
        0x21 => {
            let (client, rest) = rest.split_first_chunk::<16>()?;
            let (gateway, rest) = rest.split_first_chunk::<16>()?;
            binary_ends((*client).into(), (*gateway).into(), rest)
        }
        // Not TCP.
        _ => None,
    }
}

#[expect(clippy::option_option, reason = "the outer one is the fault")]
fn binary_ends(client: IpAddr, gateway: IpAddr, rest: &[u8]) -> Option<Option<Ends>> {
    let (from, rest) = rest.split_first_chunk::<2>()?;
    let (to, mut extra) = rest.split_first_chunk::<2>()?;
    // Section 2.2.1: each with a type and a length.
    while let Some(([_, high, low], after)) = extra.split_first_chunk::<3>() {
        extra = after.get(usize::from(u16::from_be_bytes([*high, *low]))..)?;
    }
    if !extra.is_empty() {
        return None;
    }
    Some(Some(ends(client, u16::from_be_bytes(*from), gateway, u16::from_be_bytes(*to))))
}

fn ends(client: IpAddr, from: u16, gateway: IpAddr, to: u16) -> Ends {
    Ends {
        client: canonical(SocketAddr::new(client, from)),
        gateway: canonical(SocketAddr::new(gateway, to)),
    }
}

const fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests;
