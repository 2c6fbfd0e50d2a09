//! What operators and clients see, by the fake host.

mod admission;
mod configuration;
mod headers;
mod keys;
mod readme;

use serde_json::Value;
use tidegate_plugin::fake::{self, Exchange, Outcome};
use tidegate_plugin::{ConfigError, RequestAction};

use crate::RateLimit;

/// 2026-11-21T03:51:30Z, half a minute into a minute.
const NOW_MS: u64 = 1_795_233_090_000;

/// The plugin with this configuration, at a known time, with nothing counted.
fn plugin(config: &Value) -> RateLimit {
    fake::reset();
    fake::clock::set_unix_ms(NOW_MS);
    fake::configure(config).expect("the configuration is good")
}

fn refusal(config: &Value) -> ConfigError {
    match fake::configure::<RateLimit>(config) {
        Ok(_) => panic!("{config} was taken"),
        Err(error) => error,
    }
}

fn get(plugin: &RateLimit) -> Outcome<RequestAction> {
    fake::run_request(plugin, Exchange::get("/"))
}

/// How many of so many requests at one moment go on, at once or later.
fn admitted(plugin: &RateLimit, requests: usize, exchange: &Exchange) -> usize {
    (0..requests).filter(|_| fake::run_request(plugin, exchange.clone()).answer().is_none()).count()
}

fn advance_ms(ms: u64) {
    fake::clock::advance(std::time::Duration::from_millis(ms));
}
