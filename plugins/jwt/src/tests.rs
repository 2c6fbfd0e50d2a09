//! The whole plugin, against the fake host and with real cryptography.

mod attacks;
mod carriers;
mod configuration;
mod identities;
mod mint;
mod reasons;
mod signatures;

use serde_json::{Value, json};
use tidegate_plugin::fake::{self, Exchange, Outcome};
use tidegate_plugin::{Answer, ConfigError, RequestAction};

use crate::Jwt;

/// 2026-01-01T00:00:00Z, where the fake clock stands.
const NOW: u64 = 1_767_225_600;

/// Long enough for HS512.
const SECRET: &str = "a secret of sixty-four bytes, which is enough for HS512, just so";

/// One issuer with a shared secret.
fn shared() -> Value {
    json!({ "issuers": [{ "iss": "joe", "secret": SECRET }] })
}

/// The same with more keys at the top.
fn shared_with(more: Value) -> Value {
    merged(shared(), more)
}

fn merged(mut base: Value, more: Value) -> Value {
    if let (Value::Object(base), Value::Object(more)) = (&mut base, more) {
        base.extend(more);
    }
    base
}

/// Claims of `joe` that pass, and more.
fn claims(more: Value) -> Value {
    merged(json!({ "iss": "joe", "sub": "ada", "exp": NOW + 60 }), more)
}

/// A token of `joe` with these claims beside the usual ones.
fn token(more: Value) -> String {
    mint::hs256(SECRET.as_bytes(), &claims(more))
}

fn configure(config: Value) -> Jwt {
    fake::configure(config).expect("a good configuration")
}

fn refused_configuration(config: Value) -> ConfigError {
    fake::configure::<Jwt>(config).err().expect("a bad configuration")
}

fn run(config: Value, exchange: Exchange) -> Outcome<RequestAction> {
    fake::run_request(&configure(config), exchange)
}

/// A request with this token in its usual place.
fn bearing(token: &str) -> Exchange {
    Exchange::get("/orders").header("authorization", format!("Bearer {token}"))
}

#[track_caller]
fn check_passes(config: Value, token: &str) {
    let outcome = run(config, bearing(token));
    let answer = outcome.answer().map(Answer::body_text);
    assert_eq!(answer, None, "the token should pass");
}

#[track_caller]
fn check_refused(config: Value, token: &str, message: &str) {
    let outcome = run(config, bearing(token));
    assert_eq!(reason(&outcome), (401, message.to_owned()));
}

/// The status and message of an answer.
fn reason(outcome: &Outcome<RequestAction>) -> (u16, String) {
    let answer = outcome.answer().expect("an answer");
    let body: Value = serde_json::from_slice(&answer.body).expect("a JSON body");
    (answer.status, body["message"].as_str().expect("a message").to_owned())
}
