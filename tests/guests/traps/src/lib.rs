//! Is stopped by the engine in the phase that the request's `x-trap` names.

use tidegate_plugin::{
    ConfigError, NoConfig, OnLog, OnRequest, OnResponse, Plugin, RequestAction, ResponseAction,
    Summary, request,
};

struct Traps;

impl Plugin for Traps {
    type Config = NoConfig;

    const SUMMARY: &'static str = "executes an illegal instruction";

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl OnRequest for Traps {
    fn on_request(&self) -> RequestAction {
        trap_in("request");
        RequestAction::Forward
    }
}

impl OnResponse for Traps {
    fn on_response(&self) -> ResponseAction {
        trap_in("response");
        ResponseAction::Forward
    }
}

impl OnLog for Traps {
    fn on_complete(&self, _: &Summary) {
        trap_in("log");
    }
}

fn trap_in(phase: &str) {
    if request::header("x-trap").is_some_and(|named| named == phase) {
        std::process::abort();
    }
}

tidegate_plugin::export!(Traps: OnRequest, OnResponse, OnLog);
