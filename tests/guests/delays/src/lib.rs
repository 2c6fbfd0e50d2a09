//! Lets each request go on after a time.

use tidegate_plugin::schemars::{self, JsonSchema};
use tidegate_plugin::serde::Deserialize;
use tidegate_plugin::{ConfigError, OnRequest, Plugin, RequestAction};

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "tidegate_plugin::serde", deny_unknown_fields)]
struct Config {
    /// How long, in milliseconds.
    ms: u32,
}

struct Delays {
    ms: u32,
}

impl Plugin for Delays {
    type Config = Config;

    const SUMMARY: &'static str = "delays each request";

    fn configure(config: Config) -> Result<Self, ConfigError> {
        Ok(Self { ms: config.ms })
    }
}

impl OnRequest for Delays {
    fn on_request(&self) -> RequestAction {
        RequestAction::Delay(self.ms)
    }
}

tidegate_plugin::export!(Delays: OnRequest);
