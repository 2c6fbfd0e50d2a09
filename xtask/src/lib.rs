//! What the build needs beyond cargo: WebAssembly components for the host and the tests.
//!
//! Build scripts call [`components`]; the commands of `cargo xtask` are in the binary.

#![expect(clippy::print_stdout, reason = "build scripts talk to cargo through standard output")]

mod component;
mod target;

use std::path::{Path, PathBuf};

pub use component::{BuildError, Component, Profile, components};
pub use target::{TARGET, add_target, has_target};

/// The folder of the workspace's `Cargo.toml`.
///
/// # Panics
/// This crate lies at the root of the file system.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this crate is a folder of the workspace")
        .to_path_buf()
}
