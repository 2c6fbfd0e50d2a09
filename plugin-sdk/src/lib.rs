//! Write Tidegate plugins in Rust.

pub mod answer;
pub mod clock;
pub mod config;
pub mod counter;
pub mod crypto;
pub mod exchange;
pub mod kv;
pub mod log;
pub mod metrics;
pub mod output;
pub mod plugin;
pub mod request;
pub mod response;

#[cfg(not(target_family = "wasm"))]
pub mod fake;

#[doc(hidden)]
pub mod bindings;
#[doc(hidden)]
pub mod guest;

#[cfg(target_family = "wasm")]
use bindings::plugin::tidegate::plugin as host;
#[cfg(not(target_family = "wasm"))]
use fake as host;

pub use answer::{Answer, Header, RequestAction, ResponseAction};
pub use config::{ConfigError, NoConfig};
pub use plugin::{OnLog, OnRequest, OnResponse, Plugin, Source, Summary};
pub use {schemars, serde, serde_json};
