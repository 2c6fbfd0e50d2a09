//! Fields in, fields out.

use http::Version;
use http::header::HeaderMap;

use super::{join_cookies, request_id, respond, set_request_id, strip_hop_by_hop, via};

/// Lines of the form `name: value` as a map.
pub(super) fn map(lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, value.parse().unwrap());
    }
    headers
}

/// A map as sorted lines.
pub(super) fn lines(headers: &HeaderMap) -> Vec<String> {
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        format!("{name}: {}", value.to_str().unwrap())
    };
    let mut lines: Vec<_> = headers.iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn what_is_about_one_connection_goes() {
    for (before, after) in [
        (&[][..], &[][..]),
        (&["accept: a", "host: h"], &["accept: a", "host: h"]),
        (&["connection: keep-alive", "host: h"], &["host: h"]),
        (&["connection: close", "keep-alive: timeout=5"], &[]),
        (&["connection: x-a, X-B", "x-a: 1", "x-b: 2", "x-b: 3", "x-c: 4"], &["x-c: 4"]),
        (&["connection: x-a", "connection: x-b,,x-c", "x-a: 1", "x-b: 2", "x-c: 3"], &[]),
        (&["connection: not a name, x-a", "x-a: 1"], &[]),
        (&["keep-alive: 5", "proxy-connection: close", "te: gzip"], &[]),
        (&["transfer-encoding: chunked", "upgrade: h2c", "expect: 100-continue"], &[]),
        (&["proxy-authorization: a", "proxy-authenticate: b", "proxy-authentication-info: c"], &[]),
        (&["proxy: evil", "http2-settings: x", "connection: upgrade, http2-settings"], &[]),
        (&["trailer: x-sum", "connection: trailer"], &["trailer: x-sum"]),
    ] {
        let mut headers = map(before);
        strip_hop_by_hop(&mut headers);
        assert_eq!(lines(&headers), after, "{before:?}");
    }
}

#[test]
fn connection_cannot_name_what_somebody_behind_decides_by() {
    for line in [
        "authorization: a",
        "content-length: 5",
        "content-type: a/b",
        "cookie: a=b",
        "forwarded: for=192.0.2.1",
        "host: h",
        "set-cookie: a=b",
        "via: 1.1 a",
        "x-api-key: k",
        "x-forwarded-for: 192.0.2.1",
        "x-forwarded-host: h",
        "x-forwarded-anything: h",
        "x-real-ip: 192.0.2.1",
        "x-request-id: r",
    ] {
        let (name, _) = line.split_once(':').unwrap();
        for connection in
            [format!("connection: {name}"), format!("connection: close, {}", name.to_uppercase())]
        {
            let mut headers = map(&[&connection, line]);
            strip_hop_by_hop(&mut headers);
            assert_eq!(lines(&headers), [line]);
        }
    }
}

#[test]
fn whether_trailers_are_accepted_is_read_before_te_goes() {
    for (before, accepted) in [
        (&["te: trailers"][..], true),
        (&["te: gzip;q=0.5, Trailers"], true),
        (&["te: gzip", "te: trailers"], true),
        (&["connection: te", "te: trailers"], true),
        (&["te: gzip"], false),
        (&["te: trailersx"], false),
        (&["trailer: x"], false),
        (&[], false),
    ] {
        assert_eq!(strip_hop_by_hop(&mut map(before)), accepted, "{before:?}");
    }
}

#[test]
fn via_grows_by_the_version_received_and_the_name() {
    for (version, name, added) in [
        (Version::HTTP_10, "tidegate", "via: 1.0 tidegate"),
        (Version::HTTP_11, "tidegate", "via: 1.1 tidegate"),
        (Version::HTTP_2, "tidegate", "via: 2 tidegate"),
        (Version::HTTP_11, "edge-1", "via: 1.1 edge-1"),
        (Version::HTTP_2, "edge-1", "via: 2 edge-1"),
    ] {
        let mut headers = map(&["via: 1.0 fred"]);
        via(&mut headers, version, name);
        let values: Vec<_> = headers.get_all("via").iter().collect();
        assert_eq!(values, ["1.0 fred", added.strip_prefix("via: ").unwrap()]);
    }
}

#[test]
fn a_request_id_is_taken_over_only_from_a_trusted_peer_and_only_if_it_is_printable() {
    let longest = "x".repeat(128);
    let too_long = "x".repeat(129);
    for (given, trusted, taken) in [
        ("abc-1", true, true),
        ("~!\"\\", true, true),
        (longest.as_str(), true, true),
        ("abc-1", false, false),
        ("", true, false),
        ("a b", true, false),
        ("a\tb", true, false),
        (too_long.as_str(), true, false),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", given.parse().unwrap());
        assert_eq!(&*request_id(&headers, trusted) == given, taken, "{given}");
    }
}

#[test]
fn a_fresh_request_id_is_32_hexadecimal_digits_and_another_each_time() {
    let (one, other) = (request_id(&HeaderMap::new(), true), request_id(&HeaderMap::new(), true));
    assert_ne!(one, other);
    for id in [one, other] {
        assert_eq!(id.len(), 32);
        assert!(id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{id}");
    }
}

#[test]
fn there_is_one_request_id() {
    let mut headers = map(&["x-request-id: a", "x-request-id: b"]);
    set_request_id(&mut headers, "c");
    assert_eq!(lines(&headers), ["x-request-id: c"]);
}

#[test]
fn cookie_lines_become_one() {
    for (before, after) in [
        (&[][..], &[][..]),
        (&["cookie: a=1"], &["cookie: a=1"]),
        (&["cookie: a=1", "cookie: b=2", "cookie: c=3"], &["cookie: a=1; b=2; c=3"]),
    ] {
        let mut headers = map(before);
        join_cookies(&mut headers);
        assert_eq!(lines(&headers), after);
    }
}

#[test]
fn a_response_keeps_its_end_to_end_fields_and_gets_ours() {
    let mut headers = map(&[
        "connection: keep-alive, x-hop",
        "date: Tue, 15 Nov 1994 08:12:31 GMT",
        "keep-alive: timeout=5",
        "server: nginx",
        "set-cookie: a=1",
        "set-cookie: b=2",
        "transfer-encoding: chunked",
        "x-hop: 1",
        "x-request-id: theirs",
    ]);
    respond(&mut headers, Version::HTTP_11, "tidegate", "ours");
    assert_eq!(
        lines(&headers),
        [
            "date: Tue, 15 Nov 1994 08:12:31 GMT",
            "server: nginx",
            "set-cookie: a=1",
            "set-cookie: b=2",
            "via: 1.1 tidegate",
            "x-request-id: ours",
        ]
    );
}
