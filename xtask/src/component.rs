//! Crates of this workspace built to components, from within a build script.
//!
//! A cargo inside a cargo: the inner one has a target folder of its own, because the outer one
//! holds the lock of its folder, and none of the variables by which the outer one tells compilers
//! and build scripts what it builds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fmt, fs, io};

use crate::{TARGET, has_target, workspace};

/// A profile of `Cargo.toml` for components.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Small and fast, for people and benches.
    Component,
    /// Quick to build, for tests.
    Guest,
}

impl Profile {
    const fn name(self) -> &'static str {
        match self {
            Self::Component => "component",
            Self::Guest => "guest",
        }
    }
}

/// Every component links to these, whatever crate it is.
const SHARED: [&str; 4] = ["Cargo.lock", "Cargo.toml", "plugin-sdk", "wit"];

/// Variables that cargo sets for build scripts, or that people set for the outer build, and that
/// would change the inner one; all that begin with `CARGO_` but are not in [`KEPT`] besides.
const REMOVED: [&str; 14] = [
    "CLIPPY_ARGS",
    "DEBUG",
    "HOST",
    "MAKEFLAGS",
    "MFLAGS",
    "NUM_JOBS",
    "OPT_LEVEL",
    "OUT_DIR",
    "PROFILE",
    "RUSTC",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTDOC",
    "RUSTFLAGS",
    "TARGET",
];

/// How cargo finds its registry and its output's look.
const KEPT: [&str; 5] = ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_TERM_"];

/// A crate that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// The name of the crate's folder, for example `rate-limit`.
    pub name: String,
    /// The file.
    pub wasm: PathBuf,
}

/// Why there are no components.
#[derive(Debug)]
pub enum BuildError {
    /// The compiler cannot build for [`TARGET`].
    TargetMissing,
    /// A folder or manifest could not be read.
    Unreadable(PathBuf, io::Error),
    /// A manifest names no package.
    Nameless(PathBuf),
    /// There is no cargo or rustc to run.
    NotStarted(io::Error),
    /// The inner cargo failed and said why.
    Failed,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TargetMissing => write!(
                f,
                "the Rust target {TARGET} is not installed: run `cargo xtask setup`, or `rustup \
                 target add {TARGET}`"
            ),
            Self::Unreadable(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Nameless(path) => write!(f, "{}: there is no package name", path.display()),
            Self::NotStarted(error) => write!(f, "cargo could not be started: {error}"),
            Self::Failed => f.write_str("the WebAssembly components did not build; see above"),
        }
    }
}

impl std::error::Error for BuildError {}

impl BuildError {
    /// Lets the build fail with this sentence.
    pub fn report(&self) {
        println!("cargo::error={self}");
    }
}

/// Builds every crate in these folders of the workspace, such as `plugins`, or that such a folder
/// is, and tells cargo what the build script depends on. The components are in the order of their
/// names.
///
/// # Errors
/// See [`BuildError`].
pub fn components(profile: Profile, folders: &[&str]) -> Result<Vec<Component>, BuildError> {
    let root = workspace();
    for path in SHARED.iter().chain(folders) {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
    }
    let mut packages = BTreeMap::new();
    for folder in folders {
        for crate_folder in subfolders(&root.join(folder))? {
            let name = crate_folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            packages.insert(name, package_name(&crate_folder.join("Cargo.toml"))?);
        }
    }

    let rustc = env::var("RUSTC").unwrap_or_else(|_absent| "rustc".to_owned());
    if !has_target(&rustc).map_err(BuildError::NotStarted)? {
        return Err(BuildError::TargetMissing);
    }
    let target_folder = target_folder();
    let status = cargo(profile, &root, &target_folder, packages.values())
        .status()
        .map_err(BuildError::NotStarted)?;
    if !status.success() {
        return Err(BuildError::Failed);
    }

    let built = target_folder.join(TARGET).join(profile.name());
    let component = |(name, package): (String, String)| Component {
        name,
        wasm: built.join(format!("{}.wasm", package.replace('-', "_"))),
    };
    Ok(packages.into_iter().map(component).collect())
}

fn cargo<'a>(
    profile: Profile,
    root: &Path,
    target_folder: &Path,
    packages: impl Iterator<Item = &'a String>,
) -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cargo = Command::new(program);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| !passes(name)) {
            cargo.env_remove(name);
        }
    }
    cargo.current_dir(root).arg("build").args(["--profile", profile.name(), "--target", TARGET]);
    cargo.arg("--target-dir").arg(target_folder);
    for package in packages {
        cargo.args(["--package", package]);
    }
    cargo
}

/// Whether a variable is handed on to the inner cargo.
fn passes(name: &str) -> bool {
    let removed = REMOVED.contains(&name) || name.starts_with("CARGO_");
    !removed || KEPT.iter().any(|kept| name.starts_with(kept))
}

/// `components` in the outer target folder, so that every build script shares one; in the script's
/// own folder where cargo lays its folders out in another way.
fn target_folder() -> PathBuf {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it for build scripts"));
    // `<target>/<profile>/build/<package>-<hash>/out`
    let is_build = |folder: &Path| folder.file_name().is_some_and(|name| name == "build");
    match out.ancestors().nth(2).filter(|folder| is_build(folder)) {
        Some(_) => out.ancestors().nth(4).unwrap_or(&out).join("components"),
        None => out.join("components"),
    }
}

fn subfolders(folder: &Path) -> Result<Vec<PathBuf>, BuildError> {
    if folder.join("Cargo.toml").is_file() {
        return Ok(vec![folder.to_path_buf()]);
    }
    let unreadable = |error| BuildError::Unreadable(folder.to_path_buf(), error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.join("Cargo.toml").is_file() {
            found.push(path);
        }
    }
    Ok(found)
}

/// The package's name: the first `name` of a manifest, as this workspace writes them.
fn package_name(manifest: &Path) -> Result<String, BuildError> {
    let text = fs::read_to_string(manifest)
        .map_err(|error| BuildError::Unreadable(manifest.to_path_buf(), error))?;
    text.lines()
        .find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        .map(str::to_owned)
        .ok_or_else(|| BuildError::Nameless(manifest.to_path_buf()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inner_cargo_does_not_learn_what_the_outer_one_builds() {
        for name in ["CARGO_ENCODED_RUSTFLAGS", "CARGO_MAKEFLAGS", "RUSTC_WORKSPACE_WRAPPER"] {
            assert!(!passes(name), "{name}");
        }
        for name in ["PATH", "HOME", "RUSTUP_TOOLCHAIN", "CARGO_HOME", "CARGO_NET_OFFLINE"] {
            assert!(passes(name), "{name}");
        }
    }

    #[test]
    fn a_folders_name_and_its_packages_name_may_differ() {
        let manifest = workspace().join("plugins/jwt/Cargo.toml");
        assert_eq!(package_name(&manifest).unwrap(), "plugin-jwt");
    }
}
