//! Can be configured and does nothing.

#[cfg(target_family = "wasm")]
mod component;
