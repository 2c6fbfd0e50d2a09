//! Origins: scheme, host and port (RFC 6454 section 4).

use super::{HttpOrigin, upstream};

/// Of an origin without one (RFC 9110 section 4.2).
const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;

/// What a granted origin begins its host with to stand for all hosts below a domain.
const WILDCARD: &str = "*.";

impl HttpOrigin {
    /// Reads an origin such as `https://api.example.com:8443`.
    ///
    /// # Errors
    ///
    /// Why the text is none, which does not quote it: it may hold a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err("the host has no scheme".to_owned());
        };
        let is_https = scheme.eq_ignore_ascii_case("https");
        if !is_https && !scheme.eq_ignore_ascii_case("http") {
            return Err("the scheme of a host is `http` or `https`".to_owned());
        }
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@']) {
            return Err("a host has no user, path or query".to_owned());
        }
        let (host, port) = upstream::host_and_port(authority).map_err(|(message, _)| message)?;
        Ok(Self {
            is_https,
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: port.unwrap_or(if is_https { HTTPS_PORT } else { HTTP_PORT }),
        })
    }

    /// Reads an origin that is granted: as [`parse`](Self::parse), or with `*.` for one label or
    /// more before a domain.
    pub(super) fn parse_granted(text: &str) -> Result<Self, String> {
        match text.split_once("://*.") {
            Some((scheme, domain)) => {
                let origin = Self::parse(&format!("{scheme}://{domain}"))?;
                if origin.host.parse::<std::net::IpAddr>().is_ok() {
                    return Err("nothing is below an IP address".to_owned());
                }
                Ok(Self { host: format!("{WILDCARD}{}", origin.host), ..origin })
            }
            None => Self::parse(text),
        }
    }

    /// Whether a grant of this origin is one of `asked`.
    #[must_use]
    pub fn covers(&self, asked: &Self) -> bool {
        let host = match self.host.strip_prefix(WILDCARD) {
            Some(domain) => asked
                .host
                .strip_suffix(domain)
                .and_then(|labels| labels.strip_suffix('.'))
                .is_some_and(|labels| !labels.is_empty()),
            None => self.host == asked.host,
        };
        host && (self.is_https, self.port) == (asked.is_https, asked.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(granted: &str, asked: &str) -> bool {
        let granted = HttpOrigin::parse_granted(granted).expect("an origin");
        granted.covers(&HttpOrigin::parse(asked).expect("an origin"))
    }

    #[test]
    fn an_origin_is_covered_by_scheme_host_and_port() {
        assert!(covers("https://api.example.com", "https://API.example.com:443/"));
        assert!(covers("http://[::1]:9000", "http://[0::1]:9000"));
        assert!(!covers("https://api.example.com", "http://api.example.com"));
        assert!(!covers("https://api.example.com", "https://api.example.com:8443"));
        assert!(!covers("https://api.example.com", "https://a.api.example.com"));
    }

    #[test]
    fn a_star_stands_for_one_label_or_more() {
        assert!(covers("https://*.example.com", "https://api.example.com"));
        assert!(covers("https://*.example.com:8443", "https://eu.api.example.com:8443"));
        assert!(!covers("https://*.example.com", "https://example.com"));
        assert!(!covers("https://*.example.com", "https://badexample.com"));
        assert!(!covers("https://*.example.com", "https://api.example.com.evil.net"));
    }

    #[test]
    fn what_is_no_origin_says_why() {
        let why = |text| HttpOrigin::parse(text).expect_err("no origin");
        assert_eq!(why("api.example.com"), "the host has no scheme");
        assert_eq!(why("ftp://api.example.com"), "the scheme of a host is `http` or `https`");
        assert_eq!(why("https://a:b@api.example.com"), "a host has no user, path or query");
        assert_eq!(why("https://*.example.com"), "the URL has no valid host: not a host name");
        let granted = HttpOrigin::parse_granted("https://*.127.0.0.1").expect_err("no origin");
        assert_eq!(granted, "nothing is below an IP address");
    }
}
