//! What a tool is pointed at: a component, or the crate that builds one.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use serde_json::Value;

use super::AuthorError;
use crate::config::Component;

/// The compiler's name for what components are built for.
pub(super) const TARGET: &str = "wasm32-wasip2";

/// What a tool is pointed at.
#[derive(Debug, Clone)]
pub enum Subject {
    /// A file, or the name of a component that is part of the gateway.
    Component(Component),
    /// A crate.
    Crate(Crate),
}

/// A crate that builds a component, as cargo knows it.
#[derive(Debug, Clone)]
pub struct Crate {
    /// Where its Cargo.toml is.
    pub folder: PathBuf,
    /// What the component is called: the package's name without `plugin-`.
    pub name: String,
    /// What cargo calls the file, with underscores.
    pub library: String,
    /// Where cargo builds.
    pub target_folder: PathBuf,
}

impl Subject {
    /// Finds out what an argument of the command line means.
    ///
    /// # Errors
    ///
    /// It is a folder without a crate, or nothing at all.
    pub fn of(argument: &Path) -> Result<Self, AuthorError> {
        if argument.is_dir() {
            return Crate::of(argument).map(Self::Crate);
        }
        let is_name = argument.extension().is_none() && argument.components().count() == 1;
        match argument.to_str() {
            Some(name) if is_name && !argument.exists() => {
                Ok(Self::Component(Component::Named(name.to_owned())))
            }
            _ if argument.is_file() => Ok(Self::Component(Component::File(argument.to_owned()))),
            _ => Err(AuthorError::Usage(format!("there is no file `{}`", argument.display()))),
        }
    }

    /// What its plugin is called.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Component(Component::Named(name)) => name,
            Self::Component(Component::File(file)) => {
                file.file_stem().and_then(OsStr::to_str).unwrap_or("plugin")
            }
            Self::Crate(own) => &own.name,
        }
    }

    /// The component: the one that was meant, or the newest that the crate has built.
    ///
    /// # Errors
    ///
    /// The crate has not been built.
    pub fn component(&self) -> Result<Component, AuthorError> {
        match self {
            Self::Component(component) => Ok(component.clone()),
            Self::Crate(own) => own.built().map(Component::File),
        }
    }
}

impl Crate {
    /// Asks cargo about the crate in this folder.
    ///
    /// # Errors
    ///
    /// There is no cargo, no crate, or no library in it that can be a component.
    pub fn of(folder: &Path) -> Result<Self, AuthorError> {
        let manifest = folder.join("Cargo.toml");
        let shown = folder.display();
        let manifest = manifest.canonicalize().map_err(|_missing| {
            AuthorError::Usage(format!("there is no Cargo.toml in the folder `{shown}`"))
        })?;
        let mut cargo = Command::new(cargo());
        cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
        cargo.arg("--manifest-path").arg(&manifest);
        let told = cargo.output().map_err(AuthorError::system("cargo cannot be started"))?;
        if !told.status.success() {
            let why = String::from_utf8_lossy(&told.stderr).trim().to_owned();
            return Err(AuthorError::System { what: format!("the crate in `{shown}`"), why });
        }
        let unreadable = AuthorError::system("what cargo says of the crate is not understood");
        let metadata: Value = serde_json::from_slice(&told.stdout).map_err(unreadable)?;
        Self::from_metadata(folder, &manifest, &metadata).ok_or_else(|| {
            AuthorError::Usage(format!(
                "the crate in `{shown}` builds no component: its Cargo.toml needs\n\n[lib]\n\
                 crate-type = [\"cdylib\"]"
            ))
        })
    }

    fn from_metadata(folder: &Path, manifest: &Path, metadata: &Value) -> Option<Self> {
        let packages = metadata.get("packages")?.as_array()?;
        let is_own = |package: &&Value| {
            let path = package.get("manifest_path").and_then(Value::as_str);
            path.is_some_and(|path| Path::new(path) == manifest)
        };
        let package = packages.iter().find(is_own)?;
        let is_cdylib = |target: &&Value| {
            let types = target.get("crate_types").and_then(Value::as_array);
            types.is_some_and(|types| types.iter().any(|kind| kind == "cdylib"))
        };
        let library = package.get("targets")?.as_array()?.iter().find(is_cdylib)?;
        let name = package.get("name")?.as_str()?;
        Some(Self {
            folder: folder.to_owned(),
            name: name.strip_prefix("plugin-").unwrap_or(name).to_owned(),
            library: library.get("name")?.as_str()?.replace('-', "_"),
            target_folder: metadata.get("target_directory")?.as_str()?.into(),
        })
    }

    /// Where cargo puts the component of a release build.
    #[must_use]
    pub fn artifact(&self) -> PathBuf {
        self.target_folder.join(TARGET).join("release").join(format!("{}.wasm", self.library))
    }

    /// Where `plugin build` puts the component.
    #[must_use]
    pub fn product(&self) -> PathBuf {
        self.folder.join(format!("{}.wasm", self.name))
    }

    fn built(&self) -> Result<PathBuf, AuthorError> {
        let age = |file: &PathBuf| -> Option<SystemTime> { file.metadata().ok()?.modified().ok() };
        let candidates = [self.artifact(), self.product()];
        let newest = candidates.into_iter().filter_map(|file| Some((age(&file)?, file))).max();
        newest.map(|(_, file)| file).ok_or_else(|| {
            let folder = self.folder.display();
            AuthorError::Usage(format!(
                "the crate in `{folder}` has not been built; run `tidegate plugin build {folder}`"
            ))
        })
    }
}

/// The cargo that runs us, or the one of the path.
pub(super) fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
