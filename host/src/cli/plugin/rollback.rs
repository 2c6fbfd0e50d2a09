//! `tidegate plugin rollback`: puts a component's file back to a version that has served.
//!
//! It only exchanges the file. A running gateway takes that up as any other change, with all its
//! checks, and a gateway that starts later finds it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::Problem;
use crate::config::{self, Component, Config, suggest};
use crate::plugin::versions::{Version, Versions};
use crate::plugin::{self, hex_digest};

#[derive(Debug, Args)]
pub(in crate::cli) struct Rollback {
    /// The plugin's name in gateway.toml.
    name: String,
    /// The configuration.
    #[arg(default_value = "gateway.toml")]
    file: PathBuf,
    /// The version to put back, by its digest or the beginning of it; the one that served before
    /// if left out.
    #[arg(long, value_name = "DIGEST")]
    to: Option<String>,
    /// Only show which versions there are.
    #[arg(long, conflicts_with = "to")]
    list: bool,
}

/// What there is to choose from.
struct Kept {
    /// The component's file.
    file: PathBuf,
    /// What stands in it; absent if it is gone.
    current: Option<String>,
    /// The one that took over last first.
    versions: Vec<Version>,
}

impl Kept {
    fn of(config: &Config, name: &str) -> Result<Self, Problem> {
        let file = component_file(config, name)?;
        let Some(cache_dir) = &config.gateway.cache_dir else {
            return Err(failed(
                format!("no versions of plugin `{name}` are kept, because there is no `cache_dir`"),
                "set `gateway.cache_dir`, and what serves from then on is kept",
            ));
        };
        let current = match fs::read(&file) {
            Ok(content) => Some(hex_digest(&content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(unreadable(&file, &error)),
        };
        let versions =
            Versions::of(cache_dir, &file).all().map_err(|error| unreadable(cache_dir, &error))?;
        Ok(Self { file, current, versions })
    }

    fn is_current(&self, version: &Version) -> bool {
        self.current.as_ref() == Some(&version.digest)
    }

    /// The version whose digest begins so, or the newest one that is not in place.
    fn choose(&self, name: &str, to: Option<&str>) -> Result<&Version, Problem> {
        let hint = format!("`tidegate plugin rollback {name} --list` shows what is kept");
        let Some(to) = to else {
            return self.versions.iter().find(|kept| !self.is_current(kept)).ok_or_else(|| {
                let message = format!("no other version of plugin `{name}` is kept");
                failed(message, "a version is kept when a gateway has served with it")
            });
        };
        let mut matching = self.versions.iter().filter(|kept| kept.digest.starts_with(to));
        match (matching.next(), matching.next()) {
            (Some(version), None) if self.is_current(version) => {
                Err(failed(format!("version {to} of plugin `{name}` is in place already"), &hint))
            }
            (Some(version), None) => Ok(version),
            (None, _) => Err(failed(format!("no version {to} of plugin `{name}` is kept"), &hint)),
            (Some(_), Some(_)) => {
                Err(failed(format!("several versions of plugin `{name}` begin with {to}"), &hint))
            }
        }
    }

    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.file.display())?;
        for version in &self.versions {
            let mark = if self.is_current(version) { "  (in place)" } else { "" };
            writeln!(out, "  {}  {}{mark}", version.digest, since(version))?;
        }
        if self.versions.is_empty() {
            writeln!(out, "  no version is kept; one is when a gateway has served with it")?;
        }
        Ok(())
    }
}

/// Runs the command.
pub(in crate::cli) fn run(arguments: &Rollback, out: &mut dyn Write) -> Result<(), Problem> {
    let Rollback { name, file, to, list } = arguments;
    let config = config::load(file, &|name| std::env::var(name).ok())?.config;
    let kept = Kept::of(&config, name)?;
    if *list {
        return Ok(kept.show(out)?);
    }
    let version = kept.choose(name, to.as_deref())?;
    let content = version.read().map_err(|error| Problem::Failed(format!("error: {error}")))?;
    let signature = trusted(&config, name, &kept.file, version)?;
    let undo = undo(arguments, &kept)?;
    if let Some((file, content)) = &signature {
        replace(file, content).map_err(|error| irreplaceable(file, &error))?;
    }
    replace(&kept.file, &content).map_err(|error| irreplaceable(&kept.file, &error))?;
    writeln!(out, "plugin `{name}`: {} is now {}", kept.file.display(), version.digest)?;
    writeln!(out, "it served since {}", since(version))?;
    let others = others(&config, &kept.file, name);
    if !others.is_empty() {
        writeln!(out, "also used by {}", others.join(", "))?;
    }
    writeln!(out, "to undo this: {undo}")?;
    writeln!(
        out,
        "a running gateway takes it up by itself; `/status` shows the digest that serves"
    )?;
    Ok(())
}

