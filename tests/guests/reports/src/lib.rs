//! Writes one JSON line for each exchange with all that the log phase knows.

use tidegate_plugin::exchange::Attribute;
use tidegate_plugin::schemars::{self, JsonSchema};
use tidegate_plugin::serde::Deserialize;
use tidegate_plugin::serde_json::{Map, Value, json};
use tidegate_plugin::{
    ConfigError, OnLog, Plugin, Source, Summary, exchange, log, output, request, response,
};

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "tidegate_plugin::serde", deny_unknown_fields)]
struct Config {
    /// The output that takes the lines.
    output: String,
}

struct Reports {
    output: String,
}

impl Plugin for Reports {
    type Config = Config;

    const SUMMARY: &'static str = "writes the summary of each exchange to an output";

    fn configure(config: Config) -> Result<Self, ConfigError> {
        Ok(Self { output: config.output })
    }
}

impl OnLog for Reports {
    fn on_complete(&self, summary: &Summary) {
        let line = json!({
            "route": exchange::route(),
            "id": exchange::id(),
            "method": request::method(),
            "path": request::path(),
            "request_trace": request::header("x-trace"),
            "response_trace": response::header("x-trace"),
            "attributes": attributes(),
            "status": summary.status,
            "source": match summary.source {
                Source::Upstream => "upstream",
                Source::Plugin => "plugin",
                Source::Handler => "handler",
                Source::Gateway => "gateway",
            },
            "received_at_ms": summary.received_at_ms,
            "duration_us": summary.duration_us,
            "upstream_us": summary.upstream_us,
            "request_body_bytes": summary.request_body_bytes,
            "response_body_bytes": summary.response_body_bytes,
            "upstream": summary.upstream,
            "endpoint": summary.endpoint,
            "attempts": summary.attempts,
            "failure": summary.failure,
            "complete": summary.complete,
        });
        if let Err(error) = output::write(&self.output, line.to_string()) {
            log::error(format!("the line was not taken: {}", error.name()));
        }
    }
}

fn attributes() -> Value {
    let text = |attribute| match attribute {
        Attribute::Text(text) => json!(text),
        Attribute::Integer(number) => json!(number),
        Attribute::Decimal(number) => json!(number),
        Attribute::Boolean(truth) => json!(truth),
    };
    let map: Map<String, Value> =
        exchange::attributes().into_iter().map(|(name, value)| (name, text(value))).collect();
    Value::Object(map)
}

tidegate_plugin::export!(Reports: OnLog);
