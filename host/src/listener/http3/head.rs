//! From a field section to a request, or to why it is none (RFC 9114 sections 4.1 to 4.3).

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{Method, Request, Version};

use super::qpack::{self, Unread};
use crate::listener::framing::Malformed;

/// What is about a connection of HTTP/1 and has no place in HTTP/3 (RFC 9114 section 4.2).
const FORBIDDEN: [&str; 5] =
    ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];

/// Why a field section is none of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It cannot be decoded, which ends the connection.
    Undecodable,
    /// It is answered with this.
    Malformed(Malformed),
}

impl From<Unread<&'static str>> for Unfit {
    fn from(unread: Unread<&'static str>) -> Self {
        match unread {
            Unread::Undecodable => Self::Undecodable,
            Unread::TooLarge => too_large(),
            Unread::Field(reason) => malformed(reason),
        }
    }
}

/// More than the gateway reads of a head.
pub(super) const fn too_large() -> Unfit {
    Unfit::Malformed(Malformed { status: 431, reason: "the request's head is too large" })
}

pub(super) const fn malformed(reason: &'static str) -> Unfit {
    Unfit::Malformed(Malformed { status: 400, reason })
}

/// A request whose body is still to come.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) request: Request<()>,
    /// Of the body, if the client says it.
    pub(super) length: Option<u64>,
    /// Whether the client waits for a 100 before it sends the body (RFC 9110 section 10.1.1).
    pub(super) expects_continue: bool,
}

/// Reads the head of a request.
///
/// # Errors
///
/// What is wrong with it first.
pub(super) fn request(section: &[u8], bytes_max: usize) -> Result<Head, Unfit> {
    let (mut pseudo, mut headers) = (Pseudo::default(), HeaderMap::new());
    qpack::read(section, bytes_max, |name, value| match name {
        [b':', ..] if !headers.is_empty() => Err("a pseudo-header after a field"),
        [b':', name @ ..] => pseudo.take(name, value),
        name => append(&mut headers, name, value),
    })?;
    let length = length(&headers).map_err(malformed)?;
    let expects_continue = headers
        .get(header::EXPECT)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    let (method, uri) = pseudo.target(&headers).map_err(malformed)?;
    let mut request = Request::new(());
    *request.version_mut() = Version::HTTP_3;
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(Head { request, length, expects_continue })
}

/// Reads what follows a body.
///
/// # Errors
///
/// What is wrong with it first.
pub(super) fn trailers(section: &[u8], bytes_max: usize) -> Result<HeaderMap, Unfit> {
    let mut trailers = HeaderMap::new();
    qpack::read(section, bytes_max, |name, value| match name {
        [b':', ..] => Err("a pseudo-header in the trailers"),
        name => append(&mut trailers, name, value),
    })?;
    Ok(trailers)
}

fn append(headers: &mut HeaderMap, name: &[u8], value: &[u8]) -> Result<(), &'static str> {
    let name =
        HeaderName::from_lowercase(name).map_err(|_invalid| "a field's name is not valid")?;
    if FORBIDDEN.contains(&name.as_str()) {
        return Err("a field that is about a connection");
    }
    if name == header::TE && value != b"trailers" {
        return Err("te can only be trailers");
    }
    if value.first().is_some_and(is_blank) || value.last().is_some_and(is_blank) {
        return Err("a field's value begins or ends with a blank");
    }
    let value =
        HeaderValue::from_bytes(value).map_err(|_invalid| "a field's value is not valid")?;
    headers.try_append(name, value).map_err(|_too_many| "too many fields")?;
    Ok(())
}

const fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// RFC 9114 section 4.1.2: what it says must be so, and so it must be said once.
fn length(headers: &HeaderMap) -> Result<Option<u64>, &'static str> {
    let mut lines = headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    let digits = line.to_str().ok().filter(|text| text.bytes().all(|it| it.is_ascii_digit()));
    let length = digits.and_then(|digits| digits.parse().ok());
    match (length, lines.next()) {
        (Some(length), None) => Ok(Some(length)),
        _ => Err("content-length is not one number"),
    }
}

/// What the first fields of a request say of its target.
#[derive(Debug, Default)]
struct Pseudo {
    method: Option<Method>,
    scheme: Option<Scheme>,
    authority: Option<Authority>,
    path: Option<PathAndQuery>,
    protocol: Option<()>,
}

impl Pseudo {
    fn take(&mut self, name: &[u8], value: &[u8]) -> Result<(), &'static str> {
        match name {
            b"method" => once(&mut self.method, Method::from_bytes(value).ok()),
            b"scheme" => once(&mut self.scheme, scheme(value)),
            b"authority" => once(&mut self.authority, authority(value)),
            b"path" => once(&mut self.path, path(value)),
            b"protocol" => once(&mut self.protocol, Some(())),
            _ => Err("a pseudo-header that is not known"),
        }
    }

    /// RFC 9114 sections 4.3.1 and 4.4.
    fn target(self, headers: &HeaderMap) -> Result<(Method, Uri), &'static str> {
        let Self { method, scheme, authority, path, protocol } = self;
        let method = method.ok_or("no :method")?;
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next();
        if hosts.next().is_some() {
            return Err("more than one host");
        }
        if method == Method::CONNECT {
            let is_extended = protocol.is_some();
            let has_rest = scheme.is_some() && path.is_some();
            let has_none = scheme.is_none() && path.is_none();
            if !(if is_extended { has_rest } else { has_none }) {
                return Err("CONNECT with other pseudo-headers than it has");
            }
            return Ok((method, authority.ok_or("no :authority")?.into()));
        }
        if protocol.is_some() {
            return Err(":protocol is for CONNECT");
        }
        let scheme = scheme.ok_or("no :scheme")?;
        let path = path.ok_or("no :path")?;
        if path.as_str() == "*" && method != Method::OPTIONS {
            return Err("an asterisk is for OPTIONS");
        }
        let mut parts = http::uri::Parts::default();
        parts.path_and_query = Some(path);
        match authority {
            Some(authority) => {
                parts.scheme = Some(scheme);
                parts.authority = Some(authority);
            }
            None if host.is_some_and(|host| !host.is_empty()) => {}
            None => return Err("neither :authority nor a host"),
        }
        Ok((method, Uri::from_parts(parts).map_err(|_invalid| "the target is not valid")?))
    }
}

fn once<T>(known: &mut Option<T>, value: Option<T>) -> Result<(), &'static str> {
    let value = value.ok_or("a pseudo-header's value is not valid")?;
    match known.replace(value) {
        None => Ok(()),
        Some(_) => Err("a pseudo-header twice"),
    }
}

fn scheme(value: &[u8]) -> Option<Scheme> {
    match value {
        b"https" => Some(Scheme::HTTPS),
        b"http" => Some(Scheme::HTTP),
        _ => None,
    }
}

fn authority(value: &[u8]) -> Option<Authority> {
    // RFC 9114 section 4.3.1: no user in front of the host.
    Authority::try_from(value).ok().filter(|_| !value.contains(&b'@'))
}

fn path(value: &[u8]) -> Option<PathAndQuery> {
    let is_path = matches!(value, [b'/', ..] | b"*") && !value.contains(&b'#');
    PathAndQuery::try_from(value).ok().filter(|_| is_path)
}

#[cfg(test)]
mod tests;
