//! Who asks, and how, where proxies stand in between (RFC 7239 and its `X-` forerunners).

use std::net::IpAddr;
use std::str;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

use super::list;
use super::text::Short;
use crate::facts::Scheme;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// What is believed about the client behind a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::exchange) struct Forwarded {
    /// Of the client itself; the peer's unless that is a trusted proxy.
    pub(in crate::exchange) address: IpAddr,
    /// Whether the peer is a trusted proxy. If not, the rest is empty.
    pub(in crate::exchange) trusted: bool,
    /// How the client reached the first proxy, if told.
    pub(in crate::exchange) scheme: Option<Scheme>,
    /// What the client asked for, if told; may have a port.
    pub(in crate::exchange) host: Option<String>,
    /// Where the client reached the first proxy, if told.
    pub(in crate::exchange) port: Option<u16>,
}

/// The last hop of a request: the connection that it came on.
#[derive(Debug, Clone, Copy)]
pub(in crate::exchange) struct Hop {
    /// The other end.
    pub(in crate::exchange) peer: IpAddr,
    /// Whether it is encrypted.
    pub(in crate::exchange) scheme: Scheme,
    /// Of the listener.
    pub(in crate::exchange) port: u16,
}

/// Finds the client behind `peer`.
///
/// Only a trusted peer is believed. The addresses of `X-Forwarded-For`, or of `Forwarded` if there
/// is no such field, are walked from the right, each having been written by the one after it: the
/// first that is not trusted is the client's; if all are, the leftmost. One that is no address
/// ends the walk at the last good one. Of several schemes, hosts or ports in an `X-Forwarded-`
/// field the last counts, which the peer itself has written.
pub(in crate::exchange) fn client(
    peer: IpAddr,
    headers: &HeaderMap,
    trusted: &[IpNet],
) -> Forwarded {
    let address = peer.to_canonical();
    let mut found = Forwarded { address, trusted: false, scheme: None, host: None, port: None };
    if !is_trusted(address, trusted) {
        return found;
    }
    found.trusted = true;
    if headers.contains_key(&X_FORWARDED_FOR) {
        found.walk_addresses(headers, trusted);
    } else if headers.contains_key(header::FORWARDED) {
        found.walk_elements(headers, trusted);
    }
    found.scheme = found.scheme.or_else(|| scheme(last(headers, &X_FORWARDED_PROTO)?));
    found.host = found.host.take().or_else(|| host(last(headers, &X_FORWARDED_HOST)?));
    found.port = last(headers, &X_FORWARDED_PORT).and_then(port);
    found
}

impl Forwarded {
    fn walk_addresses(&mut self, headers: &HeaderMap, trusted: &[IpNet]) {
        for line in headers.get_all(&X_FORWARDED_FOR).iter().rev() {
            for entry in line.as_bytes().rsplit(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                if entry.is_empty() {
                    continue;
                }
                let Some(address) = str::from_utf8(entry).ok().and_then(node) else {
                    return;
                };
                self.address = address;
                if !is_trusted(address, trusted) {
                    return;
                }
            }
        }
    }

    fn walk_elements(&mut self, headers: &HeaderMap, trusted: &[IpNet]) {
        let lines = headers.get_all(header::FORWARDED).iter();
        let elements: Vec<_> =
            lines.flat_map(|line| list::elements(line.as_bytes(), b',')).collect();
        for element in elements.into_iter().rev() {
            let Some(element) = Element::read(element) else {
                return;
            };
            // Who wrote this element is trusted, even if it does not say for whom.
            self.scheme = element.proto.and_then(|proto| scheme(proto.as_bytes())).or(self.scheme);
            self.host = element.host.and_then(|told| host(told.as_bytes())).or(self.host.take());
            let Some(address) = element.node.and_then(node) else {
                return;
            };
            self.address = address;
            if !is_trusted(address, trusted) {
                return;
            }
        }
    }

