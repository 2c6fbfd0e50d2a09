//! Whose requests are counted together.

use serde_json::{Value, json};
use tidegate_plugin::RequestAction;
use tidegate_plugin::fake::{self, Exchange};

use super::{admitted, plugin};
use crate::RateLimit;

/// Two requests of each; whoever has a count of its own gets one of them through.
fn counts(by: &Value, exchanges: &[Exchange]) -> Vec<usize> {
    let plugin = plugin(&json!({ "limit": 1, "per": "minute", "by": by }));
    exchanges.iter().map(|exchange| admitted(&plugin, 2, exchange)).collect()
}

fn from(address: &str) -> Exchange {
    Exchange::get("/").client(address)
}

#[test]
fn a_client_is_an_ipv4_address_or_an_ipv6_network_of_64_bits() {
    let clients = [
        from("192.0.2.1"),
        from("::ffff:192.0.2.1"),
        from("192.0.2.2"),
        from("2001:db8:0:1::1"),
        from("2001:db8:0:1:ffff::2"),
        from("2001:db8:0:2::1"),
    ];
    assert_eq!(counts(&json!("ip"), &clients), [1, 0, 1, 1, 0, 1]);
}

#[test]
fn prefixes_can_be_longer_and_shorter() {
    let plugin = plugin(&json!({
        "limit": 1, "per": "minute", "ipv4_prefix": 24, "ipv6_prefix": 128
    }));
    let check = |address: &str, expected| {
        assert_eq!(admitted(&plugin, 2, &from(address)), expected, "{address}");
    };
    check("192.0.2.1", 1);
    check("192.0.2.200", 0);
    check("192.0.3.1", 1);
    check("2001:db8::1", 1);
    check("2001:db8::2", 1);
}

#[test]
fn consumers_routes_paths_and_methods_are_told_apart() {
    let consumer = |name: &str| Exchange::get("/").attribute("consumer", name);
    assert_eq!(
        counts(&json!("consumer"), &[consumer("a"), consumer("b"), consumer("a")]),
        [1, 1, 0]
    );
    let route = |name: &str| Exchange::get("/").route(name);
    assert_eq!(counts(&json!("route"), &[route("a"), route("b"), route("a")]), [1, 1, 0]);
    let path = Exchange::get;
    assert_eq!(counts(&json!("path"), &[path("/a?x"), path("/b"), path("/a?y")]), [1, 1, 0]);
    let method = |name: &str| Exchange::new(name, "/");
    assert_eq!(
        counts(&json!("method"), &[method("GET"), method("POST"), method("GET")]),
        [1, 1, 0]
    );
    assert_eq!(counts(&json!("global"), &[from("192.0.2.1"), from("192.0.2.2")]), [1, 0]);
}

#[test]
fn headers_are_told_apart_by_all_their_lines_and_bytes() {
    let header = |value: &[u8]| Exchange::get("/").header("X-Tenant", value.to_vec());
    let values = [
        header(b"a"),
        header(b"b"),
        header(b"a"),
        header(b"\xff"),
        header(b"ff"),
        header(b"\xff"),
        header(b"a").header("x-tenant", b"b".to_vec()),
        header(b"a, b"),
    ];
    assert_eq!(counts(&json!("header:x-tenant"), &values), [1, 1, 0, 1, 1, 0, 1, 0]);
}

#[test]
fn claims_are_found_by_name_or_by_path_and_keep_their_type() {
    let claims = |json: Value| Exchange::get("/").attribute("auth.claims", json.to_string());
    let org = [
        claims(json!({ "org": { "id": "1" } })),
        claims(json!({ "org": { "id": 1 } })),
        claims(json!({ "org.id": "2" })),
        claims(json!({ "org": { "id": "2" } })),
        claims(json!({ "org": { "id": true } })),
        claims(json!({ "org": { "id": "true" } })),
    ];
    assert_eq!(counts(&json!("claim:org.id"), &org), [1, 1, 1, 0, 1, 1]);
}

#[test]
fn query_parameters_are_the_same_however_they_are_encoded() {
    let queries = ["/?t=a", "/?t=%61", "/?%74=a&x=1", "/?t=b", "/?t=a&t=b", "/?t=a%2Cb"];
    let exchanges = queries.map(Exchange::get);
    assert_eq!(counts(&json!("query:t"), &exchanges), [1, 0, 0, 1, 1, 0]);
}

#[test]
fn a_combination_counts_each_pair() {
    let pair = |route: &str, address: &str| from(address).route(route);
    let pairs = [pair("a", "192.0.2.1"), pair("a", "192.0.2.2"), pair("b", "192.0.2.1")];
    assert_eq!(counts(&json!(["route", "ip"]), &pairs), [1, 1, 1]);
    assert_eq!(counts(&json!(["route", "ip"]), &[pairs[0].clone(), pairs[0].clone()]), [1, 0]);
}

