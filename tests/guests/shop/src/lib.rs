//! The component of `wasi:http` that docs/plugins.md shows.

#[cfg(target_family = "wasm")]
#[allow(unsafe_code, missing_docs, clippy::unwrap_used, reason = "as people write it")]
mod component;
