//! How many requests go on.

use serde_json::json;
use tidegate_plugin::counter::CounterError;
use tidegate_plugin::exchange::Attribute;
use tidegate_plugin::fake::{self, Exchange};
use tidegate_plugin::log::Level;
use tidegate_plugin::{ConfigError, OnRequest, Plugin, RequestAction};

use super::{admitted, advance_ms, get, plugin};
use crate::{Config, RateLimit};

#[test]
fn a_fixed_window_admits_a_hundred_of_ten_thousand() {
    let plugin = plugin(&json!({ "limit": 100, "per": "minute", "algorithm": "fixed" }));
    assert_eq!(admitted(&plugin, 10_000, &Exchange::get("/")), 100);
    advance_ms(29_999);
    assert_eq!(admitted(&plugin, 1, &Exchange::get("/")), 0);
    advance_ms(1);
    assert_eq!(admitted(&plugin, 1_000, &Exchange::get("/")), 100);
}

#[test]
fn a_sliding_window_is_the_default_and_never_admits_more_in_its_span() {
    let plugin = plugin(&json!({ "limit": 3, "per": "minute" }));
    let one = Exchange::get("/");
    assert_eq!(admitted(&plugin, 2, &one), 2);
    advance_ms(40_000);
    assert_eq!(admitted(&plugin, 5, &one), 1);
    // A span of a minute has both its ends.
    advance_ms(20_001);
    assert_eq!(admitted(&plugin, 5, &one), 2);
    advance_ms(39_999);
    assert_eq!(admitted(&plugin, 5, &one), 0);
    advance_ms(1);
    assert_eq!(admitted(&plugin, 5, &one), 1);
}

#[test]
fn a_token_bucket_admits_its_burst_and_what_it_gained_since() {
    let config = json!({ "limit": 10, "per": "second", "algorithm": "token", "burst": 20 });
    let plugin = plugin(&config);
    let one = Exchange::get("/");
    assert_eq!(admitted(&plugin, 100, &one), 20);
    advance_ms(250);
    assert_eq!(admitted(&plugin, 100, &one), 2);
    advance_ms(3_600_000);
    assert_eq!(admitted(&plugin, 100, &one), 20);
}

#[test]
fn nginx_with_burst_20_nodelay_admits_21_of_100_and_refuses_79() {
    let plugin = plugin(&json!({ "rate": "10r/s", "burst": 20, "nodelay": true, "status": 503 }));
    let actions: Vec<_> = (0..100).map(|_| get(&plugin).action).collect();
    let count = |wanted: fn(&RequestAction) -> bool| actions.iter().filter(|a| wanted(a)).count();
    assert_eq!(count(|action| *action == RequestAction::Forward), 21);
    assert_eq!(count(|action| matches!(action, RequestAction::Respond(a) if a.status == 503)), 79);
}

#[test]
fn nginx_without_nodelay_spreads_the_burst_at_the_rate() {
    let plugin = plugin(&json!({ "rate": "10r/s", "burst": 3 }));
    let actions: Vec<_> = (0..5).map(|_| get(&plugin).action).collect();
    assert_eq!(
        actions[..4],
        [
            RequestAction::Forward,
            RequestAction::Delay(100),
            RequestAction::Delay(200),
            RequestAction::Delay(300)
        ]
    );
    assert!(matches!(actions[4], RequestAction::Respond(_)));
}

#[test]
fn nginx_with_delay_lets_the_first_excess_pass_and_spreads_the_rest() {
    let plugin = plugin(&json!({ "rate": "3r/s", "burst": 4, "delay": 2 }));
    let actions: Vec<_> = (0..6).map(|_| get(&plugin).action).collect();
    assert_eq!(
        actions[..5],
        [
            RequestAction::Forward,
            RequestAction::Forward,
            RequestAction::Forward,
            // The third excess leaks after 1 000 ms, of which two make 667.
            RequestAction::Delay(333),
            RequestAction::Delay(667)
        ]
    );
    assert!(matches!(actions[5], RequestAction::Respond(_)));
}

#[test]
fn a_request_must_have_room_in_all_limits_and_takes_from_none_otherwise() {
    let plugin = plugin(&json!({ "limits": [
        { "limit": 2, "per": "second", "algorithm": "fixed" },
        { "limit": 5, "per": "minute", "algorithm": "fixed" }
    ] }));
    let one = Exchange::get("/");
    assert_eq!(admitted(&plugin, 10, &one), 2);
    advance_ms(1_000);
    // Had the refused ones counted, the minute would be over already.
    assert_eq!(admitted(&plugin, 10, &one), 2);
    advance_ms(1_000);
    assert_eq!(admitted(&plugin, 10, &one), 1);
}

