//! The host that a client asked for, in the form that routes name it.

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv6Addr;

/// The longest name DNS carries, in bytes (RFC 1035 section 2.3.4).
const NAME_BYTES_MAX: usize = 253;

/// The longest label of a name, in bytes.
const LABEL_BYTES_MAX: usize = 63;

/// A `Host` field or an authority, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host<'a> {
    /// Lower-case and without a final dot; an IPv6 address stands in brackets, in its shortest
    /// form. Borrowed if the client wrote it so.
    pub name: Cow<'a, str>,
    /// Absent if the client gave none.
    pub port: Option<u16>,
}

/// Why a text is not a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostError {
    /// There is nothing, or nothing but a port.
    Empty,
    /// Longer than a name may be.
    TooLong,
    /// Neither a name nor an address.
    InvalidName,
    /// Not a decimal number up to 65535.
    InvalidPort,
}

impl HostError {
    /// The text for the client's 400.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Empty => "the host is empty",
            Self::TooLong => "the host is longer than a name may be",
            Self::InvalidName => "the host is neither a name nor an address",
            Self::InvalidPort => "the host's port is not a number up to 65535",
        }
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for HostError {}

/// Takes the value of `Host` or `:authority` apart.
///
/// Stricter than RFC 3986 section 3.2.2: names hold letters, digits, `-`, `_` and dots, because
/// nothing else can be looked up; user information is refused.
///
/// # Errors
///
/// See [`HostError`]; all of them are answered with 400.
pub fn parse(text: &str) -> Result<Host<'_>, HostError> {
    if let Some(literal) = text.strip_prefix('[') {
        let (address, rest) = literal.split_once(']').ok_or(HostError::InvalidName)?;
        let port = match rest.strip_prefix(':') {
            Some(port) => parse_port(port)?,
            None if rest.is_empty() => None,
            None => return Err(HostError::InvalidName),
        };
        return Ok(Host { name: ipv6(text, address)?, port });
    }
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, parse_port(port)?),
        None => (text, None),
    };
    Ok(Host { name: reg_name(name)?, port })
}

/// RFC 3986 section 3.2.3 lets the digits after the colon be absent.
fn parse_port(text: &str) -> Result<Option<u16>, HostError> {
    if text.is_empty() {
        return Ok(None);
    }
    if text.len() > 5 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(HostError::InvalidPort);
    }
    text.parse().map(Some).or(Err(HostError::InvalidPort))
}

fn ipv6<'a>(text: &'a str, address: &str) -> Result<Cow<'a, str>, HostError> {
    let parsed: Ipv6Addr = address.parse().or(Err(HostError::InvalidName))?;
    let name = format!("[{parsed}]");
    match text.get(..name.len()) {
        Some(same) if same == name => Ok(Cow::Borrowed(same)),
        _ => Ok(Cow::Owned(name)),
    }
}

fn reg_name(name: &str) -> Result<Cow<'_, str>, HostError> {
    if name.is_empty() {
        return Err(HostError::Empty);
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.len() > NAME_BYTES_MAX {
        return Err(HostError::TooLong);
    }
    let mut upper = false;
    let mut label = 0;
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => label += 1,
            b'A'..=b'Z' => {
                upper = true;
                label += 1;
            }
            b'.' if label > 0 => label = 0,
            _ => return Err(HostError::InvalidName),
        }
        if label > LABEL_BYTES_MAX {
            return Err(HostError::TooLong);
        }
    }
    if label == 0 {
        return Err(HostError::InvalidName);
    }
    Ok(if upper { Cow::Owned(name.to_ascii_lowercase()) } else { Cow::Borrowed(name) })
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::{HostError, parse};

    #[track_caller]
    fn check(text: &str, name: &str, port: Option<u16>) {
        let host = parse(text).expect(text);
        assert_eq!((host.name.as_ref(), host.port), (name, port), "{text}");
    }

    #[test]
    fn a_host_is_lower_case_without_port_and_final_dot() {
        check("api.example.com", "api.example.com", None);
        check("API.Example.com:8080", "api.example.com", Some(8080));
        check("example.com.:443", "example.com", Some(443));
        check("example.com:", "example.com", None);
        check("web_1", "web_1", None);
        check("127.0.0.1:0", "127.0.0.1", Some(0));
    }

    #[test]
    fn an_ipv6_address_keeps_its_brackets_and_gets_its_shortest_form() {
        check("[::1]", "[::1]", None);
        check("[::1]:443", "[::1]", Some(443));
        check("[2001:DB8:0:0::1]:80", "[2001:db8::1]", Some(80));
    }

    #[test]
    fn a_host_that_is_in_form_is_borrowed() {
        for text in ["a.example", "a.example.", "a.example:80", "[::1]:80"] {
            assert!(matches!(parse(text).expect(text).name, Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_host_is_refused() {
        for (text, error) in [
            ("", HostError::Empty),
            (":80", HostError::Empty),
            (".", HostError::InvalidName),
            ("a..b", HostError::InvalidName),
            (".a", HostError::InvalidName),
            ("a..", HostError::InvalidName),
            ("user@a", HostError::InvalidName),
            ("a b", HostError::InvalidName),
            ("a/b", HostError::InvalidName),
            ("a%20b", HostError::InvalidName),
            ("é.example", HostError::InvalidName),
            ("a,b", HostError::InvalidName),
            ("*.a", HostError::InvalidName),
            ("[::1", HostError::InvalidName),
            ("[::1]x", HostError::InvalidName),
            ("[fe80::1%25eth0]", HostError::InvalidName),
            ("[v1.a]", HostError::InvalidName),
            ("::1", HostError::InvalidPort),
            ("a:65536", HostError::InvalidPort),
            ("a:+80", HostError::InvalidPort),
            ("a:80:80", HostError::InvalidPort),
            ("user:pass@a", HostError::InvalidPort),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
        assert_eq!(parse(&"a".repeat(64)), Err(HostError::TooLong));
        assert_eq!(parse(&"a.".repeat(128)), Err(HostError::TooLong));
    }
}
