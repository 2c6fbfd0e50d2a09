//! Counts its calls in its own memory, which shows whether an instance is used again.

use std::sync::atomic::{AtomicU32, Ordering};

use tidegate_plugin::{ConfigError, NoConfig, OnRequest, Plugin, RequestAction, log, response};

struct Keeps;

impl Plugin for Keeps {
    type Config = NoConfig;

    const SUMMARY: &'static str = "counts the calls of its instance";

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

static CALLS: AtomicU32 = AtomicU32::new(0);

impl OnRequest for Keeps {
    fn on_request(&self) -> RequestAction {
        let calls = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
        if let Err(error) = response::set_header("x-calls", calls.to_string()) {
            log::error(error.name());
        }
        RequestAction::Forward
    }
}

tidegate_plugin::export!(Keeps: OnRequest);
