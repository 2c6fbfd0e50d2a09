//! The PROXY protocol towards endpoints: a connection begins with whom it is for.
//!
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>, sections 2.1 and 2.2.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::config::ProxyVersion;
use crate::facts::Ends;

/// What version 2 begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Version 2, a connection of the gateway's own.
const LOCAL: u8 = 0x20;

/// Version 2, a connection for somebody else.
const PROXY: u8 = 0x21;

/// TCP over IPv4 and IPv6.
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;

/// What a connection begins with. Without `ends` it is for the gateway itself, which an endpoint
/// takes as the address that it sees.
pub(super) fn header(version: ProxyVersion, ends: Option<Ends>) -> Vec<u8> {
    let ends = ends.map(|Ends { client, gateway }| (canonical(client), canonical(gateway)));
    match version {
        ProxyVersion::V1 => text(ends).into_bytes(),
        ProxyVersion::V2 => bytes(ends),
    }
}

fn text(ends: Option<(SocketAddr, SocketAddr)>) -> String {
    let Some((client, gateway)) = ends else { return "PROXY UNKNOWN\r\n".to_owned() };
    let (family, from, to) = match (client.ip(), gateway.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => ("TCP4", from.to_string(), to.to_string()),
        (from, to) => ("TCP6", mapped(from).to_string(), mapped(to).to_string()),
    };
    format!("PROXY {family} {from} {to} {} {}\r\n", client.port(), gateway.port())
}

fn bytes(ends: Option<(SocketAddr, SocketAddr)>) -> Vec<u8> {
    let mut header = SIGNATURE.to_vec();
    let Some((client, gateway)) = ends else {
        header.extend([LOCAL, 0, 0, 0]);
        return header;
    };
    match (client.ip(), gateway.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            header.extend([PROXY, TCP4, 0, 12]);
            header.extend(from.octets());
            header.extend(to.octets());
        }
        (from, to) => {
            header.extend([PROXY, TCP6, 0, 36]);
            header.extend(mapped(from).octets());
            header.extend(mapped(to).octets());
        }
    }
    header.extend(client.port().to_be_bytes());
    header.extend(gateway.port().to_be_bytes());
    header
}

/// Both addresses of a header have one family.
const fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(client: &str, gateway: &str) -> Option<Ends> {
        Some(Ends { client: client.parse().unwrap(), gateway: gateway.parse().unwrap() })
    }

    #[test]
    fn version_1_is_a_line_of_text() {
        let line = |ends| String::from_utf8(header(ProxyVersion::V1, ends)).unwrap();
        assert_eq!(
            line(ends("192.0.2.1:1000", "198.51.100.2:443")),
            "PROXY TCP4 192.0.2.1 198.51.100.2 1000 443\r\n"
        );
        assert_eq!(
            line(ends("[2001:db8::1]:1000", "[2001:db8::2]:443")),
            "PROXY TCP6 2001:db8::1 2001:db8::2 1000 443\r\n"
        );
        assert_eq!(
            line(ends("192.0.2.1:1000", "[2001:db8::2]:443")),
            "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 1000 443\r\n"
        );
        assert_eq!(
            line(ends("[::ffff:192.0.2.1]:1000", "198.51.100.2:443")),
            "PROXY TCP4 192.0.2.1 198.51.100.2 1000 443\r\n"
        );
        assert_eq!(line(None), "PROXY UNKNOWN\r\n");
    }

    #[test]
    fn version_2_is_a_signature_and_numbers() {
        let mut four = SIGNATURE.to_vec();
        four.extend([0x21, 0x11, 0, 12, 192, 0, 2, 1, 198, 51, 100, 2, 3, 232, 1, 187]);
        let ends_4 = ends("192.0.2.1:1000", "198.51.100.2:443");
        assert_eq!(header(ProxyVersion::V2, ends_4), four);

        let six = header(ProxyVersion::V2, ends("[2001:db8::1]:1000", "[2001:db8::2]:443"));
        assert_eq!(six.len(), 16 + 36);
        assert_eq!(six[12..16], [0x21, 0x21, 0, 36]);
        assert_eq!(six[48..], [3, 232, 1, 187]);

        let mut own = SIGNATURE.to_vec();
        own.extend([0x20, 0, 0, 0]);
        assert_eq!(header(ProxyVersion::V2, None), own);
    }
}