/// Whether the gateway would take the version up; gives the signature that it asks for, and where.
fn trusted(
    config: &Config,
    name: &str,
    file: &Path,
    version: &Version,
) -> Result<Option<(PathBuf, Vec<u8>)>, Problem> {
    let Some(plugin) = config.plugins.iter().find(|plugin| plugin.name == name) else {
        return Ok(None);
    };
    if plugin.pin.sha256.as_ref().is_some_and(|pinned| *pinned != version.digest) {
        let hint = format!(
            "write `sha256 = \"{}\"` first; a running gateway goes on as it is until both fit",
            version.digest
        );
        return Err(failed(format!("plugin `{name}` is pinned to another version"), &hint));
    }
    let Some(place) = plugin.pin.signature_of(file) else { return Ok(None) };
    match version.signature().map_err(|error| unreadable(&place, &error))? {
        Some(signature) => Ok(Some((place, signature))),
        None => Err(failed(
            format!("version {} of plugin `{name}` was not signed when it served", version.digest),
            "`trusted_keys` asks for a signature now; put a signed file in place by hand",
        )),
    }
}

/// How what stands in the file comes back. A file that never served is put aside first.
fn undo(arguments: &Rollback, kept: &Kept) -> Result<String, Problem> {
    let Rollback { name, file, .. } = arguments;
    match &kept.current {
        None => Ok(format!("rm {}", kept.file.display())),
        Some(digest) if kept.versions.iter().any(|version| version.digest == *digest) => {
            Ok(format!("tidegate plugin rollback {name} {} --to {digest}", file.display()))
        }
        Some(_) => {
            let mut aside = kept.file.clone().into_os_string();
            aside.push(".replaced");
            let aside = PathBuf::from(aside);
            fs::copy(&kept.file, &aside).map_err(|error| {
                Problem::Failed(format!("error: `{}` cannot be written: {error}", aside.display()))
            })?;
            Ok(format!("mv {} {}", aside.display(), kept.file.display()))
        }
    }
}

/// Where the component of a plugin is, also if it is not there now.
fn component_file(config: &Config, name: &str) -> Result<PathBuf, Problem> {
    let Some(plugin) = config.plugins.iter().find(|plugin| plugin.name == name) else {
        let names = config.plugins.iter().map(|plugin| plugin.name.as_str());
        let hint = suggest::hint(name, names, "there are").unwrap_or_default();
        return Err(failed(format!("there is no plugin `{name}`"), &hint));
    };
    match &plugin.component {
        Component::File(file) => Ok(file.clone()),
        Component::Named(component) => {
            let file = config.gateway.plugins_dir.join(format!("{component}.wasm"));
            if !file.exists() && plugin::is_embedded(component) {
                return Err(failed(
                    format!("plugin `{name}` runs `{component}`, which is part of the gateway"),
                    "it changes with the gateway; to go back, run the gateway's previous release",
                ));
            }
            Ok(file)
        }
    }
}

/// The other plugins that are made from the same file, in backticks.
fn others(config: &Config, file: &Path, name: &str) -> Vec<String> {
    let others = config.plugins.iter().filter(|plugin| plugin.name != name);
    let same = others
        .filter(|plugin| component_file(config, &plugin.name).is_ok_and(|other| other == file));
    same.map(|plugin| format!("`{}`", plugin.name)).collect()
}

/// Writes beside the file and renames, so that a reader sees the old or the new one. If the file is
/// a link, what it leads to is replaced.
fn replace(file: &Path, content: &[u8]) -> io::Result<()> {
    let file = fs::canonicalize(file).unwrap_or_else(|_gone| file.to_owned());
    let draft = file.with_extension(format!("{}.draft", std::process::id()));
    let written = (|| {
        let mut open = File::create(&draft)?;
        open.write_all(content)?;
        if let Ok(old) = fs::metadata(&file) {
            open.set_permissions(old.permissions())?;
        }
        open.sync_all()?;
        fs::rename(&draft, &file)
    })();
    if written.is_err() {
        // What is left of it is of no use to anybody.
        let _gone = fs::remove_file(&draft);
    }
    written
}

fn since(version: &Version) -> humantime::Rfc3339Timestamp {
    humantime::format_rfc3339_seconds(version.served)
}

fn irreplaceable(path: &Path, error: &io::Error) -> Problem {
    Problem::Failed(format!("error: `{}` cannot be replaced: {error}", path.display()))
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem::Failed(format!("error: `{}` cannot be read: {error}", path.display()))
}

fn failed(mut message: String, hint: &str) -> Problem {
    message.insert_str(0, "error: ");
    if !hint.is_empty() {
        message.push_str("\n  = hint: ");
        message.push_str(hint);
    }
    Problem::Failed(message)
}
