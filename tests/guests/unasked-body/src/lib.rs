//! Exports a body phase, but not the phase that would ask for the body.

use tidegate_plugin::{
    BodyAction, ConfigError, NoConfig, OnLog, OnRequest, OnRequestBody, Plugin, RequestAction,
    Summary,
};

struct Unasked;

impl Plugin for Unasked {
    type Config = NoConfig;

    const SUMMARY: &'static str = "is never asked";

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl OnRequest for Unasked {
    fn on_request(&self) -> RequestAction {
        RequestAction::Forward
    }
}

impl OnRequestBody for Unasked {
    fn on_request_body(&self, _: Vec<u8>, _: bool) -> BodyAction {
        BodyAction::Forward
    }
}

impl OnLog for Unasked {
    fn on_complete(&self, _: &Summary) {}
}

tidegate_plugin::export!(Unasked: OnRequestBody, OnLog);
