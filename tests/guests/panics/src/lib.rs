//! Panics while it is configured, if it is told to.

use tidegate_plugin::schemars::{self, JsonSchema};
use tidegate_plugin::serde::Deserialize;
use tidegate_plugin::{ConfigError, OnRequest, Plugin, RequestAction};

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "tidegate_plugin::serde", deny_unknown_fields)]
struct Config {
    /// Whether it panics.
    panic: bool,
}

struct Panics;

impl Plugin for Panics {
    type Config = Config;

    const SUMMARY: &'static str = "panics in `configure`";

    fn configure(config: Config) -> Result<Self, ConfigError> {
        assert!(!config.panic, "told to panic");
        Ok(Self)
    }
}

impl OnRequest for Panics {
    fn on_request(&self) -> RequestAction {
        RequestAction::Forward
    }
}

tidegate_plugin::export!(Panics: OnRequest);