#[test]
fn no_value_can_pass_for_another_part_of_a_key() {
    let two =
        |a: &str, b: &str| Exchange::get("/").header("a", a.as_bytes()).header("b", b.as_bytes());
    let tricks = [two("x", "yh1:b1:z"), two("xh1:b1:y", "z"), two("x1:y", "z"), two("x", "1:yz")];
    assert_eq!(counts(&json!(["header:a", "header:b"]), &tricks), [1, 1, 1, 1]);
}

#[test]
fn limits_with_the_same_rule_and_other_keys_count_apart() {
    let plugin = plugin(&json!({ "limits": [
        { "limit": 2, "per": "minute", "by": "header:a" },
        { "limit": 2, "per": "minute", "by": "header:b" }
    ] }));
    let same = Exchange::get("/").header("a", "x").header("b", "x");
    assert_eq!(admitted(&plugin, 5, &same), 2);
}

#[test]
fn long_values_are_told_apart_to_their_last_byte() {
    let long = |last: char| {
        Exchange::get("/").header("authorization", format!("{}{last}", "x".repeat(8_000)))
    };
    let longs = [long('a'), long('b'), long('a')];
    assert_eq!(counts(&json!("header:authorization"), &longs), [1, 1, 0]);
}

/// The status and message for a request without anything, or 200.
fn without(config: &Value) -> (u16, String) {
    let plugin: RateLimit = plugin(config);
    let outcome = fake::run_request(&plugin, Exchange::get("/"));
    outcome.answer().map_or_else(
        || (200, String::new()),
        |answer| {
            let body: Value = serde_json::from_slice(&answer.body).unwrap();
            (answer.status, body["message"].as_str().unwrap().to_owned())
        },
    )
}

#[test]
fn a_request_without_its_key_is_refused_by_default() {
    let check = |by: &str, status: u16, message: &str| {
        let config = json!({ "limit": 1, "per": "minute", "by": by });
        assert_eq!(without(&config), (status, message.to_owned()));
    };
    check("consumer", 403, "the caller is not identified");
    check("claim:org", 403, "the caller is not identified");
    check("header:x-tenant", 400, "header `x-tenant` is missing");
    check("query:tenant", 400, "query parameter `tenant` is missing");
    let key = [("key", "query:tenant")];
    assert_eq!(fake::metrics::counter("rate_limit_missing_key", &key).to_string(), "1");
}

#[test]
fn an_empty_key_is_a_missing_one() {
    let plugin = plugin(&json!({ "limit": 1, "per": "minute", "by": "header:x-tenant" }));
    let outcome = fake::run_request(&plugin, Exchange::get("/").header("x-tenant", ""));
    assert_eq!(outcome.answer().unwrap().status, 400);
}

#[test]
fn a_limit_can_skip_requests_without_its_key_while_others_apply() {
    let plugin = plugin(&json!({ "missing_key": "skip", "limits": [
        { "limit": 1, "per": "minute", "by": "consumer" },
        { "limit": 3, "per": "minute", "by": "ip" }
    ] }));
    assert_eq!(admitted(&plugin, 5, &Exchange::get("/")), 3);
    let alice = from("192.0.2.2").attribute("consumer", "alice");
    assert_eq!(admitted(&plugin, 5, &alice), 1);
    let only = super::plugin(&json!({
        "limit": 1, "per": "minute", "by": "consumer", "missing_key": "skip"
    }));
    let outcome = fake::run_request(&only, Exchange::get("/"));
    assert_eq!((outcome.action, outcome.exchange), (RequestAction::Forward, Exchange::get("/")));
}

#[test]
fn the_address_can_stand_in_without_meeting_those_counted_by_address() {
    let plugin = plugin(&json!({ "missing_key": "ip", "limits": [
        { "limit": 2, "per": "minute", "by": "consumer" },
        { "limit": 2, "per": "minute", "by": "ip" }
    ] }));
    assert_eq!(admitted(&plugin, 5, &from("192.0.2.1")), 2);
    assert_eq!(admitted(&plugin, 5, &from("192.0.2.2")), 2);
    let named = from("192.0.2.3").attribute("consumer", "192.0.2.1");
    assert_eq!(admitted(&plugin, 5, &named), 2);
}

#[test]
fn a_dry_run_lets_requests_without_a_key_through() {
    let config = json!({ "limit": 1, "per": "minute", "by": "consumer", "dry_run": true });
    assert_eq!(without(&config), (200, String::new()));
    let key = [("missing_key", "consumer")];
    assert_eq!(fake::metrics::counter("rate_limit_dry_run_refused", &key).to_string(), "1");
}
