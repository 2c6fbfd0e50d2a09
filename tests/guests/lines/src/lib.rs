//! Panics at a line that its test looks for. It is built with line numbers, see `Cargo.toml` of the
//! workspace.

use tidegate_plugin::{ConfigError, NoConfig, OnRequest, Plugin, RequestAction, request};

struct Lines;

impl Plugin for Lines {
    type Config = NoConfig;

    const SUMMARY: &'static str = "panics at a known line";

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl OnRequest for Lines {
    fn on_request(&self) -> RequestAction {
        if request::path() == "/panic" {
            fail();
        }
        RequestAction::Forward
    }
}

#[inline(never)]
fn fail() {
    let text = request::header("x-number").unwrap_or_default();
    let number: u32 = text.parse().expect("a number"); // here
    assert!(number > 0, "a number above zero");
}

tidegate_plugin::export!(Lines: OnRequest);
