//! What operators find in their logs, by the fake host.

mod configuration;
mod lines;
mod readme;
mod sampling;

use serde_json::Value;
use tidegate_plugin::fake::{self, Exchange};
use tidegate_plugin::{ConfigError, Source, Summary};

use crate::AccessLog;

/// The plugin with this configuration, with nothing written.
fn plugin(config: &Value) -> AccessLog {
    fake::reset();
    fake::configure(config).expect("the configuration is good")
}

fn refusal(config: &Value) -> ConfigError {
    match fake::configure::<AccessLog>(config) {
        Ok(_) => panic!("{config} was taken"),
        Err(error) => error,
    }
}

/// The only line that an exchange leaves in `stdout`.
fn line(config: &Value, exchange: Exchange) -> String {
    let plugin = plugin(config);
    let outcome = fake::run_log(&plugin, exchange);
    assert_eq!(outcome.messages, []);
    let mut lines = fake::output::take("stdout");
    assert_eq!(lines.len(), 1);
    lines.pop().unwrap()
}

/// 2026-11-21T03:51:29.042Z, 12.345 ms, 201 by the upstream.
fn summary() -> Summary {
    Summary {
        status: 201,
        source: Source::Upstream,
        received_at_ms: 1_795_233_089_042,
        duration_us: 12_345,
        upstream_us: Some(9_001),
        request_body_bytes: 17,
        response_body_bytes: 2_048,
        upstream: Some("users".to_owned()),
        endpoint: Some("10.0.0.5:9001".to_owned()),
        attempts: 1,
        failure: None,
        complete: true,
    }
}
