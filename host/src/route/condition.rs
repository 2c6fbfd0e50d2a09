//! The conditions of a matcher, one by one.
//!
//! For routes the tables settle host and exact path or prefix; plugins' conditions ask for all.

use std::borrow::Cow;

use http::HeaderMap;

use super::{Head, path};
use crate::config::model::{
    HeaderMatcher, HostMatcher, Matcher, PathMatcher, QueryMatcher, ValueMatcher,
};

/// Whether a request meets all of a matcher.
#[must_use]
pub fn holds(matcher: &Matcher, head: &Head<'_>) -> bool {
    host_holds(&matcher.hosts, head.host)
        && path_holds(&matcher.path, head.path)
        && first_unmet(matcher, head).is_none()
}

/// Whether one of the hosts is asked for; none of them means any.
pub(super) fn host_holds(hosts: &[HostMatcher], host: &str) -> bool {
    hosts.is_empty()
        || hosts.iter().any(|matcher| match matcher {
            HostMatcher::Exact(name) => name == host,
            HostMatcher::Suffix(suffix) => {
                host.strip_suffix(suffix.as_str()).is_some_and(|rest| !rest.is_empty())
            }
        })
}

/// Whether the name that a client gave is asked for; none of them means any, or no name.
fn server_name_holds(snis: &[HostMatcher], name: Option<&str>) -> bool {
    let Some(name) = name else { return snis.is_empty() };
    let ends_with = |suffix: &str| {
        let rest = name.len().checked_sub(suffix.len()).filter(|rest| *rest > 0);
        rest.and_then(|rest| name.get(rest..)).is_some_and(|end| end.eq_ignore_ascii_case(suffix))
    };
    snis.is_empty()
        || snis.iter().any(|matcher| match matcher {
            HostMatcher::Exact(wanted) => wanted.eq_ignore_ascii_case(name),
            HostMatcher::Suffix(suffix) => ends_with(suffix),
        })
}

/// Whether the canonical path is the one that is asked for.
pub(super) fn path_holds(matcher: &PathMatcher, path: &str) -> bool {
    match matcher {
        PathMatcher::Exact(exact) => exact == path,
        PathMatcher::Prefix(prefix) => path::below(path, prefix).is_some(),
        PathMatcher::Regex(regex) => regex.is_match(path),
        PathMatcher::Pattern(pattern) => pattern.matches(path),
        PathMatcher::Start { text, .. } => {
            path.starts_with(text.as_str()) || matcher.bare() == Some(path)
        }
    }
}

/// A condition that a request does not meet.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unmet<'a> {
    Method,
    Header(&'a HeaderMatcher),
    Query(&'a QueryMatcher),
    Client,
    ServerName,
}

/// Gives the first condition that does not hold, in the order method, headers, query, client, SNI.
pub(super) fn first_unmet<'a>(matcher: &'a Matcher, head: &Head<'_>) -> Option<Unmet<'a>> {
    if !matcher.methods.is_empty() && !matcher.methods.contains(head.method) {
        return Some(Unmet::Method);
    }
    let header = matcher.headers.iter().find(|matcher| !header_holds(matcher, head.headers));
    if let Some(matcher) = header {
        return Some(Unmet::Header(matcher));
    }
    let query = matcher.query.iter().find(|matcher| !query_holds(matcher, head.query));
    if let Some(matcher) = query {
        return Some(Unmet::Query(matcher));
    }
    let is_in = |client| matcher.clients.iter().any(|network| network.contains(client));
    if !matcher.clients.is_empty() && !head.client.as_ref().is_some_and(is_in) {
        return Some(Unmet::Client);
    }
    (!server_name_holds(&matcher.snis, head.server_name)).then_some(Unmet::ServerName)
}

/// Whether one of the field's lines has the value.
fn header_holds(matcher: &HeaderMatcher, headers: &HeaderMap) -> bool {
    headers.get_all(&matcher.name).iter().any(|value| match &matcher.value {
        ValueMatcher::Present => true,
        ValueMatcher::Exact(expected) => value.as_bytes() == expected.as_bytes(),
        ValueMatcher::Regex(regex) => {
            str::from_utf8(value.as_bytes()).is_ok_and(|value| regex.is_match(value))
        }
    })
}

/// Whether one of the query's parameters has the name and the value, both decoded as forms are
/// (WHATWG URL section 5.1): `+` is a space.
fn query_holds(matcher: &QueryMatcher, query: Option<&str>) -> bool {
    query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).any(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        decoded(name).eq(matcher.name.bytes())
            && match &matcher.value {
                ValueMatcher::Present => true,
                ValueMatcher::Exact(expected) => decoded(value).eq(expected.bytes()),
                ValueMatcher::Regex(regex) => {
                    decoded_text(value).is_some_and(|value| regex.is_match(&value))
                }
            }
    })
}

