//! Asks for the response while there is none.

use tidegate_plugin::{ConfigError, NoConfig, OnRequest, Plugin, RequestAction, response};

struct Outside;

impl Plugin for Outside {
    type Config = NoConfig;

    const SUMMARY: &'static str = "calls a function outside of its phase";

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl OnRequest for Outside {
    fn on_request(&self) -> RequestAction {
        match response::status() {
            200 => RequestAction::Forward,
            _ => RequestAction::Delay(1),
        }
    }
}

tidegate_plugin::export!(Outside: OnRequest);
