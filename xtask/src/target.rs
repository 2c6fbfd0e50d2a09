//! The compilation target of components.

use std::io;
use std::path::Path;
use std::process::Command;

/// Components are built for WASI 0.2, whose toolchain makes a component of a crate by itself.
pub const TARGET: &str = "wasm32-wasip2";

/// Whether the compiler that `rustc` names has the standard library of [`TARGET`].
///
/// # Errors
/// There is no such program.
pub fn has_target(rustc: &str) -> io::Result<bool> {
    let output =
        Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output()?;
    let folder = String::from_utf8_lossy(&output.stdout);
    Ok(output.status.success() && Path::new(folder.trim()).is_dir())
}

/// Installs [`TARGET`] with rustup.
///
/// # Errors
/// There is no rustup, or it failed; the sentence says what to do.
pub fn add_target() -> Result<(), String> {
    let status = Command::new("rustup")
        .args(["target", "add", TARGET])
        .status()
        .map_err(|error| format!("rustup is needed to install the target {TARGET}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`rustup target add {TARGET}` failed")) }
}
