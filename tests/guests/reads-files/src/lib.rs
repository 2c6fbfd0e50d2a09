//! Would read a file if it were told to, and so imports all of WASI that belongs to files.

use std::hint::black_box;

use tidegate_plugin::schemars::{self, JsonSchema};
use tidegate_plugin::serde::Deserialize;
use tidegate_plugin::{ConfigError, OnRequest, Plugin, RequestAction, log};

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "tidegate_plugin::serde", deny_unknown_fields, default)]
#[derive(Default)]
struct Config {
    /// What to read.
    file: Option<String>,
}

struct ReadsFiles {
    file: Option<String>,
}

impl Plugin for ReadsFiles {
    type Config = Config;

    const SUMMARY: &'static str = "would read a file";

    fn configure(config: Config) -> Result<Self, ConfigError> {
        Ok(Self { file: config.file })
    }
}

impl OnRequest for ReadsFiles {
    fn on_request(&self) -> RequestAction {
        if let Some(file) = &self.file {
            match std::fs::read(file) {
                Ok(bytes) => drop(black_box(bytes)),
                Err(error) => log::info(error.to_string()),
            }
        }
        RequestAction::Forward
    }
}

tidegate_plugin::export!(ReadsFiles: OnRequest);
