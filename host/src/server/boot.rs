//! From gateway.toml to a first snapshot.

use std::sync::Arc;

use super::StartError;
use crate::config::{Config, Loaded, suggest};
use crate::plugin::{Engine, FunctionCache, Services, Trace};
use crate::snapshot::{Builder, Snapshot};
use crate::state::output::Outputs;

/// What is fixed for the life of a process; a change of it is warned of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fixed {
    pub(super) workers: usize,
    instances: u32,
    cache_dir: Option<std::path::PathBuf>,
}

impl Fixed {
    pub(super) fn of(config: &Config) -> Self {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            workers: config.gateway.workers.unwrap_or_else(cores),
            instances: config.limits.instances,
            cache_dir: config.gateway.cache_dir.clone(),
        }
    }

    /// The keys by which `other` differs.
    pub(super) fn differs(&self, other: &Self) -> Vec<&'static str> {
        let keys = [
            (self.workers != other.workers, "gateway.workers"),
            (self.cache_dir != other.cache_dir, "gateway.cache_dir"),
            (self.instances != other.instances, "limits.instances"),
        ];
        keys.into_iter().filter_map(|(differs, key)| differs.then_some(key)).collect()
    }
}

/// What snapshots are built with; also without a server.
pub(crate) fn builder(config: &Config, trace: Trace) -> Result<(Builder, Services), StartError> {
    let (engine, services) = parts(config, trace)?;
    Ok((Builder::new(engine, services.clone()), services))
}

/// What plugins run on and what they share; also without a server.
pub(crate) fn parts(config: &Config, trace: Trace) -> Result<(Arc<Engine>, Services), StartError> {
    let outputs = Outputs::open(&[], None)
        .map_err(|(_, error)| StartError::io("standard output cannot be had")(error))?;
    let services = Services { trace, ..Services::new(&config.limits, outputs) };
    let cache = FunctionCache::new(config.gateway.cache_dir.clone());
    let engine =
        Engine::new(config.limits.instances, cache).map_err(|error| wasmtime_error(&error))?;
    Ok((Arc::new(engine), services))
}

/// Whoever misspells a name would wait for its calls for ever.
pub(super) fn check_trace(trace: &Trace, config: &Config) -> Result<(), StartError> {
    let known = || config.plugins.iter().map(|plugin| plugin.name.as_str());
    match trace.names().find(|name| known().all(|known| known != *name)) {
        None => Ok(()),
        Some(name) => Err(StartError::Untraceable {
            name: name.to_owned(),
            hint: suggest::hint(name, known(), "there are"),
        }),
    }
}

/// The engine's memory could not be reserved, most likely.
fn wasmtime_error(error: &wasmtime::Error) -> StartError {
    StartError::System {
        what: "the plugin engine cannot be started; lower `limits.instances`",
        source: format!("{error:#}").into(),
    }
}

/// Logs what works, but is hardly meant.
pub(super) fn warn_of(loaded: &Loaded, snapshot: &Snapshot) {
    for warning in loaded.warnings.iter().chain(&snapshot.warnings) {
        tracing::warn!(finding = %format_args!("\n{warning}"), "the configuration has a weak spot");
    }
    let connections = u64::try_from(snapshot.settings.limits.connections).unwrap_or(u64::MAX);
    if let Ok(files) = rlimit::Resource::NOFILE.get_soft()
        && files <= connections
    {
        tracing::warn!(
            connections,
            files,
            "limits.connections is more than this process may have open; raise its limit of files \
             (`ulimit -n`, `LimitNOFILE=`)"
        );
    }
}