#[test]
fn a_refusal_says_why_with_the_request_id() {
    let plugin = plugin(&json!({ "limit": 1, "per": "minute", "message": "slow \"down\"" }));
    assert_eq!(get(&plugin).action, RequestAction::Forward);
    let outcome = fake::run_request(&plugin, Exchange::get("/").id("a\"b"));
    let answer = outcome.answer().unwrap();
    assert_eq!(answer.status, 429);
    assert_eq!(
        answer.header_text("content-type").as_deref(),
        Some("application/json; charset=utf-8")
    );
    assert_eq!(answer.body_text(), r#"{"message":"slow \"down\"","request_id":"a\"b"}"#);
}

#[test]
fn logs_and_metrics_learn_what_was_refused() {
    let plugin = plugin(&json!({ "limit": 1, "per": "minute" }));
    let first = get(&plugin);
    assert_eq!(first.attribute("ratelimit.remaining"), Some(&Attribute::Integer(0)));
    assert_eq!(first.attribute("ratelimit.refused"), None);
    let second = get(&plugin);
    assert_eq!(second.attribute("ratelimit.refused"), Some(&Attribute::Boolean(true)));
    assert_eq!(second.text_attribute("ratelimit.limit"), Some("minute"));
    let refused = |limit| fake::metrics::counter("rate_limit_refused", &[("limit", limit)]);
    assert_eq!(refused("minute").to_string(), "1");
}

#[test]
fn a_dry_run_refuses_and_delays_nobody_and_shows_the_operator_what_would_have_been() {
    let config = json!({ "rate": "10r/s", "burst": 1, "dry_run": true });
    let plugin = plugin(&config);
    let outcomes: Vec<_> = (0..4).map(|_| get(&plugin)).collect();
    for outcome in &outcomes {
        assert_eq!(outcome.action, RequestAction::Forward);
        assert_eq!(outcome.response_headers(), []);
        assert_eq!(outcome.attribute("ratelimit.refused"), None);
    }
    let would = outcomes[2].attribute("ratelimit.dry_run_refused");
    assert_eq!(would, Some(&Attribute::Boolean(true)));
    assert_eq!(outcomes[2].logged(Level::Debug), ["dry run: the request would have been refused"]);
    let count = fake::metrics::counter("rate_limit_dry_run_refused", &[("limit", "second")]);
    assert_eq!(count.to_string(), "2");
    assert_eq!(
        fake::metrics::counter("rate_limit_refused", &[("limit", "second")]).to_string(),
        "0"
    );
}

#[test]
fn whoever_the_operator_skips_is_not_counted() {
    let plugin = plugin(&json!({
        "limit": 1, "per": "minute", "by": "global",
        "skip": { "ip": ["10.0.0.0/8", "2001:db8::1"], "consumer": ["monitor"] }
    }));
    let check =
        |exchange: Exchange, expected| assert_eq!(admitted(&plugin, 3, &exchange), expected);
    check(Exchange::get("/").client("10.1.2.3"), 3);
    check(Exchange::get("/").client("::ffff:10.1.2.3"), 3);
    check(Exchange::get("/").client("2001:db8::1"), 3);
    check(Exchange::get("/").attribute("consumer", "monitor"), 3);
    check(Exchange::get("/").attribute("consumer", "monitors"), 1);
    check(Exchange::get("/").client("11.0.0.1"), 0);
}

/// Runs the path that the fake host's counters, which are never exhausted, do not lead to.
struct Exhausted(RateLimit);

impl Plugin for Exhausted {
    type Config = Config;

    const SUMMARY: &'static str = "";

    fn configure(config: Config) -> Result<Self, ConfigError> {
        RateLimit::configure(config).map(Self)
    }
}

impl OnRequest for Exhausted {
    fn on_request(&self) -> RequestAction {
        self.0.unavailable(CounterError::Exhausted)
    }
}

#[test]
fn without_counters_a_request_is_refused_unless_the_operator_says_otherwise() {
    let run = |config: serde_json::Value| {
        fake::reset();
        let plugin: Exhausted = fake::configure(config).unwrap();
        fake::run_request(&plugin, Exchange::get("/"))
    };
    let outcome = run(json!({ "limit": 1, "per": "minute" }));
    let answer = outcome.answer().unwrap();
    assert_eq!(answer.status, 503);
    assert_eq!(
        answer.body_text(),
        r#"{"message":"rate limit is not available","request_id":"request-1"}"#
    );
    assert_eq!(outcome.response_header("retry-after").as_deref(), Some("1"));
    assert_eq!(outcome.logged(Level::Warn), ["the counters gave no verdict: exhausted"]);
    let reason = [("reason", "exhausted")];
    assert_eq!(fake::metrics::counter("rate_limit_unavailable", &reason).to_string(), "1");

    let outcome = run(json!({ "limit": 1, "per": "minute", "on_unavailable": "admit" }));
    assert_eq!(outcome.action, RequestAction::Forward);
    let outcome = run(json!({ "limit": 1, "per": "minute", "dry_run": true }));
    assert_eq!(outcome.action, RequestAction::Forward);
}
