//! What would happen to a request in a pipeline, as far as can be told without calling a plugin.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::line;
use crate::config::{Clause, Condition, Config, PipelineEntry, Plugin, PluginId, Selection};
use crate::route::Head;
use crate::route::explain::unmet;

/// Who asks.
#[derive(Clone, Copy)]
pub(super) enum Client {
    /// Nobody said.
    Unknown,
    /// A trusted proxy, which may ask for anybody.
    Proxy,
    /// This one.
    Known(IpAddr),
}

/// What pipelines are told for.
pub(super) struct Scene<'a> {
    pub(super) config: &'a Config,
    /// The phases that a plugin's component exports.
    pub(super) phases: &'a dyn Fn(PluginId) -> Vec<&'static str>,
    pub(super) head: &'a Head<'a>,
    pub(super) client: Client,
}

/// Whether a plugin takes part.
enum Verdict {
    Applies,
    /// Why it does not.
    Not(String),
    /// What decides, when the request is there.
    Depends(&'static str),
}

impl Scene<'_> {
    /// The composed pipeline, entry by entry, then by phase.
    pub(super) fn tell(&self, text: &mut String, pipeline: &[PipelineEntry]) {
        if pipeline.is_empty() {
            return line(text, "pipeline", "none");
        }
        line(text, "pipeline", &self.names(pipeline.iter()));
        let verdicts: Vec<Verdict> = pipeline.iter().map(|entry| self.verdict(entry)).collect();
        for (number, (entry, verdict)) in (1..).zip(pipeline.iter().zip(&verdicts)) {
            let Some(plugin) = self.plugin(entry) else { continue };
            // Writing to a String does not fail.
            let _infallible = writeln!(text, "  {number}. {}", self.entry(entry, plugin, verdict));
        }
        let taking_part = |phase: &'static str| {
            pipeline.iter().zip(&verdicts).filter_map(move |(entry, verdict)| {
                let exports = (self.phases)(entry.plugin).contains(&phase);
                (exports && !matches!(verdict, Verdict::Not(_))).then_some(entry)
            })
        };
        line(text, "  request", &self.names(taking_part("request")));
        let responses: Vec<&PipelineEntry> = taking_part("response").collect();
        line(text, "  response", &self.names(responses.into_iter().rev()));
        line(text, "  log", &self.names(taking_part("log")));
    }

    fn plugin(&self, entry: &PipelineEntry) -> Option<&Plugin> {
        self.config.plugins.get(entry.plugin.0)
    }

    fn names<'e>(&self, entries: impl Iterator<Item = &'e PipelineEntry>) -> String {
        let plugins = entries.filter_map(|entry| self.plugin(entry));
        let names: Vec<&str> = plugins.map(|plugin| plugin.name.as_str()).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }

    fn entry(&self, entry: &PipelineEntry, plugin: &Plugin, verdict: &Verdict) -> String {
        let owner = entry.owner.as_str();
        let phases = (self.phases)(entry.plugin).join(", ");
        let mut told = format!("`{}` (from the {owner}; {phases}", plugin.name);
        for clause in &entry.clauses {
            let (word, condition) = match clause {
                Clause::When(condition) => ("when", condition),
                Clause::Unless(condition) => ("unless", condition),
            };
            let _infallible = write!(told, "; {word} {}", looked_at(condition));
        }
        if let Some(canary) = &plugin.canary {
            let Selection { share, by, .. } = &canary.selection;
            let word = if canary.shadow { "shadow canary" } else { "canary" };
            let _infallible = write!(told, "; {word} {share} % by {by}");
        }
        if plugin.shadow {
            told.push_str("; shadow");
        }
        told.push(')');
        match verdict {
            Verdict::Applies if entry.clauses.is_empty() => {}
            Verdict::Applies => told.push_str(": applies"),
            Verdict::Not(why) => {
                let _infallible = write!(told, ": does not apply: {why}");
            }
            Verdict::Depends(on) => {
                let _infallible = write!(told, ": depends on {on}");
            }
        }
        told
    }

    fn verdict(&self, entry: &PipelineEntry) -> Verdict {
        let mut open = None;
        for clause in &entry.clauses {
            match clause {
                Clause::When(condition) => match self.holds(condition) {
                    Verdict::Applies => {}
                    Verdict::Depends(on) => open = Some(on),
                    not @ Verdict::Not(_) => return not,
                },
                Clause::Unless(condition) => match self.holds(condition) {
                    Verdict::Applies => {
                        let held = looked_at(condition);
                        return Verdict::Not(format!("all of `unless` holds ({held})"));
                    }
                    Verdict::Depends(on) => open = Some(on),
                    Verdict::Not(_) => {}
                },
            }
        }
        open.map_or(Verdict::Applies, Verdict::Depends)
    }

    fn holds(&self, condition: &Condition) -> Verdict {
        if let Some(reason) = unmet(&condition.matcher, self.head) {
            return Verdict::Not(reason.to_string());
        }
        let client = match self.client {
            _ if condition.clients.is_empty() => Verdict::Applies,
            Client::Unknown => Verdict::Depends("the client's address (`--client-ip` says it)"),
            Client::Proxy => Verdict::Depends("the client's address, which the proxy tells"),
            Client::Known(client) => {
                let client = client.to_canonical();
                if condition.clients.iter().any(|network| network.contains(&client)) {
                    Verdict::Applies
                } else {
                    return Verdict::Not(format!("the client is {client}"));
                }
            }
        };
        if condition.groups.is_empty() && condition.consumers.is_empty() {
            return client;
        }
        Verdict::Depends("the consumer, whom plugins before it find out")
    }
}

/// What a condition looks at, without the values of headers and parameters.
fn looked_at(condition: &Condition) -> String {
    let Condition { matcher, clients, groups, consumers } = condition;
    let mut parts = Vec::new();
    let mut part = |name: &str, values: Vec<String>| {
        if !values.is_empty() {
            parts.push(format!("{name} {}", values.join(" or ")));
        }
    };
    let texts = |values: &[String]| -> Vec<String> { values.to_vec() };
    part("host", matcher.hosts.iter().map(ToString::to_string).collect());
    if !matcher.path.is_any() {
        part("path", vec![matcher.path.to_string()]);
    }
    part("method", matcher.methods.iter().map(ToString::to_string).collect());
    for header in &matcher.headers {
        part("header", vec![format!("`{}`", header.name)]);
    }
    for parameter in &matcher.query {
        part("parameter", vec![format!("`{}`", parameter.name)]);
    }
    part("client", clients.iter().map(ToString::to_string).collect());
    part("group", texts(groups));
    part("consumer", texts(consumers));
    parts.join(", ")
}
