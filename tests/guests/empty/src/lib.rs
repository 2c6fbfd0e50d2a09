//! Lets every request through; the least that a plugin can be.

use tidegate_plugin::{ConfigError, NoConfig, OnRequest, Plugin, RequestAction};

struct Empty;

impl Plugin for Empty {
    type Config = NoConfig;

    const SUMMARY: &'static str = "lets every request through";

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl OnRequest for Empty {
    fn on_request(&self) -> RequestAction {
        RequestAction::Forward
    }
}

tidegate_plugin::export!(Empty: OnRequest);