/// The bytes that a name or value stands for; an escape without two digits stands for itself.
fn decoded(text: &str) -> impl Iterator<Item = u8> {
    let mut rest = text.as_bytes();
    std::iter::from_fn(move || {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        Some(match (byte, after) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => match path::hex(*high, *low) {
                Some(value) => {
                    rest = after;
                    value
                }
                None => b'%',
            },
            _ => byte,
        })
    })
}

/// None if the bytes are not UTF-8: no regex matches those.
fn decoded_text(text: &str) -> Option<Cow<'_, str>> {
    if memchr::memchr2(b'%', b'+', text.as_bytes()).is_none() {
        return Some(Cow::Borrowed(text));
    }
    String::from_utf8(decoded(text).collect()).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};
    use regex::Regex;

    use super::{header_holds, query_holds, server_name_holds};
    use crate::config::model::{HeaderMatcher, HostMatcher, QueryMatcher, ValueMatcher};

    fn exact(text: &str) -> ValueMatcher {
        ValueMatcher::Exact(text.to_owned())
    }

    fn regex(pattern: &str) -> ValueMatcher {
        ValueMatcher::Regex(Regex::new(pattern).expect(pattern))
    }

    #[track_caller]
    fn query(name: &str, value: ValueMatcher, query: Option<&str>, expected: bool) {
        let matcher = QueryMatcher { name: name.to_owned(), value };
        assert_eq!(query_holds(&matcher, query), expected, "{query:?}");
    }

    #[test]
    fn any_parameter_of_the_name_may_have_the_value() {
        query("a", exact("2"), Some("a=1&a=2"), true);
        query("a", exact("3"), Some("a=1&a=2"), false);
        query("a", ValueMatcher::Present, Some("b&a"), true);
        query("a", ValueMatcher::Present, Some("b=a"), false);
        query("a", exact(""), Some("a"), true);
        query("a", ValueMatcher::Present, None, false);
        query("", ValueMatcher::Present, Some("a=1&&b=2"), false);
    }

    #[test]
    fn parameters_are_decoded_before_they_are_compared() {
        query("a b", exact("c d"), Some("a+b=c%20d"), true);
        query("ä", exact("%"), Some("%C3%A4=%"), true);
        query("a", exact("1=2"), Some("a=1=2"), true);
        query("a", regex("^c d$"), Some("a=c+d"), true);
        query("a", regex("^cd$"), Some("a=cd"), true);
        query("a", regex("."), Some("a=%FF"), false);
    }

    #[test]
    fn a_server_name_is_compared_without_case_and_absent_only_where_none_is_asked_for() {
        let snis = [
            HostMatcher::Exact("api.example.com".to_owned()),
            HostMatcher::Suffix(".example.org".to_owned()),
        ];
        for (name, expected) in [
            (Some("API.example.com"), true),
            (Some("a.Example.org"), true),
            (Some("a.b.example.org"), true),
            (Some(".example.org"), false),
            (Some("example.org"), false),
            (Some("org"), false),
            (Some("x.api.example.com"), false),
            (None, false),
        ] {
            assert_eq!(server_name_holds(&snis, name), expected, "{name:?}");
        }
        assert!(server_name_holds(&[], None));
        assert!(server_name_holds(&[], Some("a")));
    }

    #[test]
    fn any_line_of_a_header_may_have_the_value() {
        let mut headers = HeaderMap::new();
        headers.append("x-a", HeaderValue::from_static("1"));
        headers.append("x-a", HeaderValue::from_static("two"));
        headers.append("x-b", HeaderValue::from_bytes(b"\xff").expect("opaque"));
        let check = |name, value, expected| {
            let matcher = HeaderMatcher { name: HeaderName::from_static(name), value };
            assert_eq!(header_holds(&matcher, &headers), expected, "{name}");
        };
        check("x-a", exact("two"), true);
        check("x-a", exact("Two"), false);
        check("x-a", regex("^t.o$"), true);
        check("x-a", regex("^3$"), false);
        check("x-b", ValueMatcher::Present, true);
        check("x-b", regex("."), false);
        check("x-c", ValueMatcher::Present, false);
    }
}
