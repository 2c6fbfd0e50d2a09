//! Whether plugins can do what routes want of them.

use std::sync::Arc;

use crate::config::{Config, Destination, Finding, OnError, PluginId, Route, Sources};
use crate::plugin::Plugin;

/// Finds plugins that stand where they have nothing to do: in a pipeline without a phase, or at the
/// end of a route without a handler.
pub(super) fn check(
    config: &Config,
    sources: &Sources,
    plugins: &[Arc<Plugin>],
    findings: &mut Vec<Finding>,
) {
    for route in &config.routes {
        for id in &route.pipeline {
            findings.extend(in_pipeline(sources, route, plugins.get(id.0)));
        }
        if let Destination::Handler(id) = &route.destination {
            findings.extend(at_the_end(config, sources, route, (*id, plugins.get(id.0))));
        }
    }
}

fn in_pipeline(sources: &Sources, route: &Route, plugin: Option<&Arc<Plugin>>) -> Option<Finding> {
    let plugin = plugin.filter(|plugin| plugin.is_handler() && plugin.phases().is_empty())?;
    let (name, route_name) = (plugin.name(), &route.name);
    let message = format!("plugin `{name}` has no phase that route `{route_name}` could run");
    let finding = sources.finding(&route.pipeline_at, message).label("it answers requests");
    Some(finding.hint(format!(
        "its place is the end of a route: write `handler = \"{name}\"` in place of `upstream`"
    )))
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
    let skipped = config.plugins.get(id.0).is_some_and(|plugin| plugin.on_error == OnError::Skip);
    skipped.then(|| {
        let message = format!("plugin `{name}` has `on_error = \"skip\"` and ends a route");
        let finding = sources.finding(&route.handler_at, message);
        finding.label(format!("without it nothing answers route `{route_name}`")).hint(
            "leave `on_error` out; if the plugin is in pipelines too, give the component a second \
             name for them",
        )
    })
}
