//! Leaves its name wherever it comes by, so that a test reads who saw what in which order.

use tidegate_plugin::schemars::{self, JsonSchema};
use tidegate_plugin::serde::Deserialize;
use tidegate_plugin::{
    ConfigError, OnRequest, OnResponse, Plugin, RequestAction, ResponseAction, Source, exchange,
    log, request, response,
};

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "tidegate_plugin::serde", deny_unknown_fields)]
struct Config {
    /// What this plugin calls itself.
    name: String,
}

struct Sees {
    name: String,
}

impl Plugin for Sees {
    type Config = Config;

    const SUMMARY: &'static str = "leaves its name in `x-trace` of the request and the response";

    fn configure(config: Config) -> Result<Self, ConfigError> {
        Ok(Self { name: config.name })
    }
}

impl OnRequest for Sees {
    fn on_request(&self) -> RequestAction {
        let trace = joined(request::header("x-trace"), &self.name);
        note("x-trace", request::set_header("x-trace", trace));
        let trace = joined(exchange::text_attribute("trace"), &self.name);
        if let Err(error) = exchange::set_attribute("trace", trace) {
            log::error(error);
        }
        RequestAction::Forward
    }
}

impl OnResponse for Sees {
    fn on_response(&self) -> ResponseAction {
        let trace = joined(response::header("x-trace"), &self.name);
        note("x-trace", response::set_header("x-trace", trace));
        let source = match response::source() {
            Source::Upstream => "upstream",
            Source::Plugin => "plugin",
            Source::Handler => "handler",
            Source::Gateway => "gateway",
        };
        let seen = format!("{} {source}", response::status());
        note("x-seen", response::set_header("x-seen", seen));
        let attribute = exchange::text_attribute("trace").unwrap_or_default();
        note("x-attribute", response::set_header("x-attribute", attribute));
        ResponseAction::Forward
    }
}

fn joined(before: Option<String>, name: &str) -> String {
    before.map_or_else(|| name.to_owned(), |before| format!("{before},{name}"))
}

fn note(header: &str, written: Result<(), response::HeaderError>) {
    if let Err(error) = written {
        log::error(format!("header `{header}` was refused: {}", error.name()));
    }
}

tidegate_plugin::export!(Sees: OnRequest, OnResponse);
