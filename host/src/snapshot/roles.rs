//! Whether plugins can do what routes want of them.

use std::sync::Arc;

use crate::config::{Config, Destination, Finding, Location, OnError, PluginId, Route, Sources};
use crate::plugin::Plugin;

/// Finds plugins that stand where they have nothing to do: in a pipeline without a phase, or at the
/// end of a route without a handler.
pub(super) fn check(
    config: &Config,
    sources: &Sources,
    plugins: &[Arc<Plugin>],
    findings: &mut Vec<Finding>,
) {
    // A place in the gateway's pipeline is one in that of every route.
    let mut seen: Vec<&Location> = Vec::new();
    for route in &config.routes {
        for entry in &route.pipeline {
            if seen.contains(&&entry.at) {
                continue;
            }
            let finding = in_pipeline(sources, &entry.at, route, plugins.get(entry.plugin.0));
            if let Some(finding) = finding {
                seen.push(&entry.at);
                findings.push(finding);
            }
        }
        if let Destination::Handler(id) = &route.destination {
            findings.extend(at_the_end(config, sources, route, (*id, plugins.get(id.0))));
        }
    }
}

fn in_pipeline(
    sources: &Sources,
    at: &Location,
    route: &Route,
    plugin: Option<&Arc<Plugin>>,
) -> Option<Finding> {
    let plugin = plugin.filter(|plugin| !plugin.has_phase())?;
    let (name, route_name) = (plugin.name(), &route.name);
    let message = format!("plugin `{name}` has no phase that route `{route_name}` could run");
    let finding = sources.finding(at, message);
    Some(if plugin.is_handler() {
        finding.label("it answers requests").hint(format!(
            "its place is the end of a route: write `handler = \"{name}\"` in place of `upstream`"
        ))
    } else {
        finding.label("it only has a timer").hint("it ticks without a place in a pipeline")
    })
}

fn at_the_end(
    config: &Config,
    sources: &Sources,
    route: &Route,
    (id, plugin): (PluginId, Option<&Arc<Plugin>>),
) -> Option<Finding> {
    let plugin = plugin?;
    let (name, route_name) = (plugin.name(), &route.name);
    if !plugin.is_handler() {
        let message = format!("plugin `{name}` cannot answer the requests of route `{route_name}`");
        let finding = sources.finding(&route.handler_at, message);
        return Some(finding.label("it exports no `handler`").hint(format!(
            "write `pipeline = [\"{name}\"]` and a destination if it is to act on requests"
        )));
    }
    let settings = config.plugins.get(id.0)?;
    let keys = [
        (settings.on_error == OnError::Skip, "`on_error = \"skip\"`"),
        (settings.shadow, "`shadow`"),
        (settings.canary.is_some(), "a `canary`"),
        (!settings.clauses.is_empty(), "conditions"),
    ];
    let (_, key) = keys.into_iter().find(|(is_set, _)| *is_set)?;
    let message = format!("plugin `{name}` has {key} and ends a route");
    let finding = sources.finding(&route.handler_at, message);
    Some(finding.label(format!("without it nothing answers route `{route_name}`")).hint(
        "these are for plugins of pipelines; if this one is in pipelines too, give the component a \
         second name for them",
    ))
}
