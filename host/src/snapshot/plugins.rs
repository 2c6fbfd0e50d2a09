//! The plugins of a configuration, loaded, and their faults shown where they are.

use std::sync::Arc;

use super::Snapshot;
use crate::config::{self, Finding, Sources};
use crate::plugin::{Fault, Loader, Place, Plugin};

/// Each in the order of the file.
pub(super) struct Plugins {
    pub(super) stable: Vec<Arc<Plugin>>,
    pub(super) canaries: Vec<Option<Arc<Plugin>>>,
}

/// Loads every plugin, so that the faults of all are found; `None` if there is one.
///
/// The second part of `previous` says whether its plugins see the same outputs as the new ones.
pub(super) fn load_all(
    config: &config::Config,
    sources: &Sources,
    loader: &Loader,
    previous: (Option<&Snapshot>, bool),
    findings: &mut Vec<Finding>,
) -> Option<Plugins> {
    let (previous, same_outputs) = previous;
    let mut load = |plugin: &config::Plugin| {
        let label = plugin.label();
        let known = previous
            .into_iter()
            .flat_map(|previous| previous.plugins.iter().chain(previous.canaries.iter().flatten()))
            .find(|known| known.name() == label)
            .filter(|_| same_outputs || !may_see_outputs(plugin));
        let (folder, kv_bytes) = (&config.gateway.plugins_dir, config.limits.kv_bytes);
        let loaded = loader.load(plugin, folder, kv_bytes, known);
        let refuse = |faults: Vec<Fault>| {
            findings.extend(faults.into_iter().map(|fault| finding(sources, plugin, fault)));
        };
        loaded.map_err(refuse).ok()
    };
    let count = config.plugins.len();
    let (mut stable, mut canaries) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for plugin in &config.plugins {
        stable.push(load(plugin));
        canaries.push(match &plugin.canary {
            Some(canary) => load(&canary.plugin).map(Some),
            None => Some(None),
        });
    }
    let stable = stable.into_iter().collect::<Option<_>>()?;
    let canaries = canaries.into_iter().collect::<Option<_>>()?;
    Some(Plugins { stable, canaries })
}

/// Whether outputs may be part of what a plugin was configured with. Without `grants`, a component
/// that is part of the gateway has what it imports.
fn may_see_outputs(plugin: &config::Plugin) -> bool {
    plugin.grants.as_ref().is_none_or(|grants| grants.has("output"))
}

/// Shows a fault of a plugin in its table.
fn finding(sources: &Sources, plugin: &config::Plugin, fault: Fault) -> Finding {
    let at = match &fault.place {
        Place::Component => &plugin.at.component,
        Place::Sha256 => &plugin.at.sha256,
        Place::Signature => &plugin.at.signature,
        Place::Grants => &plugin.at.grants,
        Place::Config(pointer) => plugin.at.locate(pointer),
    };
    let finding = sources.finding(at, fault.message);
    match fault.hint {
        Some(hint) => finding.hint(hint),
        None => finding,
    }
}
