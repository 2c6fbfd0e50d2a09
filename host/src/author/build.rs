//! `tidegate plugin build`: from a crate to a component that keeps the contract.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::inspect::{self, Report};
use super::subject::{TARGET, cargo};
use super::{AuthorError, Crate};
use crate::config::Component;

/// How to build.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Where the component is put; `NAME.wasm` in the crate's folder if left out.
    pub out: Option<PathBuf>,
    /// Keeps the files and lines of functions, for backtraces.
    pub debug: bool,
}

/// Builds the crate in this folder; blocks. What cargo says goes to standard error.
///
/// # Errors
///
/// The crate does not build, or the file cannot be written. A component that does not keep the
/// contract is no error but part of the report; it is not put anywhere then.
pub fn build(folder: &Path, options: &Options) -> Result<Report, AuthorError> {
    let own = Crate::of(folder)?;
    check_target(folder)?;
    let manifest = folder.join("Cargo.toml");
    let mut build = Command::new(cargo());
    build.args(["build", "--release", "--target", TARGET, "--manifest-path"]).arg(&manifest);
    // Names of functions stay in either case.
    let (lines, strip) =
        if options.debug { ("line-tables-only", "none") } else { ("false", "debuginfo") };
    build.env("CARGO_PROFILE_RELEASE_DEBUG", lines).env("CARGO_PROFILE_RELEASE_STRIP", strip);
    let ended = build.status().map_err(AuthorError::system("cargo cannot be started"))?;
    if !ended.success() {
        let why = "cargo says why above".to_owned();
        return Err(AuthorError::System { what: format!("`{}` does not build", own.name), why });
    }
    let artifact = own.artifact();
    let mut report = inspect::inspect(&Component::File(artifact.clone()))?;
    let out = options.out.clone().unwrap_or_else(|| own.product());
    if report.is_fit() {
        put(&artifact, &out)
            .map_err(AuthorError::system(format!("`{}` cannot be written", out.display())))?;
        report.file = out.display().to_string();
    }
    Ok(report)
}

/// Says what to do where the compiler cannot build for WebAssembly.
fn check_target(folder: &Path) -> Result<(), AuthorError> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut ask = Command::new(rustc);
    // In the crate's folder, where a toolchain of its own may be asked for.
    ask.args(["--print", "target-libdir", "--target", TARGET]).current_dir(folder);
    let told = ask.output().map_err(AuthorError::system("rustc cannot be started"))?;
    let library = String::from_utf8_lossy(&told.stdout);
    if told.status.success() && Path::new(library.trim()).is_dir() {
        return Ok(());
    }
    Err(AuthorError::System {
        what: format!("the Rust target {TARGET} is not installed"),
        why: format!("run `rustup target add {TARGET}`"),
    })
}

/// Copies a file in a way that a gateway which watches sees the old or the new one.
fn put(from: &Path, to: &Path) -> std::io::Result<()> {
    let draft = to.with_extension(format!("{}.draft", std::process::id()));
    fs::copy(from, &draft)?;
    fs::rename(&draft, to)
}
