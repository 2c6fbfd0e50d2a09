//! Is built for a version of the contract that no gateway has.

#[cfg(target_family = "wasm")]
mod component;
