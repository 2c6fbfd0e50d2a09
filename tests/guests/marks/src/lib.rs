//! Does to each exchange what its configuration says: marks it, answers it, or breaks.

use std::collections::BTreeMap;

use tidegate_plugin::schemars::{self, JsonSchema};
use tidegate_plugin::serde::Deserialize;
use tidegate_plugin::{
    Answer, ConfigError, OnRequest, OnResponse, Plugin, RequestAction, ResponseAction, exchange,
    log, request, response,
};

#[derive(Deserialize, JsonSchema, Default)]
#[serde(crate = "tidegate_plugin::serde", deny_unknown_fields, default)]
struct Config {
    /// Attributes that it sets.
    attributes: BTreeMap<String, String>,
    /// Headers of the request that it sets.
    set: BTreeMap<String, String>,
    /// Headers of the request that it removes.
    remove: Vec<String>,
    /// Headers that it sets in the response phase.
    response: BTreeMap<String, String>,
    /// The status that it answers each request with.
    respond: Option<u16>,
    /// How long it delays each request, in milliseconds.
    delay: Option<u32>,
    /// Whether it panics when all else is done.
    panics: bool,
}

struct Marks(Config);

impl Plugin for Marks {
    type Config = Config;

    const SUMMARY: &'static str = "does what its configuration says";

    fn configure(config: Config) -> Result<Self, ConfigError> {
        Ok(Self(config))
    }
}

impl OnRequest for Marks {
    fn on_request(&self) -> RequestAction {
        for (name, value) in &self.0.attributes {
            if let Err(error) = exchange::set_attribute(name, value.as_str()) {
                log::error(error);
            }
        }
        for (name, value) in &self.0.set {
            note(name, request::set_header(name, value));
        }
        for name in &self.0.remove {
            note(name, request::remove_header(name));
        }
        assert!(!self.0.panics, "as it was told");
        match (self.0.respond, self.0.delay) {
            (Some(status), _) => Answer::new(status).text("marks\n").into(),
            (None, Some(ms)) => RequestAction::Delay(ms),
            (None, None) => RequestAction::Forward,
        }
    }
}

impl OnResponse for Marks {
    fn on_response(&self) -> ResponseAction {
        for (name, value) in &self.0.response {
            note(name, response::set_header(name, value));
        }
        ResponseAction::Forward
    }
}

fn note(header: &str, written: Result<(), response::HeaderError>) {
    if let Err(error) = written {
        log::error(format!("header `{header}` was refused: {}", error.name()));
    }
}

tidegate_plugin::export!(Marks: OnRequest, OnResponse);
