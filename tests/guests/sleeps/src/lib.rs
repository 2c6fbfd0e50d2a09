//! Waits in the host's hands, using no time of the processor.

use std::time::Duration;

use tidegate_plugin::schemars::{self, JsonSchema};
use tidegate_plugin::serde::Deserialize;
use tidegate_plugin::{ConfigError, OnRequest, Plugin, RequestAction};

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "tidegate_plugin::serde", deny_unknown_fields)]
struct Config {
    /// How long, in milliseconds.
    ms: u64,
}

struct Sleeps {
    time: Duration,
}

impl Plugin for Sleeps {
    type Config = Config;

    const SUMMARY: &'static str = "waits inside a host call";

    fn configure(config: Config) -> Result<Self, ConfigError> {
        Ok(Self { time: Duration::from_millis(config.ms) })
    }
}

impl OnRequest for Sleeps {
    #[expect(clippy::disallowed_methods, reason = "blocking is what this guest is for")]
    fn on_request(&self) -> RequestAction {
        std::thread::sleep(self.time);
        RequestAction::Forward
    }
}

tidegate_plugin::export!(Sleeps: OnRequest);