    /// The port that belongs to what is told; the listener's if nothing is.
    fn port_or(&self, hop: Hop) -> u16 {
        if let Some(port) = self.port {
            return port;
        }
        let of_host = self.host.as_deref().and_then(|host| {
            let (name, digits) = host.rsplit_once(':')?;
            if name.contains(':') && !name.ends_with(']') { None } else { port(digits.as_bytes()) }
        });
        match (of_host, self.scheme, &self.host) {
            (Some(port), _, _) => port,
            (None, None, None) => hop.port,
            (None, told, _) => match told.unwrap_or(hop.scheme) {
                Scheme::Http => 80,
                Scheme::Https => 443,
            },
        }
    }
}

/// One element of `Forwarded`.
#[derive(Debug, Default)]
struct Element<'a> {
    node: Option<&'a str>,
    proto: Option<&'a str>,
    host: Option<&'a str>,
}

impl<'a> Element<'a> {
    /// None if any part is not exactly as RFC 7239 section 4 says: a quotation mark that a client
    /// left open could swallow what a proxy added.
    fn read(element: &'a [u8]) -> Option<Self> {
        let mut read = Self::default();
        for pair in list::elements(element, b';') {
            let (name, value) = str::from_utf8(pair).ok()?.split_once('=')?;
            let value = match value.strip_prefix('"') {
                Some(quoted) => quoted.strip_suffix('"')?,
                None => value,
            };
            // Nothing that we look for needs a backslash.
            if value.is_empty() || value.contains(['"', '\\']) {
                return None;
            }
            let slot = match name {
                _ if name.eq_ignore_ascii_case("for") => &mut read.node,
                _ if name.eq_ignore_ascii_case("proto") => &mut read.proto,
                _ if name.eq_ignore_ascii_case("host") => &mut read.host,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return None;
            }
        }
        Some(read)
    }
}

/// Tells the upstream who asks, and how.
///
/// A trusted peer's `X-Forwarded-For` and `Forwarded` are continued, and what else it told stays.
/// From others nothing stays. `Forwarded` is not begun here, only continued.
pub(in crate::exchange) fn forward(headers: &mut HeaderMap, hop: Hop, client: &Forwarded) {
    let peer = hop.peer.to_canonical();
    let address = Short::address(peer);

    if client.trusted && headers.contains_key(header::FORWARDED) {
        let element = element(peer, hop.scheme, headers.get(header::HOST));
        continue_list(headers, header::FORWARDED, &element);
    } else {
        headers.remove(header::FORWARDED);
    }
    if client.trusted {
        continue_list(headers, X_FORWARDED_FOR, address.as_bytes());
    } else {
        headers.insert(X_FORWARDED_FOR, address.value());
    }
    let real = if client.address == peer { address } else { Short::address(client.address) };
    headers.insert(X_REAL_IP, real.value());

    let scheme = client.scheme.unwrap_or(hop.scheme);
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(scheme.as_str()));
    let told = client.host.as_deref().and_then(|host| HeaderValue::from_str(host).ok());
    match told.or_else(|| headers.get(header::HOST).cloned()) {
        Some(host) => headers.insert(X_FORWARDED_HOST, host),
        None => headers.remove(X_FORWARDED_HOST),
    };
    let port = match client.port_or(hop) {
        80 => HeaderValue::from_static("80"),
        443 => HeaderValue::from_static("443"),
        port => Short::number(port.into()).value(),
    };
    headers.insert(X_FORWARDED_PORT, port);
}

