//! Logs 10 000 messages for each request.

use tidegate_plugin::{ConfigError, NoConfig, OnRequest, Plugin, RequestAction, log};

struct Floods;

impl Plugin for Floods {
    type Config = NoConfig;

    const SUMMARY: &'static str = "logs 10 000 messages for each request";

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl OnRequest for Floods {
    fn on_request(&self) -> RequestAction {
        for number in 0..10_000 {
            log::info(format!("flood {number}"));
        }
        RequestAction::Forward
    }
}

tidegate_plugin::export!(Floods: OnRequest);
