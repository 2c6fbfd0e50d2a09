//! What is refused before the first request.

use serde_json::{Value, json};
use tidegate_plugin::fake;

use super::{plugin, refusal};
use crate::RateLimit;

/// What the operator is shown, and where.
fn check(config: &Value, pointer: &str, message: &str) {
    let error = refusal(config);
    assert_eq!((error.pointer.as_str(), error.message.as_str()), (pointer, message));
}

#[test]
fn a_limit_is_needed_and_a_whole_one() {
    check(
        &json!({}),
        "",
        "there is no limit; write limit = 100 and per = \"minute\", or rate = \"10r/s\"",
    );
    check(&json!({ "limit": 5 }), "", "`per` is missing, such as per = \"minute\"");
    check(&json!({ "per": "minute" }), "", "`limit` is missing, such as limit = 100");
    check(
        &json!({ "limit": 0, "per": "minute" }),
        "/limit",
        "a limit of 0 admits nothing; at least 1, or a route with a fixed response",
    );
    check(
        &json!({ "limits": [{ "limit": 5, "per": "minute" }, { "limit": 5, "per": "week" }] }),
        "/limits/1/per",
        "`week` is not a period: second, minute, hour, day, or a number with one of the units ms, \
         s, m, h, d; a week is `7d`",
    );
    check(&json!({ "rate": "10/s" }), "/rate", "`10/s` is not a rate such as 10r/s or 30r/m");
}

#[test]
fn one_limit_stands_alone_and_several_in_their_list() {
    check(
        &json!({ "limit": 1, "per": "minute", "limits": [{ "limit": 1, "per": "hour" }] }),
        "/limits",
        "`limits` and a limit written beside it exclude each other; move that one into `limits`",
    );
    check(&json!({ "limits": [] }), "/limits", "there must be from 1 to 16 limits, not 0");
    let limits: Vec<_> = (1..=17).map(|limit| json!({ "limit": limit, "per": "minute" })).collect();
    check(&json!({ "limits": limits }), "/limits", "there must be from 1 to 16 limits, not 17");
    let limits: Vec<_> = (1..=16).map(|limit| json!({ "limit": limit, "per": "minute" })).collect();
    plugin(&json!({ "limits": limits }));
}

#[test]
fn keys_of_other_algorithms_are_refused() {
    let with = |algorithm: &str, key: &str, value: Value| json!({ "limit": 1, "per": "minute", "algorithm": algorithm, key: value });
    let of_buckets = "`burst` belongs to the algorithm `token` or `leaky`";
    check(&with("fixed", "burst", json!(1)), "/burst", of_buckets);
    check(&with("sliding", "burst", json!(1)), "/burst", of_buckets);
    check(
        &with("token", "nodelay", json!(true)),
        "/nodelay",
        "`nodelay` belongs to the algorithm `leaky`",
    );
    check(&with("token", "delay", json!(1)), "/delay", "`delay` belongs to the algorithm `leaky`");
    check(
        &with("token", "burst", json!(0)),
        "/burst",
        "a token bucket without a token admits nothing; at least 1",
    );
    check(
        &json!({ "rate": "1r/s", "algorithm": "fixed" }),
        "/algorithm",
        "`rate` is nginx's and leaky; write `limit` and `per` for this algorithm",
    );
    check(
        &json!({ "rate": "1r/s", "limit": 1 }),
        "/rate",
        "`rate` stands in place of `limit` and `per`",
    );
}

#[test]
fn nodelay_and_delay_exclude_each_other_and_nobody_waits_over_a_minute() {
    check(
        &json!({ "rate": "1r/s", "burst": 5, "nodelay": true, "delay": 2 }),
        "/delay",
        "`nodelay` and `delay` exclude each other",
    );
    check(
        &json!({ "rate": "1r/s", "burst": 5, "delay": 6 }),
        "/delay",
        "more than the burst of 5; nodelay = true says the same",
    );
    check(
        &json!({ "rate": "1r/s", "burst": 61 }),
        "/burst",
        "the last of the burst would wait 61 s, more than 60 s; a smaller burst, nodelay = true \
         or delay",
    );
    plugin(&json!({ "rate": "1r/s", "burst": 60 }));
    plugin(&json!({ "rate": "1r/s", "burst": 61, "delay": 1 }));
    plugin(&json!({ "rate": "1r/s", "burst": 4_000_000_000_u32, "nodelay": true }));
}

