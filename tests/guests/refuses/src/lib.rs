//! Takes only one configuration.

use tidegate_plugin::schemars::{self, JsonSchema};
use tidegate_plugin::serde::Deserialize;
use tidegate_plugin::{ConfigError, OnRequest, Plugin, RequestAction};

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "tidegate_plugin::serde", deny_unknown_fields)]
struct Config {
    /// Groups of numbers.
    groups: Vec<Group>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "tidegate_plugin::serde", deny_unknown_fields)]
struct Group {
    /// From 1 to 10.
    size: u32,
}

struct Refuses;

impl Plugin for Refuses {
    type Config = Config;

    const SUMMARY: &'static str = "refuses sizes over 10";

    fn configure(config: Config) -> Result<Self, ConfigError> {
        let fits = |group: &Group| (1..=10).contains(&group.size);
        match config.groups.iter().position(|group| !fits(group)) {
            Some(index) => {
                Err(ConfigError::at(format!("/groups/{index}/size"), "a size is from 1 to 10"))
            }
            None => Ok(Self),
        }
    }
}

impl OnRequest for Refuses {
    fn on_request(&self) -> RequestAction {
        RequestAction::Forward
    }
}

tidegate_plugin::export!(Refuses: OnRequest);
