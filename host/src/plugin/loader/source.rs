//! The bytes that a plugin's component is made from.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::config;
use crate::plugin::{Fault, Origin, Place, embedded};

/// Where a component's bytes came from.
pub(super) struct Source {
    pub(super) bytes: Cow<'static, [u8]>,
    pub(super) origin: Origin,
}

/// Finds the bytes of a component: the plugins directory first, then the embedded ones.
pub(super) fn find(component: &config::Component, plugins_dir: &Path) -> Result<Source, Fault> {
    let name = match component {
        config::Component::File(file) => return read(file.clone()),
        config::Component::Named(name) => name,
    };
    let file = plugins_dir.join(format!("{name}.wasm"));
    if file.exists() {
        return read(file);
    }
    if let Some(bytes) = embedded::find(name) {
        return Ok(Source { bytes: bytes.into(), origin: Origin::Embedded });
    }
    let known: Vec<String> =
        embedded::names().map(str::to_owned).chain(files(plugins_dir)).collect();
    let near = config::suggest::suggest(name, known.iter().map(String::as_str));
    Err(Fault {
        place: Place::Component,
        message: format!("there is no component `{name}`"),
        hint: Some(match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "put `{name}.wasm` into `{}`, or use one of {}",
                plugins_dir.display(),
                known.join(", ")
            ),
        }),
    })
}

fn read(file: PathBuf) -> Result<Source, Fault> {
    match std::fs::read(&file) {
        Ok(bytes) => Ok(Source { bytes: bytes.into(), origin: Origin::File(file) }),
        Err(error) => Err(Fault {
            place: Place::Component,
            message: format!("component `{}` cannot be read: {error}", file.display()),
            hint: None,
        }),
    }
}

/// Names of the components in the plugins directory, sorted.
fn files(plugins_dir: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(plugins_dir) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            entry.ok()?.file_name().to_str()?.strip_suffix(".wasm").map(str::to_owned)
        })
        .collect();
    names.sort_unstable();
    names
}
