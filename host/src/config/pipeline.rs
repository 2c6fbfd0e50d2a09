//! Pipelines: what a file says of one, and how those of the gateway, a route and its upstream become
//! the one that a request goes through.

use super::check::Check;
use super::condition;
use super::names::Names;
use super::tree::Kind;
use super::value::{Value, each};
use super::{Destination, Location, Owner, PipelineEntry, Plugin, PluginId, Route, Split};

/// Reads one pipeline; `called` is how messages call whose it is, such as "route `users`".
pub(super) fn read(
    value: &Value<'_>,
    called: &str,
    owner: Owner,
    plugins: &Names<'_>,
) -> Option<Vec<PipelineEntry>> {
    let mut entries: Vec<PipelineEntry> = Vec::new();
    each(&value.items()?, |item| {
        let entry = entry(item, called, owner, plugins)?;
        if entries.iter().any(|other| other.plugin == entry.plugin) {
            let finding = item.finding(format!("{called} runs a plugin twice"));
            return item.refuse(finding.label("the second"));
        }
        entries.push(entry);
        Some(())
    })?;
    Some(entries)
}

/// The name of a plugin, or a table of `plugin` and conditions.
fn entry(
    item: &Value<'_>,
    called: &str,
    owner: Owner,
    plugins: &Names<'_>,
) -> Option<PipelineEntry> {
    let sentence = format!("{called} runs");
    let (plugin, clauses) = match item.node.kind {
        Kind::Text(_) => (plugins.find(item, &sentence), Some(Vec::new())),
        Kind::Table(_) => {
            let mut table = item.table()?;
            let name = table.need("plugin", "\"auth\"");
            let plugin = name.and_then(|name| plugins.find(&name, &sentence));
            let clauses = condition::clauses(&mut table);
            table.end();
            (plugin, clauses)
        }
        _ => return item.wrong("the name of a plugin, or a table with `plugin`"),
    };
    let (plugin, at) = (PluginId(plugin?), item.at().clone());
    Some(PipelineEntry { plugin, owner, clauses: clauses?, at })
}

/// Gives every route the pipeline that its requests go through: the gateway's unless it does without,
/// its own, its upstream's; and every entry the conditions of its plugin.
pub(super) fn compose(
    check: &Check<'_>,
    routes: &mut [Route],
    gateway: &[PipelineEntry],
    upstreams: &[Vec<PipelineEntry>],
    plugins: &[Plugin],
) {
    let mut told: Vec<(Location, Location)> = Vec::new();
    for route in routes {
        let before: &[PipelineEntry] = if route.gateway_pipeline { gateway } else { &[] };
        let behind = match route.destination {
            Destination::Upstream(id) => upstreams.get(id.0).map_or(&[][..], Vec::as_slice),
            Destination::Split(ref split) => shared(check, route, split, upstreams),
            Destination::Handler(_) | Destination::Fixed(_) | Destination::Redirect(_) => &[],
        };
        let mut composed: Vec<PipelineEntry> = Vec::new();
        let own = std::mem::take(&mut route.pipeline);
        for entry in before.iter().chain(&own).chain(behind) {
            let plugin = plugins.get(entry.plugin.0);
            if let Some(first) = composed.iter().find(|other| other.plugin == entry.plugin) {
                let places = (first.at.clone(), entry.at.clone());
                if !told.contains(&places) {
                    told.push(places);
                    let name = plugin.map_or("", |plugin| plugin.name.as_str());
                    refuse_second(check, &route.name, name, first, entry);
                }
                continue;
            }
            let mut entry = entry.clone();
            let clauses = plugin.into_iter().flat_map(|plugin| plugin.clauses.iter().cloned());
            entry.clauses.splice(0..0, clauses);
            composed.push(entry);
        }
        route.pipeline = composed;
    }
}

/// The pipeline that all upstreams of a split have: which of them a request goes to is decided behind
/// the request phases.
fn shared<'u>(
    check: &Check<'_>,
    route: &Route,
    split: &Split,
    upstreams: &'u [Vec<PipelineEntry>],
) -> &'u [PipelineEntry] {
    let mut all = split
        .targets
        .iter()
        .filter_map(|target| upstreams.get(target.upstream.0))
        .map(Vec::as_slice);
    let first = all.next().unwrap_or_default();
    // Conditions of two places are not compared; a plugin has them as well, once for both.
    let is_same = |other: &[PipelineEntry]| {
        other.len() == first.len()
            && first.iter().zip(other).all(|(one, other)| {
                one.plugin == other.plugin && one.clauses.is_empty() && other.clauses.is_empty()
            })
    };
    if !all.all(is_same) {
        let message = format!(
            "route `{}` splits its requests over upstreams with other pipelines",
            route.name
        );
        let hint = "move the plugins into the route's `pipeline`, and conditions to the plugins";
        check.refuse(check.sources.finding(&route.at, message).hint(hint));
    }
    first
}

fn refuse_second(
    check: &Check<'_>,
    route: &str,
    plugin: &str,
    first: &PipelineEntry,
    second: &PipelineEntry,
) {
    let message = format!("route `{route}` runs plugin `{plugin}` twice");
    let finding = check.sources.finding(&second.at, message);
    let label = format!("the second, in the pipeline of the {}", second.owner.as_str());
    let hint = format!(
        "the first is at {}, in the pipeline of the {}; leave one out",
        check.sources.line_of(&first.at),
        first.owner.as_str()
    );
    let hint = match first.owner {
        Owner::Gateway => format!("{hint}, or set `gateway_pipeline = false` in the route"),
        Owner::Route | Owner::Upstream(_) => hint,
    };
    check.refuse(finding.label(label).hint(hint));
}
