//! Calls itself until the stack is used up.

use std::hint::black_box;

use tidegate_plugin::{ConfigError, NoConfig, OnRequest, Plugin, RequestAction};

struct Recurses;

impl Plugin for Recurses {
    type Config = NoConfig;

    const SUMMARY: &'static str = "calls itself without end";

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl OnRequest for Recurses {
    fn on_request(&self) -> RequestAction {
        black_box(deeper(black_box(1)));
        RequestAction::Forward
    }
}

/// Holds something on the stack that is needed after the call, so that the call stays one.
fn deeper(depth: u64) -> u64 {
    let frame = black_box([depth; 16]);
    if depth == 0 { 0 } else { deeper(depth + 1) + frame.iter().sum::<u64>() }
}

tidegate_plugin::export!(Recurses: OnRequest);
