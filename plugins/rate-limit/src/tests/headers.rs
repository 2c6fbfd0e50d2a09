//! Where a client is told that it stands.

use serde_json::json;
use tidegate_plugin::fake::{self, Exchange, Outcome};
use tidegate_plugin::{Answer, RequestAction};

use super::{advance_ms, get, plugin};

/// All lines that the plugin left for the response.
fn lines(outcome: &Outcome<RequestAction>) -> Vec<String> {
    let line = |header: tidegate_plugin::Header| {
        format!("{}: {}", header.name, String::from_utf8(header.value).unwrap())
    };
    outcome.response_headers().into_iter().map(line).collect()
}

#[test]
fn both_families_are_there_unless_the_operator_chooses() {
    let plugin = plugin(&json!({ "limit": 100, "per": "minute", "algorithm": "fixed" }));
    assert_eq!(
        lines(&get(&plugin)),
        [
            "x-ratelimit-limit-minute: 100",
            "x-ratelimit-remaining-minute: 99",
            "ratelimit-limit: 100",
            "ratelimit-remaining: 99",
            "ratelimit-reset: 30",
            "ratelimit-policy: \"minute\";q=100;w=60",
            "ratelimit: \"minute\";r=99;t=30",
        ]
    );
}

#[test]
fn a_refusal_says_when_to_come_back_in_whole_seconds() {
    let plugin =
        plugin(&json!({ "limit": 1, "per": "minute", "algorithm": "fixed", "headers": "kong" }));
    assert_eq!(get(&plugin).action, RequestAction::Forward);
    advance_ms(100);
    assert_eq!(
        lines(&get(&plugin)),
        [
            "x-ratelimit-limit-minute: 1",
            "x-ratelimit-remaining-minute: 0",
            "ratelimit-limit: 1",
            "ratelimit-remaining: 0",
            "ratelimit-reset: 30",
            "retry-after: 30",
        ]
    );
    advance_ms(29_899);
    assert_eq!(get(&plugin).response_header("retry-after").as_deref(), Some("1"));
}

#[test]
fn the_ietf_family_alone_has_two_fields() {
    let plugin =
        plugin(&json!({ "rate": "10r/s", "burst": 20, "nodelay": true, "headers": "ietf" }));
    assert_eq!(
        lines(&get(&plugin)),
        ["ratelimit-policy: \"second\";q=21;w=3", "ratelimit: \"second\";r=20;t=1"]
    );
}

#[test]
fn no_family_means_not_even_retry_after() {
    let plugin = plugin(&json!({ "limit": 1, "per": "minute", "headers": "none" }));
    assert_eq!(lines(&get(&plugin)), [""; 0]);
    let refused = get(&plugin);
    assert_eq!(refused.answer().map(|answer: &Answer| answer.status), Some(429));
    assert_eq!(lines(&refused), [""; 0]);
}

#[test]
fn several_limits_are_shown_each_and_the_tightest_once_more() {
    let plugin = plugin(&json!({ "limits": [
        { "limit": 5, "per": "second", "algorithm": "fixed" },
        { "limit": 6, "per": "minute", "algorithm": "fixed" },
        { "limit": 4, "per": "minute", "algorithm": "fixed", "by": "route", "name": "all" }
    ] }));
    let outcome = get(&plugin);
    assert_eq!(
        lines(&outcome),
        [
            "x-ratelimit-limit-second: 5",
            "x-ratelimit-remaining-second: 4",
            "x-ratelimit-limit-minute: 4",
            "x-ratelimit-remaining-minute: 3",
            "ratelimit-limit: 4",
            "ratelimit-remaining: 3",
            "ratelimit-reset: 30",
            "ratelimit-policy: \"second\";q=5;w=1, \"minute\";q=6;w=60, \"all\";q=4;w=60",
            "ratelimit: \"second\";r=4;t=1, \"minute\";r=5;t=30, \"all\";r=3;t=30",
        ]
    );
    assert_eq!(
        outcome.attribute("ratelimit.remaining"),
        Some(&tidegate_plugin::exchange::Attribute::Integer(3))
    );
}

#[test]
fn of_two_that_are_as_tight_the_longer_is_shown() {
    let plugin = plugin(&json!({ "headers": "kong", "limits": [
        { "limit": 5, "per": "minute", "algorithm": "fixed" },
        { "limit": 5, "per": "hour", "algorithm": "fixed" }
    ] }));
    assert_eq!(get(&plugin).response_header("ratelimit-reset").as_deref(), Some("510"));
}

#[test]
fn retry_after_is_the_longest_of_those_that_refused() {
    let plugin = plugin(&json!({ "limits": [
        { "limit": 1, "per": "second", "algorithm": "fixed" },
        { "limit": 1, "per": "hour", "algorithm": "fixed" },
        { "limit": 9, "per": "day", "algorithm": "fixed" }
    ] }));
    assert_eq!(get(&plugin).action, RequestAction::Forward);
    let refused = get(&plugin);
    assert_eq!(refused.response_header("retry-after").as_deref(), Some("510"));
    assert_eq!(refused.text_attribute("ratelimit.limit"), Some("hour"));
    // Nothing was taken from the day.
    assert_eq!(refused.response_header("x-ratelimit-remaining-day").as_deref(), Some("8"));
}

#[test]
fn a_period_has_kongs_name_however_it_is_written_and_others_have_none() {
    let minute = plugin(&json!({ "limit": 7, "per": "60s" }));
    let outcome = get(&minute);
    assert_eq!(outcome.response_header("x-ratelimit-limit-minute").as_deref(), Some("7"));
    let other = plugin(&json!({ "limit": 7, "per": "90s", "headers": "kong" }));
    let names: Vec<_> =
        get(&other).response_headers().into_iter().map(|header| header.name).collect();
    assert_eq!(names, ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"]);
}

#[test]
fn what_the_upstream_says_of_its_own_limits_stays_in_the_list_fields() {
    let plugin = plugin(&json!({ "limit": 7, "per": "minute", "headers": "ietf" }));
    let exchange = Exchange::get("/").response_header("ratelimit", "\"own\";r=1");
    let outcome = fake::run_request(&plugin, exchange);
    assert_eq!(
        outcome.response_header_values("ratelimit"),
        [b"\"own\";r=1".to_vec(), b"\"minute\";r=6;t=60".to_vec()]
    );
}
