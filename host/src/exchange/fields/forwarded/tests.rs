//! Fields in, fields out.

use std::net::IpAddr;

use ipnet::IpNet;

use super::super::tests::{lines, map};
use super::{Forwarded, Hop, client, forward, prefix};
use crate::facts::Scheme;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn trusted() -> Vec<IpNet> {
    vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]
}

fn found(peer: &str, before: &[&str]) -> Forwarded {
    client(ip(peer), &map(before), &trusted())
}

#[test]
fn the_client_is_the_first_untrusted_address_from_the_right() {
    for (peer, before, address) in [
        ("192.0.2.9", &[][..], "192.0.2.9"),
        ("192.0.2.9", &["x-forwarded-for: 198.51.100.1"], "192.0.2.9"),
        ("192.0.2.9", &["forwarded: for=198.51.100.1"], "192.0.2.9"),
        ("10.0.0.1", &[], "10.0.0.1"),
        ("10.0.0.1", &["x-forwarded-for: 198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.0.0.1", &["x-forwarded-for: ::ffff:198.51.100.1"], "198.51.100.1"),
        ("fd00::1", &["x-forwarded-for: 2001:db8::7"], "2001:db8::7"),
        ("10.0.0.1", &["x-forwarded-for: 6.6.6.6, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        (
            "10.0.0.1",
            &["x-forwarded-for: 6.6.6.6", "x-forwarded-for: 198.51.100.1,10.0.0.2"],
            "198.51.100.1",
        ),
        (
            "10.0.0.1",
            &["x-forwarded-for: 198.51.100.1", "x-forwarded-for: 10.0.0.2"],
            "198.51.100.1",
        ),
        ("10.0.0.1", &["x-forwarded-for: 10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", &["x-forwarded-for: ,198.51.100.1, ,"], "198.51.100.1"),
        ("10.0.0.1", &["x-forwarded-for: "], "10.0.0.1"),
        ("10.0.0.1", &["x-forwarded-for: 198.51.100.1, unknown, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", &["x-forwarded-for: 198.51.100.1, 10.0.0.999"], "10.0.0.1"),
        ("10.0.0.1", &["x-forwarded-for: 198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", &["x-forwarded-for: 198.51.100.1:"], "10.0.0.1"),
        ("10.0.0.1", &["x-forwarded-for: 198.51.100.1:x"], "10.0.0.1"),
        ("10.0.0.1", &["x-forwarded-for: [2001:db8::7]"], "2001:db8::7"),
        ("10.0.0.1", &["x-forwarded-for: [2001:db8::7]:443"], "2001:db8::7"),
        ("10.0.0.1", &["x-forwarded-for: [2001:db8::7]443"], "10.0.0.1"),
        ("10.0.0.1", &["x-forwarded-for: [198.51.100.1]"], "10.0.0.1"),
        ("10.0.0.1", &["x-forwarded-for: fe80::1%eth0"], "10.0.0.1"),
    ] {
        assert_eq!(found(peer, before).address, ip(address), "{peer} {before:?}");
    }
}

#[test]
fn forwarded_is_walked_where_there_is_no_x_forwarded_for() {
    for (before, address) in [
        (&["forwarded: for=198.51.100.1"][..], "198.51.100.1"),
        (&["forwarded: for=198.51.100.1", "x-forwarded-for: 198.51.100.2"], "198.51.100.2"),
        (&["forwarded: For=\"[2001:db8::7]:4711\";proto=https"], "2001:db8::7"),
        (&["forwarded: for=6.6.6.6, for=198.51.100.1;by=10.0.0.2, for=10.0.0.2"], "198.51.100.1"),
        (&["forwarded: for=198.51.100.1", "forwarded: for=10.0.0.2"], "198.51.100.1"),
        (&["forwarded: for=198.51.100.1, for=_hidden, for=10.0.0.2"], "10.0.0.2"),
        (&["forwarded: for=unknown"], "10.0.0.1"),
        (&["forwarded: proto=https"], "10.0.0.1"),
        (&["forwarded: for=198.51.100.1;for=198.51.100.2"], "10.0.0.1"),
        (&["forwarded: for"], "10.0.0.1"),
    ] {
        assert_eq!(found("10.0.0.1", before).address, ip(address), "{before:?}");
    }
}

#[test]
fn a_quotation_mark_left_open_does_not_swallow_what_a_proxy_added() {
    for before in [
        "forwarded: for=6.6.6.6;x=\", for=198.51.100.1",
        "forwarded: for=6.6.6.6;x=\", for=198.51.100.1;host=\"h\"",
        "forwarded: for=6.6.6.6;x=\", for=\"[2001:db8::7]\"",
        "forwarded: for=6.6.6.6;x=\"\\\", for=198.51.100.1;host=\"h\"",
    ] {
        assert_ne!(found("10.0.0.1", &[before]).address, ip("6.6.6.6"), "{before}");
    }
}

#[test]
fn scheme_host_and_port_are_believed_from_trusted_peers_only() {
    let before =
        ["x-forwarded-proto: https", "x-forwarded-host: a.example", "x-forwarded-port: 8443"];
    let told = found("10.0.0.1", &before);
    assert_eq!(
        (told.scheme, told.host.as_deref(), told.port),
        (Some(Scheme::Https), Some("a.example"), Some(8443))
    );
    let told = found("192.0.2.9", &before);
    assert_eq!((told.trusted, told.scheme, told.host, told.port), (false, None, None, None));
}

#[test]
fn what_a_trusted_peer_tells_counts_only_if_it_makes_sense() {
    for (before, scheme, host, port) in [
        (&["x-forwarded-proto: http, HTTPS"][..], Some(Scheme::Https), None, None),
        (&["x-forwarded-proto: ftp"], None, None, None),
        (&["x-forwarded-host: evil, a.example:81"], None, Some("a.example:81"), None),
        (&["x-forwarded-host: a.example/evil"], None, None, None),
        (&["x-forwarded-host: user@a.example"], None, None, None),
        (&["x-forwarded-host: "], None, None, None),
        (&["x-forwarded-port: 0"], None, None, None),
        (&["x-forwarded-port: +80"], None, None, None),
        (&["x-forwarded-port: 65536"], None, None, None),
        (
            &["forwarded: for=198.51.100.1;proto=https;host=\"a.example:81\""],
            Some(Scheme::Https),
            Some("a.example:81"),
            None,
        ),
        (&["forwarded: for=_h;proto=https"], Some(Scheme::Https), None, None),
        (
            &["forwarded: for=198.51.100.1;proto=https, for=10.0.0.2;proto=http"],
            Some(Scheme::Https),
            None,
            None,
        ),
        (
            &["forwarded: for=6.6.6.6;proto=https, for=198.51.100.1;proto=http"],
            Some(Scheme::Http),
            None,
            None,
        ),
    ] {
        let told = found("10.0.0.1", before);
        assert_eq!(
            (told.scheme, told.host.as_deref(), told.port),
            (scheme, host, port),
            "{before:?}"
        );
    }
}

fn forwarded(peer: &str, scheme: Scheme, before: &[&str]) -> Vec<String> {
    let mut headers = map(before);
    let told = client(ip(peer), &headers, &trusted());
    forward(&mut headers, Hop { peer: ip(peer), scheme, port: 8080 }, &told);
    lines(&headers)
}

#[test]
fn an_untrusted_peers_fields_are_replaced() {
    assert_eq!(
        forwarded(
            "192.0.2.9",
            Scheme::Http,
            &[
                "forwarded: for=6.6.6.6",
                "host: a.example",
                "x-forwarded-for: 6.6.6.6",
                "x-forwarded-for: 6.6.6.7",
                "x-forwarded-host: evil",
                "x-forwarded-port: 1",
                "x-forwarded-proto: https",
                "x-real-ip: 6.6.6.6",
            ]
        ),
        [
            "host: a.example",
            "x-forwarded-for: 192.0.2.9",
            "x-forwarded-host: a.example",
            "x-forwarded-port: 8080",
            "x-forwarded-proto: http",
            "x-real-ip: 192.0.2.9",
        ]
    );
}

#[test]
fn a_trusted_peers_fields_are_continued() {
    assert_eq!(
        forwarded(
            "10.0.0.1",
            Scheme::Http,
            &[
                "host: inner",
                "x-forwarded-for: 6.6.6.6",
                "x-forwarded-for: 198.51.100.1, 10.0.0.2",
                "x-forwarded-host: a.example",
                "x-forwarded-proto: https",
                "x-real-ip: 6.6.6.6",
            ]
        ),
        [
            "host: inner",
            "x-forwarded-for: 6.6.6.6, 198.51.100.1, 10.0.0.2, 10.0.0.1",
            "x-forwarded-host: a.example",
            "x-forwarded-port: 443",
            "x-forwarded-proto: https",
            "x-real-ip: 198.51.100.1",
        ]
    );
}

#[test]
fn a_trusted_peer_that_tells_nothing_is_the_client() {
    assert_eq!(
        forwarded("10.0.0.1", Scheme::Https, &["x-forwarded-host: not/a/host"]),
        [
            "x-forwarded-for: 10.0.0.1",
            "x-forwarded-port: 8080",
            "x-forwarded-proto: https",
            "x-real-ip: 10.0.0.1",
        ]
    );
}

#[test]
fn forwarded_is_continued_with_quotes_where_they_are_needed() {
    let of = |peer, before: &[&str]| {
        let lines = forwarded(peer, Scheme::Https, before);
        lines.into_iter().find(|line| line.starts_with("forwarded: ")).unwrap()
    };
    assert_eq!(
        of("10.0.0.1", &["forwarded: for=198.51.100.1", "host: a.example"]),
        "forwarded: for=198.51.100.1, for=10.0.0.1;host=a.example;proto=https"
    );
    assert_eq!(
        of("fd00::1", &["forwarded: for=a", "forwarded: for=b", "host: a.example:81"]),
        "forwarded: for=a, for=b, for=\"[fd00::1]\";host=\"a.example:81\";proto=https"
    );
    assert_eq!(
        of("::ffff:10.0.0.1", &["forwarded: for=a"]),
        "forwarded: for=a, for=10.0.0.1;proto=https"
    );
}

#[test]
fn the_port_is_the_told_one_or_the_told_hosts_or_the_told_schemes_or_the_listeners() {
    for (before, port) in [
        (&["x-forwarded-port: 7", "x-forwarded-host: h:81", "x-forwarded-proto: https"][..], "7"),
        (&["x-forwarded-host: h:81", "x-forwarded-proto: https"], "81"),
        (&["x-forwarded-host: [fd00::2]:81"], "81"),
        (&["x-forwarded-host: [fd00::2]", "x-forwarded-proto: https"], "443"),
        (&["x-forwarded-host: h"], "80"),
        (&["x-forwarded-proto: https"], "443"),
        (&["x-forwarded-proto: http"], "80"),
        (&[], "8080"),
    ] {
        let expected = format!("x-forwarded-port: {port}");
        assert!(forwarded("10.0.0.1", Scheme::Http, before).contains(&expected), "{before:?}");
    }
}

#[test]
fn a_stripped_prefix_is_told_behind_that_of_a_trusted_proxy() {
    let told = "x-forwarded-prefix: /outer";
    for (before, trusted, stripped, after) in [
        (&[][..], false, None, &[][..]),
        (&[], false, Some("/api"), &["x-forwarded-prefix: /api"]),
        (&[], true, Some("/api"), &["x-forwarded-prefix: /api"]),
        (&[], true, Some("/"), &[]),
        (&[told], false, None, &[]),
        (&[told], false, Some("/api"), &["x-forwarded-prefix: /api"]),
        (&[told], true, None, &[told]),
        (&[told], true, Some("/api"), &["x-forwarded-prefix: /outer/api"]),
        (&["x-forwarded-prefix: /outer/"], true, Some("/api"), &["x-forwarded-prefix: /outer/api"]),
        (&["x-forwarded-prefix: odd"], true, Some("/api"), &["x-forwarded-prefix: /api"]),
    ] {
        let mut headers = map(before);
        prefix(&mut headers, trusted, stripped);
        assert_eq!(lines(&headers), after, "{before:?} {trusted} {stripped:?}");
    }
}
