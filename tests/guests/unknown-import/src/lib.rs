//! Imports an interface that the gateway does not offer.

use tidegate_plugin::{ConfigError, NoConfig, OnRequest, Plugin, RequestAction};

#[cfg(target_family = "wasm")]
mod vault;

struct UnknownImport;

impl Plugin for UnknownImport {
    type Config = NoConfig;

    const SUMMARY: &'static str = "imports what is not offered";

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl OnRequest for UnknownImport {
    fn on_request(&self) -> RequestAction {
        #[cfg(target_family = "wasm")]
        tidegate_plugin::log::info(vault::company::tools::vault::read("password"));
        RequestAction::Forward
    }
}

tidegate_plugin::export!(UnknownImport: OnRequest);