#[test]
fn what_requests_are_counted_by_must_be_known() {
    let by = |by: Value| json!({ "limit": 1, "per": "minute", "by": by });
    check(
        &by(json!("user")),
        "/by",
        "`user` is not something to count by: ip, consumer, header:<name>, claim:<name>, \
         query:<name>, route, path, method, global",
    );
    check(&by(json!(["ip", "header"])), "/by/1", "`header` lacks a name, such as `header:tenant`");
    check(&by(json!("claim:")), "/by", "`claim:` lacks a name after the colon");
    check(&by(json!("header:a b")), "/by", "`a b` is not a field name");
    check(&by(json!(["ip", "ip"])), "/by/1", "`ip` is there already");
    check(&by(json!([])), "/by", "an empty list; `global` counts all requests together");
}

#[test]
fn limits_have_names_of_their_own() {
    let names = |config: Value| {
        let plugin: RateLimit = plugin(&config);
        plugin.limits.into_iter().map(|limit| limit.name).collect::<Vec<_>>()
    };
    assert_eq!(
        names(json!({ "limits": [
            { "limit": 1, "per": "minute" },
            { "limit": 2, "per": "minute", "by": ["route", "header:X-Tenant"] },
            { "limit": 3, "per": "minute" },
            { "limit": 4, "per": "minute" },
            { "limit": 5, "per": "90s" },
            { "rate": "6r/m" , "name": "drip" }
        ] })),
        ["minute", "minute-route+header:x-tenant", "minute-ip", "minute-ip-2", "90s", "drip"]
    );
    let named = |a: &str, b: &str| {
        json!({ "limits": [
            { "limit": 1, "per": "minute", "name": a }, { "limit": 1, "per": "hour", "name": b }
        ] })
    };
    check(&named("a", "a"), "/limits/1/name", "an earlier limit is called `a`");
    let rule = "a name has from 1 to 64 visible ASCII characters, without quotation mark and \
                backslash";
    check(&named("a\"", "b"), "/limits/0/name", rule);
    check(&named("", "b"), "/limits/0/name", rule);
    check(&named(&"a".repeat(65), "b"), "/limits/0/name", rule);
}

#[test]
fn the_same_limit_twice_is_refused() {
    let one = json!({ "limit": 1, "per": "minute", "by": "ip" });
    check(
        &json!({ "limits": [one, { "limit": 1, "per": "60s" }, ] }),
        "/limits/1",
        "an earlier limit is the same; a request would be counted twice",
    );
}

#[test]
fn numbers_out_of_range_and_unknown_keys_are_pointed_at() {
    let with = |key: &str, value: Value| json!({ "limit": 1, "per": "minute", key: value });
    check(&with("status", json!(200)), "/status", "200 is not an error; from 400 to 599");
    check(&with("ipv4_prefix", json!(33)), "/ipv4_prefix", "an IPv4 address has 32 bits");
    check(&with("ipv6_prefix", json!(129)), "/ipv6_prefix", "an IPv6 address has 128 bits");
    check(
        &with("skip", json!({ "ip": ["10.0.0.0/8", "10.1.0.0/8"] })),
        "/skip/ip/1",
        "`10.1.0.0/8` has bits beyond its prefix; did you mean 10.0.0.0/8?",
    );
    assert_eq!(refusal(&with("burts", json!(1))).pointer, "/burts");
    assert_eq!(refusal(&with("limit", json!(-1))).pointer, "/limit");
    assert_eq!(refusal(&with("headers", json!("all"))).pointer, "/headers");
}

#[test]
fn the_schema_shows_every_key_with_its_default() {
    let schema = fake::schema::<RateLimit>();
    let properties = schema["properties"].as_object().unwrap();
    assert_eq!(properties.len(), 19);
    assert!(properties.values().all(|property| property["description"].is_string()));
    assert_eq!(schema["additionalProperties"], json!(false));
    assert_eq!(properties["status"]["type"], "integer");
}
