//! Has a phase and nothing that says what it is.

#[cfg(target_family = "wasm")]
mod component;
