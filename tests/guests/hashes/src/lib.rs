//! Uses what Rust's standard library takes from WASI: the time, and random numbers for a `HashMap`.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::SystemTime;

use tidegate_plugin::schemars::{self, JsonSchema};
use tidegate_plugin::serde::Deserialize;
use tidegate_plugin::{ConfigError, OnRequest, Plugin, RequestAction};

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "tidegate_plugin::serde", deny_unknown_fields)]
struct Config {
    /// How often a request asks for the time.
    times: u32,
    /// Whether a request fills a map.
    #[serde(default)]
    map: bool,
}

struct Hashes {
    config: Config,
}

impl Plugin for Hashes {
    type Config = Config;

    const SUMMARY: &'static str = "asks WASI for the time and for random numbers";

    fn configure(config: Config) -> Result<Self, ConfigError> {
        Ok(Self { config })
    }
}

impl OnRequest for Hashes {
    #[expect(clippy::disallowed_methods, reason = "to ask WASI is what this guest is for")]
    fn on_request(&self) -> RequestAction {
        for _ in 0..self.config.times {
            black_box(SystemTime::now());
        }
        if self.config.map {
            black_box(HashMap::from([("a", 1), ("b", 2)]));
        }
        RequestAction::Forward
    }
}

tidegate_plugin::export!(Hashes: OnRequest);
