//! What becomes of heads, by the fake host.

mod configuration;
mod edits;
mod readme;

use serde_json::Value;
use tidegate_plugin::fake;

use crate::Headers;

/// The plugin with this configuration.
fn plugin(config: &Value) -> Headers {
    fake::reset();
    fake::configure(config).expect("the configuration is good")
}
