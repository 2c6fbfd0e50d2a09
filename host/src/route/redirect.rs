//! Where a redirect leads.

use std::borrow::Cow;

use http::StatusCode;

use super::path::PathError;
use super::rewrite;
use crate::config::model::{Redirect, Rewrite};

/// What the client asked for, as the parts of a location.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// `http` or `https`.
    pub scheme: &'a str,
    /// As [`super::host::Host::name`]; empty if the client gave none (HTTP/1.0).
    pub host: &'a str,
    /// As [`super::host::Host::port`].
    pub port: Option<u16>,
    /// Canonical.
    pub path: &'a str,
    /// Without the question mark.
    pub query: Option<&'a str>,
}

/// Builds the `Location` of a redirect (RFC 9110 section 10.2.2).
///
/// What the redirect leaves open stays as the client asked, the query always. The port stays with
/// its scheme only: if the redirect changes the scheme and names no port, it is the new scheme's
/// own, which is left out. Without any host the location is a path.
///
/// # Errors
///
/// As [`rewrite::apply`], for the path.
pub fn location(redirect: &Redirect, origin: &Origin<'_>) -> Result<String, PathError> {
    let scheme = redirect.scheme.as_deref().unwrap_or(origin.scheme);
    let host = redirect.host.as_deref().unwrap_or(origin.host);
    let path = match &redirect.path {
        Some(path) => rewrite::apply(path, origin.path)?,
        None => Cow::Borrowed(origin.path),
    };
    let kept = if scheme == origin.scheme { origin.port } else { None };
    let port = redirect.port.or(kept).filter(|port| Some(*port) != own_port(scheme));

    let mut location = String::with_capacity(
        scheme.len() + host.len() + path.len() + origin.query.map_or(0, str::len) + 10,
    );
    if !host.is_empty() {
        location.push_str(scheme);
        location.push_str("://");
        location.push_str(host);
        if let Some(port) = port {
            location.push(':');
            location.push_str(&port.to_string());
        }
    } else if path.starts_with("//") {
        // RFC 3986 section 4.2: two slashes would begin an authority, here one of the client's
        // choosing.
        location.push_str("/.");
    }
    location.push_str(&path);
    if let Some(query) = origin.query {
        location.push('?');
        location.push_str(query);
    }
    Ok(location)
}

/// The redirect to a path with a slash behind it, as nginx answers what lacks that of its location.
#[must_use]
pub fn to_slash(path: &str) -> Redirect {
    Redirect {
        status: StatusCode::MOVED_PERMANENTLY,
        scheme: None,
        host: None,
        port: None,
        path: Some(Rewrite::ReplacePath(format!("{path}/"))),
    }
}

fn own_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::{Origin, location};
    use crate::config::model::{Redirect, Rewrite};

    fn replaced(path: &str) -> Option<Rewrite> {
        Some(Rewrite::ReplacePath(path.to_owned()))
    }

    fn redirect() -> Redirect {
        Redirect {
            status: StatusCode::MOVED_PERMANENTLY,
            scheme: None,
            host: None,
            port: None,
            path: None,
        }
    }

    const ASKED: Origin<'_> = Origin {
        scheme: "http",
        host: "a.example",
        port: Some(8080),
        path: "/x",
        query: Some("q=1"),
    };

    #[track_caller]
    fn check(redirect: &Redirect, origin: &Origin<'_>, expected: &str) {
        assert_eq!(location(redirect, origin).as_deref(), Ok(expected));
    }

    #[test]
    fn another_scheme_drops_the_port_and_keeps_path_and_query() {
        let secure = Redirect { scheme: Some("https".to_owned()), ..redirect() };
        check(&secure, &ASKED, "https://a.example/x?q=1");
        let same = Redirect { scheme: Some("http".to_owned()), ..redirect() };
        check(&same, &ASKED, "http://a.example:8080/x?q=1");
    }

    #[test]
    fn a_given_port_is_left_out_if_it_is_the_schemes_own() {
        let secure =
            |port| Redirect { scheme: Some("https".to_owned()), port: Some(port), ..redirect() };
        check(&secure(443), &ASKED, "https://a.example/x?q=1");
        check(&secure(8443), &ASKED, "https://a.example:8443/x?q=1");
        check(&secure(80), &ASKED, "https://a.example:80/x?q=1");
    }

    #[test]
    fn another_host_or_path_keeps_the_rest() {
        let elsewhere = Redirect { host: Some("b.example".to_owned()), ..redirect() };
        check(&elsewhere, &ASKED, "http://b.example:8080/x?q=1");
        let moved = Redirect { path: replaced("/y"), ..redirect() };
        check(&moved, &Origin { query: None, port: None, ..ASKED }, "http://a.example/y");
        check(&redirect(), &Origin { host: "[::1]", ..ASKED }, "http://[::1]:8080/x?q=1");
    }

    #[test]
    fn a_prefix_is_replaced_as_on_the_way_to_an_upstream() {
        let path = Rewrite::ReplacePrefix { prefix: "/x".to_owned(), with: "/y".to_owned() };
        let moved = Redirect { path: Some(path), ..redirect() };
        check(&moved, &Origin { path: "/x/1", ..ASKED }, "http://a.example:8080/y/1?q=1");
    }

    #[test]
    fn without_a_host_the_location_is_a_path_of_this_server() {
        let moved = Redirect { path: replaced("/y"), ..redirect() };
        check(&moved, &Origin { host: "", ..ASKED }, "/y?q=1");
        let origin = Origin { host: "", path: "//evil.example", query: None, ..ASKED };
        check(&redirect(), &origin, "/.//evil.example");
    }
}
