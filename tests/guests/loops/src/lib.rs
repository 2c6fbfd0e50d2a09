//! Never comes back from one of its phases.

use std::hint::black_box;

use tidegate_plugin::schemars::{self, JsonSchema};
use tidegate_plugin::serde::Deserialize;
use tidegate_plugin::{
    ConfigError, OnLog, OnRequest, OnResponse, Plugin, RequestAction, ResponseAction, Summary,
};

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "tidegate_plugin::serde", deny_unknown_fields)]
struct Config {
    /// Where it stays.
    #[serde(default)]
    phase: Phase,
}

#[derive(Deserialize, JsonSchema, Default, PartialEq, Eq)]
#[serde(crate = "tidegate_plugin::serde", rename_all = "lowercase")]
enum Phase {
    Configure,
    #[default]
    Request,
    Response,
    Log,
}

struct Loops {
    phase: Phase,
}

impl Loops {
    fn stay(&self, phase: &Phase) {
        if self.phase == *phase {
            let mut turns = 0_u64;
            loop {
                turns = black_box(turns.wrapping_add(1));
            }
        }
    }
}

impl Plugin for Loops {
    type Config = Config;

    const SUMMARY: &'static str = "never comes back";

    fn configure(config: Config) -> Result<Self, ConfigError> {
        let plugin = Self { phase: config.phase };
        plugin.stay(&Phase::Configure);
        Ok(plugin)
    }
}

impl OnRequest for Loops {
    fn on_request(&self) -> RequestAction {
        self.stay(&Phase::Request);
        RequestAction::Forward
    }
}

impl OnResponse for Loops {
    fn on_response(&self) -> ResponseAction {
        self.stay(&Phase::Response);
        ResponseAction::Forward
    }
}

impl OnLog for Loops {
    fn on_complete(&self, _: &Summary) {
        self.stay(&Phase::Log);
    }
}

tidegate_plugin::export!(Loops: OnRequest, OnResponse, OnLog);