/// Tells the upstream which prefix was taken off the path.
///
/// A prefix that a trusted proxy took off before stands before ours. Without one of ours a trusted
/// proxy's stays, and any other goes.
pub(in crate::exchange) fn prefix(headers: &mut HeaderMap, trusted: bool, stripped: Option<&str>) {
    let stripped = stripped.filter(|stripped| *stripped != "/" && !stripped.is_empty());
    if !trusted {
        headers.remove(&X_FORWARDED_PREFIX);
    }
    let Some(stripped) = stripped else {
        return;
    };
    let mut whole = match headers.get(&X_FORWARDED_PREFIX).map(HeaderValue::as_bytes) {
        Some(before @ [b'/', ..]) => before.strip_suffix(b"/").unwrap_or(before).to_vec(),
        _ => Vec::new(),
    };
    whole.extend_from_slice(stripped.as_bytes());
    match HeaderValue::from_maybe_shared(Bytes::from(whole)) {
        Ok(whole) => headers.insert(X_FORWARDED_PREFIX, whole),
        Err(_control_character) => headers.remove(X_FORWARDED_PREFIX),
    };
}

/// Makes one line of all lines of a list and puts `element` at its end; programs that read a single
/// line of it are many.
fn continue_list(headers: &mut HeaderMap, name: HeaderName, element: &[u8]) {
    let mut whole = Vec::with_capacity(64);
    for line in headers.get_all(&name) {
        whole.extend_from_slice(line.as_bytes());
        whole.extend_from_slice(b", ");
    }
    whole.extend_from_slice(element);
    let whole = HeaderValue::from_maybe_shared(Bytes::from(whole));
    headers.insert(name, whole.expect("made of field values"));
}

/// An element of `Forwarded` for the hop to here (RFC 7239 section 4).
fn element(peer: IpAddr, scheme: Scheme, host: Option<&HeaderValue>) -> Vec<u8> {
    let mut element = match peer {
        IpAddr::V4(peer) => format!("for={peer}"),
        IpAddr::V6(peer) => format!("for=\"[{peer}]\""),
    };
    if let Some(host) = host.and_then(|host| self::host(host.as_bytes())) {
        let quote = if host.contains([':', '[']) { "\"" } else { "" };
        element.push_str(";host=");
        element.push_str(quote);
        element.push_str(&host);
        element.push_str(quote);
    }
    element.push_str(";proto=");
    element.push_str(scheme.as_str());
    element.into_bytes()
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|net| net.contains(&address))
}

/// The last element of all lines of a field.
fn last<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let line = headers.get_all(name).iter().next_back()?;
    Some(line.as_bytes().rsplit(|byte| *byte == b',').next()?.trim_ascii())
}

/// An address, with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`,
/// `[2001:db8::1]`, `[2001:db8::1]:80`.
fn node(text: &str) -> Option<IpAddr> {
    let (address, port) = match text.strip_prefix('[') {
        Some(bracketed) => {
            let (address, after) = bracketed.split_once(']')?;
            let port = if after.is_empty() { None } else { Some(after.strip_prefix(':')?) };
            (IpAddr::V6(address.parse().ok()?), port)
        }
        None => match text.split_once(':') {
            Some((v4, port)) if !port.contains(':') => (IpAddr::V4(v4.parse().ok()?), Some(port)),
            _ => (text.parse().ok()?, None),
        },
    };
    match port {
        Some(digits) if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) => None,
        _ => Some(address.to_canonical()),
    }
}

fn scheme(text: &[u8]) -> Option<Scheme> {
    match text {
        _ if text.eq_ignore_ascii_case(b"https") => Some(Scheme::Https),
        _ if text.eq_ignore_ascii_case(b"http") => Some(Scheme::Http),
        _ => None,
    }
}

/// A host, with or without a port, in the characters of RFC 3986 section 3.2.2 that names have.
fn host(text: &[u8]) -> Option<String> {
    let allowed = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':' | b'[' | b']')
    };
    if text.is_empty() || text.len() > 261 || !text.iter().all(allowed) {
        return None;
    }
    str::from_utf8(text).ok().map(str::to_owned)
}

fn port(text: &[u8]) -> Option<u16> {
    if !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(text).ok()?.parse().ok().filter(|port| *port != 0)
}

#[cfg(test)]
mod tests;
