//! Says something by the interface for it, and prints something by WASI.

use tidegate_plugin::{ConfigError, NoConfig, OnRequest, Plugin, RequestAction, log};

struct Says;

impl Plugin for Says {
    type Config = NoConfig;

    const SUMMARY: &'static str = "logs and prints";

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl OnRequest for Says {
    #[expect(clippy::print_stdout, reason = "that is what this guest is for")]
    fn on_request(&self) -> RequestAction {
        log::warn("said by the interface");
        println!("printed by WASI");
        RequestAction::Forward
    }
}

tidegate_plugin::export!(Says: OnRequest);
