//! Why the configuration is read again, and what differs then.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::{
    self, Config, Destination, Location, PluginId, Route, Selection, Upstream, UpstreamId,
};
use crate::plugin::Plugin;
use crate::snapshot::Snapshot;

/// Why the configuration is read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cause {
    /// These files are others; never empty.
    Files(Vec<PathBuf>),
    /// SIGHUP.
    Signal,
    /// By the program that the gateway is a part of.
    Asked,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal => f.write_str("SIGHUP"),
            Self::Asked => f.write_str("asked"),
            Self::Files(files) => {
                for (index, file) in files.iter().enumerate() {
                    let separator = if index == 0 { "" } else { ", " };
                    write!(f, "{separator}{}", file.display())?;
                }
                Ok(())
            }
        }
    }
}

/// Names by what became of them: `+users -orders ~auth`.
#[derive(Debug, Default)]
pub(super) struct Difference(Vec<String>);

impl Difference {
    /// What is other in `new`.
    pub(super) fn between(old: (&Config, &Snapshot), new: (&Config, &Snapshot)) -> Self {
        let mut difference = Self::default();
        let (old_config, old_snapshot) = old;
        let (new_config, new_snapshot) = new;
        let reused = |name: &str| {
            let find = |snapshot: &Snapshot| {
                let at = snapshot.plugins.iter().position(|plugin| plugin.name() == name)?;
                Some((Arc::clone(snapshot.plugins.get(at)?), snapshot.canaries.get(at)?.clone()))
            };
            let same_canary =
                |old: &Option<Arc<Plugin>>, new: &Option<Arc<Plugin>>| match (old, new) {
                    (Some(old), Some(new)) => Arc::ptr_eq(old, new),
                    (None, None) => true,
                    _ => false,
                };
            match (find(old_snapshot), find(new_snapshot)) {
                (Some((old, old_canary)), Some((new, new_canary))) => {
                    Arc::ptr_eq(&old, &new)
                        && same_canary(&old_canary, &new_canary)
                        && trial(old_config, name) == trial(new_config, name)
                }
                _ => false,
            }
        };
        difference.note(
            "plugins",
            old_config.plugins.iter().map(|plugin| plugin.name.as_str()),
            new_config.plugins.iter().map(|plugin| plugin.name.as_str()),
            reused,
        );
        let (old_upstreams, new_upstreams) = (upstreams(old_config), upstreams(new_config));
        let same_upstream = |name: &str| old_upstreams.get(name) == new_upstreams.get(name);
        difference.note(
            "upstreams",
            old_config.upstreams.iter().map(|upstream| upstream.name.as_str()),
            new_config.upstreams.iter().map(|upstream| upstream.name.as_str()),
            same_upstream,
        );
        let (old_routes, new_routes) = (by_name(old_config), by_name(new_config));
        difference.note(
            "routes",
            old_config.routes.iter().map(|route| route.name.as_str()),
            new_config.routes.iter().map(|route| route.name.as_str()),
            |name| {
                shape(old_config, old_routes.get(name).copied())
                    == shape(new_config, new_routes.get(name).copied())
            },
        );
        difference.note_settings(old_config, new_config);
        difference
    }

    fn note<'a>(
        &mut self,
        kind: &str,
        old: impl Iterator<Item = &'a str>,
        new: impl Iterator<Item = &'a str>,
        is_same: impl Fn(&str) -> bool,
    ) {
        let (old, new): (Vec<&str>, Vec<&str>) = (old.collect(), new.collect());
        let (had, has): (BTreeSet<&str>, BTreeSet<&str>) =
            (old.iter().copied().collect(), new.iter().copied().collect());
        let removed = old.iter().filter(|name| !has.contains(*name)).map(|name| format!("-{name}"));
        let rest = new.iter().filter_map(|name| match had.contains(name) {
            false => Some(format!("+{name}")),
            true => (!is_same(name)).then(|| format!("~{name}")),
        });
        let names: Vec<String> = removed.chain(rest).collect();
        if !names.is_empty() {
            self.0.push(format!("{kind} {}", names.join(" ")));
        }
    }

    fn note_settings(&mut self, old: &Config, new: &Config) {
        let listeners = |config: &Config| -> Vec<_> {
            config
                .listeners
                .iter()
                .map(|listener| config::Listener { at: Location::default(), ..listener.clone() })
                .collect()
        };
        let files = |config: &Config| -> Vec<_> {
            let outputs = config.outputs.iter();
            outputs.map(|output| (output.name.clone(), output.file.clone(), output.queue)).collect()
        };
        let tables = [
            (old.gateway != new.gateway, "gateway"),
            (old.limits != new.limits, "limits"),
            (old.admin != new.admin, "admin"),
            (listeners(old) != listeners(new), "listeners"),
            (files(old) != files(new), "outputs"),
            (old.consumers != new.consumers, "consumers"),
            (old.secrets != new.secrets, "secrets"),
        ];
        self.0.extend(
            tables.iter().filter(|(differs, _)| *differs).map(|(_, name)| (*name).to_owned()),
        );
    }
}

/// There may be ten thousands of them.
fn upstreams(config: &Config) -> BTreeMap<&str, &Upstream> {
    config.upstreams.iter().map(|upstream| (upstream.name.as_str(), upstream)).collect()
}

/// So of these.
fn by_name(config: &Config) -> BTreeMap<&str, &Route> {
    config.routes.iter().map(|route| (route.name.as_str(), route)).collect()
}

/// How a plugin is tried out.
fn trial<'c>(config: &'c Config, name: &str) -> Option<(bool, Option<(&'c Selection, bool)>)> {
    let plugin = config.plugins.iter().find(|plugin| plugin.name == name)?;
    let canary = plugin.canary.as_ref();
    Some((plugin.shadow, canary.map(|canary| (&canary.selection, canary.shadow))))
}

/// A route without its place in the file, and with names for indexes.
fn shape(config: &Config, route: Option<&Route>) -> Option<String> {
    let route = route?;
    let Route { matcher, rewrite, pipeline, destination, timeout, .. } = route;
    let name = |id: PluginId| config.plugins.get(id.0).map(|plugin| plugin.name.as_str());
    let called = |id: UpstreamId| config.upstreams.get(id.0).map(|upstream| &upstream.name);
    let pipeline: Vec<_> =
        pipeline.iter().map(|entry| (name(entry.plugin), &entry.clauses)).collect();
    let leads = match destination {
        Destination::Upstream(id) => format!("to {:?}", called(*id)),
        Destination::Split(split) => {
            let targets =
                split.targets.iter().map(|target| (called(target.upstream), target.weight));
            let targets: Vec<_> = targets.collect();
            format!("over {targets:?} {:?} {:?}", split.by, split.force_header)
        }
        Destination::Handler(id) => format!("answered by {:?}", name(*id)),
        other @ (Destination::Fixed(_) | Destination::Redirect(_)) => format!("{other:?}"),
    };
    let mirror = route.mirror.as_ref().map(|mirror| {
        (called(mirror.upstream), mirror.share, mirror.body_bytes, mirror.concurrency)
    });
    let limits = (timeout, route.request_body_bytes, route.allow_encoded_slash);
    let edits = (&route.host, &route.request_headers, &route.response_headers);
    Some(format!("{matcher:?} {rewrite:?} {pipeline:?} {leads} {mirror:?} {limits:?} {edits:?}"))
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no setting");
        }
        f.write_str(&self.0.join(", "))
    }
}
