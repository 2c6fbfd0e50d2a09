//! Fixtures: requests to one plugin, and what has to come of them.
//!
//! A fixture is a plugin's table of gateway.toml as a file of its own, with `[[case]]` tables behind
//! it. It becomes a whole configuration by [`AROUND`], so that everything in it is read and checked
//! by the readers of gateway.toml. `[setup]` holds further tables of gateway.toml.

mod case;
mod expect;
mod update;

use std::path::Path;

use serde_json::Value as Json;

pub use case::{Ask, Case, Reply, Scalar};
pub use expect::{Expect, Expectation, Wanted};
pub use update::{literal, updated};

use super::check::{self, Check};
use super::document::Document;
use super::tree::{Kind, Member, Node};
use super::value::Value;
use super::{Component, Findings, Loaded, Location, suggest};

/// The name of the upstream behind the plugin.
pub const UPSTREAM: &str = "upstream";

/// The rest of the configuration. Nothing is listened on or connected to.
const AROUND: &str = "\
admin = false

[[listeners]]
address = \"127.0.0.1:80\"

[upstreams.upstream]
endpoints = [\"http://127.0.0.1:80\"]

[[routes]]
name = \"fixture\"
match = { path = \"/\" }
upstream = \"upstream\"
";

/// Tables of gateway.toml that `[setup]` cannot hold, because a fixture has them itself.
const NOT_SET_UP: [&str; 5] = ["admin", "include", "listeners", "plugins", "routes"];

/// A configuration with one plugin and one route, and the cases to try on it.
#[derive(Debug)]
pub struct Fixture {
    /// The configuration.
    pub loaded: Loaded,
    /// In the order of the file; empty if there is no file.
    pub cases: Vec<Case>,
}

/// What comes from the command line and not from the file.
#[derive(Debug, Clone, Default)]
pub struct Given<'a> {
    /// The plugin's name; `plugin` if it cannot be one.
    pub name: &'a str,
    /// Takes precedence over the file's. A path is relative to the working directory.
    pub component: Option<&'a Component>,
    /// The component if the file names none.
    pub default_component: Option<&'a Component>,
    /// Takes precedence over the file's.
    pub config: Option<&'a Json>,
    /// Takes precedence over the file's; `request` or `pooled`.
    pub isolation: Option<&'a str>,
    /// Takes precedence over the file's.
    pub grants: Option<&'a [String]>,
}

/// Reads a fixture, or makes one without cases where there is no file.
///
/// # Errors
///
/// All findings at once, as [`super::load`].
pub fn load(
    file: Option<&Path>,
    given: &Given<'_>,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Fixture, Findings> {
    let mut document = match file {
        Some(file) => Document::of_file(file),
        None => Document::of_text("command line", ""),
    };
    let parts = document.roots.pop().map(Parts::of).unwrap_or_default();
    document.add("(around the fixture)".into(), AROUND.to_owned());
    let around = document.roots.pop();
    let name = plugin_name(given.name);
    let misplaced = parts.misplaced();
    let Parts { plugin, cases, setup, at, .. } = parts;
    let table = Node { kind: Kind::Table(with(plugin, given)), at };
    document.roots.extend(around.map(|around| compose(around, &name, table, setup)));

    let check = Check::new(&document, environment);
    for (at, message, hint) in misplaced {
        check.refuse(document.sources.finding(&at, message).hint(hint));
    }
    let config = if document.complete { check::config(&check, &document.roots) } else { None };
    let cases = match &cases {
        Some(node) => case::read(&Value { check: &check, name: "case".to_owned(), node }),
        None => Some(Vec::new()),
    };
    let (mut findings, _, read) = check.into_findings();
    findings.extend(document.findings.iter().cloned());
    let mut sources = document.into_sources();
    sources.watch_files(read);
    match (config, cases, Findings::new(findings, sources.watched().clone())) {
        (Some(config), Some(cases), None) => {
            Ok(Fixture { loaded: Loaded { config, sources, warnings: Vec::new() }, cases })
        }
        (_, _, Some(findings)) => Err(findings),
        (..) => unreachable!("what could not be read has left a finding"),
    }
}

/// The tables of a fixture.
#[derive(Default)]
struct Parts {
    plugin: Vec<Member>,
    cases: Option<Node>,
    setup: Vec<Member>,
    /// Of the whole file.
    at: Location,
    not_a_table: Option<Location>,
}

impl Parts {
    fn of(root: Node) -> Self {
        let mut parts = Self { at: root.at, ..Self::default() };
        // Whole files are tables.
        let Kind::Table(members) = root.kind else { return parts };
        for member in members {
            match (member.key.as_str(), member.node.kind) {
                ("case", kind) => parts.cases = Some(Node { kind, at: member.node.at }),
                ("setup", Kind::Table(members)) => parts.setup = members,
                ("setup", _) => parts.not_a_table = Some(member.node.at),
                (_, kind) => {
                    let node = Node { kind, at: member.node.at };
                    parts.plugin.push(Member { node, key: member.key, key_at: member.key_at });
                }
            }
        }
        parts
    }

    /// Where something stands in the wrong place, what that is, and what to do.
    fn misplaced(&self) -> Vec<(Location, String, String)> {
        let not_a_table = self.not_a_table.iter().map(|at| {
            let hint = "it holds tables of gateway.toml, such as `[setup.limits]`".to_owned();
            (at.clone(), "`setup` must be a table".to_owned(), hint)
        });
        let not_set_up = self.setup.iter().filter(|member| NOT_SET_UP.contains(&&*member.key));
        let not_set_up = not_set_up.map(|member| {
            let message = format!("`{}` does not belong in `setup`", member.key);
            let hint = "a fixture has one plugin, whose keys stand at its top, on one route";
            (member.key_at.clone(), message, hint.to_owned())
        });
        let near = |member: &Member| suggest::suggest(&member.key, ["case", "setup"]);
        let misspelt = self.plugin.iter().filter_map(|member| {
            let meant = near(member)?;
            let message = format!("unknown key `{}`", member.key.escape_debug());
            Some((member.key_at.clone(), message, format!("did you mean `{meant}`?")))
        });
        not_a_table.chain(not_set_up).chain(misspelt).collect()
    }
}

/// The plugin's table with what the command line says.
fn with(mut members: Vec<Member>, given: &Given<'_>) -> Vec<Member> {
    let mut set = |key: &str, node: Node| {
        members.retain(|member| member.key != key);
        members.push(made(key, node));
    };
    if let Some(component) = given.component {
        set("component", component_node(component));
    }
    if let Some(config) = given.config {
        set("config", of_json(config));
    }
    if let Some(isolation) = given.isolation {
        set("isolation", text(isolation));
    }
    if let Some(grants) = given.grants {
        set("grants", here(Kind::Array(grants.iter().map(|grant| text(grant)).collect())));
    }
    if let Some(component) = given.default_component
        && !members.iter().any(|member| member.key == "component")
    {
        members.push(made("component", component_node(component)));
    }
    members
}

fn component_node(component: &Component) -> Node {
    let written = match component {
        Component::Named(name) => name.clone(),
        // Absolute, because the file's paths are relative to its folder.
        Component::File(file) => {
            std::path::absolute(file).unwrap_or_else(|_unknown| file.clone()).display().to_string()
        }
    };
    text(&written.replace("${", "$${"))
}

fn compose(around: Node, name: &str, plugin: Node, setup: Vec<Member>) -> Node {
    let Kind::Table(mut members) = around.kind else { return around };
    for member in &mut members {
        if let ("routes", Kind::Array(routes)) = (member.key.as_str(), &mut member.node.kind) {
            for route in routes {
                if let Kind::Table(keys) = &mut route.kind {
                    keys.push(made("pipeline", here(Kind::Array(vec![text(name)]))));
                }
            }
        }
    }
    members.push(made("plugins", here(Kind::Table(vec![made(name, plugin)]))));
    for more in setup {
        let known = members.iter_mut().find(|member| member.key == more.key);
        match (known.map(|member| &mut member.node.kind), more) {
            (_, more) if NOT_SET_UP.contains(&&*more.key) => {}
            (Some(Kind::Table(all)), Member { node: Node { kind: Kind::Table(new), .. }, .. }) => {
                all.extend(new);
            }
            (_, more) => members.push(more),
        }
    }
    Node { kind: Kind::Table(members), at: around.at }
}

fn plugin_name(wanted: &str) -> String {
    let name = wanted.to_lowercase().replace('_', "-");
    if super::names::is_name(&name) { name } else { "plugin".to_owned() }
}

/// In the second source, which no user wrote.
fn here(kind: Kind) -> Node {
    Node { kind, at: Location { file: 1, span: 0..0 } }
}

fn text(text: &str) -> Node {
    here(Kind::Text(text.to_owned()))
}

fn made(key: &str, node: Node) -> Member {
    Member { key: key.to_owned(), key_at: node.at.clone(), node }
}

fn of_json(json: &Json) -> Node {
    here(match json {
        // TOML has no null; as a key that is there and empty it is refused with its name.
        Json::Null => Kind::Text(String::new()),
        Json::Bool(value) => Kind::Boolean(*value),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => Kind::Integer(Some(integer)),
            None => Kind::Float(number.as_f64()),
        },
        Json::String(text) => Kind::Text(text.clone()),
        Json::Array(items) => Kind::Array(items.iter().map(of_json).collect()),
        Json::Object(members) => {
            Kind::Table(members.iter().map(|(key, value)| made(key, of_json(value))).collect())
        }
    })
}

#[cfg(test)]
mod tests;
