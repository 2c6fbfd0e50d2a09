//! Takes memory until there is no more.

use std::hint::black_box;

use tidegate_plugin::{ConfigError, NoConfig, OnRequest, Plugin, RequestAction};

struct Grows;

impl Plugin for Grows {
    type Config = NoConfig;

    const SUMMARY: &'static str = "takes memory until there is no more";

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl OnRequest for Grows {
    fn on_request(&self) -> RequestAction {
        let mut kept = Vec::new();
        loop {
            kept.push(black_box(vec![1_u8; 1024 * 1024]));
        }
    }
}

tidegate_plugin::export!(Grows: OnRequest);
