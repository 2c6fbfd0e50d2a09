//! A component of the world `wasi:http/proxy` that has never heard of Tidegate.

#[cfg(target_family = "wasm")]
mod component;
